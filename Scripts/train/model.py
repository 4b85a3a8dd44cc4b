"""The generator: the published multimodal diffusion transformer (same keys, same arithmetic), small.

Legend: B batch, A latents, S sync tokens, V visual tokens, D width, H heads, C latent channels.
Only what training needs is here; Sources/Networks/DiffusionTransformer is the program's version.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn


def rotary_table(positions, size):
    """[N] positions -> cosines and sines [N, size / 2] of adjacent pairs."""
    frequencies = 10000.0 ** (-torch.arange(0, size, 2, dtype=torch.float32, device=positions.device) / size)
    angles = positions[:, None].float() * frequencies[None]
    return angles.cos(), angles.sin()


def rotate(x, table):
    """[B, H, N, d] with pairs (2k, 2k + 1) turned by the table's angles."""
    cosines, sines = table
    even, odd = x.unflatten(-1, (-1, 2)).unbind(-1)
    return torch.stack((even * cosines - odd * sines, odd * cosines + even * sines), -1).flatten(-2)


def heads(x, count):
    return x.unflatten(-1, (count, -1)).transpose(1, 2)


def attend(q, k, v):
    return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(-2)


def norm(x, shift, scale, epsilon):
    return F.layer_norm(x, x.shape[-1:], eps=epsilon) * (1 + scale) + shift


class Modulation(nn.Module):
    def __init__(self, width, factor):
        super().__init__()
        self.linear = nn.Linear(width, factor * width)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)
        self.factor = factor

    def forward(self, condition):
        return self.linear(F.silu(condition)).chunk(self.factor, dim=-1)


def earlier(x):
    """Row t - 1 at row t, zero at the start."""
    return F.pad(x[:, :-1], (0, 0, 1, 0))


def later(x):
    return F.pad(x[:, 1:], (0, 0, 0, 1))


class Convolution(nn.Conv1d):
    """Channels last, kernel 1 or 3; as one matrix product, quicker on a CPU than the library's convolution."""

    def forward(self, x):
        if self.kernel_size[0] == 1:
            return F.linear(x, self.weight[:, :, 0], self.bias)
        parts = F.linear(x, self.weight.permute(2, 0, 1).flatten(0, 1)).chunk(3, -1)
        result = earlier(parts[0]) + parts[1] + later(parts[2])
        return result if self.bias is None else result + self.bias


class ConvolutionalMLP(nn.Module):
    def __init__(self, width, kernel):
        super().__init__()
        hidden = 256 * math.ceil(int(2 * 4 * width / 3) / 256)
        self.w1 = Convolution(width, hidden, kernel, bias=False)
        self.w2 = Convolution(hidden, width, kernel, bias=False)
        self.w3 = Convolution(width, hidden, kernel, bias=False)

    def forward(self, x):
        if self.w1.kernel_size[0] == 1:
            return self.w2(F.silu(self.w1(x)) * self.w3(x))
        wide = torch.cat((earlier(x), x, later(x)), dim=-1)
        weight = torch.cat((self.w1.weight, self.w3.weight)).transpose(1, 2).flatten(1)
        a, b = F.linear(wide, weight).chunk(2, dim=-1)
        return self.w2(F.silu(a) * b)


class GatedMLP(nn.Module):
    def __init__(self, inputs, width):
        super().__init__()
        self.w1 = nn.Linear(inputs, width, bias=False)
        self.w2 = nn.Linear(width, width, bias=False)
        self.w3 = nn.Linear(inputs, width, bias=False)

    def forward(self, x):
        return self.w2(F.silu(self.w1(x)) * self.w3(x))


class MLP(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x):
        return self.fc2(F.gelu(self.fc1(x), approximate="tanh"))


class HeadNorm(nn.Module):
    def __init__(self, size, epsilon):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.epsilon = epsilon

    def forward(self, x):
        return F.rms_norm(x, x.shape[-1:], self.weight, self.epsilon)


class TripleBlock(nn.Module):
    def __init__(self, width, count):
        super().__init__()
        self.count = count
        size = width // count
        for stream in ("audio", "v_cond"):
            attention = "audio_self_attn" if stream == "audio" else "v_cond_attn"
            normed = "audio_self" if stream == "audio" else "v_cond_attn"
            self.add_module(f"{stream}_mod", Modulation(width, 9))
            self.add_module(f"{attention}_qkv", nn.Linear(width, 3 * width))
            self.add_module(f"{normed}_q_norm", HeadNorm(size, 1e-6))
            self.add_module(f"{normed}_k_norm", HeadNorm(size, 1e-6))
            self.add_module(f"{stream}_self_proj", nn.Linear(width, width))
            self.add_module(f"{stream}_cross_q", nn.Linear(width, width))
            self.add_module(f"{stream}_cross_q_norm", HeadNorm(size, 1e-6))
            self.add_module(f"{stream}_cross_proj", nn.Linear(width, width))
            self.add_module(f"{stream}_mlp", MLP(width))
        self.text_cross_kv = nn.Linear(width, 2 * width)
        self.text_cross_k_norm = HeadNorm(size, 1e-6)

    def forward(self, audio, visual, text, time, tables):
        n = self.count
        a = [m[:, None] for m in self.audio_mod(time)]
        v = [m[:, None] for m in self.v_cond_mod(time)]
        aq, ak, av = (heads(p, n) for p in self.audio_self_attn_qkv(norm(audio, a[0], a[1], 1e-6)).chunk(3, -1))
        vq, vk, vv = (heads(p, n) for p in self.v_cond_attn_qkv(norm(visual, v[0], v[1], 1e-6)).chunk(3, -1))
        aq, ak = (rotate(x, tables["audio"]) for x in (self.audio_self_q_norm(aq), self.audio_self_k_norm(ak)))
        vq, vk = (rotate(x, tables["visual"]) for x in (self.v_cond_attn_q_norm(vq), self.v_cond_attn_k_norm(vk)))
        mixed = attend(torch.cat((vq, aq), 2), torch.cat((vk, ak), 2), torch.cat((vv, av), 2))
        split = [visual.shape[1], audio.shape[1]]
        mixed_visual, mixed_audio = mixed.split(split, 1)
        audio = audio + a[2] * self.audio_self_proj(mixed_audio)
        visual = visual + v[2] * self.v_cond_self_proj(mixed_visual)

        aq = rotate(self.audio_cross_q_norm(heads(self.audio_cross_q(norm(audio, a[3], a[4], 1e-6)), n)), tables["plain"])
        vq = self.v_cond_cross_q_norm(heads(self.v_cond_cross_q(norm(visual, v[3], v[4], 1e-6)), n))
        vq = rotate(vq, tables["plain visual"])
        k, value = (heads(p, n) for p in self.text_cross_kv(text).chunk(2, -1))
        k = rotate(self.text_cross_k_norm(k), tables["text"])
        mixed_visual, mixed_audio = attend(torch.cat((vq, aq), 2), k, value).split(split, 1)
        audio = audio + a[5] * self.audio_cross_proj(mixed_audio)
        visual = visual + v[5] * self.v_cond_cross_proj(mixed_visual)

        audio = audio + a[8] * self.audio_mlp(norm(audio, a[6], a[7], 1e-6))
        visual = visual + v[8] * self.v_cond_mlp(norm(visual, v[6], v[7], 1e-6))
        return audio, visual


class SingleBlock(nn.Module):
    def __init__(self, width, count):
        super().__init__()
        self.count = count
        self.modulation = Modulation(width, 6)
        self.linear_qkv = nn.Linear(width, 3 * width)
        self.linear1 = Convolution(width, width, 3)
        self.linear2 = ConvolutionalMLP(width, 3)
        self.q_norm = HeadNorm(width // count, 2.0**-23)
        self.k_norm = HeadNorm(width // count, 2.0**-23)

    def forward(self, x, condition, repeat, table):
        m = [part.repeat_interleave(repeat, 1) for part in self.modulation(condition)]
        # Packed (H D K), K fastest.
        q, k, v = self.linear_qkv(norm(x, m[0], m[1], 1e-5)).unflatten(-1, (self.count, -1, 3)).transpose(1, 2).unbind(-1)
        mixed = attend(rotate(self.q_norm(q), table), rotate(self.k_norm(k), table), v)
        x = x + m[2] * self.linear1(mixed)
        return x + m[5] * self.linear2(norm(x, m[3], m[4], 1e-5))


class TimeEmbedder(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(256, width), nn.SiLU(), nn.Linear(width, width))

    def forward(self, time):
        """[B] in 0...1000 -> [B, D]"""
        frequencies = torch.exp(-math.log(10000) * torch.arange(128, dtype=torch.float32, device=time.device) / 128)
        angles = time[:, None] * frequencies[None]
        return self.mlp(torch.cat((angles.cos(), angles.sin()), -1))


class FinalLayer(nn.Module):
    def __init__(self, width, channels):
        super().__init__()
        self.linear = nn.Linear(width, channels)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, x):
        # The published final layer's adaLN has no effect (its modulation is dropped), so there is none.
        return self.linear(F.layer_norm(x, x.shape[-1:], eps=1e-6))


class Projection(nn.Module):
    def __init__(self, inputs, width):
        super().__init__()
        self.linear_1 = nn.Linear(inputs, width)
        self.linear_2 = nn.Linear(width, width)

    def forward(self, x):
        return self.linear_2(F.silu(self.linear_1(x)))


class Embedder(nn.Module):
    def __init__(self, channels, width):
        super().__init__()
        self.proj = Convolution(channels, width, 1)

    def forward(self, x):
        return self.proj(x)


class Generator(nn.Module):
    def __init__(self, width=192, count=3, triple=2, single=6, channels=64, text=384, visual=384, sync=392):
        super().__init__()
        self.settings = dict(
            width=width, heads=count, tripleBlocks=triple, singleBlocks=single, latentChannels=channels,
            textWidth=text, visualWidth=visual, syncWidth=sync)
        self.count, self.size = count, width // count
        self.sync_pos_emb = nn.Parameter(torch.zeros(1, 1, 8, sync))
        self.empty_clip_feat = nn.Parameter(torch.zeros(1, visual))
        self.empty_sync_feat = nn.Parameter(torch.zeros(1, sync))
        self.audio_embedder = Embedder(channels, width)
        self.visual_proj = GatedMLP(visual, width)
        self.cond_in = Projection(text, width)
        self.time_in = TimeEmbedder(width)
        self.sync_in = nn.Sequential(nn.Linear(sync, width), nn.SiLU(), ConvolutionalMLP(width, 1))
        self.triple_blocks = nn.ModuleList(TripleBlock(width, count) for _ in range(triple))
        self.single_blocks = nn.ModuleList(SingleBlock(width, count) for _ in range(single))
        self.final_layer = FinalLayer(width, channels)
        # With the library's initial scales the gated products shrink the conditions a hundredfold, and
        # after a thousand steps they are still ignored; so every condition starts at about unit variance.
        mlp = self.sync_in[2]
        for layer, gain in (
            (self.sync_in[0], 1.0), (mlp.w1, 1.7), (mlp.w3, 1.7), (mlp.w2, 1.2),
            (self.cond_in.linear_1, 1.0), (self.cond_in.linear_2, 1.7),
            (self.visual_proj.w1, 1.0), (self.visual_proj.w3, 1.0), (self.visual_proj.w2, 1.8),
            (self.time_in.mlp[0], 1.4), (self.time_in.mlp[2], 1.7),
        ):
            nn.init.normal_(layer.weight, std=gain / layer.weight.shape[1] ** 0.5)

    def forward(self, x, time, text, visual, sync):
        """x [B, A, C], time [B] in 0...1000, text [B, L, 384], visual [B, V, 384], sync [B, S, 392], S divides A."""
        latents, frames, repeat = x.shape[1], visual.shape[1], x.shape[1] // sync.shape[1]

        def position(count):
            return torch.arange(count, device=x.device)

        tables = {
            "audio": rotary_table(2 * position(latents), self.size),
            "visual": rotary_table(2 * torch.floor((position(frames) + 0.5) * latents / frames) + 1, self.size),
            "plain": rotary_table(position(latents), self.size),
            "plain visual": rotary_table(position(frames), self.size),
            "text": rotary_table(position(text.shape[1]), self.size),
        }
        time = self.time_in(time)
        sync = self.sync_in((sync.unflatten(1, (-1, 8)) + self.sync_pos_emb).flatten(1, 2))
        audio = self.audio_embedder(x) + sync.repeat_interleave(repeat, 1)
        visual, text = self.visual_proj(visual), self.cond_in(text)
        for block in self.triple_blocks:
            audio, visual = block(audio, visual, text, time, tables)
        for block in self.single_blocks:
            audio = block(audio, sync + time[:, None], repeat, tables["plain"])
        return self.final_layer(audio)
