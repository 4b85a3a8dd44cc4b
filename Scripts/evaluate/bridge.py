#!/usr/bin/env python3
"""Does the semantic bridge hear what a picture shows?

  bridge.py --model Models/mini --manifest ../shared/data/sfx/manifest.jsonl FOLDER

FOLDER holds pictures (jpg, png, webp) and clips (mp4, mkv, webm, mov, avi; read with the ffmpeg
tool at 2 frames a second). A file's name says which sound classes fit what is seen, joined by "+",
before a double hyphen; the rest is free:

  dog_bark--husky.jpg    impact_metal_heavy+chop_wood--hammer.png    train--freight.mp4

The classes are those of the manifest. Each class is the mean of its captions' sentence vectors; a
file is a hit if a fitting class is among the three nearest to its bridge vector (for a clip: to the
mean over its frames). Printed per file: hit, first class right, audible mass, the three classes,
what was expected, and for clips the share of frames that are hits. The last line counts. Exit
status 1 when fewer than half hit.

--blank also prints the length of the vectors of pictures of nothing: 0 for flat ones. (Plain noise
does fool the network: it sees birds.)
"""

import argparse
import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import numpy
import torch
import torch.nn.functional as F
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "train"))
from image_encoder import SIZE, ImageEncoder, prepared  # noqa: E402
from semantic_bridge import RATE, SemanticBridge  # noqa: E402
from text_encoder import TextEncoder  # noqa: E402

PICTURES = {".jpg", ".jpeg", ".png", ".webp"}
CLIPS = {".mp4", ".mkv", ".webm", ".mov", ".avi"}


def class_vectors(manifest, encoder):
    """Class names and the unit mean of each class's distinct captions."""
    captions = defaultdict(dict)
    for line in open(manifest, encoding="utf-8"):
        entry = json.loads(line)
        for text in [entry["caption"], *entry["captions"]]:
            captions[entry["class"]].setdefault(text)
    names = sorted(captions)
    means = [encoder(list(captions[name])).mean(0) for name in names]
    return names, F.normalize(torch.stack(means), dim=1)


def clip_frames(path):
    """The centred square of the frames of a clip, at the rate of the model, as network input."""
    square = f"fps={RATE},crop='min(iw,ih)':'min(iw,ih)',scale={SIZE}:{SIZE}:flags=area"
    data = subprocess.run(
        ["ffmpeg", "-v", "error", "-i", path, "-vf", square, "-f", "rawvideo", "-pix_fmt", "rgb24",
         "-"], check=True, stdout=subprocess.PIPE).stdout
    frames = numpy.frombuffer(data, numpy.uint8).reshape(-1, SIZE, SIZE, 3)
    return (torch.tensor(frames).permute(0, 3, 1, 2).float() - 127) / 128


def logits_of(path, network):
    if path.suffix.lower() in CLIPS:
        frames = clip_frames(path)
        return torch.cat([network(frames[i : i + 16]) for i in range(0, len(frames), 16)])
    return network(prepared(Image.open(path))[None])


def blank_pictures():
    noise = torch.rand(3, SIZE, SIZE, generator=torch.Generator().manual_seed(1)) * 2 - 1
    ramp = torch.linspace(-1, 1, SIZE)[None, :, None].expand(3, SIZE, SIZE)
    level = {"black": -127 / 128, "grey": 0.0, "white": 1.0}
    flat = {name: torch.full((3, SIZE, SIZE), value) for name, value in level.items()}
    return flat | {"ramp": ramp, "noise": noise}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", type=Path, required=True, help="folder of the embedded model")
    parser.add_argument("--manifest", type=Path, required=True,
                        help="captions of the sound classes")
    parser.add_argument("--blank", action="store_true", help="also try pictures of nothing")
    arguments = parser.parse_args()
    torch.set_num_threads(1)

    encoder = TextEncoder(arguments.model / "text.safetensors", arguments.model / "vocab.txt")
    network = ImageEncoder(arguments.model / "vision.safetensors")
    bridge = SemanticBridge(arguments.model / "bridge.safetensors")
    names, means = class_vectors(arguments.manifest, encoder)

    files = sorted(f for f in arguments.folder.iterdir() if f.suffix.lower() in PICTURES | CLIPS)
    if not files:
        parser.error(f"{arguments.folder}: no pictures or clips inside")
    hits = firsts = 0
    for path in files:
        label, mark, rest = path.stem.partition("--")
        expected = set(label.split("+"))
        if not mark or not expected <= set(names):
            parser.error(f"{path}: the name must start with sound classes and '--'")
        logits = logits_of(path, network)
        unit, mass = bridge.direction_and_mass(logits)
        nearest = [names[i] for i in (means @ bridge(logits).mean(0)).topk(3).indices]
        hit, first = bool(expected & set(nearest)), nearest[0] in expected
        hits, firsts = hits + hit, firsts + first
        frames = ""
        if len(logits) > 1:
            top = (unit @ means.T).topk(3).indices.tolist()
            share = sum(any(names[i] in expected for i in row) for row in top) / len(top)
            frames = f" frames {share:.2f}"
        print(f"{'hit ' if hit else 'miss'} {'1st' if first else '   '} mass {mass.mean():.2f} "
              f"{', '.join(nearest):58} {rest} (expected {' '.join(sorted(expected))}){frames}")
    if arguments.blank:
        for name, picture in blank_pictures().items():
            print(f"blank {name}: length {bridge(network(picture[None])).norm():.2f}")
    print(f"{hits} of {len(files)} hits in the first three classes, {firsts} in the first")
    sys.exit(0 if hits * 2 >= len(files) else 1)


if __name__ == "__main__":
    main()
