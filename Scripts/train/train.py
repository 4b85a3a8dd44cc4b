"""Trains the embedded generator by flow matching on latents of log-mels. Resumes by itself.

    python train.py CACHE RUN [--until STEPS] [--decay-from STEP] [--start ../../Models/mini]

RUN gets checkpoint.pt, log.csv and loss.png. Everything is a function of the seed and the step.

A latent is a stack of two log-mel frames in the basis of its principal components, scaled (see
latent_basis); `latent_variance` (lambda) says how much each component varies.
With x = t z + s n (t = 1 - s, s = sigma), the network sees x / sqrt(t^2 lambda + s^2) and gives F in
z = t lambda / (t^2 lambda + s^2) x + sqrt(lambda) s / sqrt(t^2 lambda + s^2) F, so that its input and its
target have unit variance in every component at every sigma.
"""

import argparse
import csv
import signal
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from model import Generator
from scenes import MOTION, Scenes

CHANNELS = 64
#: (latents, batch, share of the steps)
LENGTHS = ((128, 16, 0.72), (256, 8, 0.18), (400, 5, 0.10))
#: Sentence vectors have unit length, the network wants unit variance.
SCALE = 384**0.5
#: Eight sparse motion features must be heard beside 384 content features; export folds this into the weights.
MOTION_SCALE = 5.0


def latent_basis(cache):
    """mean [200], basis [200, C], scale [C], variance [C]: z = (x - mean) @ basis / scale has that variance.

    The components are those of training scenes, silence included. Their variances span a factor of
    several thousand; left so, loudness would be settled in the first hundredth of the noise range, where
    a sampler makes no step. Scaling by the fourth root of the variance narrows the span to its root, and
    the strongest component is given variance 2.5: then fine follows coarse over the whole range.
    """
    path = Path(cache) / "basis.npz"
    if not path.exists():
        scenes = Scenes(cache, seed=12345)
        rows = np.concatenate([scenes.scene(i, 128)[0].reshape(-1, 200) for i in range(3000)])
        mean = rows.mean(0)
        variance, vectors = np.linalg.eigh(np.cov((rows - mean).T))
        order = np.argsort(-variance)[:CHANNELS]
        variance = variance[order]
        scale = variance**0.25 * (variance[0] ** 0.25 / 2.5**0.5)
        np.savez(path, mean=mean, basis=vectors[:, order], scale=scale, variance=variance / scale**2)
    stored = np.load(path)
    return {key: torch.tensor(np.asarray(stored[key], np.float32)) for key in stored.files}


def start_from(folder, cache):
    """The weights of an exported model folder, whose basis becomes the cache's: latents mean nothing in another."""
    weights, decoder = load_file(folder / "generator.safetensors"), load_file(folder / "decoder.safetensors")
    variance = weights.pop("latent_variance")
    scale = decoder["basis"].norm(dim=1)
    np.savez(Path(cache) / "basis.npz", mean=decoder["mean"], basis=(decoder["basis"] / scale[:, None]).T,
             scale=scale, variance=variance)
    weights = {key: value.float() for key, value in weights.items()}
    weights["sync_in.0.weight"][:, :MOTION] /= MOTION_SCALE
    weights["sync_pos_emb"][..., :MOTION] *= MOTION_SCALE
    return weights


def to_latents(mel, basis):
    """[B, 2A, 100] -> [B, A, C]"""
    return (mel.flatten(1).unflatten(1, (-1, 200)) - basis["mean"]) @ basis["basis"] / basis["scale"]


def to_mel(latents, basis):
    """[B, A, C] -> [B, 2A, 100]"""
    return ((latents * basis["scale"]) @ basis["basis"].T + basis["mean"]).unflatten(-1, (2, 100)).flatten(1, 2)


def conditions(motion, vectors, text):
    """Sync tokens carry motion and content; visual tokens (2 fps) and the text token carry content."""
    vectors, text = vectors * SCALE, text * SCALE
    sync = torch.cat((motion * MOTION_SCALE, vectors), -1)
    return text[:, None], visual_tokens(vectors), sync


def visual_tokens(vectors):
    """[B, sync, 384] at 25 fps -> [B, V, 384] at 2 fps: the vector at the middle of each half second."""
    count = -(-vectors.shape[1] * 2 // 25)
    index = [min(vectors.shape[1] - 1, int((i + 0.5) * 12.5)) for i in range(count)]
    return vectors[:, index]


class Muon(torch.optim.Optimizer):
    """Momentum whose update is made orthogonal by four Newton-Schulz steps (Jordan et al. 2024), for the
    matrices inside the blocks (not the modulations, whose cost outweighs the gain); every tap of a convolution is a matrix of its own."""

    def __init__(self, parameters, lr, dtype=torch.float32):
        super().__init__(parameters, dict(lr=lr, momentum=0.95, decay=0.02))
        self.dtype = dtype

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                momentum = self.state[p].setdefault("momentum", torch.zeros_like(p))
                momentum.lerp_(p.grad, 1 - group["momentum"])
                x = p.grad.lerp(momentum, group["momentum"])
                x = x.permute(2, 0, 1) if p.ndim == 3 else x[None]
                tall = x.shape[1] > x.shape[2]
                x = x.mT if tall else x
                x = (x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)).to(self.dtype)
                for _ in range(4):
                    square = x @ x.mT
                    x = 3.4445 * x + (2.0315 * square @ square - 4.7750 * square) @ x
                x = x.mT if tall else x
                update = x.permute(1, 2, 0) if p.ndim == 3 else x[0]
                p.mul_(1 - group["lr"] * group["decay"])
                p.add_(update.float(), alpha=-group["lr"] * 0.2 * max(x.shape[1:]) ** 0.5)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("cache", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("--until", type=int, default=100_000, help="stop at this step")
    parser.add_argument("--decay-from", type=int, help="from here the learning rate falls linearly to 5 %% at --until")
    parser.add_argument("--rate", type=float, default=1e-3, help="of AdamW; Muon's is --muon-factor times as large")
    parser.add_argument("--muon-factor", type=float, default=2.5)
    parser.add_argument("--optimizer", choices=("adamw", "muon"), default="muon")
    parser.add_argument("--coherence", type=float, default=0.25, help="weight of the error of adjacent differences")
    parser.add_argument("--width", type=int, default=192)
    parser.add_argument("--triple", type=int, default=2)
    parser.add_argument("--single", type=int, default=6)
    parser.add_argument("--start", type=Path, help="a new run begins with the weights of this exported model")
    parser.add_argument("--first-step", type=int, default=0, help="where a new run counts from: other steps, other scenes")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--bf16", action="store_true",
                        help="products in bfloat16: three times as fast where the processor has them (avx512_bf16)")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    arguments.run.mkdir(parents=True, exist_ok=True)

    checkpoint = arguments.run / "checkpoint.pt"
    started = arguments.start and not checkpoint.exists() and start_from(arguments.start, arguments.cache)
    scenes = Scenes(arguments.cache, arguments.seed)
    basis = latent_basis(arguments.cache)
    variance = basis["variance"]
    weight = variance.sqrt() / variance.sqrt().mean()
    model = Generator(arguments.width, arguments.width // 64, arguments.triple, arguments.single, CHANNELS)
    if started:
        model.load_state_dict(started)
    average = {key: value.clone() for key, value in model.state_dict().items()}
    matrices, rest = [], []
    for name, p in model.named_parameters():
        inner = "_blocks." in name and "mod" not in name and p.ndim >= 2
        (matrices if inner else rest).append(p)
    if arguments.optimizer == "muon":
        optimizers = [
            Muon(matrices, arguments.rate, torch.bfloat16 if arguments.bf16 else torch.float32),
            torch.optim.AdamW(rest, arguments.rate, (0.9, 0.95), weight_decay=0.01),
        ]
    else:
        optimizers = [torch.optim.AdamW(matrices + rest, arguments.rate, (0.9, 0.95), weight_decay=0.01)]
    step = first = arguments.first_step
    if checkpoint.exists():
        stored = torch.load(checkpoint, weights_only=False)
        model.load_state_dict(stored["model"])
        average = stored["average"]
        for optimizer, state in zip(optimizers, stored["optimizers"]):
            optimizer.load_state_dict(state)
        step = stored["step"]

    def save():
        temporary = checkpoint.with_suffix(".new")
        torch.save(dict(model=model.state_dict(), average=average, step=step, settings=model.settings,
                        optimizers=[o.state_dict() for o in optimizers]), temporary)
        temporary.replace(checkpoint)

    log = open(arguments.run / "log.csv", "a", newline="")
    writer = csv.writer(log)
    stopping = []
    signal.signal(signal.SIGTERM, lambda *_: stopping.append(True))
    losses, began = [], time.time()
    while step < arguments.until and not stopping:
        random = np.random.default_rng((arguments.seed, 1, step))
        latents, batch, _ = LENGTHS[random.choice(len(LENGTHS), p=[share for _, _, share in LENGTHS])]
        parts = [scenes.scene(step * 16 + i, latents) for i in range(batch)]
        mel, motion, vectors, text = (torch.from_numpy(np.stack(column)) for column in zip(*parts))
        z = to_latents(mel, basis)
        generator = torch.Generator().manual_seed(step)
        noise = torch.randn(z.shape, generator=generator)
        t = torch.sigmoid(torch.randn(batch, 1, 1, generator=generator) - 0.4)
        sigma = 1 - t
        deviation = (t**2 * variance + sigma**2).sqrt()
        x = t * z + sigma * noise
        target = (z - t * variance / deviation**2 * x) * deviation / (variance.sqrt() * sigma)
        with torch.autocast("cpu", torch.bfloat16, enabled=arguments.bf16):
            predicted = model(x / deviation, 1000 * sigma[:, 0, 0], *conditions(motion, vectors, text))
        error = predicted.float() - target
        loss = (error**2 * weight).mean()
        total = loss + arguments.coherence * ((error[:, 1:] - error[:, :-1]) ** 2 * weight).mean()
        total.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        factor = min(1, (step - first + 1) / 100)
        if arguments.decay_from is not None and step > arguments.decay_from:
            factor *= 1 - 0.95 * (step - arguments.decay_from) / (arguments.until - arguments.decay_from)
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                is_muon = isinstance(optimizer, Muon)
                group["lr"] = arguments.rate * factor * (arguments.muon_factor if is_muon else 1)
            optimizer.step()
        model.zero_grad(set_to_none=True)
        step += 1
        keep = min(0.998, (1 + step) / (10 + step))
        with torch.no_grad():
            for key, value in model.state_dict().items():
                average[key].lerp_(value, 1 - keep)
        losses.append(loss.item())
        if step % 25 == 0:
            writer.writerow([step, f"{np.mean(losses):.4f}", f"{time.time() - began:.0f}"])
            log.flush()
            print(step, f"loss {np.mean(losses):.4f}", f"{(time.time() - began) / len(losses):.2f} s/step", flush=True)
            losses, began = [], time.time()
        if step % 250 == 0:
            save()
    save()


if __name__ == "__main__":
    main()
