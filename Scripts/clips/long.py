#!/usr/bin/env python3
"""Long clips whose event times are known exactly: a rendered take of some seconds, over and over.

    long.py FOLDER [--seconds 240] [--count 12] [--size 1920x1080] [--feature 3600]

Writes the clips of the stress test, 3/4 to 5/4 of --seconds long, in turn at 30, 23.976, 29.97 and 25 frames a second,
with variable frame times, and with a late start; and, last, a feature of --feature seconds (0: none) at 30. Beside each
NAME.mp4 or NAME.mkv stands NAME.json with its events, as render.py writes it. A take is rendered small, scaled up and
encoded once; repeating copies its packets, so an hour of 1080p takes seconds.
"""

import argparse
import json
import subprocess
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import scenes
from render import FILM, NTSC, Clip, render

#: Takes last about 11 s, so that cuts between them and places where windows meet do not keep falling together.
KINDS = [
    ("hammer", Fraction(30), ""), ("walking", FILM, ""), ("bouncing_ball", NTSC, ""),
    ("chopping", Fraction(30), "variable"), ("sliding_puck", Fraction(25), "late"), ("drum_sticks", Fraction(30), ""),
]


@dataclass
class Kind:
    scene: str
    rate: Fraction
    oddity: str

    @property
    def take(self):
        """Seconds of a take, exact."""
        return Fraction(round(11 * self.rate)) / self.rate


def ffmpeg(*arguments):
    subprocess.run(["ffmpeg", "-v", "error", "-y", *map(str, arguments)], check=True)


def make(name, kind, seconds, size, seed, folder):
    small = render(
        Clip(name + "-take", getattr(scenes, kind.scene), kind.rate, (640, 360), float(kind.take)), seed, folder)
    source = folder / f"{name}-take.mp4"
    take = folder / f"{name}-take.ts.mp4"
    frames = round(kind.take * kind.rate)
    ffmpeg("-i", source, "-vf", f"scale={size.replace('x', ':')}", "-frames:v", frames, "-c:v", "libx264", "-preset",
           "ultrafast", "-crf", 23, "-bf", 0, "-pix_fmt", "yuv420p", "-video_track_timescale", kind.rate.numerator, take)
    repeats = max(1, round(seconds / kind.take))
    late = kind.oddity == "late"
    path = folder / (name + (".mkv" if late else ".mp4"))
    inputs = ["-stream_loop", repeats - 1, "-i", take]
    if kind.oddity == "variable":
        # A random half of the frames is left out; which ones does not repeat with the take.
        ffmpeg(*inputs, "-vf", f"select='gt(random({seed}),0.4)+eq(n,0)'", "-fps_mode", "vfr", "-c:v", "libx264",
               "-preset", "ultrafast", "-crf", 23, "-bf", 0, path)
    else:
        ffmpeg(*inputs, "-c", "copy", *(["-output_ts_offset", 7.3] if late else []), path)
    events = [
        {"time": round(float(index * kind.take) + event["time"], 5), "strength": event["strength"]}
        for index in range(repeats) for event in small["events"]]
    description = {
        "name": name, "prompt": small["prompt"], "fps": str(kind.rate), "variable": kind.oddity == "variable",
        "late": late, "seconds": float(repeats * kind.take), "size": size, "scene": kind.scene, "events": events}
    (folder / f"{name}.json").write_text(json.dumps(description, indent=1))
    for leftover in (source, take, folder / f"{name}-take.json"):
        leftover.unlink()
    print(f"{path.name}: {len(events)} events, {float(repeats * kind.take):.1f} s", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seconds", type=float, default=240)
    parser.add_argument("--count", type=int, default=12)
    parser.add_argument("--size", default="1920x1080")
    parser.add_argument("--feature", type=float, default=3600)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    for number in range(options.count):
        kind = Kind(*KINDS[number % len(KINDS)])
        length = options.seconds * (0.75 + 0.5 * (number * 5 % 12) / 11)
        make(f"{number + 1:02d}-{kind.scene}", kind, length, options.size, options.seed + number, options.folder)
    if options.feature:
        make("99-feature", Kind("hammer", Fraction(30), ""), options.feature, options.size, options.seed, options.folder)


if __name__ == "__main__":
    main()
