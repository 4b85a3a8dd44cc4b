"""Draws what a training run makes of some captions beside the recordings.

    python sample.py CACHE RUN OUT.png [--split valid] [--count 12]
"""

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import torch

from model import Generator
from scenes import Scenes, motion_features
from train import CHANNELS, conditions, latent_basis, to_mel


@torch.no_grad()
def sample(model, basis, motion, vectors, text, latents, steps=16, guidance=2.0, seed=0):
    """Euler from noise to latents; motion [B, sync, 8], vectors [B, sync, 384], text [B, 384] -> [B, A, C]."""
    variance = basis["variance"]
    full = conditions(motion, vectors, text)
    empty = conditions(motion, torch.zeros_like(vectors), torch.zeros_like(text))
    both = [torch.cat(pair) for pair in zip(full, empty)]
    x = torch.randn(len(text), latents, CHANNELS, generator=torch.Generator().manual_seed(seed))
    for step in range(steps):
        sigma, following = 1 - step / steps, 1 - (step + 1) / steps
        t = 1 - sigma
        power = t**2 * variance + sigma**2
        time = torch.full((2 * len(text),), 1000 * sigma)
        with_content, without = model((x / power.sqrt()).repeat(2, 1, 1), time, *both).chunk(2)
        f = without + guidance * (with_content - without)
        velocity = (sigma - t * variance) / power * x - variance.sqrt() / power.sqrt() * f
        x = x + (following - sigma) * velocity
    return x


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("cache", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--split", default="valid")
    parser.add_argument("--count", type=int, default=12)
    arguments = parser.parse_args()
    stored = torch.load(arguments.run / "checkpoint.pt", weights_only=False)
    s = stored["settings"]
    model = Generator(s["width"], s["heads"], s["tripleBlocks"], s["singleBlocks"], CHANNELS)
    model.load_state_dict(stored["average"])
    basis = latent_basis(arguments.cache)
    scenes = Scenes(arguments.cache, split=arguments.split)
    chosen = scenes.members[:: max(1, len(scenes.members) // arguments.count)][: arguments.count]
    latents = 208  # a whole number of groups of 8 sync tokens
    rows = []
    for clip in chosen:
        info = scenes.clips[clip]
        onsets = [] if info["kind"] == "texture" else info["onsets"]
        events = [(t, 0.9) for t in onsets if t < latents / 50]
        vector = scenes.vectors[scenes.rows[clip][0]]
        rows.append((motion_features(events, np.zeros(latents // 2, np.float32), latents // 2), vector))
    motion = torch.tensor(np.stack([row[0] for row in rows]))
    text = torch.tensor(np.stack([row[1] for row in rows]))
    made = to_mel(sample(model, basis, motion, text[:, None].repeat(1, latents // 2, 1), text, latents), basis).numpy()
    figure, axes = plt.subplots(len(chosen), 2, figsize=(13, 1.7 * len(chosen)), squeeze=False)
    for axis, clip, mel in zip(axes, chosen, made):
        real, _ = scenes.mel(clip, 0)
        for one, picture in zip(axis, (real[: 2 * latents], mel)):
            one.imshow(picture.T, origin="lower", aspect="auto", vmin=-10, vmax=0)
            one.set_xlim(0, 2 * latents)
        axis[0].set_title(scenes.clips[clip]["caption"], fontsize=8)
    figure.tight_layout()
    figure.savefig(arguments.picture, dpi=60)


if __name__ == "__main__":
    main()
