"""Scenes without any contact: nothing is to be heard in them."""

import numpy as np

from draw import box, capsule, circle
from world import Scene, colours


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
