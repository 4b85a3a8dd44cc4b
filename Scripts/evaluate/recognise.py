"""Recognisability: does YAMNet hear the class of a test caption in what the program makes of it?

    python recognise.py ../../.build/release/foley ../../../shared/data/sfx [--split test] [--json FILE]

For every clip of the split the program gets a black video of the clip's length, the caption, and the
recording's onset times as events (a texture has none). It never gets the recording itself, nor its
level. A hit is a label of the clip's class group among YAMNet's top three. The recordings are scored the
same way; their hits are the ceiling.
"""

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

import soundfile

from yamnet import Evaluator


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("foley", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--split", default="test", choices=("test", "valid"))
    parser.add_argument("--every", type=int, default=1, help="only every n-th clip, for a quick look")
    parser.add_argument("--options", default="", help="further options for foley generate, such as '--steps 8'")
    parser.add_argument("--keep", type=Path, help="keep the sounds in this folder")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    evaluator = Evaluator(arguments.data / "evaluator")
    clips = [json.loads(line) for line in open(arguments.data / "manifest.jsonl")]
    clips = [clip for clip in clips if clip["split"] == arguments.split][:: arguments.every]
    rows = {}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        if arguments.keep:
            arguments.keep.mkdir(parents=True, exist_ok=True)
        for clip in clips:
            recording, rate = soundfile.read(arguments.data / clip["path"], dtype="float32")
            seconds = min(10, max(1.0, round(clip["seconds"] * 25) / 25))
            video = folder / f"{seconds:.2f}.mp4"
            if not video.exists():
                source = f"color=black:size=64x64:rate=25:duration={seconds}"
                subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", source, str(video)], check=True)
            onsets = [] if clip["kind"] == "texture" else [t for t in clip["onsets"] if t < seconds]
            events = {"events": [{"time": t, "strength": 0.9} for t in onsets]}
            (folder / "events.json").write_text(json.dumps(events))
            output = (arguments.keep or folder) / f"{clip['id']}.wav"
            subprocess.run(
                [str(arguments.foley), "generate", str(video), "--prompt", clip["caption"], "--output", str(output),
                 "--use-events", str(folder / "events.json"), "--overwrite", "--quiet", *arguments.options.split()],
                check=True)
            made, made_rate = soundfile.read(output, dtype="float32")
            row = rows.setdefault(clip["class"], [0, 0, 0])
            row[0] += 1
            row[1] += evaluator.hit(recording[: int(rate * 10)], rate, clip["class"])
            row[2] += evaluator.hit(made, made_rate, clip["class"])
    total = [sum(row[i] for row in rows.values()) for i in range(3)]
    print("| class | clips | recordings | generated |\n| --- | --- | --- | --- |")
    for name, row in sorted(rows.items()):
        print(f"| {name} | {row[0]} | {row[1]} | {row[2]} |")
    print(f"| **all** | {total[0]} | {total[1]} | {total[2]} |")
    print(f"{total[2]} of {total[0]} recognised, recordings {total[1]}: {100 * total[2] / total[1]:.0f} % of the ceiling")
    if arguments.json:
        arguments.json.write_text(json.dumps({"classes": rows, "total": total}))


if __name__ == "__main__":
    main()
