#!/usr/bin/env python3
"""What transformers computes with all-MiniLM-L6-v2 on real sentences, for tests/fixtures/minilm.

    scripts/fetch_minilm.sh && python scripts/reference_minilm.py [--model DIR] [--out DIR]

texts.json            the sentences (row order), the pairs, max_length
expected.safetensors  ids, mask [12,T] (i64, T = longest, at most 64); norms [12,T]: length of each final hidden state, 0 at
                      padding; first [12,384]: final hidden state of [CLS]; mean [12,384]: masked mean, not normalised.
                      The same under "pair." for the sentence pairs, with pair.types (token type ids).

The model's tokenizer.json asks for truncation to 128 and padding to exactly 128; both are overridden here, as every
caller of transformers does by naming max_length and padding.
"""

import argparse
from pathlib import Path

from reference_common import FIXTURES, ROOT, quiet, versions, write_json, write_safetensors

import torch
from transformers import AutoModel, AutoTokenizer

MAX_LENGTH = 64
TEXTS = [
    "The film opens slowly, but its last half hour is gripping.",
    "No.",
    "",
    "I ordered the kettle on Monday; by Thursday it had arrived, been returned, and been refunded (minus €4.99 postage).",
    "Café naïveté déjà-vu: Ångström, Dvořák and Łódź walk into a bar.",
    "東京は日本の首都です。 Tokyo is the capital of Japan.",
    "Wow 🎬🍿 10/10 would watch again!!! #cinema @home",
    "antidisestablishmentarianism pseudopseudohypoparathyroidism",
    "  Tabs\tand\nnewlines   and\u00a0no-break spaces \u200bcount as one another.  ",
    "ALL CAPS AND don't, won't, shouldn't've — “curly quotes” … ½ ﬁne",
    "Where was the treaty signed, and who were the three signatories that refused?",
    " ".join(
        f"On day {day} the expedition crossed another ridge, counted its remaining tins, and wrote home about the weather."
        for day in range(1, 31)
    ),
]
PAIRS = [
    ["A man is playing the guitar on stage.", "Someone performs music."],
    ["The bridge was closed for repairs in 1931 and never reopened.", "Traffic crosses the bridge every day."],
    ["", "Only the second text says anything."],
]


def encode(tokenizer, model, *texts):
    batch = tokenizer(*texts, padding=True, truncation=True, max_length=MAX_LENGTH, return_tensors="pt")
    mask = batch["attention_mask"]
    with torch.inference_mode():
        hidden = model(**batch).last_hidden_state  # [b, t, 384]
    kept = mask.unsqueeze(-1).float()
    mean = (hidden * kept).sum(1) / kept.sum(1)
    return batch, dict(ids=batch["input_ids"], mask=mask, norms=hidden.norm(dim=-1) * mask, first=hidden[:, 0], mean=mean)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=ROOT / "models" / "all-MiniLM-L6-v2")
    parser.add_argument("--out", type=Path, default=FIXTURES / "minilm")
    a = parser.parse_args()
    quiet()
    tokenizer = AutoTokenizer.from_pretrained(a.model)
    model = AutoModel.from_pretrained(a.model, dtype=torch.float32).eval()
    batch, single = encode(tokenizer, model, TEXTS)
    assert not batch["token_type_ids"].any()
    batch, pairs = encode(tokenizer, model, [p[0] for p in PAIRS], [p[1] for p in PAIRS])
    pairs["types"] = batch["token_type_ids"]
    write_safetensors(a.out / "expected.safetensors", single | {f"pair.{name}": t for name, t in pairs.items()})
    write_json(
        a.out / "texts.json",
        dict(
            model="all-MiniLM-L6-v2",
            max_length=MAX_LENGTH,
            texts=TEXTS,
            pairs=PAIRS,
            tokens=single["mask"].sum(1).tolist(),
            pair_tokens=pairs["mask"].sum(1).tolist(),
            versions=versions("torch", "transformers", "tokenizers"),
        ),
    )


if __name__ == "__main__":
    main()
