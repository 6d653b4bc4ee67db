#!/usr/bin/env python3
"""LoRA and its relatives as PEFT trains them, for tests/fixtures/lora.

    python scripts/reference_lora.py [--oracle DIR] [--training DIR] [--out DIR]

Model, batch, labels and head are those of tests/fixtures/training (see reference_training.py). Only the adapter trains.
Rank 3, alpha 5. B is random, not zero, wherever the method itself does not say what it starts as.

<arch>.safetensors  blocks.<i>.<map>.a [d_in,3], .b [3,d_out], .magnitude [d_out]: what every case but pissa* starts from
<arch>.json         by case: the settings, the logits [5,3] at the start, and the losses of six steps of SGD and of AdamW, in
                    float64 and, for choosing tolerances, in float32. losses[i] is the loss before step i; the last after all.
"""

import argparse
from pathlib import Path

from reference_common import FIXTURES, ORACLE, quiet, versions, write_json, write_safetensors
from reference_training import Classifier, in_float64

import peft
import torch
from peft.optimizers import create_loraplus_optimizer
from safetensors.torch import load_file
from torch import nn

STEPS = 6
RANK, ALPHA = 3, 5
SGD = dict(lr=0.01)
ADAMW = dict(lr=1e-2, betas=(0.9, 0.999), eps=1e-8)
DECAY = 0.01  # of matrices; magnitudes have none
# The end of PEFT's module name -> this project's name of the map. GPT-2 computes query, key and value with one matrix, whose
# adapter would share its A among the three; its other maps stand for it here.
MAPS = dict(
    bert={"attention.self.query": "query", "attention.self.value": "value", "intermediate.dense": "up"},
    gpt2={"mlp.c_fc": "up", "mlp.c_proj": "down"},
    llama={"self_attn.k_proj": "key", "self_attn.o_proj": "out", "mlp.gate_proj": "gate"},
)
BLOCKS = dict(bert="encoder.layer.", gpt2="h.", llama="layers.")
CASES = {
    "lora": {},
    "rslora": dict(use_rslora=True),
    "lora-plus": dict(ratio=16),
    "dora": dict(use_dora=True),
    "rslora-dora": dict(use_rslora=True, use_dora=True),
    "pissa": dict(init_lora_weights="pissa"),
    "pissa-dora": dict(init_lora_weights="pissa", use_dora=True),
}


def adapted(oracle, arch, head, case, start, double):
    """The classifier with PEFT's layers in its backbone, everything else frozen; `start` by <block>.<map>.<part> where given."""
    case = {k: v for k, v in case.items() if k != "ratio"}
    model = Classifier(oracle / arch, head["init.head.weight"], head["init.head.bias"])
    config = peft.LoraConfig(
        r=RANK, lora_alpha=ALPHA, lora_dropout=0.0, target_modules=list(MAPS[arch]), fan_in_fan_out=arch == "gpt2", **case
    )
    model.requires_grad_(False)
    peft.inject_adapter_in_model(config, model.backbone)
    for name, layer in layers(model, arch):
        if "init_lora_weights" in case:
            continue
        with torch.no_grad():
            layer.lora_A["default"].weight.copy_(start[f"{name}.a"].T)
            layer.lora_B["default"].weight.copy_(start[f"{name}.b"].T)
            if case.get("use_dora"):
                layer.lora_magnitude_vector["default"].weight.copy_(start[f"{name}.magnitude"])
    return in_float64(model) if double else model  # PiSSA's decomposition is float32 either way


def layers(model, arch):
    """(blocks.<i>.<map>, PEFT's layer) pairs."""
    for name, module in model.backbone.named_modules():
        if isinstance(module, peft.tuners.lora.LoraLayer):
            block, rest = name.removeprefix(BLOCKS[arch]).split(".", 1)
            yield f"blocks.{block}.{MAPS[arch][rest]}", module


def random_start(oracle, arch, head, seed):
    draw = torch.Generator().manual_seed(seed)
    start = {}
    for name, layer in layers(adapted(oracle, arch, head, dict(init_lora_weights="pissa"), {}, False), arch):
        d_in, d_out = layer.in_features, layer.out_features
        start[f"{name}.a"] = torch.randn(d_in, RANK, generator=draw) * 0.2
        start[f"{name}.b"] = torch.randn(RANK, d_out, generator=draw) * 0.2
        start[f"{name}.magnitude"] = 1 + 0.3 * torch.randn(d_out, generator=draw)
    for name, layer in layers(adapted(oracle, arch, head, dict(use_dora=True, init_lora_weights="gaussian"), {}, False), arch):
        start[f"{name}.magnitude"] *= layer.lora_magnitude_vector["default"].weight.detach()
    return start


def optimizer(model, kind, case):
    cls, settings = (torch.optim.SGD, SGD) if kind == "sgd" else (torch.optim.AdamW, ADAMW)
    decay = 0.0 if kind == "sgd" else DECAY
    if "ratio" in case:
        return create_loraplus_optimizer(model, cls, loraplus_lr_ratio=case["ratio"], loraplus_weight_decay=decay, **settings)
    trained = [p for p in model.parameters() if p.requires_grad]
    groups = [dict(params=[p for p in trained if p.ndim > 1], weight_decay=decay), dict(params=[p for p in trained if p.ndim == 1], weight_decay=0.0)]
    return cls(groups, **settings)


def losses(model, batch, kind, case):
    model.train()
    steps = optimizer(model, kind, case)
    found = []
    for _ in range(STEPS + 1):
        steps.zero_grad(set_to_none=True)
        loss = nn.functional.cross_entropy(model(batch["ids"], batch["mask"]), batch["labels"])
        found.append(loss.item())
        loss.backward()
        steps.step()
    return found


def reference(oracle, training, out, arch, seed):
    batch = load_file(training / f"{arch}.safetensors")
    start = random_start(oracle, arch, batch, seed)
    write_safetensors(out / f"{arch}.safetensors", start)
    record = dict(versions=versions("torch", "transformers", "peft"), rank=RANK, alpha=ALPHA, steps=STEPS)
    record |= dict(sgd=SGD, adamw=ADAMW | dict(weight_decay=DECAY), maps=list(MAPS[arch].values()), cases={})
    for name, case in CASES.items():

        def fresh(double, case=case):
            return adapted(oracle, arch, batch, case, start, double)

        with torch.no_grad():
            logits = fresh(True).train()(batch["ids"], batch["mask"])
        entry = dict(settings=case, trained=sum(p.numel() for p in fresh(False).parameters() if p.requires_grad), logits=logits.tolist())
        for kind in ("sgd", "adamw"):
            entry[kind] = losses(fresh(True), batch, kind, case)
            entry[f"{kind}_f32"] = losses(fresh(False), batch, kind, case)
            print(f"{arch} {name} {kind}: {entry[kind][0]:.4f} -> {entry[kind][-1]:.4f}")
        record["cases"][name] = entry
    write_json(out / f"{arch}.json", record)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--oracle", type=Path, default=ORACLE)
    parser.add_argument("--training", type=Path, default=FIXTURES / "training")
    parser.add_argument("--out", type=Path, default=FIXTURES / "lora")
    a = parser.parse_args()
    quiet()
    for seed, arch in enumerate(MAPS, start=31):
        reference(a.oracle, a.training, a.out, arch, seed)


if __name__ == "__main__":
    main()
