"""Trains the embedded generator by flow matching on latents of log-mels. Resumes by itself.

    python train.py CACHE RUN [--until STEPS] [--decay-from STEP] [--start ../../Models/mini]
    python train.py CACHE RUN --device cuda --scale-batch 4 --workers 15 --seconds 400

RUN gets checkpoint.pt and log.csv. Everything is a function of the seed and the step; only with
--seconds, for a rented GPU, do the number of steps and the learning rate follow the clock.

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
    return torch.stack([vectors[:, i] for i in index], 1)


class Muon(torch.optim.Optimizer):
    """Momentum whose update is made orthogonal by four Newton-Schulz steps (Jordan et al. 2024), for the
    matrices inside the blocks (not the modulations, whose cost outweighs the gain); every tap of a
    convolution is a matrix of its own. Matrices of one shape are updated together: a GPU waits for
    launches otherwise. The rate is a tensor, so that a captured step reads its present value."""

    def __init__(self, parameters, lr, dtype=torch.float32):
        super().__init__(parameters, dict(lr=lr, momentum=0.95, decay=0.02))
        self.dtype = dtype

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            shapes = {}
            for p in group["params"]:
                shapes.setdefault(p.shape, []).append(p)
            for shape, members in shapes.items():
                for p in members:
                    if not self.state[p]:
                        self.state[p]["momentum"] = torch.zeros_like(p)
                momenta = [self.state[p]["momentum"] for p in members]
                gradients = [p.grad for p in members]
                torch._foreach_lerp_(momenta, gradients, 1 - group["momentum"])
                x = torch.stack(torch._foreach_lerp(gradients, momenta, group["momentum"]))
                x = x.permute(0, 3, 1, 2).flatten(0, 1) if x.ndim == 4 else x
                tall = x.shape[1] > x.shape[2]
                x = x.mT if tall else x
                x = (x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)).to(self.dtype)
                for _ in range(4):
                    square = x @ x.mT
                    x = 3.4445 * x + (2.0315 * square @ square - 4.7750 * square) @ x
                x = x.mT if tall else x
                taps = shape[2] if len(shape) == 3 else 1
                update = x.unflatten(0, (-1, taps)).permute(0, 2, 3, 1).reshape(len(members), *shape)
                update = update.float() * (-group["lr"] * 0.2 * max(x.shape[1:]) ** 0.5)
                torch._foreach_mul_(members, 1 - group["lr"] * group["decay"])
                torch._foreach_add_(members, list(update))


class Batches(torch.utils.data.Dataset):
    """The scenes of a step: mel [B, 2A, 100], motion [B, S, 8], vectors [B, S, 384], text [B, 384]."""

    def __init__(self, cache, seed, scale):
        self.cache, self.seed, self.scale, self.scenes = cache, seed, scale, None

    def __getitem__(self, step):
        self.scenes = self.scenes or Scenes(self.cache, self.seed)
        random = np.random.default_rng((self.seed, 1, step))
        latents, batch, _ = LENGTHS[random.choice(len(LENGTHS), p=[share for _, _, share in LENGTHS])]
        first = step * LENGTHS[0][1] * self.scale
        parts = [self.scenes.scene(first + i, latents) for i in range(batch * self.scale)]
        return tuple(torch.from_numpy(np.stack(column)) for column in zip(*parts))


class Step:
    """One update of the weights and of their average. On a GPU it is captured, once for every length, and replayed."""

    def __init__(self, model, average, optimizers, basis, coherence, bf16):
        self.model, self.average, self.optimizers, self.basis = model, average, optimizers, basis
        self.coherence, self.bf16 = coherence, bf16
        self.variance = basis["variance"]
        self.weight = self.variance.sqrt() / self.variance.sqrt().mean()
        self.keep = torch.zeros((), device=self.variance.device)
        self.captured, self.stream = {}, torch.cuda.Stream() if self.keep.is_cuda else None

    def run(self, mel, motion, vectors, text, noise, t):
        """noise [B, A, C] and t [B, 1, 1] as in x = t z + s n -> loss."""
        variance, sigma = self.variance, 1 - t
        z = to_latents(mel, self.basis)
        deviation = (t**2 * variance + sigma**2).sqrt()
        x = t * z + sigma * noise
        target = (z - t * variance / deviation**2 * x) * deviation / (variance.sqrt() * sigma)
        with torch.autocast(mel.device.type, torch.bfloat16, enabled=self.bf16):
            predicted = self.model(x / deviation, 1000 * sigma[:, 0, 0], *conditions(motion, vectors, text))
        error = predicted.float() - target
        loss = (error**2 * self.weight).mean()
        total = loss + self.coherence * ((error[:, 1:] - error[:, :-1]) ** 2 * self.weight).mean()
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
        with torch.no_grad():
            averages = list(self.average.values())
            torch._foreach_mul_(averages, self.keep)
            torch._foreach_add_(averages, torch._foreach_mul(list(self.model.state_dict().values()), 1 - self.keep))
        self.model.zero_grad(set_to_none=False)
        return loss.detach()

    def __call__(self, *inputs):
        if not inputs[0].is_cuda:
            return self.run(*inputs)
        shape = inputs[0].shape
        self.stream.wait_stream(torch.cuda.current_stream())
        if shape not in self.captured:
            # An ordinary step first, for what is allocated only once. Capturing itself updates nothing.
            self.captured[shape] = None
            with torch.cuda.stream(self.stream):
                loss = self.run(*inputs)
            torch.cuda.current_stream().wait_stream(self.stream)
            return loss
        if self.captured[shape] is None:
            held = [part.clone() for part in inputs]
            graph = torch.cuda.CUDAGraph()
            torch.cuda.synchronize()
            with torch.cuda.graph(graph, stream=self.stream, capture_error_mode="thread_local"):
                loss = self.run(*held)
            self.captured[shape] = graph, held, loss
        graph, held, loss = self.captured[shape]
        for mine, given in zip(held, inputs):
            mine.copy_(given)
        graph.replay()
        return loss.clone()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("cache", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("--until", type=int, default=100_000, help="stop at this step")
    parser.add_argument("--decay-from", type=int, help="from here the learning rate falls linearly to 5 %% at --until")
    parser.add_argument("--seconds", type=float, help="stop after this time; the learning rate falls in its second half")
    parser.add_argument("--rate", type=float, default=1e-3, help="of AdamW; Muon's is --muon-factor times as large")
    parser.add_argument("--muon-factor", type=float, default=2.5)
    parser.add_argument("--optimizer", choices=("adamw", "muon"), default="muon")
    parser.add_argument("--coherence", type=float, default=0.25, help="weight of the error of adjacent differences")
    parser.add_argument("--width", type=int, default=192)
    parser.add_argument("--triple", type=int, default=2)
    parser.add_argument("--single", type=int, default=6)
    parser.add_argument("--start", type=Path, help="a new run begins with the weights of this exported model")
    parser.add_argument("--first-step", type=int, default=0, help="where a new run counts from: other steps, other scenes")
    parser.add_argument("--scale-batch", type=int, default=1, help="so many times the usual scenes in a step")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--workers", type=int, default=0, help="processes that make scenes")
    parser.add_argument("--bf16", action="store_true",
                        help="products in bfloat16: three times as fast where the processor has them (avx512_bf16)")
    arguments = parser.parse_args()
    device, on_gpu = arguments.device, arguments.device == "cuda"
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    arguments.run.mkdir(parents=True, exist_ok=True)

    checkpoint = arguments.run / "checkpoint.pt"
    started = arguments.start and not checkpoint.exists() and start_from(arguments.start, arguments.cache)
    basis = {key: value.to(device) for key, value in latent_basis(arguments.cache).items()}
    model = Generator(arguments.width, arguments.width // 64, arguments.triple, arguments.single, CHANNELS)
    if started:
        model.load_state_dict(started)
    model.to(device)
    average = {key: value.clone() for key, value in model.state_dict().items()}
    matrices, rest = [], []
    for name, p in model.named_parameters():
        p.grad = torch.zeros_like(p)
        inner = "_blocks." in name and "mod" not in name and p.ndim >= 2
        (matrices if inner and arguments.optimizer == "muon" else rest).append(p)
    rate = torch.tensor(arguments.rate, device=device)
    optimizers = [torch.optim.AdamW(rest, rate.clone() if on_gpu else arguments.rate, (0.9, 0.95), weight_decay=0.01,
                                    capturable=on_gpu, fused=on_gpu)]
    if matrices:
        optimizers.insert(0, Muon(matrices, rate.clone(), torch.bfloat16 if arguments.bf16 else torch.float32))
    factors = [arguments.muon_factor if isinstance(one, Muon) else 1 for one in optimizers]
    step = first = arguments.first_step
    if checkpoint.exists():
        stored = torch.load(checkpoint, weights_only=False, map_location=device)
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
    batches = torch.utils.data.DataLoader(
        Batches(arguments.cache, arguments.seed, arguments.scale_batch), batch_size=None,
        sampler=range(step, arguments.until), num_workers=arguments.workers, pin_memory=on_gpu,
        prefetch_factor=8 if arguments.workers else None)
    update = Step(model, average, optimizers, basis, arguments.coherence, arguments.bf16)
    losses, began, start = [], time.time(), time.time()
    for batch in batches:
        share = (time.time() - start) / arguments.seconds if arguments.seconds else 0
        if stopping or share >= 1:
            break
        batch = [part.to(device, non_blocking=True) for part in batch]
        count, latents = len(batch[0]), batch[0].shape[1] // 2
        generator = torch.Generator().manual_seed(step)
        noise = torch.randn((count, latents, CHANNELS), generator=generator)
        t = torch.sigmoid(torch.randn(count, 1, 1, generator=generator) - 0.4)
        factor = min(1, (step - first + 1) / 100)
        if arguments.decay_from is not None and step > arguments.decay_from:
            factor *= 1 - 0.95 * (step - arguments.decay_from) / (arguments.until - arguments.decay_from)
        factor *= 1 - 0.98 * max(0, 2 * share - 1)
        for optimizer, its in zip(optimizers, factors):
            for group in optimizer.param_groups:
                if torch.is_tensor(group["lr"]):
                    group["lr"].fill_(arguments.rate * factor * its)
                else:
                    group["lr"] = arguments.rate * factor * its
        step += 1
        update.keep.fill_(min(0.998, (1 + step) / (10 + step)))
        losses.append(update(*batch, noise.to(device, non_blocking=True), t.to(device, non_blocking=True)))
        if step % (250 if on_gpu else 25) == 0:
            mean = torch.stack(losses).mean().item()
            pace = (time.time() - began) / len(losses)
            writer.writerow([step, f"{mean:.4f}", f"{time.time() - began:.0f}"])
            log.flush()
            print(step, f"loss {mean:.4f}", f"{pace:.4f} s/step", flush=True)
            losses, began = [], time.time()
        if step % (5000 if on_gpu else 250) == 0:
            save()
    save()


if __name__ == "__main__":
    main()
