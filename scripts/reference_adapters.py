#!/usr/bin/env python3
"""PEFT checkpoints that the oracle lacks, with PEFT's logits, for tests/fixtures/peft.

    python scripts/reference_adapters.py [--oracle DIR] [--out DIR]

<arch>/<case>/adapter_config.json, adapter_model.safetensors   as PEFT saves them; every tensor random, none at its start
<arch>/<case>/expected.safetensors   logits [5,3] of the oracle's padded batch (ids and mask in oracle/<arch>/expected.safetensors),
                                     single [5,3] of the same five texts one at a time, unpadded
oracle_single.safetensors            <arch>/<adapter> [5,3]: the same "single" logits for adapters of the oracle whose padded
                                     logits depend on the padding

Where "logits" and "single" differ (prompt methods on decoders), it is because transformers cannot see padding in
embeddings and takes the last position, padding or not.
"""

import argparse
import json
import shutil
import zlib
from pathlib import Path

from reference_common import FIXTURES, ORACLE, quiet, write_safetensors

import peft
import torch
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification

ATTENTION = dict(
    bert=["query", "value"],
    distilbert=["q_lin", "v_lin"],
    roberta=["query", "value"],
    gpt2=["c_attn"],
    llama=["q_proj", "v_proj"],
)
EVERY_MAP = dict(
    bert=["query", "key", "value", "attention.output.dense", "intermediate.dense", "output.dense"],
    distilbert=["q_lin", "k_lin", "v_lin", "out_lin", "lin1", "lin2"],
    roberta=["query", "key", "value", "attention.output.dense", "intermediate.dense", "output.dense"],
    gpt2=["c_attn", "c_proj", "c_fc"],
    llama=["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
)
# Keys are regular expressions on the end of a module's name; the first that matches wins. First means by alphabet: PEFT
# sorts the keys when it saves. So for bert "key" beats "layer.0.attention.self.key", which never applies.
RANKS = dict(
    bert={"layer.1.attention.self.query": 5, r"layer\.[02]\.intermediate\.dense": 2, "query": 4, "value": 1},
    distilbert={"layer.1.attention.q_lin": 5, r"layer\.0\.ffn\.lin[12]": 2, "v_lin": 1},
    roberta={"layer.1.attention.self.query": 5, r"layer\.0\.intermediate\.dense": 2, "value": 1},
    gpt2={"h.1.attn.c_attn": 5, r"h\.[02]\.mlp\.c_fc": 2, "mlp.c_proj": 1},
    llama={"layers.1.self_attn.q_proj": 5, r"layers\.0\.mlp\.(up|gate)_proj": 2, "v_proj": 1},
)
ALPHAS = dict(
    bert={"key": 11, "layer.0.attention.self.key": 2, "layer.0.output.dense": 2},
    distilbert={"k_lin": 11, "layer.0.ffn.lin2": 2},
    roberta={"key": 11, "layer.0.output.dense": 2},
    gpt2={"attn.c_attn": 11, "h.0.mlp.c_proj": 2},
    llama={"k_proj": 11, "layers.0.mlp.down_proj": 2},
)
NORMS = dict(bert=["LayerNorm"], distilbert=["sa_layer_norm", "output_layer_norm"], roberta=["LayerNorm"])
ALL = tuple(EVERY_MAP)


def lora(arch, maps, **settings):
    settings = dict(r=3, lora_alpha=5, lora_dropout=0.0, fan_in_fan_out=arch == "gpt2") | settings
    return peft.LoraConfig(task_type="SEQ_CLS", target_modules=maps, **settings)


def prompt_shape(arch):
    """DistilBERT's config has its own names for these, which PEFT does not know."""
    return dict(token_dim=40, num_layers=2, num_attention_heads=4) if arch == "distilbert" else {}


# case -> (architectures, configuration of one)
CASES = {
    "lora-pattern": (ALL, lambda a: lora(a, EVERY_MAP[a], rank_pattern=RANKS[a], alpha_pattern=ALPHAS[a])),
    "rslora-pattern": (ALL, lambda a: lora(a, EVERY_MAP[a], rank_pattern=RANKS[a], alpha_pattern=ALPHAS[a], use_rslora=True)),
    "rslora-dora": (ALL, lambda a: lora(a, EVERY_MAP[a], use_rslora=True, use_dora=True)),
    "dora-pattern": (("bert", "distilbert", "gpt2"), lambda a: lora(a, EVERY_MAP[a], rank_pattern=RANKS[a], alpha_pattern=ALPHAS[a], use_dora=True)),
    "lora-one-layer": (("bert", "llama"), lambda a: lora(a, ATTENTION[a], layers_to_transform=[1])),
    "lora-regex": (("distilbert", "gpt2"), lambda a: lora(a, {"distilbert": r".*layer\.1\.attention\.(q|out)_lin", "gpt2": r".*h\.[12]\.(attn|mlp)\.c_proj"}[a])),
    "lora-pooler": (("bert",), lambda a: lora(a, ATTENTION[a], modules_to_save=["pooler", "classifier"])),
    # Settings that change the mathematics and are easily overlooked: to be supported or refused by name.
    "lora-biases": (("bert", "distilbert"), lambda a: lora(a, ATTENTION[a], bias={"bert": "lora_only", "distilbert": "all"}[a])),
    "lora-b-bias": (("bert",), lambda a: lora(a, ATTENTION[a], lora_bias=True)),
    "layer-norm": (tuple(NORMS), lambda a: peft.LNTuningConfig(task_type="SEQ_CLS", target_modules=NORMS[a])),
    "vera": (
        ("bert", "distilbert", "gpt2", "llama"),
        lambda a: peft.VeraConfig(task_type="SEQ_CLS", r=7, vera_dropout=0.0, target_modules=ATTENTION[a], fan_in_fan_out=a == "gpt2", save_projection=True),
    ),
    "ia3-attention": (("distilbert", "llama"), lambda a: peft.IA3Config(task_type="SEQ_CLS", target_modules=ATTENTION[a], feedforward_modules=[])),
    "prefix-mlp": (("bert", "gpt2", "llama"), lambda a: peft.PrefixTuningConfig(task_type="SEQ_CLS", num_virtual_tokens=3, prefix_projection=True, encoder_hidden_size=20)),
    "prompt": (("distilbert",), lambda a: peft.PromptTuningConfig(task_type="SEQ_CLS", num_virtual_tokens=3, **prompt_shape(a))),
    "p-tuning-lstm": (("bert", "distilbert"), lambda a: peft.PromptEncoderConfig(task_type="SEQ_CLS", num_virtual_tokens=3, encoder_reparameterization_type="LSTM", encoder_hidden_size=10, encoder_dropout=0.0, **prompt_shape(a))),
}
ORACLE_SINGLE = [(arch, adapter) for arch in ("gpt2", "llama") for adapter in ("prompt", "p-tuning")]


def fill(model, seed, head):
    """Gives every trainable tensor of the head, or of the rest, a value that it does not start from, large enough to show."""
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if not p.requires_grad or head != ("modules_to_save" in name):
                continue
            noise = torch.randn(p.shape, generator=draw)
            if "magnitude" in name or "ia3" in name or ("ln_tuning" in name and name.endswith("weight")):
                p.mul_(1 + 0.3 * noise)
            elif p.ndim < 2:
                p.copy_(0.3 * noise)
            else:
                p.copy_(noise * (0.6 if "prompt_encoder" in name else 0.2 if "lora_" in name else 0.3))


def base_model(oracle, arch):
    return AutoModelForSequenceClassification.from_pretrained(oracle / arch, num_labels=3).eval()


@torch.no_grad()
def logits(model, ids, mask):
    """(the padded batch, one text at a time)"""
    padded = model(input_ids=ids, attention_mask=mask).logits
    single = [model(input_ids=i[m.bool()][None], attention_mask=m[m.bool()][None]).logits for i, m in zip(ids, mask)]
    return padded, torch.cat(single)


def save(model, directory, arch):
    """PEFT's own files, less its model card, with lists that came from sets sorted."""
    shutil.rmtree(directory, ignore_errors=True)
    model.save_pretrained(directory)
    (directory / "README.md").unlink()
    (directory / "adapter_model.safetensors").chmod(0o644)
    path = directory / "adapter_config.json"
    config = json.loads(path.read_text())
    config["base_model_name_or_path"] = f"../../../oracle/{arch}"
    for key in ("target_modules", "feedforward_modules"):
        if isinstance(config.get(key), list):
            config[key].sort()
    path.write_text(json.dumps(config, indent=2) + "\n")


def reference(oracle, out, arch, case, configure):
    batch = load_file(oracle / arch / "expected.safetensors")
    directory = out / arch / case
    torch.manual_seed(0)
    model = peft.get_peft_model(base_model(oracle, arch), configure(arch)).eval()
    seed = zlib.crc32(f"{arch}/{case}".encode())
    fill(model, seed, head=True)
    before, _ = logits(model, batch["ids"], batch["mask"])
    fill(model, seed + 1, head=False)
    after, _ = logits(model, batch["ids"], batch["mask"])
    save(model, directory, arch)
    loaded = peft.PeftModel.from_pretrained(base_model(oracle, arch), directory).eval()
    padded, single = logits(loaded, batch["ids"], batch["mask"])
    largest = padded.abs().max()
    assert (padded - after).abs().max() < 1e-5 * largest, f"{arch}/{case}: PEFT does not give the same logits after loading"
    assert (padded - before).abs().max() > 0.05 * largest, f"{arch}/{case}: the adapter does nothing"
    write_safetensors(directory / "expected.safetensors", {"logits": padded, "single": single})
    if (padded - single).abs().max() > 1e-5 * largest:
        print("   padded and single logits differ")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--oracle", type=Path, default=ORACLE)
    parser.add_argument("--out", type=Path, default=FIXTURES / "peft")
    a = parser.parse_args()
    quiet()
    for case, (architectures, configure) in CASES.items():
        for arch in architectures:
            reference(a.oracle, a.out, arch, case, configure)
    single = {}
    for arch, adapter in ORACLE_SINGLE:
        model = peft.PeftModel.from_pretrained(base_model(a.oracle, arch), a.oracle / arch / "adapters" / adapter).eval()
        batch = load_file(a.oracle / arch / "expected.safetensors")
        single[f"{arch}/{adapter}"] = logits(model, batch["ids"], batch["mask"])[1]
    write_safetensors(a.out / "oracle_single.safetensors", single)


if __name__ == "__main__":
    main()
