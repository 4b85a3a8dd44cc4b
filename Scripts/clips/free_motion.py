"""Scenes of things that move by themselves: they fall, bounce, swing and slide, and hit what is in their way.

A contact is found by solving the equations of the motion, never from the pictures.
"""

import numpy as np

from draw import box, capsule, circle
from world import Scene, beats, colours, normalised


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
