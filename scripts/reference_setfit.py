#!/usr/bin/env python3
"""What the setfit package computes on given pairs, for tests/fixtures/setfit.

    python scripts/reference_setfit.py [--models DIR] [--oracle DIR] [--out DIR] [--only tiny tiny-sup-con minilm]

<case>.json         rate, texts of training (row order) with their classes, and of testing; steps: of each optimiser step the pairs of rows, or
                    the rows where the loss is supervised contrastive; losses, one a step; classes: what `SetFitModel.predict` says of the
                    testing texts, and probabilities
<case>.safetensors  vectors [n,width]: what the trained body makes of the testing texts
Training is `setfit.Trainer.train`, without dropout and warm-up. `tiny` stands on oracle/bert under a mean, `minilm` on all-MiniLM-L6-v2 as
its folder says (scripts/fetch_minilm.sh).
"""

import argparse
import tempfile
from pathlib import Path

from reference_common import FIXTURES, ORACLE, ROOT, quiet, versions, write_json, write_safetensors

import torch
from datasets import Dataset
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer
from sentence_transformers.sentence_transformer.losses import CosineSimilarityLoss
from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
from sentence_transformers.sentence_transformer.training_args import BatchSamplers
from setfit import SetFitModel, Trainer, TrainingArguments
from setfit.losses import SupConLoss
from sklearn.linear_model import LogisticRegression

STEPS = 20
CLASSES = ["time", "food", "people"]
TRAIN = [
    ("the train was two hours late again", 0),
    ("nobody knew when the doors would open", 0),
    ("we waited until midnight , and then a little longer", 0),
    ("the clock on the wall had stopped", 0),
    ("the soup was cold and the bread was old", 1),
    ("good coffee", 1),
    ("they had no fish left by seven", 1),
    ("a fine dinner , rather dear , and the cake was the best of it", 1),
    ("the man at the desk was kind", 2),
    ("two of the guides would not talk to us at all", 2),
    ("she found our bag and brought it to the room", 2),
    ("rude", 2),
    ("everybody we met was friendly and in good spirits", 2),
]
TEST = [
    "the second half began an hour late",
    "the cheese was good",
    "a friendly woman",
    "we were told to come back at nine , and then at ten",
    "the cook left",
    "dull , cold , and too long",
    "nobody helped the old man with his bag",
]
NO_DROPOUT = dict(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)


def tiny(a):
    body = Transformer(str(a.oracle / "bert"), config_kwargs=NO_DROPOUT)
    return SentenceTransformer(modules=[body, Pooling(body.get_embedding_dimension(), "mean")], device="cpu")


def minilm(a):
    return SentenceTransformer(str(a.models / "all-MiniLM-L6-v2"), device="cpu", config_kwargs=NO_DROPOUT)


# Case: body, loss, rate, pairs or texts a step.
CASES = {
    "tiny": (tiny, CosineSimilarityLoss, 1e-3, 16),
    "tiny-sup-con": (tiny, SupConLoss, 1e-3, 6),
    "minilm": (minilm, CosineSimilarityLoss, 2e-5, 16),
}


class Recorded:
    """A batch sampler that notes what it gives."""

    def __init__(self, sampler, batches):
        self.sampler, self.batches = sampler, batches

    def __getattr__(self, name):
        return getattr(self.sampler, name)

    def __len__(self):
        return len(self.sampler)

    def __iter__(self):
        for batch in self.sampler:
            self.batches.append(list(batch))
            yield batch


def recording(batches, losses, kind):
    """Has the package note its batches and losses from here on."""
    sampler, forward = SentenceTransformerTrainer.get_batch_sampler, kind.forward

    def get_batch_sampler(self, *given, **named):
        return Recorded(sampler(self, *given, **named), batches)

    def noted(self, *given, **named):
        loss = forward(self, *given, **named)
        losses.append(loss.item())
        return loss

    SentenceTransformerTrainer.get_batch_sampler, kind.forward = get_batch_sampler, noted

    def restore():
        SentenceTransformerTrainer.get_batch_sampler, kind.forward = sampler, forward

    return restore


def make(name, a):
    body, kind, rate, batch = CASES[name]
    texts, labels = [text for text, _ in TRAIN], [label for _, label in TRAIN]
    model = SetFitModel(model_body=body(a), model_head=LogisticRegression(tol=1e-10, max_iter=10_000))
    batches, losses = [], []
    restore = recording(batches, losses, kind)
    with tempfile.TemporaryDirectory() as out:
        arguments = TrainingArguments(
            output_dir=out,
            batch_size=batch,
            max_steps=STEPS,
            body_learning_rate=rate,
            loss=kind,
            warmup_proportion=0.0,
            report_to="none",
            save_strategy="no",
            seed=7,
        )
        trainer = Trainer(model=model, args=arguments, train_dataset=Dataset.from_dict(dict(text=texts, label=labels)))
        if kind is SupConLoss:
            # Version 1.2.0 means to, but asks whether the loss, an object, is among classes; texts alone with their class then make the loss NaN.
            trainer.st_trainer.args.batch_sampler = BatchSamplers.GROUP_BY_LABEL
        trainer.train()
    restore()
    assert len(losses) == STEPS, len(losses)
    pairs = trainer.st_trainer.train_dataset
    steps = batches[:STEPS]
    if kind is CosineSimilarityLoss:
        row = {text: i for i, text in enumerate(texts)}
        sides = [[row[pair["sentence_1"]], row[pair["sentence_2"]]] for pair in pairs]
        steps = [[sides[i] for i in step] for step in steps]
    vectors = model.model_body.encode(TEST, convert_to_tensor=True).cpu().float()
    about = dict(rate=rate, train=[list(row) for row in TRAIN], test=TEST, names=CLASSES, steps=steps, losses=losses)
    answers = dict(classes=model.predict(TEST).tolist(), probabilities=model.predict_proba(TEST).tolist())
    made = dict(versions=versions("torch", "transformers", "sentence-transformers", "setfit", "scikit-learn"))
    write_json(a.out / f"{name}.json", about | answers | made)
    write_safetensors(a.out / f"{name}.safetensors", dict(vectors=vectors))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, default=ROOT / "models")
    parser.add_argument("--oracle", type=Path, default=ORACLE)
    parser.add_argument("--out", type=Path, default=FIXTURES / "setfit")
    parser.add_argument("--only", nargs="*", default=list(CASES), choices=list(CASES))
    a = parser.parse_args()
    quiet()
    for name in a.only:
        make(name, a)


if __name__ == "__main__":
    main()
