"""The published transformer in PyTorch, as fast as PyTorch runs it: what foley-bench is compared with.

The network is that of Scripts/train/model.py at the published sizes, with random weights in single precision;
`--check DIR` proves it on a recorded output of the reference implementation. PyTorch gets its best: inference mode,
fused attention, and for the convolutions whatever is quickest (`--convolution`): its own on channels-first memory as
published, or a matrix product over weights laid out beforehand.

`--savings none` computes as the published code does: modulation for each token, text projected in every step.
`--savings all` leaves out what foley leaves out, too.

With `--wait`, prints `ready`, waits for a line, runs once, prints wall and processor seconds; else runs by itself.
"""

import argparse
import pathlib
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "train"))
import model as published  # noqa: E402
from model import attend, earlier, heads, later, norm, rotary_table, rotate  # noqa: E402
from turns import take_turns  # noqa: E402

SIZES = {
    "random:xl": dict(width=1408, count=11, triple=12, single=24),
    "random:xxl": dict(width=1536, count=12, triple=18, single=36),
}
CHANNELS = dict(channels=128, text=768, visual=768, sync=768)
LATENTS, PICTURES, SYNC, TEXT = 400, 64, 192, 77


class Convolution(nn.Conv1d):
    """Kernel 1 or 3 over [B, T, C]; `layout` is `conv1d` (as published), `wide` or `sum` (matrix products)."""

    layout = "conv1d"
    packed = None

    def forward(self, x):
        if self.kernel_size[0] == 1:
            return F.linear(x, self.weight[:, :, 0], self.bias)
        if self.layout == "conv1d":
            return F.conv1d(x.transpose(1, 2), self.weight, self.bias, padding=1).transpose(1, 2)
        if self.layout == "wide":
            if self.packed is None:
                self.packed = self.weight.transpose(1, 2).flatten(1).contiguous()
            return F.linear(torch.cat((earlier(x), x, later(x)), -1), self.packed, self.bias)
        if self.packed is None:
            self.packed = self.weight.permute(2, 0, 1).flatten(0, 1).contiguous()
        parts = F.linear(x, self.packed).chunk(3, -1)
        result = earlier(parts[0]) + parts[1] + later(parts[2])
        return result if self.bias is None else result + self.bias


class ConvolutionalMLP(published.ConvolutionalMLP):
    packed = None

    def forward(self, x):
        if Convolution.layout != "wide" or self.w1.kernel_size[0] == 1:
            return self.w2(F.silu(self.w1(x)) * self.w3(x))
        if self.packed is None:
            self.packed = torch.cat((self.w1.weight, self.w3.weight)).transpose(1, 2).flatten(1).contiguous()
        gate, value = F.linear(torch.cat((earlier(x), x, later(x)), -1), self.packed).chunk(2, -1)
        return self.w2(F.silu(gate) * value)


def nearest_exact(inputs, outputs):
    factor = torch.tensor(inputs / outputs, dtype=torch.float32)
    return ((torch.arange(outputs, dtype=torch.float32) + 0.5) * factor).floor().long().clamp(max=inputs - 1)


class Rival(published.Generator):
    def __init__(self, savings, **sizes):
        super().__init__(**sizes)
        self.savings = savings
        self.parts = {}

    def prepare(self, latents, text, visual, sync):
        """What does not depend on the time, in either variant, as the published sampler has it at hand."""
        position, frames = torch.arange, visual.shape[1]
        self.tables = {
            "audio": rotary_table(2 * position(latents), self.size),
            "visual": rotary_table(2 * nearest_exact(latents, frames) + 1, self.size),
            "plain": rotary_table(position(latents), self.size),
            "plain visual": rotary_table(position(frames), self.size),
            "text": rotary_table(position(text.shape[1]), self.size),
        }
        self.inputs = (text, visual, sync)
        self.ready = self.conditions() if self.savings else None

    def conditions(self):
        text, visual, sync = self.inputs
        rows = (sync.unflatten(1, (-1, 8)) + self.sync_pos_emb).flatten(1, 2)
        sync = self.sync_in(rows)
        text, visual = self.cond_in(text), self.visual_proj(visual)
        if not self.savings:
            return text, visual, sync, None, None
        distinct, index = torch.unique(rows.flatten(0, 1), dim=0, return_inverse=True)
        first = torch.stack([(index == i).nonzero()[0, 0] for i in range(len(distinct))])
        states = []
        for block in self.triple_blocks:
            k, v = (heads(p, self.count) for p in block.text_cross_kv(text).chunk(2, -1))
            states.append((rotate(block.text_cross_k_norm(k), self.tables["text"]), v))
        return states, visual, sync, sync.flatten(0, 1)[first], index.view(len(sync), -1)

    def forward(self, x, when):
        began = time.perf_counter()
        text, visual, sync, distinct, index = self.ready or self.conditions()
        source = nearest_exact(sync.shape[1], x.shape[1])
        vector = self.time_in(when[:1] if self.savings else when)
        audio = self.audio_embedder(x) + sync[:, source]
        began = self.mark("ways in and out", began)
        for number, block in enumerate(self.triple_blocks):
            audio, visual = self.triple(block, audio, visual, text[number] if self.savings else text, vector)
        began = self.mark("triple blocks", began)
        # Modulation for each token as published, or for each distinct row.
        condition = distinct + vector if self.savings else sync[:, source] + vector[:, None]
        for block in self.single_blocks:
            audio = self.single(block, audio, condition, index[:, source] if self.savings else None)
        began = self.mark("single blocks", began)
        result = self.final_layer(audio)
        self.mark("ways in and out", began)
        return result

    def mark(self, name, began):
        now = time.perf_counter()
        self.parts[name] = self.parts.get(name, 0) + now - began
        return now

    def triple(self, block, audio, visual, text, vector):
        if not self.savings:
            return block(audio, visual, text, vector, self.tables)
        return known_text(block, audio, visual, text, vector, self.tables)

    def single(self, block, x, condition, index):
        n, table = block.count, self.tables["plain"]
        m = block.modulation(condition)
        if index is not None:
            m = [part[index] for part in m]
        q, k, v = block.linear_qkv(norm(x, m[0], m[1], 1e-5)).unflatten(-1, (n, -1, 3)).transpose(1, 2).unbind(-1)
        mixed = attend(rotate(block.q_norm(q), table), rotate(block.k_norm(k), table), v)
        x = x + m[2] * block.linear1(mixed)
        return x + m[5] * block.linear2(norm(x, m[3], m[4], 1e-5))


def known_text(block, audio, visual, text, vector, tables):
    """As TripleBlock.forward, with the text's keys and values computed before."""
    n, split = block.count, [visual.shape[1], audio.shape[1]]
    a = [m[:, None] for m in block.audio_mod(vector)]
    v = [m[:, None] for m in block.v_cond_mod(vector)]
    aq, ak, av = (heads(p, n) for p in block.audio_self_attn_qkv(norm(audio, a[0], a[1], 1e-6)).chunk(3, -1))
    vq, vk, vv = (heads(p, n) for p in block.v_cond_attn_qkv(norm(visual, v[0], v[1], 1e-6)).chunk(3, -1))
    aq, ak = (rotate(x, tables["audio"]) for x in (block.audio_self_q_norm(aq), block.audio_self_k_norm(ak)))
    vq, vk = (rotate(x, tables["visual"]) for x in (block.v_cond_attn_q_norm(vq), block.v_cond_attn_k_norm(vk)))
    mixed = attend(torch.cat((vq, aq), 2), torch.cat((vk, ak), 2), torch.cat((vv, av), 2))
    mixed_visual, mixed_audio = mixed.split(split, 1)
    audio = audio + a[2] * block.audio_self_proj(mixed_audio)
    visual = visual + v[2] * block.v_cond_self_proj(mixed_visual)
    aq = heads(block.audio_cross_q(norm(audio, a[3], a[4], 1e-6)), n)
    vq = heads(block.v_cond_cross_q(norm(visual, v[3], v[4], 1e-6)), n)
    aq = rotate(block.audio_cross_q_norm(aq), tables["plain"])
    vq = rotate(block.v_cond_cross_q_norm(vq), tables["plain visual"])
    mixed_visual, mixed_audio = attend(torch.cat((vq, aq), 2), *text).split(split, 1)
    audio = audio + a[5] * block.audio_cross_proj(mixed_audio)
    visual = visual + v[5] * block.v_cond_cross_proj(mixed_visual)
    audio = audio + a[8] * block.audio_mlp(norm(audio, a[6], a[7], 1e-6))
    return audio, visual + v[8] * block.v_cond_mlp(norm(visual, v[6], v[7], 1e-6))


def build(savings, layout, **sizes):
    published.Convolution, published.ConvolutionalMLP = Convolution, ConvolutionalMLP
    Convolution.layout = layout
    with torch.device("meta"):
        rival = Rival(savings, **sizes)
    rival = rival.to_empty(device="cpu").eval()
    for parameter in rival.parameters():
        fan = parameter[0].numel() if parameter.dim() > 1 else 1
        parameter.data.uniform_(-1, 1).mul_((3 / fan) ** 0.5)
    return rival


def check(folder, layout):
    """Relative L2 distances of both variants from the recorded output."""
    import json

    from safetensors.torch import load_file

    folder = pathlib.Path(folder)
    description = json.loads((folder / "fixture.json").read_text())
    sizes = description["config"]["model_kwargs"]
    recorded, weights = load_file(folder / "io.safetensors"), load_file(folder / description["weights"])
    for savings in (False, True):
        rival = build(
            savings, layout, width=sizes["hidden_size"], count=sizes["num_heads"],
            triple=sizes["depth_triple_blocks"], single=sizes["depth_single_blocks"],
            channels=sizes.get("audio_vae_latent_dim", 128), text=sizes.get("condition_dim", 768),
            visual=sizes.get("clip_dim", 768), sync=sizes.get("sync_feat_dim", 768))
        missing, _ = rival.load_state_dict(weights, strict=False)
        assert not missing, missing
        x = recorded["x"].transpose(1, 2)
        rival.prepare(x.shape[1], recorded["cond"], recorded["clip_feat"], recorded["sync_feat"])
        answer, truth = rival(x, recorded["t"]).transpose(1, 2), recorded["out64.x"]
        error = ((answer - truth).norm() / truth.norm()).item()
        print(f"{folder.name}, savings {savings}: relative L2 {error:.1e}")
        assert error < 1e-5


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=SIZES, default="random:xl")
    parser.add_argument("--blocks", help="only so many triple and single blocks, such as 1,2; times are multiplied")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--convolution", choices=("conv1d", "wide", "sum"), default="conv1d")
    parser.add_argument("--savings", choices=("none", "all"), default="none")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--wait", action="store_true")
    parser.add_argument("--check", metavar="DIR", help="compare with a recorded output, and end")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    with torch.inference_mode():
        if options.check:
            return check(options.check, options.convolution)
        whole = SIZES[options.model]
        sizes = dict(whole)
        if options.blocks:
            sizes["triple"], sizes["single"] = (int(count) for count in options.blocks.split(","))
        rival = build(options.savings == "all", options.convolution, **sizes, **CHANNELS)
        times = {"triple blocks": whole["triple"] / sizes["triple"], "single blocks": whole["single"] / sizes["single"]}
        visual, sync = torch.randn(2, PICTURES, 768), torch.randn(2, SYNC, 768)
        visual[0], sync[0] = rival.empty_clip_feat, rival.empty_sync_feat
        rival.prepare(LATENTS, torch.randn(2, TEXT, 768), visual, sync)
        x = torch.randn(1, LATENTS, 128).expand(2, -1, -1)
        time_left = iter(range(1000, 0, -1))

        def step():
            rival.parts = {}
            rival(x, torch.full((2,), float(next(time_left))))
            return sum(seconds * times.get(name, 1) for name, seconds in rival.parts.items())

        take_turns(step, options.repeat, options.wait)


if __name__ == "__main__":
    main()
