#!/usr/bin/env python3
"""Writes checkpoints as the public trainers of prompts do, with torch itself: the state dictionary,
an SGD optimizer with momentum, and a warm-up scheduler that holds a CosineAnnealingLR object.

make_checkpoints.py OUT               small ones, those that are kept beside this file
make_checkpoints.py OUT SPEC.json     one run folder a method and format, each with its log.txt;
                                      SPEC: {"clip": model.safetensors (Hugging Face's names),
                                             "ids": token ids of the classes' texts, 77 each}

Value i of the tensor called NAME (without "prompt_learner.") is
((29 i + 7 len(NAME)) mod 257 - 128) / 512, which every type holds exactly.
"""
import json
import os
import struct
import sys
from collections import OrderedDict

import torch


class WarmUp(torch.optim.lr_scheduler._LRScheduler):
    """A constant rate for some epochs, then the schedule in `successor`."""

    def __init__(self, optimizer, successor, epochs):
        self.successor, self.warmup_epoch, self.cons_lr = successor, epochs, 1e-5
        super().__init__(optimizer)

    def get_lr(self):
        if self.last_epoch >= self.warmup_epoch:
            return self.successor.get_last_lr()
        return [self.cons_lr for _ in self.base_lrs]


def values(name, shape, dtype):
    name = name.replace("prompt_learner.", "")
    count = 1
    for size in shape:
        count *= size
    i = torch.arange(count)
    return (((29 * i + 7 * len(name)) % 257 - 128) / 512).to(dtype).view(shape)


def learned(method, sizes, dtype):
    """Names and shapes, as the trainer has them."""
    D, W, E, H, C, M = (sizes[k] for k in "DWEHCM")
    deep = sizes["depth"]
    if method == "maple":
        out = [("prompt_learner.ctx", (M, D)), ("prompt_learner.proj.weight", (W, D)),
               ("prompt_learner.proj.bias", (W,))]
        out += [(f"prompt_learner.compound_prompts_text.{i}", (M, D)) for i in range(deep - 1)]
        for i in range(deep - 1):
            name = f"prompt_learner.compound_prompt_projections.{i}."
            out += [(name + "weight", (W, D)), (name + "bias", (W,))]
    elif method in ("promptsrc", "vpt"):
        out = []
        if method == "promptsrc":
            out.append(("prompt_learner.ctx", (M, D)))
            out += [(f"text_encoder.transformer.resblocks.{i}.VPT_shallow", (M, D))
                    for i in range(1, deep)]
        out.append(("image_encoder.VPT", (M, W)))
        out += [(f"image_encoder.transformer.resblocks.{i}.VPT_shallow", (M, W))
                for i in range(1, deep)]
    else:
        out = [("ctx", (C, M, D) if method == "csc" else (M, D))]
        if method == "cocoop":
            out += [("meta_net.linear1.weight", (H, E)), ("meta_net.linear1.bias", (H,)),
                    ("meta_net.linear2.weight", (D, H)), ("meta_net.linear2.bias", (D,))]
        if method == "kgcoop":
            out += [("bias_vectors", (1, D)), ("meta_net.linear1.weight", (D, D)),
                    ("meta_net.linear1.bias", (D,))]
    return OrderedDict((n, torch.nn.Parameter(values(n, s, dtype))) for n, s in out)


def checkpoint(method, sizes, dtype, epochs, prefix_and_suffix):
    parameters = learned(method, sizes, dtype)
    optimizer = torch.optim.SGD(list(parameters.values()), lr=0.002, momentum=0.9,
                                weight_decay=5e-4)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, float(epochs))
    scheduler = WarmUp(optimizer, cosine, 1)
    for parameter in parameters.values():
        parameter.grad = torch.zeros_like(parameter)
    state = OrderedDict((n, p.detach().clone()) for n, p in parameters.items())
    optimizer.param_groups[0]["lr"] = 0.0  # so that the step fills momentum and changes nothing
    optimizer.step()
    learner = "" if method not in ("maple", "promptsrc", "vpt") else "prompt_learner."
    if method != "vpt":
        prefix, suffix = prefix_and_suffix(sizes["M"])
        state[learner + "token_prefix"], state[learner + "token_suffix"] = prefix, suffix
    if learner:  # the whole model was saved
        state["image_encoder.class_embedding"] = values("x", (sizes["W"],), torch.half)
        state["text_encoder.positional_embedding"] = values("x", (9, sizes["D"]), torch.half)
        state["logit_scale"] = torch.tensor(4.6052)
    if method == "promptsrc":
        state["prompt_learner.ZS_image_encoder.proj"] = values("x", (sizes["W"], 4), torch.half)
    return {"state_dict": state, "epoch": epochs, "optimizer": optimizer.state_dict(),
            "scheduler": scheduler.state_dict(), "val_result": None}


def save(path, content, legacy):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    torch.save(content, path, _use_new_zipfile_serialization=not legacy)


NAMES = {"coop": "CoOp", "csc": "CoOp", "kgcoop": "KgCoOp", "prograd": "ProGrad",
         "cocoop": "CoCoOp", "maple": "MaPLe", "promptsrc": "PromptSRC", "vpt": "VPT"}


def log(method, n_ctx, words):
    section = "COOP" if method in ("coop", "csc", "kgcoop", "prograd") else NAMES[method].upper()
    deep_text = method == "promptsrc"
    context = "Initial text context" if deep_text else "Initial context"
    counted = ("Number of context words (tokens) for Language prompting" if deep_text else
               "Number of MaPLe context words (tokens)" if method == "maple" else
               "Number of context words (tokens) for Vision prompting" if method == "vpt" else
               "Number of context words (tokens)")
    return f"""***************
** Arguments **
***************
backbone: \nseed: 3
************
** Config **
************
DATASET:
  ALL_AS_UNLABELED: False
  NAME: OxfordPets
  NUM_SHOTS: 16
  SUBSAMPLE_CLASSES: base
INPUT:
  SIZE: (224, 224)
  TRANSFORMS: ('random_resized_crop', 'random_flip', 'normalize')
MODEL:
  BACKBONE:
    NAME: ViT-B/16
    PRETRAINED: True
OUTPUT_DIR: output/here
SEED: 3
TRAINER:
  {section}:
    CLASS_TOKEN_POSITION: middle
    CSC: False
    CTX_INIT: a photo of a
    N_CTX: {n_ctx}
    PREC: fp16
  NAME: {NAMES[method]}
USE_CUDA: True
VERBOSE: True
Collecting env info ...
** System info **
PyTorch version: 1.8.1

Loading trainer: {NAMES[method]}
{context}: "{words}"
{counted}: {n_ctx}
epoch [1/2] batch [5/10] loss 1.5 (1.7) lr 1.0000e-05
"""


def read_table(path):
    """The token embeddings of a safetensors file with Hugging Face's names: (V, D)."""
    name = "text_model.embeddings.token_embedding.weight"
    with open(path, "rb") as file:
        size = struct.unpack("<Q", file.read(8))[0]
        entry = json.loads(file.read(size))[name]
        begin, end = entry["data_offsets"]
        file.seek(8 + size + begin)
        raw = bytearray(file.read(end - begin))
    dtype = {"F32": torch.float32, "F16": torch.float16}[entry["dtype"]]
    return torch.frombuffer(raw, dtype=dtype).view(entry["shape"]).float()


def write_runs(out, spec):
    table = read_table(spec["clip"])
    ids = torch.tensor([row + [0] * (77 - len(row)) for row in spec["ids"]])
    embedded = table[ids].half()  # (C, 77, D)
    for method in NAMES:
        M = {"maple": 2, "prograd": 6}.get(method, 4)
        sizes = {"D": table.shape[1], "W": spec["image_width"], "E": spec["joint_width"], "H": 2,
                 "C": len(ids), "M": M, "depth": 2}
        words = "X X a photo of a" if method == "prograd" else "a photo of a"
        half = method not in ("cocoop", "vpt")  # those two in single precision
        content = checkpoint(method, sizes, torch.half if half else torch.float, 2,
                             lambda n: (embedded[:, :1].clone(), embedded[:, 1 + n:].clone()))
        for legacy in (False, True):
            run = os.path.join(out, method + ("_legacy" if legacy else "_zip"))
            save(os.path.join(run, "prompt_learner", "model.pth.tar-2"), content, legacy)
            with open(os.path.join(run, "log.txt"), "w") as file:
                file.write(log(method, M, words))


def write_kept(out):
    sizes = {"D": 6, "W": 5, "E": 4, "H": 2, "C": 2, "M": 2, "depth": 3}
    rows = values("embedding", (2, 9, 6), torch.half)
    content = checkpoint("maple", sizes, torch.half, 5,
                         lambda n: (rows[:, :1].clone(), rows[:, 1 + n:].clone()))
    for name, legacy in (("maple_zip.pth.tar", False), ("maple_legacy.pth.tar", True)):
        save(os.path.join(out, name), content, legacy)


if __name__ == "__main__":
    if len(sys.argv) > 2:
        with open(sys.argv[2]) as spec_file:
            write_runs(sys.argv[1], json.load(spec_file))
    else:
        write_kept(sys.argv[1])
