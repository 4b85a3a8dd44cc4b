"""Scenes in which something is made to strike: by a hand, a foot, a hinge.

The times of the strokes come first; the motion (`Strikes`) is laid between them.
"""

import numpy as np

from draw import box, capsule, circle, polygon
from world import Scene, Strikes, beats, colours, normalised


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
