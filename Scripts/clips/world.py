"""What every scene is made of: times, strikes, colours, and the scene itself.

Coordinates are those of a 640 x 360 picture, y down.
"""

from dataclasses import dataclass, field

import numpy as np


@dataclass
class Scene:
    """`shapes(t)` lists the shapes at time t, always as many and in the same order; `events` lists (time, strength)."""

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
