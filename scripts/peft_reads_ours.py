#!/usr/bin/env python3
"""Does PEFT compute our logits from the checkpoints we write? Every kind of adapter, five architectures, through the command line.

    python scripts/peft_reads_ours.py --runner target/debug/adaptbench [--families bert gpt2 ..] [--only NAME ..] [--keep DIR]

For each tiny checkpoint under tests/fixtures/oracle: trains every kind for a few steps (`adaptbench run`), writes each as a PEFT
checkpoint (`adaptbench export`), and compares the logits of `adaptbench predict` with those of PEFT. Texts are pairs of unequal
length in padded batches; behind embeddings (prompt tuning, P-tuning) transformers cannot see padding and decoders take the
last position, so those two are compared one text at a time on GPT-2 and Llama.

Exit code 0: every logit within 1e-4 of the largest one, every tensor of the file in use, and nothing at its start;
1: a mismatch. PEFT itself only warns of missing tensors and ignores unknown ones; here both are mismatches.
"""

import argparse
import csv
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from reference_common import ORACLE, quiet

import peft
import torch
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer

FAMILIES = ("bert", "distilbert", "roberta", "gpt2", "llama")
TOLERANCE = 1e-4
LONGEST = 40  # tokens; the fixtures have 64 positions, and prompts take some

# name -> (method, settings in TOML, families that PEFT cannot run it on)
EVERY_LORA = 'targets = ["all"]'
KINDS = {
    "lora": ("lora", "rank = 3\nalpha = 5", ()),
    "lora-all": ("lora", f"rank = 3\nalpha = 5\n{EVERY_LORA}", ()),
    "rslora-all": ("lora", f"rank = 3\nalpha = 5\nrank_stabilized = true\n{EVERY_LORA}", ()),
    "lora-down-above": ("lora", 'rank = 5\nalpha = 7\ntargets = ["down"]\nfrom_block = 1', ()),
    "dora": ("lora", 'rank = 3\nalpha = 5\ntargets = ["query", "mlp"]\ndora = true', ()),
    "pissa": ("lora", f'rank = 3\nalpha = 5\ninit = "pissa"\n{EVERY_LORA}', ()),
    "rs-dora-pissa": ("lora", 'rank = 3\nalpha = 5\ntargets = ["value", "out"]\ninit = "pissa"\ndora = true\nrank_stabilized = true', ()),
    "ia3": ("ia3", "", ()),
    "ia3-more": ("ia3", 'targets = ["query", "out", "up"]', ()),
    "vera": ("vera", "rank = 7", ()),
    "vera-more": ("vera", 'rank = 7\ntargets = ["query", "key", "up"]', ()),
    "layer-norm": ("layer-norm", "", ()),
    "prompt": ("soft-prompt", "tokens = 5", ()),
    "p-tuning-mlp": ("soft-prompt", 'tokens = 5\nencoder = "mlp"\nencoder_width = 11', ()),
    "p-tuning-lstm": ("soft-prompt", 'tokens = 5\nencoder = "lstm"\nencoder_width = 11', ()),
    "prefix": ("prefix-tuning", "tokens = 5", ("distilbert",)),
    "prefix-mlp": ("prefix-tuning", "tokens = 5\nreparametrise = true\nwidth = 11", ("distilbert",)),
}
# Large enough for every tensor to move in a few steps.
RATE = 2e-2
# What must have left its start, by the end of a tensor's name.
STARTS = {"lora_B.weight": 0.0, "ia3_l": 1.0, "vera_lambda_b": 0.0}


def run(runner, *arguments):
    done = subprocess.run([runner, *map(str, arguments)], capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def train(runner, base, kinds, out):
    """Directories of trials by name of kind."""
    variants = "".join(
        f'[[variant]]\nmethod = "{KINDS[k][0]}"\nname = "{k}"\n[variant.settings]\nlearning_rate = {RATE}\n{KINDS[k][1]}\n' for k in kinds
    )
    plan = out / "plan.toml"
    plan.write_text(
        f'models = ["{base}"]\ntasks = ["question-pairs"]\nmethods = []\nseeds = 1\nepochs = 2\nbatch = 8\ntrain_limit = 40\n'
        f'max_length = {LONGEST}\n[budget]\nhead = "transformers"\n{variants}'
    )
    code, _, errors = run(runner, "run", plan, "--out", out / "run", "--keep-adapters")
    if code != 0:
        sys.exit(f"runner run failed on {base}:\n{errors}")
    records = (json.loads(path.read_text()) for path in (out / "run" / "trials").glob("*/record.json"))
    return {record["spec"]["variant"]: out / "run" / "trials" / record["trial_id"] for record in records}


def write_texts(path):
    """Pairs of unequal length, a few cut."""
    short, long = "how do I paint a door", "where was the treaty signed , and by whom , and who had to wait in the cold outside until it was over ?"
    pairs = [("a", "b"), (short, "what colour is the door"), (long, short), (short, long), ("the soup was cold", "a"), (long, long), ("why ?", long)]
    path.write_text("text_a\ttext_b\tlabel\n" + "".join(f"{a}\t{b}\tx\n" for a, b in pairs), encoding="utf-8")
    return pairs


def our_logits(runner, base, adapter, texts, out):
    code, _, errors = run(runner, "predict", "--model", base, "--adapter", adapter, "--input", texts, "--output", out, "--max-length", LONGEST)
    if code != 0:
        sys.exit(f"runner predict failed on {adapter}:\n{errors}")
    with open(out, encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    names = [name for name in rows[0] if name.startswith("logit_")]
    return torch.tensor([[float(row[name]) for name in names] for row in rows])


@torch.inference_mode()
def peft_logits(model, tokenizer, pairs, size):
    rows = []
    for start in range(0, len(pairs), size):
        first, second = zip(*pairs[start : start + size])
        # The fixtures' tokenizer_config.json does not ask for segments; BERT's own do.
        segments = getattr(model.config, "type_vocab_size", 0) > 1
        batch = tokenizer(list(first), list(second), truncation=True, max_length=LONGEST, padding=True, return_tensors="pt", return_token_type_ids=segments)
        rows.append(model(**batch).logits.float())
    return torch.cat(rows)


def problems_of_tensors(model, stored):
    """Differences between the file and what PEFT holds after loading it, and tensors at their start, in words."""
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
        start = next((start for end, start in STARTS.items() if name.endswith(end)), None)
        if start is not None and (stored[name] - start).abs().max() < 1e-3:
            yield f'tensor "{name}" is still at its start: nothing is proven'


def relative(found, expected):
    if found.shape != expected.shape:
        return float("inf")
    return ((found - expected).abs().max() / expected.abs().max()).item()


def check(runner, base, family, kind, trial, out):
    """(the difference as a share of the largest logit, problems in words)"""
    directory = out / kind
    code, _, errors = run(runner, "export", trial, "--output", directory)
    if family in KINDS[kind][2]:
        refused = code == 2 and "PEFT cannot run" in errors
        return None, [] if refused else [f"expected a refusal, got {code}: {errors}"]
    if code != 0:
        return None, [f"runner export failed: {errors}"]
    texts = out / "texts.tsv"
    pairs = write_texts(texts)
    ours = our_logits(runner, base, trial, texts, out / "logits.csv")
    again = our_logits(runner, base, directory, texts, out / "logits.csv")
    model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=ours.shape[1])
    try:
        model = peft.PeftModel.from_pretrained(model, str(directory)).eval()
    except Exception as error:  # PEFT raises many kinds; whichever it is, it does not read our checkpoint
        return None, [f"PEFT does not load it: {type(error).__name__}: {error}"]
    problems = list(problems_of_tensors(model, load_file(directory / "adapter_model.safetensors")))
    tokenizer = AutoTokenizer.from_pretrained(base)
    if tokenizer.pad_token is None:
        tokenizer.pad_token_id = model.config.pad_token_id
    alone = family in ("gpt2", "llama") and KINDS[kind][0] == "soft-prompt"
    theirs = peft_logits(model, tokenizer, pairs, 1 if alone else 3)
    worst = relative(ours, theirs)
    if not worst <= TOLERANCE:  # also true for NaN
        row = int((ours - theirs).abs().max(1).values.argmax())
        problems.append(f"logits differ by {worst:.3g} of the largest; row {row}: ours {ours[row].tolist()}, PEFT {theirs[row].tolist()}")
    if not relative(again, ours) <= TOLERANCE:
        problems.append(f"read back here they differ by {relative(again, ours):.3g} of the largest")
    return worst, problems


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runner", type=Path, required=True, help="the program, as cargo built it")
    parser.add_argument("--families", nargs="+", choices=FAMILIES, default=FAMILIES)
    parser.add_argument("--only", nargs="+", choices=list(KINDS), default=list(KINDS))
    parser.add_argument("--keep", type=Path, help="keep runs and checkpoints here")
    a = parser.parse_args()
    quiet()
    failed, differences = False, []
    with tempfile.TemporaryDirectory() as scratch:
        for family in a.families:
            out = (a.keep or Path(scratch)) / family
            out.mkdir(parents=True)
            base = ORACLE / family
            trials = train(a.runner, base, a.only, out)
            for kind in a.only:
                worst, problems = check(a.runner, base, family, kind, trials[kind], out)
                said = "refused, as PEFT would" if worst is None and not problems else f"{worst:.1e} of the largest logit" if worst is not None else "not compared"
                print(f"{family:10} {kind:16} {said}", flush=True)
                for problem in problems:
                    print(f"    MISMATCH: {problem}")
                failed = failed or bool(problems)
                differences += [worst] if worst is not None else []
    print(f"{len(differences)} checkpoints compared, the worst differs by {max(differences, default=0):.1e} of the largest logit")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
