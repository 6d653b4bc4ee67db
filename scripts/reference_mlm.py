#!/usr/bin/env python3
"""Masked-language-model heads on the oracle's encoders, for tests/fixtures/mlm. The oracle itself has none.

    python scripts/reference_mlm.py [--oracle DIR] [--out DIR]

<arch>.safetensors (bert, distilbert, roberta)
  head.<name>      the head's tensors, random, named as save_pretrained writes them (the output matrix is tied to the word
                   embeddings, so it is not among them)
  positions [5]    one position a row of the oracle's batch (i64), inside the mask
  logits [5,V]     the logits there, from the head over the oracle's backbone
<arch>.json        tensor_names: every name in such a checkpoint (backbone names carry their prefix); model_type
"""

import argparse
import tempfile
from pathlib import Path

from reference_common import FIXTURES, ORACLE, quiet, versions, write_json, write_safetensors

import torch
from safetensors.torch import load_file
from transformers import AutoModelForMaskedLM


def reference(directory, out, arch, seed):
    torch.manual_seed(seed)
    model = AutoModelForMaskedLM.from_pretrained(directory).eval()
    backbone = model.base_model_prefix + "."
    draw = torch.Generator().manual_seed(seed)
    tied = model.get_input_embeddings().weight
    with torch.no_grad():
        for name, p in model.named_parameters():
            if not name.startswith(backbone) and p is not tied:
                noise = torch.randn(p.shape, generator=draw) * 0.3
                p.copy_(noise + 1 if p.ndim == 1 and "weight" in name else noise)
    batch = load_file(directory / "expected.safetensors")
    positions = (batch["mask"].sum(1) - 2).clamp(min=1)
    with torch.no_grad():
        logits = model(input_ids=batch["ids"], attention_mask=batch["mask"]).logits
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        stored = load_file(Path(folder) / "model.safetensors")
    tensors = {f"head.{name}": t for name, t in stored.items() if not name.startswith(backbone)}
    tensors |= {"positions": positions, "logits": logits[torch.arange(len(positions)), positions]}
    write_safetensors(out / f"{arch}.safetensors", tensors)
    record = dict(model_type=arch, architecture=type(model).__name__, prefix=backbone, tensor_names=sorted(stored))
    write_json(out / f"{arch}.json", record | {"versions": versions("torch", "transformers")})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--oracle", type=Path, default=ORACLE)
    parser.add_argument("--out", type=Path, default=FIXTURES / "mlm")
    a = parser.parse_args()
    quiet()
    for seed, arch in enumerate(("bert", "distilbert", "roberta"), start=21):
        reference(a.oracle / arch, a.out, arch, seed)


if __name__ == "__main__":
    main()
