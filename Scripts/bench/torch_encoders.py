"""The published picture encoders in PyTorch, as fast as PyTorch runs them: what foley-bench is compared with.

SigLIP2's vision tower and Synchformer's visual extractor at the published sizes with random weights in single
precision, in inference mode, with fused attention. `--check DIR` proves them on recorded outputs of the reference.

With `--wait`, prints `ready`, waits for a line, runs once, prints wall and processor seconds; else runs by itself.
"""

import argparse
import json
import pathlib

import torch
import torch.nn.functional as F
from torch import nn

from turns import take_turns


def attend(q, k, v, heads):
    """[B, N, D], [B, M, D], [B, M, D] -> [B, N, D]"""
    q, k, v = (x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (q, k, v))
    return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)


class MLP(nn.Module):
    def __init__(self, width, hidden, approximate):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, hidden), nn.Linear(hidden, width)
        self.approximate = approximate

    def forward(self, x):
        return self.fc2(F.gelu(self.fc1(x), approximate=self.approximate))


class SelfAttention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
            self.add_module(name, nn.Linear(width, width))
        self.heads = heads

    def forward(self, x):
        return self.out_proj(attend(self.q_proj(x), self.k_proj(x), self.v_proj(x), self.heads))


class SigLIPLayer(nn.Module):
    def __init__(self, width, hidden, heads):
        super().__init__()
        self.self_attn = SelfAttention(width, heads)
        self.layer_norm1, self.layer_norm2 = nn.LayerNorm(width, 1e-6), nn.LayerNorm(width, 1e-6)
        self.mlp = MLP(width, hidden, "tanh")

    def forward(self, x):
        x = x + self.self_attn(self.layer_norm1(x))
        return x + self.mlp(self.layer_norm2(x))


class PoolingHead(nn.Module):
    def __init__(self, width, hidden, heads):
        super().__init__()
        self.probe = nn.Parameter(torch.randn(1, 1, width))
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.layernorm = nn.LayerNorm(width, 1e-6)
        self.mlp = MLP(width, hidden, "tanh")

    def forward(self, x):
        x = self.attention(self.probe.expand(x.shape[0], -1, -1), x, x, need_weights=False)[0]
        return (x + self.mlp(self.layernorm(x)))[:, 0]


class SigLIP2(nn.Module):
    def __init__(self, width=768, hidden=3072, layers=12, heads=12, side=512, patch=16):
        super().__init__()
        self.embeddings = nn.Module()
        self.embeddings.patch_embedding = nn.Conv2d(3, width, patch, patch)
        self.embeddings.position_embedding = nn.Embedding((side // patch) ** 2, width)
        self.encoder = nn.Module()
        self.encoder.layers = nn.ModuleList(SigLIPLayer(width, hidden, heads) for _ in range(layers))
        self.post_layernorm = nn.LayerNorm(width, 1e-6)
        self.head = PoolingHead(width, hidden, heads)

    def forward(self, pictures):
        x = self.embeddings.patch_embedding(pictures).flatten(2).transpose(1, 2)
        x = x + self.embeddings.position_embedding.weight
        for layer in self.encoder.layers:
            x = layer(x)
        return self.head(self.post_layernorm(x))


class DividedAttention(nn.Module):
    """Each place attends to itself in other frames, or each frame to itself; all to the first token as well."""

    def __init__(self, width, heads):
        super().__init__()
        self.qkv, self.proj, self.heads = nn.Linear(width, 3 * width), nn.Linear(width, width), heads

    def forward(self, x, frames, over_time):
        q, k, v = self.qkv(x).chunk(3, -1)
        first = attend(q[:, :1], k, v, self.heads)

        def grouped(y):
            y = y.unflatten(1, (frames, -1))
            return (y.transpose(1, 2) if over_time else y).flatten(0, 1)

        groups = x.shape[1] // frames if over_time else frames
        keys, values = (
            torch.cat((y[:, :1].repeat_interleave(groups, 0), grouped(y[:, 1:])), 1) for y in (k, v))
        rest = attend(grouped(q[:, 1:]), keys, values, self.heads).unflatten(0, (x.shape[0], groups))
        rest = (rest.transpose(1, 2) if over_time else rest).flatten(1, 2)
        return self.proj(torch.cat((first, rest), 1))


class DividedBlock(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        for name in ("norm1", "norm2", "norm3"):
            self.add_module(name, nn.LayerNorm(width, 1e-6))
        self.attn, self.timeattn = DividedAttention(width, heads), DividedAttention(width, heads)
        self.mlp = MLP(width, 4 * width, "none")

    def forward(self, x, frames):
        x = x + self.timeattn(self.norm3(x), frames, True)
        x = x + self.attn(self.norm1(x), frames, False)
        return x + self.mlp(self.norm2(x))


class SpatialAggregation(nn.Module):
    """A learned token gathers the places of each frame."""

    def __init__(self, width, heads):
        super().__init__()
        self.cls_token = nn.Parameter(torch.randn(1, 1, width))
        self.self_attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.norm1, self.norm2 = nn.LayerNorm(width, 1e-6), nn.LayerNorm(width, 1e-6)
        self.linear1, self.linear2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        x = torch.cat((self.cls_token.expand(x.shape[0], -1, -1), x), 1)
        y = self.norm1(x)
        x = x[:, :1] + self.self_attn(y[:, :1], y, y, need_weights=False)[0]
        return (x + self.linear2(F.gelu(self.linear1(self.norm2(x)))))[:, 0]


class Synchformer(nn.Module):
    def __init__(self, width=768, depth=12, heads=12, side=224, frames=8, patch=16):
        super().__init__()
        places = (side // patch) ** 2
        self.patch_embed_3d = nn.Module()
        self.patch_embed_3d.proj = nn.Conv3d(3, width, (2, patch, patch), (2, patch, patch))
        self.cls_token = nn.Parameter(torch.randn(1, 1, width))
        self.pos_embed = nn.Parameter(torch.randn(1, 1 + places, width))
        self.temp_embed = nn.Parameter(torch.randn(1, frames, width))
        self.blocks = nn.ModuleList(DividedBlock(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width, 1e-6)
        self.spatial_attn_agg = SpatialAggregation(width, heads)

    def forward(self, segments):
        """[B, 3, 16, side, side] -> [B, 8, D]"""
        x = self.patch_embed_3d.proj(segments)
        frames = x.shape[2]
        x = x.flatten(3).permute(0, 2, 3, 1) + self.pos_embed[:, None, 1:] + self.temp_embed[:, :, None]
        first = (self.cls_token + self.pos_embed[:, :1]).expand(x.shape[0], -1, -1)
        x = torch.cat((first, x.flatten(1, 2)), 1)
        for block in self.blocks:
            x = block(x, frames)
        x = self.norm(x)[:, 1:].unflatten(1, (frames, -1))
        return self.spatial_attn_agg(x.flatten(0, 1)).unflatten(0, (-1, frames))


def check(folder):
    from safetensors.torch import load_file

    folder = pathlib.Path(folder)
    settings = json.loads((folder / "fixture.json").read_text())["config"]
    weights, recorded = load_file(folder / "weights.safetensors"), load_file(folder / "io.safetensors")
    if "vision" in settings:
        s = settings["vision"]
        rival = SigLIP2(
            s["hidden_size"], s["intermediate_size"], s["num_hidden_layers"], s["num_attention_heads"],
            s["image_size"], s["patch_size"])
        prefix, name = "vision_model.", "image_features"
        inputs = recorded["pixel_values"]
    else:
        s = settings["vit"]
        rival = Synchformer(s["embed_dim"], s["depth"], s["num_heads"])
        prefix, name = "vfeat_extractor.", "sync_feat"
        frames = (recorded["frames_u8"].float() / 255 - 0.5) / 0.5
        inputs = frames.unfold(0, 16, 8).permute(0, 1, 4, 2, 3)
    weights = {key.removeprefix(prefix): value for key, value in weights.items() if key.startswith(prefix)}
    missing, _ = rival.load_state_dict(weights, strict=False)
    assert not missing, missing
    answer, truth = rival(inputs).flatten(), recorded["out64." + name].flatten()
    error = ((answer - truth).norm() / truth.norm()).item()
    print(f"{folder.name}: relative L2 {error:.1e}")
    assert error < 1e-5


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stage", choices=("siglip2", "synchformer"), default="siglip2")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--wait", action="store_true")
    parser.add_argument("--check", metavar="DIR", help="compare with a recorded output, and end")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    with torch.inference_mode():
        if options.check:
            return check(options.check)
        if options.stage == "siglip2":
            rival, inputs = SigLIP2(), torch.randn(2, 3, 512, 512)
        else:
            rival, inputs = Synchformer(), torch.randn(2, 3, 16, 224, 224)
        take_turns(lambda: rival(inputs), options.repeat, options.wait)


if __name__ == "__main__":
    main()
