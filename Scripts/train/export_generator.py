"""Writes a training run's averaged weights, the mel basis and config.json into a model folder.

    python export_generator.py CACHE RUN ../../Models/mini

Matrices are stored as f16, vectors as f32.
"""

import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from audio import BANDS, FFT, FRAMES_PER_LATENT, HOP
from scenes import FLOOR, MOTION
from train import MOTION_SCALE, latent_basis

SAMPLING = {"steps": 20, "guidance": 5.0, "guidanceInterval": [0.25, 0.85], "solver": "multistep"}
DECODER = {"iterations": 16, "momentum": 0.2, "grain": 0.5}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("cache", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    stored = torch.load(arguments.run / "checkpoint.pt", weights_only=False)
    basis = latent_basis(arguments.cache)
    weights = {key: value.clone() for key, value in stored["average"].items()}
    weights["sync_in.0.weight"][:, :MOTION] *= MOTION_SCALE
    weights["sync_pos_emb"][..., :MOTION] /= MOTION_SCALE
    tensors = {
        key: (value.half() if value.ndim >= 2 and value.numel() > 4096 else value).contiguous()
        for key, value in weights.items()
    }
    tensors["latent_variance"] = basis["variance"]
    save_file(tensors, arguments.folder / "generator.safetensors")
    save_file(
        {"mean": basis["mean"], "basis": (basis["basis"] * basis["scale"]).T.contiguous()},
        arguments.folder / "decoder.safetensors",
    )
    config = {
        "family": "mini",
        "version": 1,
        "text": {"file": "text.safetensors", "vocabulary": "vocab.txt"},
        "vision": {"file": "vision.safetensors", "bridge": "bridge.safetensors", "size": 224, "rate": 2},
        "generator": {"file": "generator.safetensors", **stored["settings"]},
        "decoder": {
            "file": "decoder.safetensors", "fftSize": FFT, "hop": HOP, "melBands": BANDS,
            "framesPerLatent": FRAMES_PER_LATENT, "floor": round(float(FLOOR), 4), **DECODER,
        },
        "sampling": SAMPLING,
    }
    (arguments.folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    print(f"step {stored['step']}: {sum(t.numel() for t in tensors.values()) / 1e6:.1f} M parameters")


if __name__ == "__main__":
    main()
