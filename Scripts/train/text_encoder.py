"""MiniLM (BERT) sentence vectors from `text.safetensors`, in plain PyTorch.

Training and evaluation read the very file that the product ships, rounding included, so a caption
has the same vector here as in the program.
"""

import math
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from tokenizers import BertWordPieceTokenizer

WIDTH = 384
HEADS = 12
LAYERS = 6
EPSILON = 1e-12
MAXIMUM_TOKENS = 256  # as in the sentence model's own configuration


def dequantised(tensors):
    """Joins each int8 matrix with the factors of its rows; everything else becomes f32."""
    result = {}
    for key, value in tensors.items():
        if key.endswith(".scale"):
            continue
        if value.dtype == torch.int8:
            result[key] = value.float() * tensors[key + ".scale"][:, None]
        else:
            result[key] = value.float()
    return result


class TextEncoder:
    """Callable: list of texts -> unit sentence vectors [texts, 384] f32."""

    def __init__(self, weights, vocabulary):
        """`weights`: dictionary of f32 tensors, or the path of a safetensors file."""
        if isinstance(weights, (str, Path)):
            weights = dequantised(load_file(weights))
        self.weights = weights
        self.tokenizer = BertWordPieceTokenizer(str(vocabulary), lowercase=True)
        self.tokenizer.enable_truncation(MAXIMUM_TOKENS)

    @torch.inference_mode()
    def __call__(self, texts, batch=64):
        texts = list(texts)
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        vectors = torch.empty(len(texts), WIDTH)
        for start in range(0, len(order), batch):
            chosen = order[start : start + batch]
            ids = [self.tokenizer.encode(texts[i]).ids for i in chosen]
            length = max(map(len, ids))
            tokens = torch.tensor([row + [0] * (length - len(row)) for row in ids])
            mask = torch.tensor([[1.0] * len(row) + [0.0] * (length - len(row)) for row in ids])
            states = self.states(tokens, mask)
            mean = (states * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
            vectors[chosen] = F.normalize(mean, dim=-1)
        return vectors

    def states(self, tokens, mask):
        """Token states [texts, tokens, 384] for ids [texts, tokens] and a 0/1 mask like them."""
        w = self.weights
        texts, length = tokens.shape
        x = w["embeddings.word_embeddings.weight"][tokens]
        x = x + w["embeddings.position_embeddings.weight"][:length]
        x = x + w["embeddings.token_type_embeddings.weight"][0]
        x = self.normalised(x, "embeddings.LayerNorm")
        bias = (mask - 1)[:, None, None, :] * 1e9
        for i in range(LAYERS):
            layer = f"encoder.layer.{i}"

            def heads(name):
                y = self.linear(x, f"{layer}.attention.self.{name}")
                return y.view(texts, length, HEADS, WIDTH // HEADS).transpose(1, 2)

            q, k, v = heads("query"), heads("key"), heads("value")
            scores = q @ k.transpose(-1, -2) / math.sqrt(WIDTH // HEADS) + bias
            y = (scores.softmax(-1) @ v).transpose(1, 2).reshape(texts, length, WIDTH)
            y = self.linear(y, f"{layer}.attention.output.dense")
            x = self.normalised(x + y, f"{layer}.attention.output.LayerNorm")
            y = F.gelu(self.linear(x, f"{layer}.intermediate.dense"))
            y = self.linear(y, f"{layer}.output.dense")
            x = self.normalised(x + y, f"{layer}.output.LayerNorm")
        return x

    def linear(self, x, name):
        return F.linear(x, self.weights[name + ".weight"], self.weights[name + ".bias"])

    def normalised(self, x, name):
        weight, bias = self.weights[name + ".weight"], self.weights[name + ".bias"]
        return F.layer_norm(x, (WIDTH,), weight, bias, EPSILON)
