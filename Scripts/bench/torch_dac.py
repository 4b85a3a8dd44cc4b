"""The DAC sound decoder in PyTorch, as a rival for `foley-bench decoder`.

    torch_dac.py --check FOLDER    compares it with a recorded fixture
    torch_dac.py --latents 400     times it at the published size, with random weights

Weight normalisation is folded beforehand. Run it in turns with `foley-bench decoder --latents 400
--threads N`, under OMP_NUM_THREADS=N. Seconds are those of the clock and, in brackets, of the processor.
"""

import argparse
import json
import math
import statistics
import time

import torch
from torch import nn

WIDTH, RATES, LATENT = 2048, [8, 5, 4, 3, 2], 128


def plain_snake(x, alpha):
    return x + (alpha + 1e-9).reciprocal() * torch.sin(alpha * x).pow(2)


class Snake(nn.Module):
    function = staticmethod(plain_snake)

    def __init__(self, channels):
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(1, channels, 1))

    def forward(self, x):
        return Snake.function(x, self.alpha)


class Unit(nn.Module):
    def __init__(self, channels, dilation):
        super().__init__()
        self.block = nn.Sequential(
            Snake(channels),
            nn.Conv1d(channels, channels, 7, dilation=dilation, padding=3 * dilation),
            Snake(channels),
            nn.Conv1d(channels, channels, 1),
        )

    def forward(self, x):
        return x + self.block(x)


class Stage(nn.Module):
    def __init__(self, channels, rate):
        super().__init__()
        half = channels // 2
        up = nn.ConvTranspose1d(
            channels, half, 2 * rate, rate, padding=math.ceil(rate / 2), output_padding=rate % 2
        )
        self.block = nn.Sequential(Snake(channels), up, Unit(half, 1), Unit(half, 3), Unit(half, 9))

    def forward(self, x):
        return self.block(x)


class Decoder(nn.Module):
    def __init__(self, width, rates, latent):
        super().__init__()
        self.post_quant_conv = nn.Conv1d(latent, latent, 1)
        last = width >> len(rates)
        self.decoder = nn.Module()
        self.decoder.model = nn.Sequential(
            nn.Conv1d(latent, width, 7, padding=3),
            *(Stage(width >> index, rate) for index, rate in enumerate(rates)),
            Snake(last),
            nn.Conv1d(last, 1, 7, padding=3),
            nn.Tanh(),
        )

    def forward(self, latents):
        return self.decoder.model(self.post_quant_conv(latents))


def folded(tensors):
    """Weights in place of directions and gains."""
    result = {}
    for key, value in tensors.items():
        if key.endswith("weight_v"):
            norm = value.pow(2).sum(dim=(1, 2), keepdim=True).sqrt()
            result[key.removesuffix("_v")] = value * tensors[key.removesuffix("v") + "g"] / norm
        elif not key.endswith("weight_g"):
            result[key] = value
    return result


def check(folder):
    from safetensors.torch import load_file

    with open(folder + "/fixture.json") as file:
        settings = json.load(file)["config"]["kwargs"]
    model = Decoder(settings["decoder_dim"], settings["decoder_rates"], settings["latent_dim"])
    model.load_state_dict(folded(load_file(folder + "/weights.safetensors")))
    recorded = load_file(folder + "/io.safetensors")
    for name in (key for key in recorded if not key.startswith("out")):
        expected = recorded["out64.audio." + name].double()
        error = (model(recorded[name]).double() - expected).norm() / expected.norm()
        print(f"{name}: relative L2 {error:.1e}")


def work(model, latents):
    """Multiplications and additions, each counted as one."""
    total = 0

    def count(module, inputs, output):
        nonlocal total
        places = inputs[0] if isinstance(module, nn.ConvTranspose1d) else output
        total += 2 * module.weight.numel() * places.shape[-1]

    hooks = [
        module.register_forward_hook(count)
        for module in model.modules()
        if isinstance(module, (nn.Conv1d, nn.ConvTranspose1d))
    ]
    model(latents)
    for hook in hooks:
        hook.remove()
    return total / 1e9


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", metavar="FOLDER")
    parser.add_argument("--latents", type=int, default=400)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--fused-snake", action="store_true", help="let TorchScript fuse the snakes")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.fused_snake:
        Snake.function = torch.jit.script(plain_snake)
    with torch.inference_mode():
        if arguments.check:
            return check(arguments.check)
        torch.manual_seed(1)
        model = Decoder(WIDTH, RATES, LATENT)
        latents = torch.randn(1, LATENT, arguments.latents)
        gigaflop = work(model, latents)
        runs = []
        for _ in range(arguments.repeats):
            begin, used = time.perf_counter(), time.process_time()
            model(latents)
            runs.append((time.perf_counter() - begin, time.process_time() - used))
            print("%.3f s (%.3f s)" % runs[-1], flush=True)
    wall, processor = (statistics.median(values) for values in zip(*runs))
    print(
        f"{arguments.latents} latents, {gigaflop:.1f} GFLOP: {wall:.3f} s, "
        f"{gigaflop / wall:.1f} GFLOP/s ({processor:.3f} s, {gigaflop / processor:.1f} GFLOP/s), "
        f"on PyTorch {torch.__version__}, {arguments.threads} thread(s)"
    )


if __name__ == "__main__":
    main()
