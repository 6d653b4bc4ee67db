#!/usr/bin/env python3
"""What sentence-transformers makes of folders with modules.json, for tests/fixtures/sentence-transformers.

    python scripts/reference_sentence_transformers.py [--oracle DIR] [--out DIR]

texts.json                the texts (row order), the pairs, and of each case the oracle's checkpoint it stands on and the longest text in
                          tokens
<case>/                   the files that a sentence-transformers folder has beside the checkpoint: modules.json and what it names. Two
                          spellings: "old" as versions 2 to 5 wrote them (flags, sentence_transformers.models), "new" as today's writes them
<case>/expected.safetensors
    embeddings [n,width]  SentenceTransformer(folder).encode(texts)
pairs.safetensors         of the case cls-normalize, on the pairs: u, v [n,48] the embeddings of the first and second texts;
                          logits [n] of scikit-learn's LogisticRegression(C=10) on u, v, |u - v|, u * v, fitted on the rows below n_train
"""

import argparse
import json
import shutil
import tempfile
from pathlib import Path

from reference_common import FIXTURES, ORACLE, quiet, versions, write_json, write_safetensors

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Dense, Normalize, Pooling, Transformer
from sklearn.linear_model import LogisticRegression

BASE_FILES = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")
TEXTS = [
    "a gripping film",
    "not bad at all , in fact rather good despite the slow opening and the long middle part",
    "Where WAS the Treaty signed ?",
    "Café naïve 東京 unseenwordhere !",
    "x",
    "",
]
SUBJECTS = ["the film", "the play", "a long evening", "the second half", "the treaty", "the soup"]
PREDICATES = ["was good", "was rather dull", "was signed in June", "was cold", "was the best of the year"]
N_TRAIN = 22


def pairs():
    """Pairs of made-up sentences: class 1 where both say the same predicate."""
    rows = []
    for i in range(30):
        first = f"{SUBJECTS[i % 6]} {PREDICATES[i % 5]}"
        second = f"{SUBJECTS[(i * 5 + 2) % 6]} {PREDICATES[i % 5 if i % 2 else (i + 1 + i % 3) % 5]}"
        rows.append([first, second, i % 2])
    return rows


def old_modules(*names):
    kinds = ["Transformer", *names]
    paths = [""] + [f"{i}_{name}" for i, name in enumerate(names, start=1)]
    return [
        dict(idx=i, name=str(i), path=path, type=f"sentence_transformers.models.{kind}")
        for i, (kind, path) in enumerate(zip(kinds, paths))
    ]


def old_pooling(width, *modes, **more):
    flags = ("cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens", "weightedmean_tokens", "lasttoken")
    return dict(word_embedding_dimension=width) | {f"pooling_mode_{flag}": flag in modes for flag in flags} | more


def write(folder, name, value):
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps(value, indent=2) + "\n")


def weights(folder, name, generator, **shapes):
    tensors = {key: torch.randn(shape, generator=generator) * 0.2 for key, shape in shapes.items()}
    tensors = {key.replace("_", ".", 1): value for key, value in tensors.items()}
    write_safetensors(folder / name / "model.safetensors", tensors)


def cls_normalize(folder, _):
    write(folder, "modules.json", old_modules("Pooling", "Normalize"))
    write(folder, "1_Pooling/config.json", old_pooling(48, "cls_token"))
    write(folder, "sentence_bert_config.json", dict(max_seq_length=12, do_lower_case=False))
    write(folder, "config_sentence_transformers.json", dict(__version__=dict(sentence_transformers="2.0.0")))


def two_modes(folder, generator):
    write(folder, "modules.json", old_modules("Pooling", "LayerNorm"))
    write(folder, "1_Pooling/config.json", old_pooling(32, "mean_sqrt_len_tokens", "weightedmean_tokens"))
    write(folder, "2_LayerNorm/config.json", dict(dimension=64))
    weights(folder, "2_LayerNorm", generator, norm_weight=(64,), norm_bias=(64,))
    write(folder, "sentence_bert_config.json", dict(max_seq_length=32, do_lower_case=True))


def prompt_excluded(folder, generator):
    write(folder, "modules.json", old_modules("Pooling", "Dropout", "Dense"))
    write(folder, "1_Pooling/config.json", old_pooling(48, "mean_tokens", "cls_token", include_prompt=False))
    write(folder, "2_Dropout/config.json", dict(dropout=0.5))
    write(
        folder,
        "3_Dense/config.json",
        dict(
            in_features=96,
            out_features=10,
            bias=False,
            activation_function="torch.nn.modules.linear.Identity",
        ),
    )
    weights(folder, "3_Dense", generator, linear_weight=(10, 96))
    write(folder, "sentence_bert_config.json", dict(max_seq_length=40, do_lower_case=False))
    prompts = dict(query="where the film is : ", passage="text : ")
    write(folder, "config_sentence_transformers.json", dict(prompts=prompts, default_prompt_name="query"))


def dense_twice(folder, generator):
    """As EmbeddingGemma has them, with residuals: through a map where the widths differ, else as they are."""
    write(folder, "modules.json", old_modules("Pooling", "Dense", "Dense", "Normalize"))
    write(folder, "1_Pooling/config.json", old_pooling(40, "mean_tokens"))
    identity, tanh = "torch.nn.modules.linear.Identity", "torch.nn.modules.activation.Tanh"
    write(folder, "2_Dense/config.json", dict(in_features=40, out_features=80, bias=False, activation_function=identity, use_residual=True))
    weights(folder, "2_Dense", generator, linear_weight=(80, 40), residual_weight=(80, 40))
    write(folder, "3_Dense/config.json", dict(in_features=80, out_features=80, bias=True, activation_function=tanh, use_residual=True))
    weights(folder, "3_Dense", generator, linear_weight=(80, 80), linear_bias=(80,))
    write(folder, "sentence_bert_config.json", dict(max_seq_length=24, do_lower_case=False))
    write(folder, "config_sentence_transformers.json", dict(prompts=dict(query="task: search | query: ", document="title: none | text: ")))


def save(folder, base, modules, **more):
    """As today's version writes it, without the checkpoint."""
    model = SentenceTransformer(modules=[Transformer(str(base)), *modules], device="cpu", **more)
    with tempfile.TemporaryDirectory() as whole:
        model.save(whole, create_model_card=False)
        names = {"modules.json", "sentence_bert_config.json", "config_sentence_transformers.json"}
        for path in Path(whole).iterdir():
            if path.is_dir():
                shutil.copytree(path, folder / path.name)
            elif path.name in names:
                shutil.copy(path, folder / path.name)


def max_dense(folder, base):
    torch.manual_seed(31)
    save(folder, base, [Pooling(48, "max"), Dense(48, 24, activation_function=torch.nn.Tanh()), Normalize()])


def causal_prompt_excluded(folder, base):
    modules = [Pooling(48, ("weightedmean", "lasttoken"), include_prompt=False)]
    save(folder, base, modules, prompts=dict(task="Say what it is: "), default_prompt_name="task")


def last_token(folder, base):
    prompts = dict(query="Find this: ", document="")
    save(folder, base, [Pooling(48, "lasttoken"), Normalize()], prompts=prompts, default_prompt_name="query")


# Case: checkpoint, longest text in tokens, who writes its files, and whether from a checkpoint or a generator of random numbers.
CASES = {
    "cls-normalize": ("bert", 12, cls_normalize, "old"),
    "two-modes-layer-norm": ("roberta", 32, two_modes, "old"),
    "prompt-excluded-dense": ("bert", 40, prompt_excluded, "old"),
    "max-dense-normalize": ("bert", 64, max_dense, "new"),
    "causal-prompt-excluded": ("gpt2", 64, causal_prompt_excluded, "new"),
    "last-token-prompt": ("llama", 64, last_token, "new"),
    "dense-twice": ("distilbert", 24, dense_twice, "old"),
}


def load(base, folder, whole):
    """The case's files over the checkpoint's."""
    for name in BASE_FILES:
        shutil.copy(base / name, Path(whole) / name)
    shutil.copytree(folder, whole, dirs_exist_ok=True)
    return SentenceTransformer(str(whole), device="cpu", local_files_only=True)


def classified(model):
    rows = pairs()
    u, v = (model.encode([row[side] for row in rows], convert_to_numpy=True) for side in (0, 1))
    features = np.concatenate([u, v, abs(u - v), u * v], axis=1).astype(np.float64)
    labels = [row[2] for row in rows]
    classifier = LogisticRegression(C=10, tol=1e-12, max_iter=100_000).fit(features[:N_TRAIN], labels[:N_TRAIN])
    logits = classifier.decision_function(features)
    return dict(u=torch.tensor(u), v=torch.tensor(v), logits=torch.tensor(logits, dtype=torch.float32))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--oracle", type=Path, default=ORACLE)
    parser.add_argument("--out", type=Path, default=FIXTURES / "sentence-transformers")
    a = parser.parse_args()
    quiet()
    shutil.rmtree(a.out, ignore_errors=True)
    cases = {}
    for seed, (case, (arch, max_length, make, spelling)) in enumerate(CASES.items(), start=51):
        folder = a.out / case
        folder.mkdir(parents=True)
        base = a.oracle / arch
        make(folder, base if spelling == "new" else torch.Generator().manual_seed(seed))
        with tempfile.TemporaryDirectory() as whole:
            model = load(base, folder, whole)
            assert model.max_seq_length == max_length, (case, model.max_seq_length)
            write_safetensors(folder / "expected.safetensors", dict(embeddings=torch.tensor(model.encode(TEXTS))))
            if case == "cls-normalize":
                write_safetensors(a.out / "pairs.safetensors", classified(model))
        cases[case] = dict(checkpoint=arch, max_length=max_length)
    packages = versions("torch", "transformers", "sentence-transformers", "scikit-learn")
    record = dict(texts=TEXTS, pairs=pairs(), n_train=N_TRAIN, cases=cases, versions=packages)
    write_json(a.out / "texts.json", record)


if __name__ == "__main__":
    main()
