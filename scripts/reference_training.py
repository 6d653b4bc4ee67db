#!/usr/bin/env python3
"""Gradients and ten-step AdamW curves from PyTorch + transformers, for tests/fixtures/training.

    python scripts/reference_training.py [--oracle DIR] [--out DIR]

For each tiny checkpoint of the oracle (bert, gpt2, llama): one fixed batch of token ids, right-padded, unequal lengths,
all dropout 0, model in train mode. Head: pooled final hidden state (masked mean for encoders, last unpadded token for
decoders) -> linear map with bias to 3 classes. Loss: mean cross-entropy.

<arch>.safetensors  ids, mask [5,T] and labels [5] (i64), logits [5,3], loss [1], initial head.weight [3,d] and head.bias [3]
                    under "init.", and the gradient of the loss for every parameter under "grad.", named as in the
                    checkpoint without its "transformer."/"model." prefix.
<arch>.json         the two curves, and what is needed to choose tolerances: the same figures computed in float64.
"""

import argparse
from pathlib import Path

from reference_common import FIXTURES, ORACLE, quiet, versions, write_json, write_safetensors

import numpy as np
import torch
from torch import nn
from transformers import AutoConfig, AutoModel, get_linear_schedule_with_warmup

STEPS = 10
WARMUP = 3
CLIP = 1.0
ADAMW = dict(lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01)
LENGTHS = [13, 7, 11, 3, 1]  # five rows, four of them padded
LABELS = [2, 0, 1, 2, 1]
CLASSES = 3
DROPOUTS = """hidden_dropout_prob attention_probs_dropout_prob classifier_dropout attn_pdrop embd_pdrop resid_pdrop
    summary_first_dropout attention_dropout dropout""".split()
ENCODERS = {"bert", "distilbert", "roberta"}


class Classifier(nn.Module):
    """A backbone, one way of pooling, and a linear head."""

    def __init__(self, directory, head_weight, head_bias):
        super().__init__()
        config = AutoConfig.from_pretrained(directory)
        for name in DROPOUTS:
            if hasattr(config, name):
                setattr(config, name, 0.0)
        self.encoder = config.model_type in ENCODERS
        self.backbone = AutoModel.from_pretrained(directory, config=config, dtype=torch.float32)
        self.head = nn.Linear(head_weight.shape[1], CLASSES)
        self.head.load_state_dict({"weight": head_weight, "bias": head_bias})

    def forward(self, ids, mask):
        hidden = self.backbone(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state  # [b, t, d]
        if self.encoder:
            kept = mask.unsqueeze(-1).to(hidden.dtype)
            pooled = (hidden * kept).sum(1) / kept.sum(1)
        else:
            pooled = hidden[torch.arange(len(ids)), mask.sum(1) - 1]
        return self.head(pooled)

    def named(self):
        """(checkpoint name, parameter) pairs."""
        for name, parameter in self.named_parameters():
            yield name.removeprefix("backbone."), parameter


def in_float64(model):
    """`model.double()`, and with it the two places where Llama computes in float32 whatever its weights are."""
    model.double()
    for module in model.modules():
        kind = type(module).__name__
        if kind == "LlamaRMSNorm":
            module.forward = lambda x, m=module: m.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + m.variance_epsilon))
        if kind == "LlamaRotaryEmbedding":
            config = module.config
            width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
            steps = torch.arange(0, width, 2, dtype=torch.float64) / width
            inverse = config.rope_parameters["rope_theta"] ** -steps

            def rotary(x, position_ids, inverse=inverse, **_):
                angle = position_ids[:, :, None].double() * inverse  # [b, t, width/2]
                angle = torch.cat((angle, angle), -1)
                return angle.cos(), angle.sin()

            module.forward = rotary
    return model


def batch(vocab, pad, seed):
    """Right-padded ids. Half of the tokens come from eight ids, so that embedding gradients accumulate over positions and
    rows. The padding id never stands for a word: torch gives the row `padding_idx` no gradient."""
    rng = np.random.default_rng(seed)
    width = max(LENGTHS)
    ids = np.full((len(LENGTHS), width), pad)
    mask = np.zeros_like(ids)
    for row, length in enumerate(LENGTHS):
        words = np.where(rng.random(length) < 0.5, rng.integers(20, 28, length), rng.integers(5, vocab, length))
        ids[row, :length], mask[row, :length] = words, 1
    return torch.from_numpy(ids), torch.from_numpy(mask), torch.tensor(LABELS)


def curve(model, ids, mask, labels, clipped):
    """Ten optimiser steps on the one batch. `losses[i]` is the loss before update i; `final_loss` after the last."""
    model.train()
    parameters = [p for _, p in used(model, ids, mask, labels)]
    optimizer = torch.optim.AdamW(parameters, foreach=False, **ADAMW)
    schedule = get_linear_schedule_with_warmup(optimizer, WARMUP, STEPS) if clipped else None
    losses, rates, norms = [], [], []
    for _ in range(STEPS):
        optimizer.zero_grad(set_to_none=True)
        loss = nn.functional.cross_entropy(model(ids, mask), labels)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(parameters, CLIP if clipped else float("inf"))
        losses.append(loss.item()), norms.append(norm.item()), rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if schedule:
            schedule.step()
    with torch.no_grad():
        final = nn.functional.cross_entropy(model(ids, mask), labels).item()
    sizes = {name: p.detach().double().norm().item() for name, p in used(model, ids, mask, labels)}
    return dict(losses=losses, final_loss=final, gradient_norms=norms, learning_rates=rates, final_l2_norms=sizes)


def used(model, ids, mask, labels):
    """The parameters that the loss depends on (BERT's pooler is not among them)."""
    names, parameters = zip(*model.named())
    loss = nn.functional.cross_entropy(model(ids, mask), labels)
    gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
    return [(n, p) for n, p, g in zip(names, parameters, gradients) if g is not None]


def gradients(model, ids, mask, labels):
    model.train()
    names, parameters = zip(*used(model, ids, mask, labels))
    logits = model(ids, mask)
    loss = nn.functional.cross_entropy(logits, labels)
    return logits.detach(), loss.detach(), dict(zip(names, torch.autograd.grad(loss, parameters)))


def both(single, double, key):
    """One figure in float32, and the same in float64 under `<key>_f64`."""
    return {key: single[key], f"{key}_f64": double[key]}


def reference(arch, directory, out, seed):
    from safetensors import safe_open

    config = AutoConfig.from_pretrained(directory)
    ids, mask, labels = batch(config.vocab_size, config.pad_token_id, seed)
    draw = torch.Generator().manual_seed(seed)
    head_weight = torch.randn(CLASSES, config.hidden_size, generator=draw) * 0.3
    head_bias = torch.randn(CLASSES, generator=draw) * 0.3

    def fresh(double=False):
        model = Classifier(directory, head_weight, head_bias)
        return in_float64(model) if double else model

    logits, loss, grads = gradients(fresh(), ids, mask, labels)
    logits64, loss64, grads64 = gradients(fresh(True), ids, mask, labels)
    tensors = {f"grad.{name}": g for name, g in grads.items()}
    tensors |= {"ids": ids, "mask": mask, "labels": labels, "logits": logits, "loss": loss.reshape(1)}
    tensors |= {"init.head.weight": head_weight, "init.head.bias": head_bias}
    write_safetensors(out / f"{arch}.safetensors", tensors)

    with safe_open(Path(directory) / "model.safetensors", "pt") as f:
        stored = {n.removeprefix("transformer.").removeprefix("model.") for n in f.keys()}
    record = dict(
        model=arch,
        pooling="mean" if arch in ENCODERS else "last_token",
        classes=CLASSES,
        versions=versions("torch", "transformers"),
        optimizer=dict(name="AdamW", lr=ADAMW["lr"], beta_1=0.9, beta_2=0.999, epsilon=1e-8, weight_decay=0.01, weight_decay_on="all parameters"),
        excluded_parameters=sorted(stored - set(grads)),
        loss=loss.item(),
        loss_f64=loss64.item(),
        logits_f64=logits64.tolist(),
        # How far float32 PyTorch itself is from float64: the floor under any tolerance. Key biases shift every score of a
        # softmax row alike, so their true gradient is 0 and what is stored for them is rounding noise.
        gradient_max_abs_f64={n: g.abs().max().item() for n, g in grads64.items()},
        gradient_f32_error_max_abs={n: (grads[n].double() - g).abs().max().item() for n, g in grads64.items()},
    )
    for name, clipped in (("constant", False), ("clipped_linear", True)):
        single = curve(fresh(), ids, mask, labels, clipped)
        double = curve(fresh(True), ids, mask, labels, clipped)
        settings = dict(max_norm=CLIP, warmup_steps=WARMUP, total_steps=STEPS) if clipped else {}
        record[name] = settings | {"learning_rates": single["learning_rates"]}
        for key in ("losses", "final_loss", "gradient_norms", "final_l2_norms"):
            record[name] |= both(single, double, key)
    write_json(out / f"{arch}.json", record)
    return record


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--oracle", type=Path, default=ORACLE)
    parser.add_argument("--out", type=Path, default=FIXTURES / "training")
    a = parser.parse_args()
    quiet()
    for seed, arch in enumerate(("bert", "gpt2", "llama"), start=11):
        reference(arch, a.oracle / arch, a.out, seed)


if __name__ == "__main__":
    main()
