#!/usr/bin/env python3
"""What sentence-transformers and transformers compute with real models on plain English, for tests/fixtures/real.

    scripts/fetch_minilm.sh; scripts/fetch_mpnet.sh; scripts/fetch_smollm2.sh
    python scripts/reference_real_models.py [--models DIR] [--out DIR] [--only minilm mpnet smollm2]

minilm, mpnet.json         texts (row order), max_length: the folder's own
minilm, mpnet.safetensors  embeddings [n,width]: SentenceTransformer(folder).encode(texts)
smollm2.json    passages: text, ids, mean_loss (cross-entropy of each token by those before it, in float32); written: prompt, prompt_ids and
                ids, the likeliest tokens one after the other. The weights are those of the GGUF file, dequantised to float32
"""

import argparse
from pathlib import Path

from reference_common import FIXTURES, ROOT, quiet, versions, write_json, write_safetensors
from reference_minilm import TEXTS

import torch

FOLDERS = {"minilm": "all-MiniLM-L6-v2", "mpnet": "all-mpnet-base-v2", "smollm2": "SmolLM2-135M-Instruct"}
PASSAGES = [
    "The harbour froze twice that winter. Nobody in the village could remember such a thing, and the old people said that it meant a good year for herring.",
    "To boil an egg, put it into cold water, bring the water to the boil, and take it out after five minutes.",
    "def mean(values):\n    return sum(values) / len(values)\n",
    "It was 1931, and 12,500 people crossed the bridge on the first day; the toll was 3 pence.",
]
PROMPTS = ["The capital of France is", "Once upon a time there was a", "Water boils at"]
WRITTEN = 24


def sentence_vectors(name, folder, out):
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(folder), device="cpu")
    embeddings = torch.from_numpy(model.encode(TEXTS))
    write_safetensors(out / f"{name}.safetensors", dict(embeddings=embeddings))
    about = dict(model=folder.name, max_length=model.max_seq_length, texts=TEXTS)
    write_json(out / f"{name}.json", about | dict(versions=versions("torch", "transformers", "sentence-transformers")))


def language(name, folder, out):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    (file,) = folder.glob("*.gguf")
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=file.name)
    model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=file.name, dtype=torch.float32).eval()

    def encode(text):
        return tokenizer(text, add_special_tokens=False, return_tensors="pt")["input_ids"]

    @torch.no_grad()
    def passage(text):
        ids = encode(text)
        losses = torch.nn.functional.cross_entropy(model(ids).logits[0, :-1].double(), ids[0, 1:])
        return dict(text=text, ids=ids[0].tolist(), mean_loss=losses.item())

    @torch.no_grad()
    def written(prompt):
        ids = encode(prompt)
        length = ids.shape[1]
        for _ in range(WRITTEN):
            best = model(ids).logits[0, -1].topk(2)
            assert best.values[0] - best.values[1] > 1e-3, "too close to say which token is the likeliest"
            ids = torch.cat((ids, best.indices[None, :1]), 1)
        print(repr(tokenizer.decode(ids[0])))
        return dict(prompt=prompt, prompt_ids=ids[0, :length].tolist(), ids=ids[0, length:].tolist())

    about = dict(model=file.name, passages=[passage(text) for text in PASSAGES], written=[written(prompt) for prompt in PROMPTS])
    write_json(out / f"{name}.json", about | dict(versions=versions("torch", "transformers", "gguf")))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, default=ROOT / "models")
    parser.add_argument("--out", type=Path, default=FIXTURES / "real")
    parser.add_argument("--only", nargs="*", default=list(FOLDERS), choices=list(FOLDERS))
    a = parser.parse_args()
    quiet()
    for name in a.only:
        make = language if name == "smollm2" else sentence_vectors
        make(name, a.models / FOLDERS[name], a.out)


if __name__ == "__main__":
    main()
