#!/usr/bin/env python3
"""Timing on rendered clips: what the program sees and what one hears, against the known events.

    Scripts/clips/render.py CLIPS --set full --seed 101
    python Scripts/evaluate/rendered.py .build/release/foley CLIPS

Runs `foley generate` on every clip with the prompt of its JSON file. "seen" scores the events the
program writes with --events, from strength 0.4; "heard" scores the onsets of the sound that rise above
-40 dBFS. Clips without events count: whatever is seen or heard there is wrong.
"""

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import soundfile

from sync import onsets, read_events, score, summary

TOLERANCE = 0.08
#: Events weaker than this are hints, in the program and in the clips.
STRONG = 0.4
#: -40 dBFS: what is softer is ambience.
AUDIBLE = 0.01


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("foley", type=Path)
    parser.add_argument("clips", type=Path)
    parser.add_argument("--options", default="", help="further options for foley generate")
    parser.add_argument("--keep", type=Path, help="keep the sounds in this folder")
    arguments = parser.parse_args()
    seen, heard = [], []
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        print(f"{'clip':34} {'events':>6} {'seen F1':>8} {'heard F1':>8} {'ms':>6}")
        for description in sorted(arguments.clips.glob("*.json")):
            info = json.loads(description.read_text())
            video = next(p for p in arguments.clips.glob(description.stem + ".*") if p.suffix != ".json")
            sound, events = folder / f"{description.stem}.wav", folder / f"{description.stem}.events.json"
            subprocess.run(
                [str(arguments.foley), "generate", str(video), "--prompt", info.get("prompt") or "an impact",
                 "--output", str(sound), "--events", str(events), "--overwrite", "--quiet",
                 *arguments.options.split()], check=True)
            known, strength = read_events(description)
            times, confidence = read_events(events)
            samples, rate = soundfile.read(sound, dtype="float64")
            seen.append(score(times[confidence >= STRONG], known, strength, STRONG, TOLERANCE))
            times = onsets(samples, rate)[0]
            loud = [np.abs(samples[int(t * rate) :][: rate // 25]).max() > AUDIBLE for t in times]
            heard.append(score(times[np.array(loud, bool)], known, strength, STRONG, TOLERANCE))
            one, two = summary(seen[-1:]), summary(heard[-1:])
            print(f"{description.stem:34} {len(known):6} {one['f1']:8.2f} {two['f1']:8.2f} "
                  f"{str(two['medianAbsoluteOffsetMs']):>6}", flush=True)
    for name, parts in (("seen", seen), ("heard", heard)):
        result = summary(parts)
        print(f"{name}: F1 {result['f1']:.2f}, precision {result['precision']:.2f}, recall {result['recall']:.2f}, "
              f"median |offset| {result['medianAbsoluteOffsetMs']} ms")


if __name__ == "__main__":
    main()
