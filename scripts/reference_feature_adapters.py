#!/usr/bin/env python3
"""PEFT checkpoints on the models of tests/fixtures/features, with PEFT's logits.

    python scripts/reference_feature_adapters.py [--out DIR] [--only NAME ..]      after reference_features.py

<name>/adapters/<case>/adapter_config.json, adapter_model.safetensors   as PEFT saves them; every tensor random, none at its start. What of the
                                    architecture's own head the base has not, such as a pooler, is saved with the adapter
<name>/adapters/<case>/base.json    fields of config.json that are others than the model's, where there are any
<name>/adapters/<case>/expected.safetensors   logits [n,3] of the model's texts, each read alone
"""

import argparse
import json
import shutil
import tempfile
from pathlib import Path

from reference_adapters import fill
from reference_common import FIXTURES, quiet, write_safetensors

import peft
import torch
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification


def lora(maps, *saved):
    return peft.LoraConfig(task_type="SEQ_CLS", r=3, lora_alpha=5, lora_dropout=0.0, target_modules=maps, modules_to_save=list(saved) or None)


def ia3(maps, inner=()):
    return peft.IA3Config(task_type="SEQ_CLS", target_modules=maps, feedforward_modules=list(inner))


# name -> {case: (configuration, fields of config.json)}
CASES = {
    "electra": {"lora": (lora(["query", "value", "output.dense", "embeddings_project"]), {})},
    "mpnet": {"lora": (lora(["attn.q", "attn.v", "attn.o", "intermediate.dense"]), {})},
    "albert": {"lora": (lora(["query", "value", "ffn", "ffn_output", "embedding_hidden_mapping_in"], "pooler"), {})},
    "deberta-v2": {"lora": (lora(["query_proj", "value_proj", "attention.output.dense"], "pooler"), {})},
    "deberta-v2-plain": {"lora": (lora(["query_proj", "key_proj", "intermediate.dense"], "pooler"), {"pooler_hidden_act": "tanh"})},
    "modernbert": {
        "lora": (lora(["Wqkv", "attn.Wo", "mlp.Wi"], "head"), {}),
        "lora-mean": (lora(["mlp.Wo", "mlp.Wi"], "head"), {"classifier_pooling": "mean"}),
        "ia3": (ia3(["Wqkv", "mlp.Wi"]), {}),
    },
    "modernbert-decoder": {"lora": (lora(["q_proj", "v_proj", "mlp.Wi"], "head"), {})},
    "eurobert": {
        "lora": (lora(["q_proj", "o_proj", "down_proj"], "dense"), {}),
        "lora-first": (lora(["k_proj", "up_proj"], "dense"), {"classifier_pooling": "bos"}),
    },
    "qwen2": {"lora": (lora(["q_proj", "v_proj", "gate_proj"]), {})},
    "qwen3": {
        "lora": (lora(["q_proj", "k_proj", "down_proj"]), {}),
        "prefix": (peft.PrefixTuningConfig(task_type="SEQ_CLS", num_virtual_tokens=3), {}),
    },
    "mistral": {"lora": (lora(["q_proj", "v_proj", "o_proj"]), {})},
    "gemma2": {
        "lora": (lora(["q_proj", "o_proj", "up_proj"]), {}),
        "layer-norm": (peft.LNTuningConfig(task_type="SEQ_CLS", target_modules=["input_layernorm", "post_feedforward_layernorm"]), {}),
    },
    "gemma3_text": {
        "lora": (lora(["k_proj", "v_proj", "gate_proj"]), {}),
        "prompt": (peft.PromptTuningConfig(task_type="SEQ_CLS", num_virtual_tokens=3), {}),
    },
    "phi3": {"lora": (lora(["qkv_proj", "o_proj", "gate_up_proj"]), {})},
    "olmo2": {"lora": (lora(["q_proj", "k_proj", "down_proj"]), {})},
    "smollm3": {"lora": (lora(["q_proj", "v_proj", "up_proj"]), {})},
    "gpt_neox": {
        "lora": (lora(["query_key_value", "dense_h_to_4h"]), {}),
        "ia3": (ia3(["query_key_value", "dense_4h_to_h"], ["dense_4h_to_h"]), {}),
    },
    "opt": {"lora": (lora(["q_proj", "out_proj", "fc1"]), {})},
}


def base_model(folder, fields):
    """The classifier on this model with other fields in its configuration."""
    with tempfile.TemporaryDirectory() as whole:
        shutil.copy(folder / "model.safetensors", whole)
        config = json.loads((folder / "config.json").read_text()) | fields
        (Path(whole) / "config.json").write_text(json.dumps(config))
        return AutoModelForSequenceClassification.from_pretrained(whole, num_labels=3, dtype=torch.float32).eval()


@torch.no_grad()
def logits(model, batch):
    rows = zip(batch["ids"], batch["mask"].bool())
    each = [ids[mask][None] for ids, mask in rows]
    return torch.cat([model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits for ids in each])


def reference(features, name, case, seed):
    config, fields = CASES[name][case]
    folder = features / name
    torch.manual_seed(seed)
    model = peft.get_peft_model(base_model(folder, fields), config).eval()
    fill(model, seed, head=False)
    fill(model, seed + 1, head=True)
    out = folder / "adapters" / case
    shutil.rmtree(out, ignore_errors=True)
    model.save_pretrained(out)
    (out / "README.md").unlink(missing_ok=True)
    (out / "adapter_model.safetensors").chmod(0o644)
    path = out / "adapter_config.json"
    about = json.loads(path.read_text())
    about["base_model_name_or_path"] = "../.."
    for key in ("target_modules", "feedforward_modules"):
        if isinstance(about.get(key), list):
            about[key].sort()  # from a set
    path.write_text(json.dumps(about, indent=2) + "\n")
    if fields:
        (out / "base.json").write_text(json.dumps(fields) + "\n")
    batch = load_file(folder / "expected.safetensors")
    write_safetensors(out / "expected.safetensors", dict(logits=logits(model, batch)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=FIXTURES / "features")
    parser.add_argument("--only", nargs="*", default=list(CASES), choices=list(CASES))
    a = parser.parse_args()
    quiet()
    seed = 101
    for name, cases in CASES.items():
        for case in cases:
            seed += 2
            if name in a.only:
                reference(a.out, name, case, seed)


if __name__ == "__main__":
    main()
