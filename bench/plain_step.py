#!/usr/bin/env python3
"""CLIP's padded towers in Python, random weights: a step of CoOp, or images a second.

One JSON line: the seconds of every round, and the resident bytes above the weights.
"""
import argparse
import json
import time

import torch
from torch import nn
from torch.nn import functional


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = nn.MultiheadAttention(width, width // 64)
        self.fc, self.proj = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x, mask):  # (S, N, W), positions first as in the published code
        y = self.ln_1(x)
        x = x + self.attn(y, y, y, need_weights=False, attn_mask=mask)[0]
        y = self.fc(self.ln_2(x))
        return x + self.proj(y * torch.sigmoid(1.702 * y))


class Tower(nn.Module):
    def __init__(self, width, layers):
        super().__init__()
        self.blocks = nn.ModuleList(Block(width) for _ in range(layers))

    def forward(self, x, mask=None):  # (N, S, W)
        x = x.permute(1, 0, 2)
        for block in self.blocks:
            x = block(x, mask)
        return x.permute(1, 0, 2)


def status_bytes(field):
    with open("/proc/self/status", encoding="ascii") as lines:
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith(field + ":"))


def text_step(sizes, lengths):
    """A step of CoOp: names of these many tokens, four context rows, 32 images' features."""
    tower = Tower(sizes["text"], sizes["layers"]).requires_grad_(False)
    final = nn.LayerNorm(sizes["text"]).requires_grad_(False)
    classes, length = len(lengths), 77
    frozen = 0.02 * torch.randn(classes, length, sizes["text"])
    positions = 0.01 * torch.randn(length, sizes["text"])
    projection = torch.randn(sizes["text"], sizes["embed"]) / sizes["text"] ** 0.5
    mask = torch.full((length, length), float("-inf")).triu(1)
    end = torch.tensor(lengths) + 6  # after start, four rows, the name and "."
    context = nn.Parameter(0.02 * torch.randn(4, sizes["text"]))
    optimizer = torch.optim.SGD([context], lr=0.002)
    image = functional.normalize(torch.randn(32, sizes["embed"]), dim=-1)
    labels = torch.randint(classes, (32,))

    def step():
        rows = torch.cat([frozen[:, :1], context.expand(classes, -1, -1), frozen[:, 5:]], 1)
        x = final(tower(rows + positions, mask))
        text = functional.normalize(x[torch.arange(classes), end] @ projection, dim=-1)
        loss = functional.cross_entropy(100 * image @ text.t(), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def image_batch(sizes, batch):
    """One batch through the image tower."""
    width, rows = sizes["image"], 1 + (sizes["side"] // 16) ** 2
    tower = Tower(width, sizes["layers"]).requires_grad_(False)
    before, after = nn.LayerNorm(width), nn.LayerNorm(width)
    patches = nn.Conv2d(3, width, 16, 16, bias=False)
    first, positions = torch.randn(width), torch.randn(rows, width)
    projection = torch.randn(width, sizes["embed"])
    pixels = torch.randn(batch, 3, sizes["side"], sizes["side"])

    def step():
        with torch.no_grad():
            x = patches(pixels).flatten(2).transpose(1, 2)
            x = torch.cat([first.expand(batch, 1, width), x], 1) + positions
            return after(tower(before(x))[:, 0]) @ projection

    return step


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--what", choices=["text", "image"], required=True)
    parser.add_argument("--names", default="2 2 2", help="lengths of the class names in tokens")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tiny", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    sizes = {"text": 512, "image": 768, "embed": 512, "layers": 12, "side": 224}
    if options.tiny:
        sizes = {"text": 64, "image": 64, "embed": 32, "layers": 2, "side": 32}
    if options.what == "text":
        step = text_step(sizes, [int(n) for n in options.names.split()])
    else:
        step = image_batch(sizes, options.batch)
    loaded = status_bytes("VmRSS")
    step()
    timed = {}
    for threads in {1, options.threads}:  # OpenBLAS's own threads may get in PyTorch's way
        torch.set_num_threads(threads)
        started = time.perf_counter()
        step()
        timed[threads] = time.perf_counter() - started
    torch.set_num_threads(min(timed, key=timed.get))
    seconds = []
    for _ in range(options.rounds):
        started = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - started)
    above = status_bytes("VmHWM") - loaded
    print(json.dumps({"torch": torch.__version__, "seconds": seconds, "bytes_above_weights": above}))


if __name__ == "__main__":
    main()
