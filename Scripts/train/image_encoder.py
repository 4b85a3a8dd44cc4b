"""EfficientNet-Lite0 class scores from `vision.safetensors`, in plain PyTorch.

The stored network has its batch norms folded and its kernels channels-last; this is the reading of
it that training and evaluation use, and the reference for the program's own.
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file

SIZE = 224
# Stage by stage: blocks, kernel, stride of the first block, output channels.
STAGES = [
    (1, 3, 1, 16),
    (2, 3, 2, 24),
    (2, 5, 2, 40),
    (3, 3, 2, 80),
    (3, 5, 1, 112),
    (4, 5, 2, 192),
    (1, 3, 1, 320),
]


def strides():
    """The stride of each of the 16 blocks."""
    return [stride if i == 0 else 1 for count, _, stride, _ in STAGES for i in range(count)]


def padded(x, kernel, stride):
    """TensorFlow's "same" padding of [B, C, H, W]: what is odd goes to the right and the bottom."""
    sides = []
    for extent in (x.shape[3], x.shape[2]):
        total = max((-(-extent // stride) - 1) * stride + kernel - extent, 0)
        sides += [total // 2, total - total // 2]
    return F.pad(x, sides)


def prepared(picture):
    """A Pillow picture as network input [3, 224, 224]: its centred square, (x - 127) / 128."""
    import numpy
    from PIL import Image

    picture = picture.convert("RGB")
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    box = (left, top, left + side, top + side)
    picture = picture.resize((SIZE, SIZE), Image.Resampling.BICUBIC, box=box)
    return (torch.from_numpy(numpy.array(picture)).permute(2, 0, 1).float() - 127) / 128


class ImageEncoder:
    """Callable: images [B, 3, 224, 224], values (x - 127) / 128 -> logits [B, 1000] f32."""

    def __init__(self, weights):
        """`weights`: dictionary of tensors, or the path of a safetensors file."""
        if isinstance(weights, (str, Path)):
            weights = load_file(weights)
        self.weights = {key: value.float() for key, value in weights.items()}

    @torch.inference_mode()
    def __call__(self, images):
        w = self.weights
        x = padded(images, 3, 2)
        x = F.relu6(F.conv2d(x, w["stem.weight"].permute(0, 3, 1, 2), w["stem.bias"], stride=2))
        for i, stride in enumerate(strides()):
            y = x
            if f"blocks.{i}.expand.weight" in w:
                y = F.relu6(self.pointwise(y, f"blocks.{i}.expand"))
            kernel = w[f"blocks.{i}.depthwise.weight"].permute(2, 0, 1)[:, None]
            y = F.relu6(F.conv2d(padded(y, kernel.shape[2], stride), kernel,
                                 w[f"blocks.{i}.depthwise.bias"], stride=stride,
                                 groups=kernel.shape[0]))
            y = self.pointwise(y, f"blocks.{i}.project")
            x = x + y if stride == 1 and x.shape == y.shape else y
        x = F.relu6(self.pointwise(x, "head")).mean((2, 3))
        return F.linear(x, w["classifier.weight"], w["classifier.bias"])

    def pointwise(self, x, name):
        return F.conv2d(x, self.weights[name + ".weight"][:, :, None, None],
                        self.weights[name + ".bias"])
