"""The DAC sound decoder in PyTorch: what foley-bench is compared with.

At the published size with random weights; weight normalisation is folded beforehand. `--check DIR` compares it with a
recorded fixture. `--fused-snake` lets TorchScript fuse the activation, which the published code does too.

With `--wait`, prints `ready`, waits for a line, runs once, prints wall and processor seconds; else runs by itself.
"""

import argparse
import json
import math

import torch
from torch import nn

from turns import take_turns

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


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--latents", type=int, default=400)
    parser.add_argument("--fused-snake", action="store_true")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--wait", action="store_true")
    parser.add_argument("--check", metavar="DIR", help="compare with a recorded output, and end")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    if options.fused_snake:
        Snake.function = torch.jit.script(plain_snake)
    with torch.inference_mode():
        if options.check:
            return check(options.check)
        model, latents = Decoder(WIDTH, RATES, LATENT), torch.randn(1, LATENT, options.latents)
        take_turns(lambda: model(latents), options.repeat, options.wait)


if __name__ == "__main__":
    main()
