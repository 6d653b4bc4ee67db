#!/usr/bin/env python3
"""Compares every type of model with transformers and PEFT, and writes how far they are apart: results/models/summary.md, and the tables of
docs/src/models.md, which are the same.

    ADAPTBENCH_ORACLES=DIR ADAPTBENCH_MINILM=DIR ADAPTBENCH_MPNET=DIR ADAPTBENCH_SMOLLM2=DIR scripts/models_table.py [--from DIR]

Runs `cargo test -p tests --test oracles`; --from takes what such a run with ADAPTBENCH_MODELS_OUT=DIR has left. Standard library only.
"""

import argparse
import datetime
import json
import os
import re
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SUMMARY = ROOT / "results/models/summary.md"
CHAPTER = ROOT / "docs/src/models.md"
# The types of a model, and the checkpoints that people use. A type behind another is read as that one.
FAMILIES = {
    ("bert",): "BERT; MiniLM, BGE, E5, GTE v1, mxbai, arctic",
    ("distilbert",): "DistilBERT",
    ("roberta", "camembert"): "RoBERTa, CamemBERT",
    ("xlm-roberta",): "XLM-RoBERTa; bge-m3, multilingual E5",
    ("electra",): "ELECTRA",
    ("mpnet",): "MPNet; all-mpnet-base-v2",
    ("albert",): "ALBERT",
    ("deberta-v2",): "DeBERTa v2 and v3",
    ("modernbert",): "ModernBERT; GTE-modernbert, granite-r2, Ettin encoders",
    ("modernbert-decoder",): "Ettin decoders",
    ("eurobert",): "EuroBERT",
    ("new", "gte"): "GTE v1.5, multilingual GTE",
    ("nomic_bert",): "nomic-embed-text",
    ("gpt2",): "GPT-2, DistilGPT-2",
    ("gpt_neox",): "GPT-NeoX, Pythia",
    ("opt",): "OPT",
    ("llama",): "Llama, TinyLlama, SmolLM, SmolLM2",
    ("smollm3",): "SmolLM3",
    ("mistral",): "Mistral",
    ("qwen2",): "Qwen2, Qwen2.5",
    ("qwen3",): "Qwen3, Qwen3-Embedding",
    ("gemma2",): "Gemma 2",
    ("gemma3_text",): "Gemma 3 (text), EmbeddingGemma",
    ("phi3",): "Phi-3, Phi-4-mini",
    ("olmo2",): "OLMo 2",
}


def compared(folder):
    """The lines of a run: kind -> list."""
    if folder is not None:
        return {file.stem: [json.loads(line) for line in file.read_text().splitlines()] for file in folder.glob("*.jsonl")}
    with tempfile.TemporaryDirectory() as out:
        environment = os.environ | {"ADAPTBENCH_MODELS_OUT": out}
        # The test of the chapter looks at what is about to be written.
        command = ["cargo", "test", "-p", "tests", "--test", "oracles", "--", "--skip", "page::"]
        subprocess.run(command, cwd=ROOT, env=environment, check=True)
        return compared(Path(out))


def most(rows, types, key):
    values = [row[key] for row in rows if row["model_type"] in types and row.get(key) is not None]
    return max(values, default=None)


def cell(value):
    return "" if value is None else "0" if value == 0 else f"{value:.0e}".replace("e-0", "e-")


def types_table(lines):
    yield "| models | `model_type` | hidden states | language logits | PEFT logits | gradients |"
    yield "|---|---|---:|---:|---:|---:|"
    for types, models in FAMILIES.items():
        of = lambda kind, key: most(lines.get(kind, []), types, key)
        cells = [models, ", ".join(f"`{name}`" for name in types)]
        cells += [cell(of("states", "hidden")), cell(of("states", "logits")), cell(of("adapters", "adapter"))]
        counted = of("gradients", "gradients")
        yield "| " + " | ".join([*cells, "" if counted is None else f"{counted} tensors"]) + " |"


def real_table(lines):
    yield "| checkpoint | compared | difference |"
    yield "|---|---|---:|"
    for row in sorted(lines.get("real", []), key=lambda row: row["model"]):
        yield f"| {row['model']} | {row['what']} | {cell(row['apart'])} |"


def versions():
    about = json.loads((ROOT / "tests/fixtures/features/electra/expected.json").read_text())["versions"]
    return ", ".join(f"{name} {version.split('+')[0]}" for name, version in about.items())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--from", dest="folder", type=Path)
    lines = compared(parser.parse_args().folder)
    heading = "# Models compared with transformers and PEFT"
    explained = (
        f"Largest differences, of the largest value, on {datetime.date.today()}; {versions()}. Gradients: so many tensors, each within 1e-4 of PyTorch's"
        " (BERT's, GPT-2's and Llama's: `crates/transformer/tests/it/gradients.rs`). An empty cell: there is none to compare here."
    )
    types, real = list(types_table(lines)), list(real_table(lines))
    SUMMARY.parent.mkdir(parents=True, exist_ok=True)
    SUMMARY.write_text("\n".join([heading, "", explained, "", *types, "", *real, ""]))
    block = "\n".join(["<!-- results:models -->", explained, "", *types, "", *real, "<!-- /results:models -->"])
    chapter = CHAPTER.read_text()
    CHAPTER.write_text(re.sub(r"<!-- results:models -->.*?<!-- /results:models -->", lambda _: block, chapter, flags=re.S))
    print(f"{SUMMARY}, {CHAPTER}")


if __name__ == "__main__":
    main()
