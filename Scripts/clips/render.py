#!/usr/bin/env python3
"""Renders reference clips whose event times are known exactly.

    render.py OUTDIR [--set small|full] [--seed N] [--only NAME]

For each clip writes NAME.mp4 and NAME.json: {"name", "prompt", "fps", "seconds", "width", "height", "scene",
"disturbances", "events": [{"time", "strength"}]}.  Times count from the first shown frame; a frame shown at t
pictures the world at t.  Needs numpy and the ffmpeg tool.
"""

import argparse
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import draw
import scenes

MARGIN = 48  # how far a camera may wander from the middle, in reference pixels


@dataclass
class Clip:
    name: str
    scene: object
    rate: Fraction
    size: tuple
    seconds: float
    backdrop: str = "soft"
    disturbances: tuple = ()
    shutter: float = 0.35  # share of the frame interval during which the shutter is open
    variable: bool = False  # drop random frames: irregular frame times


NTSC = Fraction(30000, 1001)
FILM = Fraction(24000, 1001)


def small_set():
    r = Fraction
    s = scenes
    return [
        Clip("ball", s.bouncing_ball, r(30), (640, 360), 5, "soft"),
        Clip("hammer", s.hammer, r(25), (640, 360), 5, "textured"),
        Clip("gong", s.gong, r(24), (320, 180), 5, "plain", ("noise",)),
        Clip("pendulum", s.pendulum, FILM, (480, 270), 4, "bricks"),
        Clip("boxes", s.falling_boxes, r(30), (320, 180), 5, "soft", ("flicker",)),
        Clip("drum", s.drum_sticks, NTSC, (480, 270), 4, "soft"),
        Clip("foot", s.foot_taps, r(60), (320, 180), 4, "textured", variable=True),
        Clip("chopping", s.chopping, r(30), (640, 360), 4, "soft", ("shake",)),
        Clip("puck", s.sliding_puck, r(25), (320, 240), 4, "soft", ("pan",)),
        Clip("clapping-cut", s.clapping, r(30), (320, 180), 4, "textured", ("cut",)),
        Clip("still-noise", s.still, r(25), (320, 180), 4, "textured", ("noise", "flash")),
        Clip("pan", s.still, r(30), (320, 180), 4, "bricks", ("pan", "shake")),
        Clip("water", s.still, r(24), (320, 180), 4, "soft", ("water",)),
        Clip("passing", s.passing, r(30), (320, 180), 4, "textured"),
    ]


def full_set(random):
    r = Fraction
    rates = [r(24), r(25), FILM, NTSC, r(30), r(30), r(60)]
    sizes = [(640, 360), (640, 360), (480, 360), (854, 480), (640, 352), (426, 240)]
    backs = ["plain", "soft", "soft", "textured", "bricks"]
    disturb = [(), (), ("noise",), ("shake",), ("pan",), ("flicker",), ("flash",), ("cut",), ("shake", "noise"),
               ("water",)]
    clips = []

    def pick(options):
        return options[int(random.integers(len(options)))]

    for turn in range(2):
        for scene in scenes.EVENTFUL:
            clips.append(Clip(
                f"{scene.__name__}-{turn}", scene, pick(rates), pick(sizes), float(random.integers(8, 11)),
                pick(backs), () if turn == 0 and random.uniform() < 0.5 else pick(disturb),
                random.uniform(0.1, 0.6), variable=random.uniform() < 0.1))
    for name, scene, disturbances in [
            ("still", scenes.still, ()), ("noise", scenes.still, ("noise",)),
            ("pan", scenes.still, ("pan",)), ("shake", scenes.still, ("shake", "noise")),
            ("flicker", scenes.still, ("flicker", "flash")), ("cuts", scenes.still, ("cut", "pan")),
            ("water", scenes.still, ("water",)), ("passing", scenes.passing, ()),
            ("passing-pan", scenes.passing, ("pan", "noise"))]:
        clips.append(Clip(f"none-{name}", scene, pick(rates), pick(sizes), 8.0, pick(backs[2:]), disturbances,
                          variable=name == "passing"))
    return clips


class Camera:
    """Where the picture's corner lies in the wider backdrop, and the exposure, as functions of time."""

    def __init__(self, random, clip):
        self.clip = clip
        self.pan_speed = random.uniform(0.7, 1.6)
        self.phases = random.uniform(0, 2 * np.pi, 12)
        self.flash_times = (np.arange(0.9, clip.seconds, random.uniform(1.1, 1.9))
                            if "flash" in clip.disturbances else [])
        self.cut_times = (np.arange(1.3, clip.seconds, random.uniform(1.7, 2.9))
                          if "cut" in clip.disturbances else [])
        self.shake = random.uniform(2.0, 5.0)
        self.flicker = random.uniform(6, 11)

    def offset(self, t):
        x = y = 0.0
        if "pan" in self.clip.disturbances:
            x += 40 * np.sin(self.pan_speed * t + self.phases[0])
            y += 12 * np.sin(0.6 * self.pan_speed * t + self.phases[1])
        if "shake" in self.clip.disturbances:
            for i, f in enumerate((0.9, 2.1, 3.7, 6.3)):
                x += self.shake / (1 + 0.6 * i) * np.sin(2 * np.pi * f * t + self.phases[2 + i])
                y += self.shake / (1 + 0.6 * i) * np.sin(2 * np.pi * f * 1.13 * t + self.phases[6 + i])
        return float(np.clip(x, -MARGIN + 2, MARGIN - 2)), float(np.clip(y, -MARGIN + 2, MARGIN - 2))

    def gain(self, t, frame):
        g = 1.0
        if "flicker" in self.clip.disturbances:
            g *= 1 + 0.07 * np.sin(2 * np.pi * self.flicker * t + self.phases[10])
        for flash in self.flash_times:
            if 0 <= t - flash < 1.5 * frame:
                g *= 1.7
        return g

    def shot(self, t):
        return int(np.searchsorted(self.cut_times, t, side="right"))


def transformed(shapes, scale, dx, dy):
    """From reference coordinates to pixels, moved by the camera."""
    out = []
    for kind, p, colour, mottle in shapes:
        q = list(p)
        if kind == "circle":
            q = [(p[0] - dx) * scale, (p[1] - dy) * scale, p[2] * scale]
        elif kind == "capsule":
            q = [(p[0] - dx) * scale, (p[1] - dy) * scale, (p[2] - dx) * scale, (p[3] - dy) * scale, p[4] * scale]
        elif kind == "box":
            q = [(p[0] - dx) * scale, (p[1] - dy) * scale, p[2] * scale, p[3] * scale, p[4]]
        else:
            q = [(v - (dx if i % 2 == 0 else dy)) * scale for i, v in enumerate(p)]
        out.append((kind, tuple(q), colour, (mottle[0], mottle[1] * scale) if mottle else None))
    return out


def render(clip, seed, folder):
    random = np.random.default_rng(seed)
    scene = clip.scene(random, clip.seconds)
    camera = Camera(random, clip)
    width, height = clip.size
    scale = max(width / 640, height / 360)
    margin = int(np.ceil(MARGIN * scale)) + 2
    moving = {"pan", "shake"} & set(clip.disturbances)
    if not moving:
        margin = 0
    styles = ["soft", "textured", "bricks"]
    shots = [draw.background(random, height + 2 * margin, width + 2 * margin,
                             clip.backdrop if i == 0 else styles[i % 3])
             for i in range(len(camera.cut_times) + 1)]
    shot_moves = [(0.0, 0.0)] + [tuple(random.uniform(-60, 60, 2)) for _ in camera.cut_times]
    ripples = ([draw.blotches(random, height, 2 * width, s * scale, 12) for s in (16, 30)]
               if "water" in clip.disturbances else None)
    noise = ([np.round(random.normal(0, 5, (height, width, 3))).astype(np.int16) for _ in range(6)]
             if "noise" in clip.disturbances else None)

    path = os.path.join(folder, clip.name + ".mp4")
    command = ["ffmpeg", "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}",
               "-r", str(clip.rate), "-i", "-", "-c:v", "libx264", "-preset", "ultrafast", "-crf", "20",
               "-pix_fmt", "yuv420p", "-threads", "1"]
    if clip.variable:
        command += ["-vf", f"select='gt(random({seed % 1000}),0.4)+eq(n,0)'", "-fps_mode", "vfr"]
    encoder = subprocess.Popen(command + [path], stdin=subprocess.PIPE)
    frame = float(1 / clip.rate)
    count = int(round(clip.seconds * clip.rate))
    for n in range(count):
        t = float(n / clip.rate)
        shot = camera.shot(t)
        dx, dy = camera.offset(t)
        if moving:
            picture = draw.shifted(shots[shot], margin + dx * scale, margin + dy * scale, height, width)
        else:
            picture = shots[shot].copy()
        if ripples is not None:
            top = int(0.62 * height)
            move = [int(v * t * scale) % width for v in (37, 61)]
            wave = ripples[0][top:, move[0]:move[0] + width] + ripples[1][top:, width - move[1]:2 * width - move[1]]
            wave = wave * (1 + 0.3 * np.sin(2.1 * t))
            picture[top:] = np.clip(picture[top:] + wave[:, :, None], 0, 255).astype(np.uint8)
        moments = []
        for part in (-0.375, -0.125, 0.125, 0.375):
            moment = t + part * clip.shutter * frame
            mx, my = camera.offset(moment)
            moments.append(transformed(scene.shapes(moment), scale, mx + shot_moves[shot][0], my + shot_moves[shot][1]))
        draw.paint(picture, moments)
        gain = camera.gain(t, frame)
        if gain != 1.0:
            table = np.clip(np.arange(256) * gain, 0, 255).astype(np.uint8)
            picture = table[picture]
        if noise is not None:
            picture = np.clip(np.roll(noise[int(random.integers(6))], int(random.integers(height)), 0) + picture,
                              0, 255).astype(np.uint8)
        encoder.stdin.write(picture.tobytes())
    encoder.stdin.close()
    if encoder.wait() != 0:
        raise SystemExit(f"render.py: ffmpeg could not write {path}")
    description = {
        "name": clip.name, "prompt": scene.prompt, "fps": str(clip.rate), "variable": clip.variable,
        "seconds": clip.seconds, "width": width, "height": height, "scene": clip.scene.__name__,
        "backdrop": clip.backdrop, "disturbances": list(clip.disturbances),
        "cuts": [float(t) for t in camera.cut_times],
        "events": [{"time": round(t, 5), "strength": round(s, 3)} for t, s in scene.events if t < clip.seconds],
    }
    with open(os.path.join(folder, clip.name + ".json"), "w") as file:
        json.dump(description, file, indent=1)
    return description


def main():
    parser = argparse.ArgumentParser(description="Renders reference clips with known event times.")
    parser.add_argument("folder")
    parser.add_argument("--set", choices=["small", "full"], default="small")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", help="render only the clips whose name contains this")
    options = parser.parse_args()
    os.makedirs(options.folder, exist_ok=True)
    clips = small_set() if options.set == "small" else full_set(np.random.default_rng(options.seed))
    for number, clip in enumerate(clips):
        if options.only and options.only not in clip.name:
            continue
        description = render(clip, options.seed * 1000 + number, options.folder)
        print(f"{clip.name}: {len(description['events'])} events, {clip.seconds:g} s, {clip.rate} fps", flush=True)


if __name__ == "__main__":
    main()
