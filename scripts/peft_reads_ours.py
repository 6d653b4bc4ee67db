#!/usr/bin/env python3
"""The way back: does PEFT compute our logits from the checkpoint we wrote?

    python scripts/peft_reads_ours.py --base MODEL_DIR ADAPTER_DIR [ADAPTER_DIR ..] [--expected FILE.json]

ADAPTER_DIR holds adapter_config.json and adapter_model.safetensors. FILE.json (default: expected.json in each ADAPTER_DIR)
holds what this project computed:

    {"texts": ["one text", ["or a", "pair"]], "max_length": 64, "logits": [[0.1, -0.2, 0.3], ..]}

Each text goes through PEFT alone, unpadded. Exit code 0: every logit within 1e-4 of the largest one and every tensor of
the file in use; 1: a mismatch; 2: something could not be read. PEFT itself only warns of missing tensors and
ignores unknown ones; here both are mismatches.
"""

import argparse
import json
import sys
from pathlib import Path

from reference_common import quiet

import peft
import torch
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer


def unread_tensors(model, stored):
    """Differences between the file and what PEFT holds after loading it, in words."""
    held = peft.get_peft_model_state_dict(model)
    for name in sorted(stored.keys() - held.keys()):
        yield f'tensor "{name}" in adapter_model.safetensors is not used by PEFT'
    for name in sorted(held.keys() - stored.keys()):
        yield f'tensor "{name}" is missing in adapter_model.safetensors; PEFT keeps its random or neutral start'
    for name in sorted(stored.keys() & held.keys()):
        if stored[name].shape != held[name].shape:
            yield f'tensor "{name}" has shape {list(stored[name].shape)}, PEFT expects {list(held[name].shape)}'
        elif not torch.equal(stored[name].to(held[name].dtype), held[name].cpu()):
            yield f'tensor "{name}" has other values in PEFT than in the file'


@torch.inference_mode()
def peft_logits(model, tokenizer, texts, max_length):
    rows = []
    for text in texts:
        parts = text if isinstance(text, list) else [text]
        batch = tokenizer(*parts, truncation=True, max_length=max_length, return_tensors="pt")
        rows.append(model(**batch).logits[0].float())
    return torch.stack(rows)


def compare(base, directory, expected, tolerance):
    """Problems, in words; prints the figure when it can be computed."""
    ours = torch.tensor(expected["logits"])  # [texts, classes]
    stored = load_file(directory / "adapter_model.safetensors")
    model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=ours.shape[1])
    try:
        model = peft.PeftModel.from_pretrained(model, str(directory)).eval()
    except Exception as error:  # PEFT raises many kinds; whichever it is, it does not read our checkpoint
        return [f"PEFT does not load it: {type(error).__name__}: {error}"]
    problems = list(unread_tensors(model, stored))
    theirs = peft_logits(model, AutoTokenizer.from_pretrained(base), expected["texts"], expected["max_length"])
    if ours.shape != theirs.shape:
        return problems + [f"{list(ours.shape)} logits in the JSON file, {list(theirs.shape)} from PEFT"]
    largest = theirs.abs().max().item()
    difference = (ours - theirs).abs().max().item()
    print(f"{directory}: largest difference {difference:.3g}, {difference / largest:.3g} of the largest logit ({largest:.4g})")
    if not difference <= tolerance * largest:  # also true for NaN
        row = int((ours - theirs).abs().max(1).values.argmax())
        problems.append(f"logits differ by {difference / largest:.3g} of the largest, allowed {tolerance:g}; row {row}: ours {ours[row].tolist()}, PEFT {theirs[row].tolist()}")
    return problems


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("adapters", nargs="+", type=Path, metavar="ADAPTER_DIR")
    parser.add_argument("--base", type=Path, required=True, help="the base model's directory")
    parser.add_argument("--expected", type=Path, help="default: expected.json in each ADAPTER_DIR")
    parser.add_argument("--tolerance", type=float, default=1e-4)
    a = parser.parse_args()
    quiet()
    failed = False
    for directory in a.adapters:
        try:
            expected = json.loads((a.expected or directory / "expected.json").read_text(encoding="utf-8"))
            problems = compare(a.base, directory, expected, a.tolerance)
        except (OSError, json.JSONDecodeError, KeyError) as error:
            print(f"{directory}: {type(error).__name__}: {error}", file=sys.stderr)
            return 2
        for problem in problems:
            failed = True
            print(f"{directory}: MISMATCH: {problem}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
