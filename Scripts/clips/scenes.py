"""Little physical worlds whose contacts are known exactly.

Each scene is a function (random, seconds) -> Scene.  Coordinates are those of a 640 x 360 picture, y down.
`Scene.shapes(t)` lists the shapes at time t, always as many and in the same order; `Scene.events` lists
(time, strength): strength is the speed at contact over the greatest of the clip, weighted where a part is
small.  A contact comes from the equations of the motion, never from the pictures.
"""

from dataclasses import dataclass, field

import numpy as np

from draw import box, capsule, circle, polygon


@dataclass
class Scene:
    prompt: str
    shapes: object
    events: list = field(default_factory=list)


def normalised(contacts):
    """(time, speed) pairs to (time, strength) with the greatest at 1."""
    top = max((s for _, s in contacts), default=1.0)
    return sorted((float(t), float(s / top)) for t, s in contacts)


class Strikes:
    """A height that strikes zero at given times.

    Down: accelerates from `lift` to the contact within `down` seconds.  Up: leaves the contact with
    `rebound` of the speed and rises smoothly to the next lift; with no rebound it rests for `dwell`."""

    def __init__(self, times, lifts, down, rebound=0.0, dwell=0.05):
        self.times, self.lifts, self.down = list(times), list(lifts), list(down)
        self.rebound, self.dwell = rebound, dwell

    def speed(self, i):
        return 2 * self.lifts[i] / self.down[i]

    def contacts(self):
        return [(t, self.speed(i)) for i, t in enumerate(self.times)]

    def __call__(self, t):
        i = int(np.searchsorted(self.times, t, side="left"))  # the strike to come
        if i < len(self.times):
            start, lift = self.times[i] - self.down[i], self.lifts[i]
            if t >= start:
                return lift * (1 - ((t - start) / self.down[i]) ** 2)
        else:
            start, lift = self.times[-1] + 1.0, self.lifts[-1]
        if i == 0:
            return lift
        begin = self.times[i - 1]
        velocity = self.rebound * self.speed(i - 1)
        if self.rebound == 0:
            begin = min(begin + self.dwell, start - 0.05)
            if t < begin:
                return 0.0
        # Cubic Hermite from the contact to the top.
        span = max(start - begin, 1e-3)
        u = min((t - begin) / span, 1.0)
        return velocity * span * u * (1 - u) ** 2 + lift * u * u * (3 - 2 * u)


def beats(random, seconds, low, high, first=0.5):
    times, t = [], first + random.uniform(0, 0.4)
    while t < seconds - 0.25:
        times.append(t)
        t += random.uniform(low, high)
    return times


def colours(random, count):
    """Distinct saturated colours, some dark and some bright."""
    out = []
    for _ in range(count):
        bright = random.choice([random.uniform(20, 60), random.uniform(200, 245)])
        out.append(tuple(np.clip(bright + random.uniform(-30, 30, 3), 5, 250)))
    return out


def bouncing_ball(random, seconds):
    """Balls are dropped one after the other; each hops off the floor and the walls until it lies."""
    gravity, floor, tone = 1500.0, 320.0, colours(random, 1)[0]
    balls, contacts = [], []  # per ball: radius, colour, ballistic pieces (t0, x, y, vx, vy, g)
    t = 0.0
    while t < seconds:
        radius, restitution = random.uniform(14, 26), random.uniform(0.6, 0.75)
        x, y = random.uniform(120, 520), -radius - 5
        vx, vy, now = random.uniform(-160, 160), 0.0, t
        pieces = [(now, x, y, vx, vy, gravity)]
        while True:
            height = floor - radius - y
            to_floor = (-vy + np.sqrt(max(vy * vy + 2 * gravity * height, 0.0))) / gravity
            wall = (620 - radius - x) / vx if vx > 0 else (20 + radius - x) / vx if vx < 0 else 9
            if wall < to_floor:
                y += vy * wall + gravity * wall ** 2 / 2
                now, x, vy = now + wall, x + vx * wall, vy + gravity * wall
                contacts.append((now, abs(vx)))
                vx = -0.9 * vx
            else:
                now, x, y, vy = now + to_floor, x + vx * to_floor, floor - radius, vy + gravity * to_floor
                contacts.append((now, vy))
                vy = -restitution * vy
                if -vy < 110:
                    pieces.append((now, x, y, 0.0, 0.0, 0.0))
                    break
            pieces.append((now, x, y, vx, vy, gravity))
        balls.append((radius, colours(random, 1)[0], pieces, [p[0] for p in pieces]))
        t = now + random.uniform(-0.6, 0.3)

    def shapes(now):
        out = [box((320, 345), (330, 25), 0, tone), box((8, 180), (12, 180), 0, tone),
               box((632, 180), (12, 180), 0, tone)]
        for radius, colour, pieces, starts in balls:
            i = max(int(np.searchsorted(starts, now, side="right")) - 1, 0)
            t0, x, y, vx, vy, g = pieces[i]
            d = max(now - t0, 0.0)
            out.append(circle((x + vx * d, y + vy * d + g * d * d / 2), radius, colour, (25, radius)))
        return out

    return Scene("a rubber ball bounces on a wooden floor", shapes,
                 [e for e in normalised(contacts) if e[0] < seconds])


def swinger(random, seconds, prompt, pivot, reach, head, lift, rest, low, high, rebound, extra):
    times = beats(random, seconds, low, high)
    lifts = [lift * random.uniform(0.5, 1.0) for _ in times]
    down = [random.uniform(0.13, 0.2) for _ in times]
    angle = Strikes(times, lifts, down, rebound)
    tones = colours(random, 4)

    def shapes(now):
        a = rest - angle(now)
        c, s = np.cos(a), np.sin(a)
        end = (pivot[0] + reach * c, pivot[1] + reach * s)
        return extra(now, tones) + [
            capsule(pivot, end, 7, tones[0], (20, 40)),
            box(end, head, a, tones[1], (22, 30))]

    return Scene(prompt, shapes, normalised(angle.contacts()))


def hammer(random, seconds):
    side = random.uniform(-20, 20)
    return swinger(
        random, seconds, "a hammer strikes an anvil", (170 + side, 230), 200, (16, 38), 1.1, 0.08,
        0.7, 1.4, random.uniform(0.1, 0.3),
        lambda now, tones: [box((390 + side, 318), (90, 32), 0, tones[2], (12, 60)),
                            box((390 + side, 350), (60, 30), 0, tones[3])])


def gong(random, seconds):
    """A mallet strikes a disc, which swings and dies away."""
    times = beats(random, seconds, 0.9, 1.8)
    lifts = [random.uniform(0.5, 1.0) for _ in times]
    angle = Strikes(times, lifts, [random.uniform(0.15, 0.25) for _ in times], 0.35)
    tones = colours(random, 3)
    sway = random.uniform(5, 12)

    def shapes(now):
        offset = 0.0
        for t, s in angle.contacts():
            if now > t:
                d = now - t
                offset += sway * s / 10 * np.sin(2 * np.pi * 1.7 * d) * np.exp(-2.0 * d)
        a = 1.05 * angle(now)
        pivot = (210, 60)
        end = (pivot[0] + 150 * np.sin(0.62 - a), pivot[1] + 150 * np.cos(0.62 - a))
        return [capsule((430 + offset, 20), (430 + offset, 80), 3, tones[2]),
                box((430 + offset, 190), (96, 100), 0.0, tones[2], (18, 70)),
                capsule(pivot, end, 6, tones[0], (15, 30)), circle(end, 28, tones[1], (20, 20))]

    return Scene("a large gong is struck with a mallet", shapes, normalised(angle.contacts()))


def pendulum(random, seconds):
    """Swings against a wall; pushed again, gently, on the far side."""
    length, wall = random.uniform(190, 240), random.uniform(0.05, 0.25)
    stiffness = random.uniform(14, 26)  # gravity over length, per second squared
    restitution = random.uniform(0.6, 0.85)
    step = 1e-3
    angle, velocity, trace, contacts = -0.9, 0.0, [], []
    for n in range(int(seconds / step) + 400):
        push = 6.0 if velocity > 0 and angle < -0.1 else 0.0
        velocity += (push - stiffness * np.sin(angle)) * step
        after = angle + velocity * step
        if after > wall and velocity > 0:
            share = (wall - angle) / (velocity * step)
            contacts.append(((n + share) * step, velocity))
            velocity = -restitution * velocity
            after = wall + velocity * step * (1 - share)
        angle = after
        trace.append(angle)
    tones = colours(random, 3)
    bob = random.uniform(22, 34)
    edge = 300 + length * np.sin(wall) + bob

    def shapes(now):
        a = float(np.interp(now, np.arange(len(trace)) * step + step, trace))
        end = (300 + length * np.sin(a), 20 + length * np.cos(a))
        return [box((edge + 60, 180), (60, 190), 0, tones[2], (8, 90)),
                capsule((300, 20), end, 3, tones[0]), circle(end, bob, tones[1], (25, 25))]

    return Scene("a wrecking ball swings and thuds against a concrete wall", shapes,
                 [e for e in normalised(contacts) if e[0] < seconds])


def falling_boxes(random, seconds):
    """Boxes fall one after the other, hop once and lie."""
    gravity, floor = 1700.0, 330.0
    times = beats(random, seconds, 0.9, 1.5, 0.7)
    tones = colours(random, 2)
    boxes, contacts = [], []
    places = random.permutation(np.linspace(70, 570, max(len(times), 2)))
    for t, place in zip(times, places):
        half = (random.uniform(24, 34), random.uniform(22, 42))
        speed = np.sqrt(2 * gravity * (floor + half[1]))
        hop = random.uniform(0.12, 0.25) * speed
        boxes.append((t, place, half, speed, hop, colours(random, 1)[0]))
        contacts += [(t, speed), (t + 2 * hop / gravity, hop)]

    def shapes(now):
        out = [box((320, 350), (330, 20), 0, tones[1])]
        for t, place, half, speed, hop, tone in boxes:
            d = now - t
            if d < 0:
                # From rest above the picture, where it waits until then.
                d = max(d, -speed / gravity)
                y = floor - half[1] + speed * d + gravity * d * d / 2
            else:
                y = floor - half[1] - max(hop * d - gravity * d * d / 2, 0.0)
            out.append(box((place, y), half, 0.0, tone, (16, 22)))
        return out

    return Scene("heavy cardboard boxes fall on the floor", shapes,
                 [e for e in normalised(contacts) if e[0] < seconds])


def drum_sticks(random, seconds):
    """Two sticks, mostly in turn."""
    times = beats(random, seconds, 0.22, 0.45)
    hands = ([], [])
    for n, t in enumerate(times):
        hands[n % 2 if random.uniform() < 0.85 else (n + 1) % 2].append(t)
    strikes, contacts = [], []
    for own in hands:
        kept = []
        for t in own:
            if not kept or t - kept[-1] > 0.3:
                kept.append(t)
        lifts = [random.uniform(0.35, 0.7) for _ in kept]
        s = Strikes(kept, lifts, [random.uniform(0.1, 0.14) for _ in kept], random.uniform(0.2, 0.45))
        strikes.append(s)
        contacts += s.contacts()
    tones = colours(random, 4)

    def shapes(now):
        out = [box((320, 320), (170, 50), 0, tones[3], (10, 40)), box((320, 272), (175, 6), 0, tones[2])]
        for side, s in zip((-1, 1), strikes):
            a = 0.30 - s(now)
            hand = (320 + side * 205, 218 - 40 * s(now))
            tip = (hand[0] - side * 165 * np.cos(a), hand[1] + 165 * np.sin(a))
            out += [capsule(hand, tip, 6, tones[0]), circle(hand, 20, tones[1], (15, 18))]
        return out

    return Scene("a drummer plays a snare drum with sticks", shapes, normalised(contacts))


def foot_taps(random, seconds):
    """A heel stays, the toe taps."""
    times = beats(random, seconds, 0.35, 0.8)
    lifts = [random.uniform(0.25, 0.55) for _ in times]
    s = Strikes(times, lifts, [random.uniform(0.1, 0.15) for _ in times], 0.0, 0.06)
    tones = colours(random, 3)

    def shapes(now):
        a = -s(now)
        heel = (240, 300)
        toe = (heel[0] + 150 * np.cos(a), heel[1] + 150 * np.sin(a))
        return [box((320, 345), (330, 28), 0, tones[2]),
                capsule((235, 40), heel, 34, tones[0], (16, 50)),
                capsule(heel, toe, 17, tones[1], (18, 35))]

    return Scene("a foot taps on a wooden floor", shapes, normalised(s.contacts()))


def walking(random, seconds):
    """Two legs walk on the spot, seen from the side; a foot lands while the other lifts."""
    times = beats(random, seconds, 0.42, 0.62)
    legs = []
    for side in (0, 1):
        own = times[side::2]
        legs.append(Strikes(own, [random.uniform(45, 75) for _ in own],
                            [random.uniform(0.14, 0.18) for _ in own], 0.0, 0.25))
    contacts = legs[0].contacts() + legs[1].contacts()
    tones = colours(random, 4)

    def leg(side, now):
        s = legs[side]
        height = s(now)
        x = 320 + (side - 0.5) * 70 + 0.5 * height
        foot = (x, 316 - height)
        knee = (x + 14 + 0.35 * height, 195 - 0.45 * height)
        return [capsule((320 + (side - 0.5) * 40, 60), knee, 24, tones[side], (14, 45)),
                capsule(knee, foot, 18, tones[side], (14, 45)),
                capsule(foot, (foot[0] + 42, foot[1] + 2), 12, tones[2])]

    def shapes(now):
        return [box((320, 348), (330, 20), 0, tones[3])] + leg(0, now) + leg(1, now)

    return Scene("footsteps on a hard floor", shapes, normalised(contacts))


def chopping(random, seconds):
    times = beats(random, seconds, 0.35, 0.65)
    s = Strikes(times, [random.uniform(40, 75) for _ in times],
                [random.uniform(0.1, 0.15) for _ in times], 0.0, 0.05)
    tones = colours(random, 4)
    drift = random.uniform(10, 25)

    def shapes(now):
        x, y = 400 - drift * now, 290 - s(now)
        return [box((320, 325), (260, 32), 0, tones[2], (6, 80)),
                capsule((140, 270), (260, 270), 26, tones[3], (18, 30)),
                polygon([(x - 120, y - 42), (x + 60, y - 42), (x + 60, y), (x - 100, y)], tones[0], (10, 90)),
                capsule((x + 66, y - 36), (x + 150, y - 50), 13, tones[1], (14, 20)),
                circle((x + 120, y - 48), 30, (190, 150, 125), (14, 26))]

    return Scene("a knife chops vegetables on a wooden board", shapes, normalised(s.contacts()))


def door_slam(random, seconds):
    times = beats(random, seconds, 1.2, 2.0, 0.8)
    s = Strikes(times, [random.uniform(0.7, 1.2) for _ in times],
                [random.uniform(0.25, 0.4) for _ in times], 0.0, 0.35)
    tones = colours(random, 3)

    def shapes(now):
        a = s(now)
        width = 190 * np.cos(a)
        depth = 46 * np.sin(a)
        x, x2 = 220, 220 + width
        out = [box((320, 190), (112, 172), 0, tones[2]), box((320, 195), (100, 160), 0, (12, 12, 14)),
               polygon([(x, 35), (x2, 35 - depth), (x2, 355 + depth), (x, 355)], tones[0], (9, 50)),
               circle((220 + width * 0.9, 200), 8, tones[1])]
        return out

    return Scene("a wooden door slams shut", shapes, normalised(s.contacts()))


def ping_pong(random, seconds):
    """A ball between two bats and over a table: bat, table, bat, table."""
    table, left, right, gravity = 270.0, 110.0, 530.0, 900.0
    tones = colours(random, 4)
    pieces, contacts, hits = [], [], []
    t, x, y, side = 0.0, left, 200.0, 1
    while t < seconds + 1:
        target = right if side > 0 else left
        bounce_x = x + (target - x) * random.uniform(0.62, 0.72)
        first = random.uniform(0.30, 0.40)
        vx = (bounce_x - x) / first
        vy = (table - 9 - y) / first - gravity * first / 2
        pieces.append((t, x, y, vx, vy))
        t2 = t + first
        down = vy + gravity * first
        contacts.append((t2, down))
        up = -0.82 * down
        second = (target - bounce_x) / vx
        pieces.append((t2, bounce_x, table - 9, vx, up))
        y = table - 9 + up * second + gravity * second * second / 2
        x, t = target, t2 + second
        contacts.append((t, 1.3 * abs(vx)))
        hits.append((t, side, y))
        side = -side
    starts = [p[0] for p in pieces]
    hit_times = {s: [(h[0], h[2]) for h in hits if h[1] == s] for s in (-1, 1)}

    def bat(side, now):
        """Meets the ball at the hit, swings forward and back, smoothly."""
        anchor, push = 180.0, 0.0
        previous = [h for h in hit_times[side] if h[0] <= now]
        following = [h for h in hit_times[side] if h[0] > now]
        a = previous[-1] if previous else (now - 1, 180.0)
        b = following[0] if following else (now + 1, 180.0)
        u = np.clip((now - a[0]) / max(b[0] - a[0], 1e-3), 0, 1)
        u = u * u * (3 - 2 * u)
        anchor = a[1] * (1 - u) + b[1] * u
        for h in hit_times[side]:
            d = now - h[0]
            if abs(d) < 0.25:
                push += 26 * np.cos(np.pi * d / 0.5) ** 2 * np.sin(np.pi * d / 0.5)
        x = (right + 15 if side > 0 else left - 15) - side * push
        return [box((x, anchor), (6, 34), 0, tones[1]),
                capsule((x, anchor + 30), (x + side * 40, anchor + 95), 9, tones[2])]

    def shapes(now):
        i = max(int(np.searchsorted(starts, now, side="right")) - 1, 0)
        t0, px, py, vx, vy = pieces[i]
        d = now - t0
        ball = (px + vx * d, py + vy * d + gravity * d * d / 2)
        return ([box((320, table + 8), (260, 8), 0, tones[3]), box((320, table - 10), (3, 14), 0, (230, 230, 230))]
                + bat(-1, now) + bat(1, now) + [circle(ball, 9, tones[0])])

    return Scene("a table tennis rally", shapes, [e for e in normalised(contacts) if e[0] < seconds])


def typing(random, seconds):
    """Fingers press keys: small quick motions."""
    times = beats(random, seconds, 0.2, 0.45)
    fingers = [[] for _ in range(6)]
    for t in times:
        own = fingers[int(random.integers(6))]
        if own and t - own[-1] < 0.4:
            own = min(fingers, key=lambda f: f[-1] if f else -1)
        own.append(t)
    strikes = [Strikes(f, [random.uniform(15, 26) for _ in f], [random.uniform(0.07, 0.1) for _ in f], 0.0, 0.06)
               if f else None for f in fingers]
    contacts = [c for s in strikes if s for c in s.contacts()]
    tones = colours(random, 3)

    def shapes(now):
        # A dark desk, so that the fingers stand out whatever the backdrop.
        out = [box((320, 200), (300, 120), 0, (62, 60, 66), (5, 70)),
               box((320, 320), (280, 40), 0, tones[2], (10, 36))]
        for i, s in enumerate(strikes):
            lift = s(now) if s else 12.0
            x = 130 + 70 * i + (30 if i > 2 else 0)
            out.append(capsule((x - 15, 150), (x, 268 - lift), 14, (205, 160, 130), (12, 30)))
        return out + [box((220, 130), (130, 40), 0.05, (200, 155, 125), (12, 50)),
                      box((450, 130), (110, 40), -0.05, (200, 155, 125), (12, 50))]

    return Scene("typing on a mechanical keyboard", shapes, normalised(contacts))


def clapping(random, seconds):
    """Two hands meet in the middle."""
    times = beats(random, seconds, 0.3, 0.55)
    s = Strikes(times, [random.uniform(50, 90) for _ in times],
                [random.uniform(0.1, 0.14) for _ in times], 0.25)
    skin = [(205, 160, 130), (195, 148, 120)]
    tones = colours(random, 1)

    def shapes(now):
        gap = s(now)
        out = []
        for side, tone in zip((-1, 1), skin):
            x = 320 + side * (gap + 16)
            out += [capsule((x + side * 20, 215), (320 + side * 250, 345), 30, tones[0], (12, 45)),
                    box((x, 175), (16, 56), side * 0.12, tone, (14, 26))]
        return out

    return Scene("a person claps their hands", shapes, normalised(s.contacts()))


def sliding_puck(random, seconds):
    """A puck slides between two boards and loses little speed; a stick pushes it gently when it slows."""
    radius = random.uniform(16, 24)
    left, right = 60 + radius, 580 - radius
    pieces, contacts = [], []
    t, x, v = 0.0, 320.0, random.uniform(380, 620)
    while t < seconds:
        target = right if v > 0 else left
        duration = (target - x) / v
        pieces.append((t, x, v))
        t, x = t + duration, target
        contacts.append((t, abs(v)))
        v = -v * random.uniform(0.85, 1.0)
        if abs(v) < 330:
            v = np.sign(v) * random.uniform(480, 600)
    starts = [p[0] for p in pieces]
    tones = colours(random, 3)
    slope = random.uniform(-0.15, 0.15)

    def shapes(now):
        i = max(int(np.searchsorted(starts, now, side="right")) - 1, 0)
        t0, px, v = pieces[i]
        px = px + v * (now - t0)
        return [box((48, 190), (12, 120), 0, tones[1]), box((592, 190), (12, 120), 0, tones[1]),
                circle((px, 190 + slope * (px - 320)), radius, tones[0], (22, radius))]

    return Scene("a hockey puck hits the boards", shapes,
                 [e for e in normalised(contacts) if e[0] < seconds])


# Scenes without any contact.

def still(random, seconds):
    tones = colours(random, 3)
    fixed = [circle((200, 200), 50, tones[0], (20, 20)), box((420, 220), (70, 50), 0.2, tones[1], (15, 30)),
             box((320, 345), (330, 22), 0, tones[2])]
    return Scene("a quiet room", lambda now: list(fixed))


def passing(random, seconds):
    """Objects drift, swing and turn smoothly, and leave the picture; nothing touches."""
    tones = colours(random, 5)
    speed = [random.uniform(60, 170) * random.choice([-1, 1]) for _ in range(4)]
    phase = [random.uniform(0, 6) for _ in range(4)]

    def shapes(now):
        out = []
        for i in range(3):
            x = (phase[i] * 150 + speed[i] * now) % 900 - 130
            y = 90 + 90 * i + 18 * np.sin(1.9 * now + phase[i])
            out.append(circle((x, y), 28 + 8 * i, tones[i], (20, 25)) if i % 2 == 0
                       else box((x, y), (46, 26), 0.6 * np.sin(now + phase[i]), tones[i], (20, 30)))
        a = 0.8 * np.sin(2.6 * now + phase[3])
        end = (480 + 170 * np.sin(a), 20 + 170 * np.cos(a))
        return out + [capsule((480, 20), end, 4, tones[3]), circle(end, 22, tones[4], (15, 20))]

    return Scene("balloons drift past", shapes)


EVENTFUL = [bouncing_ball, hammer, gong, pendulum, falling_boxes, drum_sticks, foot_taps, walking,
            chopping, door_slam, ping_pong, typing, clapping, sliding_puck]
