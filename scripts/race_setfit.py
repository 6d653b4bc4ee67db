#!/usr/bin/env python3
"""A step of `setfit` here against a step of the setfit package: the same texts, 16 pairs a step, real lengths, the model's own dropout.

    cargo build -p runner
    python scripts/race_setfit.py --model models/all-MiniLM-L6-v2 --task DIR [--labels 8,64,512] [--steps 40] [--repetitions 5] [--out FILE]

Needs the packages of scripts/requirements.txt. DIR holds train.tsv, validation.tsv and test.tsv with the columns text and label. Of train.tsv the
first so many rows are taken, as many of each class. The two sides take turns, each in a process of its own with as many threads as there are
processors (PREFIX="taskset -c 0,1" binds them). A step is timed from the beginning of one to that of the next, the first three left out; a line
says the median of both sides' medians and of the ratios of the pairs, and goes to FILE as JSON too.
"""

import argparse
import csv
import json
import os
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug" / "adaptbench"
PREFIX = shlex.split(os.environ.get("PREFIX", ""))
BATCH, LENGTH, LEFT_OUT = 16, 128, 3


def rows(task, labels):
    """The first rows of train.tsv, as many of each class."""
    with open(task / "train.tsv", encoding="utf-8", newline="") as file:
        every = list(csv.DictReader(file, delimiter="\t"))
    names = sorted({row["label"] for row in every})
    of_class = {name: [row for row in every if row["label"] == name] for name in names}
    return [row for i in range(labels // len(names)) for row in (of_class[name][i] for name in names)]


def write(path, some):
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["text", "label"], delimiter="\t", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(some)


def iterations(texts, steps):
    """So many pairs of each kind a text make that many steps."""
    return max(1, -(-steps * BATCH // (2 * texts)))


def ours(model, folder, texts, steps):
    """Milliseconds of a step, and how many steps ran."""
    run = folder / "run"
    shutil.rmtree(run, ignore_errors=True)
    command = [*PREFIX, PROGRAM, "run", "--model", model, "--task", folder, "--methods", "setfit", "--seeds", "1", "--epochs", "1"]
    command += ["--batch", str(BATCH), "--max-length", str(LENGTH), "--out", run]
    command += ["--set", f"setfit.num_iterations={iterations(texts, steps)}"]
    subprocess.run(list(map(str, command)), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    (record,) = (run / "trials").glob("*/record.json")
    return json.loads(record.read_text())["step_ms_median"]


def theirs(model, folder, texts, steps):
    command = [*PREFIX, sys.executable, __file__, "--peer", folder / "train.tsv", "--model", model, "--steps", steps]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(list(map(str, command)), check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment)
    return json.loads(done.stdout.strip().splitlines()[-1])["step_ms_median"]


def peer(a):
    """One training of the package; a step's beginning is noted where its batch reaches the loss."""
    import torch
    from datasets import Dataset
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.losses import CosineSimilarityLoss
    from setfit import SetFitModel, Trainer, TrainingArguments
    from sklearn.linear_model import LogisticRegression

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    begun, forward = [], CosineSimilarityLoss.forward

    def noted(self, *given, **named):
        begun.append(time.perf_counter())
        return forward(self, *given, **named)

    CosineSimilarityLoss.forward = noted
    with open(a.peer, encoding="utf-8", newline="") as file:
        some = list(csv.DictReader(file, delimiter="\t"))
    body = SentenceTransformer(str(a.model), device="cpu")
    body.max_seq_length = LENGTH
    with tempfile.TemporaryDirectory() as out:
        arguments = TrainingArguments(
            output_dir=out,
            batch_size=BATCH,
            num_iterations=iterations(len(some), a.steps),
            max_steps=a.steps,
            report_to="none",
            save_strategy="no",
            logging_steps=10**6,
        )
        data = Dataset.from_dict(dict(text=[row["text"] for row in some], label=[row["label"] for row in some]))
        model = SetFitModel(model_body=body, model_head=LogisticRegression())
        trainer = Trainer(model=model, args=arguments, train_dataset=data)
        trainer.train_embeddings(*trainer.dataset_to_parameters(data), args=arguments)
    seconds = [b - a for a, b in zip(begun, begun[1:])][LEFT_OUT:]
    print(json.dumps(dict(step_ms_median=1e3 * statistics.median(seconds), steps=len(begun))))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--task", type=Path)
    parser.add_argument("--labels", default="8,64,512")
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--peer", type=Path, help=argparse.SUPPRESS)
    a = parser.parse_args()
    if a.peer:
        return peer(a)
    lines = []
    for labels in map(int, a.labels.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            some = rows(a.task, labels)
            write(folder / "train.tsv", some)
            write(folder / "validation.tsv", some[:8])
            write(folder / "test.tsv", some[:8])
            turns = []
            for repetition in range(a.repetitions):
                sides = [ours, theirs] if repetition % 2 else [theirs, ours]
                took = {side.__name__: side(a.model, folder, len(some), a.steps) for side in sides}
                turns.append([took["ours"], took["theirs"]])
        of_ours, of_theirs = (statistics.median(side) for side in zip(*turns))
        ratio = statistics.median(own / other for own, other in turns)
        lines.append(dict(labels=len(some), ours_ms=of_ours, package_ms=of_theirs, ratio=ratio, turns=turns))
        print(f"{len(some):5} labels: {of_ours:.1f} ms a step, the package {of_theirs:.1f} ms; ratio {ratio:.2f}", flush=True)
    if a.out:
        a.out.write_text(json.dumps(lines, indent=1) + "\n")


if __name__ == "__main__":
    main()
