#!/usr/bin/env python3
"""Losses of the bundled models' language heads on the held-out text, for tests/fixtures/forgetting.json.

    python scripts/reference_forgetting.py [--out FILE]

loss [nats a token] of each model: a masked one is asked for one token in seven of a line, from the (line mod 7)-th word on, special tokens
aside, all of them masked; a causal one for each token from those before it. Lines are counted within their batch of sixteen.
"""

import argparse
from pathlib import Path

from reference_common import FIXTURES, ROOT, quiet, versions, write_json

import torch
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, AutoTokenizer

BUNDLED = ROOT / "crates" / "runner" / "bundled"
LONGEST, BATCH, ONE_IN = 96, 16, 7


def line_losses(name, lines):
    folder = BUNDLED / "models" / name
    tokenizer = AutoTokenizer.from_pretrained(folder)
    causal = tokenizer.mask_token_id is None
    kind = AutoModelForCausalLM if causal else AutoModelForMaskedLM
    model = kind.from_pretrained(folder, torch_dtype=torch.float32).eval()
    longest = min(LONGEST, model.config.max_position_embeddings // 2)
    for number, line in enumerate(lines):
        ids = torch.tensor(tokenizer(line, truncation=True, max_length=longest)["input_ids"])
        if causal:
            logits = model(input_ids=ids[None]).logits[0, :-1]
            targets = ids[1:]
        else:
            special = set(tokenizer.all_special_ids)
            words = [i for i, token in enumerate(ids.tolist()) if token not in special]
            places = words[number % BATCH % ONE_IN :: ONE_IN]
            targets = ids[places]
            shown = ids.clone()
            shown[places] = tokenizer.mask_token_id
            logits = model(input_ids=shown[None]).logits[0, places]
        yield torch.nn.functional.cross_entropy(logits.double(), targets, reduction="none")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=FIXTURES / "forgetting.json")
    a = parser.parse_args()
    quiet()
    lines = (BUNDLED / "held-out.txt").read_text(encoding="utf-8").splitlines()
    record = {}
    with torch.no_grad():
        for folder in sorted(path.name for path in (BUNDLED / "models").iterdir()):
            losses = torch.cat(list(line_losses(folder, lines)))
            record[folder] = {"tokens": len(losses), "loss": losses.mean().item()}
    write_json(a.out, record | {"versions": versions("torch", "transformers")})


if __name__ == "__main__":
    main()
