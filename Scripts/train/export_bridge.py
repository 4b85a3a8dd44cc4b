#!/usr/bin/env python3
"""Exports `bridge.safetensors`, which links what the image network sees to what it sounds like.

  export_bridge.py --output MODELFOLDER [--manifest ../shared/data/sfx/manifest.jsonl]

`imagenet_sounds.tsv` gives for each of the 1000 image classes a caption of its sound and a weight:
1 for a thing that is heard whenever it is seen, near 0 for a silent one. Stored are

  vectors  [1000, 384] f16   unit sentence vectors of the captions, by the int8 model in MODELFOLDER
  audible  [1000]      f32   the weights

With --manifest, captions that no training clip has are an error: the generator knows those it was
trained on, so the table should use their words.

How the two are used, per frame of 2 a second with class logits l (`semantic_bridge.py` is the
code):

  p[t]    = softmax(l[t])
  q[t]    = mean of p over the frames t-2 ... t+2 that exist
  w[i]    = audible[i] * max(0, q[t][i] - 0.01)
  m       = sum of w
  u       = unit(sum of w[i] * vectors[i])
  twice:  u = unit(sum of w[i] * exp(4 * (u . vectors[i] - 1)) * vectors[i])
  s       = clamp((m - 0.02) / 0.08, 0, 1)
  result  = s * u
"""

import argparse
import sys
from pathlib import Path

import torch

import checkpoint
from export_text import captions
from text_encoder import TextEncoder

TABLE = Path(__file__).parent / "imagenet_sounds.tsv"
CLASSES = 1000


def table(path=TABLE):
    """Class names, captions and audible weights, in class order."""
    names, sounds, audible = [], [], []
    lines = path.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines[1:]):
        index, name, sound, weight = line.split("\t")
        if int(index) != number or not 0 <= float(weight) <= 1 or not sound:
            sys.exit(f"{path}, line {number + 2}: expected class {number}, a caption and 0...1")
        names.append(name)
        sounds.append(sound)
        audible.append(float(weight))
    if len(names) != CLASSES:
        sys.exit(f"{path}: {len(names)} classes, expected {CLASSES}")
    return names, sounds, audible


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--output", type=Path, required=True,
                        help="folder that holds text.safetensors and vocab.txt")
    parser.add_argument("--manifest", type=Path, help="training captions to check against")
    arguments = parser.parse_args()
    torch.set_num_threads(1)

    _, sounds, audible = table()
    if arguments.manifest:
        unknown = sorted(set(sounds) - set(captions(arguments.manifest)))
        if unknown:
            sys.exit(f"{TABLE}: not captions of the training set: {', '.join(unknown)}")
    encoder = TextEncoder(arguments.output / "text.safetensors", arguments.output / "vocab.txt")
    checkpoint.write(
        arguments.output / "bridge.safetensors",
        {"vectors": encoder(sounds).half(), "audible": torch.tensor(audible)},
        f"; {len(set(sounds))} captions for {CLASSES} classes, mean weight {sum(audible) / CLASSES:.2f}")


if __name__ == "__main__":
    main()
