#!/usr/bin/env python3
"""The other side of scripts/race.sh: the same work with PyTorch, transformers, PEFT and scikit-learn.

    race_peer.py steps   --model DIR --method lora --batch 16 --seq 128 --steps 20
    race_peer.py task    --model DIR --method lora --train train.tsv --test test.tsv --epochs 3
    race_peer.py language-steps | forward | forward-compiled | sgemm --model DIR
    race_peer.py versions
    race_peer.py serve SOCKET

Each prints one JSON object on one line. Times are in seconds, memory in bytes.

- `steps`: optimisation steps on one batch of random tokens.
- `task`: trains on one file and scores another; from the loading of the model to the last prediction.
- `forward`, `forward-compiled`: inference on one batch, eagerly or by torch.compile.
- `language-steps`: optimisation steps of a causal language model on one batch of random tokens.
- `sgemm`: nothing but the matrix products of a training step.
- `serve`: imports the libraries once, then answers command lines sent as JSON arrays to a Unix socket, each in a process
  forked for it, so that a race does not spend its time on imports.

Everything is f32 on the CPU with one thread a core. The optimiser is the fused AdamW; training batches are drawn in random
order and padded to their longest text, prediction goes through the texts by length. Pinned in requirements-race.txt.
"""
import argparse
import collections
import csv
import json
import os
import platform
import random
import resource
import socket
import sys
import time
import warnings

# The learning rate of each method in `task`; `steps` does not depend on it.
LEARNING_RATES = {"head": 1e-3, "last1": 5e-5, "full": 5e-5, "lora": 5e-4, "ia3": 5e-3, "bitfit": 1e-3, "layer-norm": 1e-3, "prefix": 1e-2, "prompt": 1e-2}
# The maps to queries and values, where PEFT's own choice is another one or none.
QUERY_AND_VALUE = {"bert": ["query", "value"], "roberta": ["query", "value"], "mpnet": ["attn.q", "attn.v"], "modernbert": ["Wqkv"]}
PREDICTION_BATCH = 32


# --- Models ---------------------------------------------------------------------------------------------------------------------


def is_head(name):
    return name.split(".")[0] in ("classifier", "score", "pre_classifier")


def trained_part(method, layers):
    """Which of a model's own parameters `method` trains, by name; None for methods that insert something."""
    last_block = f".layer.{layers - 1}."
    return {
        "full": lambda name: True,
        "head": is_head,
        "last1": lambda name: is_head(name) or last_block in name or "pooler" in name,
        "bitfit": lambda name: is_head(name) or name.endswith(".bias"),
        "layer-norm": lambda name: is_head(name) or "LayerNorm" in name,
    }.get(method)


def peft_config(method, model_type):
    import peft

    if method == "lora":
        targets = QUERY_AND_VALUE.get(model_type)
        return peft.LoraConfig(task_type="SEQ_CLS", r=8, lora_alpha=16, lora_dropout=0.0, target_modules=targets)
    if method == "ia3":
        return peft.IA3Config(task_type="SEQ_CLS")
    if method == "prefix":
        return peft.PrefixTuningConfig(task_type="SEQ_CLS", num_virtual_tokens=20)
    if method == "prompt":
        return peft.PromptTuningConfig(task_type="SEQ_CLS", num_virtual_tokens=20)
    sys.exit(f'unknown method "{method}"; known: feature, {", ".join(LEARNING_RATES)}')


def classifier(directory, method, classes):
    """A pretrained model with a new classification head, its parameters frozen as `method` wants it."""
    import peft
    from transformers import AutoModelForSequenceClassification

    model = AutoModelForSequenceClassification.from_pretrained(directory, num_labels=classes)
    if model.config.pad_token_id is None:
        model.config.pad_token_id = 0
    trains = trained_part(method, model.config.num_hidden_layers)
    if trains is None:
        return peft.get_peft_model(model, peft_config(method, model.config.model_type))
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(trains(name))
    return model


def trainable(model):
    return [p for p in model.parameters() if p.requires_grad]


def adamw(parameters, learning_rate):
    import torch

    return torch.optim.AdamW(parameters, lr=learning_rate, fused=True)


# --- Work -----------------------------------------------------------------------------------------------------------------------


def median_s(work, repetitions, warmup):
    """The median time of `work`, its first calls left out."""
    for _ in range(warmup):
        work()
    times = []
    for _ in range(repetitions):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return sorted(times)[len(times) // 2]


def random_batch(vocabulary, a):
    import torch

    ids = torch.randint(5, vocabulary, (a.batch, a.seq))
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}


def steps(a):
    import torch

    model = classifier(a.model, a.method, 2).train()
    parameters = trainable(model)
    optimiser = adamw(parameters, 1e-4)
    batch = random_batch(model.config.vocab_size, a)
    batch["labels"] = torch.arange(a.batch) % 2
    losses = []

    def step():
        optimiser.zero_grad(set_to_none=True)
        loss = model(**batch).loss
        loss.backward()
        optimiser.step()
        losses.append(loss.detach())

    p50 = median_s(step, a.steps, a.warmup)
    return {
        **timing(a, p50), "method": a.method, "trainable": sum(p.numel() for p in parameters),
        "first_loss": losses[0].item(), "last_loss": losses[-1].item(),
    }


def language_steps(a):
    """Optimisation steps of a causal language model: each token is predicted from those before it, every parameter trains."""
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(a.model).train()
    model.config.use_cache = False  # nothing is generated
    parameters = trainable(model)
    optimiser = adamw(parameters, 1e-4)
    batch = random_batch(model.config.vocab_size, a)
    batch["labels"] = batch["input_ids"]

    def step():
        optimiser.zero_grad(set_to_none=True)
        model(**batch).loss.backward()
        optimiser.step()

    return {**timing(a, median_s(step, a.steps, a.warmup)), "method": "language", "trainable": sum(p.numel() for p in parameters)}


def forward(a, compiled):
    import torch
    from transformers import AutoModel

    model = AutoModel.from_pretrained(a.model).eval()
    model.config.use_cache = False  # nothing is generated
    run = torch.compile(model) if compiled else model
    batch = random_batch(model.config.vocab_size, a)
    with torch.inference_mode():
        return {**timing(a, median_s(lambda: run(**batch), a.steps, a.warmup)), "compiled": compiled}


def timing(a, p50):
    return {"mode": a.mode, "batch": a.batch, "seq": a.seq, "step_s_p50": p50, "samples_per_s": a.batch / p50}


def maps_of_blocks(directory):
    """Inputs and outputs of every linear map of a model's blocks, as often as there are; nothing is read but the configuration."""
    import torch
    from transformers import AutoConfig, AutoModel

    with torch.device("meta"):
        model = AutoModel.from_config(AutoConfig.from_pretrained(directory))
    in_a_block = (module for name, module in model.named_modules() if any(part.isdigit() for part in name.split(".")))
    return collections.Counter((m.in_features, m.out_features) for m in in_a_block if isinstance(m, torch.nn.Linear))


def sgemm(a):
    """Every linear map of the blocks with its three products: output, gradient of the input, gradient of the weight."""
    import torch

    rows = a.batch * a.seq
    operations = of_outputs = seconds = 0.0
    maps = []
    for (inputs, outputs), count in maps_of_blocks(a.model).items():
        x, weight, dy = torch.randn(rows, inputs), torch.randn(outputs, inputs), torch.randn(rows, outputs)
        flop = 2.0 * rows * inputs * outputs
        times = [median_s(product, 15, 3) for product in (lambda: x @ weight.t(), lambda: dy @ weight, lambda: dy.t() @ x)]
        maps.append({"rows": rows, "inputs": inputs, "outputs": outputs, "gflop_per_s": [flop / s / 1e9 for s in times]})
        operations += count * flop
        of_outputs += count * times[0]
        seconds += count * sum(times)
    return {
        "mode": a.mode, "batch": a.batch, "seq": a.seq, "gflop_per_s": 3 * operations / seconds / 1e9,
        "forward_gflop_per_s": operations / of_outputs / 1e9, "maps": maps,
    }


# --- Whole tasks ----------------------------------------------------------------------------------------------------------------


class Texts:
    """The rows of a TSV file, its last column the label and one or two before it the text."""

    def __init__(self, path, limit=None):
        with open(path, newline="", encoding="utf-8") as file:
            lines = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
            columns = len(next(lines))
            kept = [line for line in lines if len(line) == columns][: limit or None]
        self.texts = [tuple(line[:-1]) for line in kept]
        self.labels = [line[-1] for line in kept]

    def __len__(self):
        return len(self.texts)

    def by_length(self):
        """Indices in batches of texts that are about as long as each other."""
        order = sorted(range(len(self)), key=lambda row: sum(map(len, self.texts[row])))
        return [order[at : at + PREDICTION_BATCH] for at in range(0, len(order), PREDICTION_BATCH)]


def tokenizer(a):
    from transformers import AutoTokenizer

    found = AutoTokenizer.from_pretrained(a.model)
    if found.pad_token is None:
        found.pad_token = found.eos_token

    def encode(texts, rows):
        parts = [list(part) for part in zip(*(texts.texts[row] for row in rows))]
        return found(*parts, truncation=True, max_length=a.seq, padding=True, return_tensors="pt")

    return encode


def for_each_text(texts, encode, compute):
    """What `compute` gives for a batch, put back in the order of the texts."""
    import torch

    results = [None] * len(texts)
    with torch.inference_mode():
        for rows in texts.by_length():
            for row, result in zip(rows, compute(encode(texts, rows))):
                results[row] = result
    return torch.stack(results)


def fit_features(a, train, targets, classes, encode):
    """Logistic regression on the frozen model's mean-pooled states."""
    import torch
    from sklearn.linear_model import LogisticRegression
    from transformers import AutoModel

    model = AutoModel.from_pretrained(a.model).eval()

    def pooled(batch):
        states = model(**batch).last_hidden_state
        weights = batch["attention_mask"].unsqueeze(-1).to(states.dtype)
        return (states * weights).sum(1) / weights.sum(1)

    regression = LogisticRegression(max_iter=1000).fit(for_each_text(train, encode, pooled).numpy(), targets.numpy())

    def log_probabilities(test):
        return torch.from_numpy(regression.predict_log_proba(for_each_text(test, encode, pooled).numpy()))

    return log_probabilities, regression.coef_.size + regression.intercept_.size


def fit_by_gradient(a, train, targets, classes, encode):
    """The usual loop: AdamW, a tenth of the steps to warm up and a linear way down, gradients clipped at norm 1."""
    import torch

    model = classifier(a.model, a.method, classes).train()
    parameters = trainable(model)
    optimiser = adamw(parameters, a.lr or LEARNING_RATES[a.method])
    steps = a.epochs * -(-len(train) // a.batch)
    warmup = max(1, steps // 10)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda done: min((done + 1) / warmup, (steps - done) / max(1, steps - warmup)))
    for _ in range(a.epochs):
        order = random.sample(range(len(train)), len(train))
        for at in range(0, len(order), a.batch):
            rows = order[at : at + a.batch]
            optimiser.zero_grad(set_to_none=True)
            torch.nn.functional.cross_entropy(model(**encode(train, rows)).logits, targets[rows]).backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimiser.step()
            schedule.step()
    model.eval()

    def log_probabilities(test):
        return for_each_text(test, encode, lambda batch: model(**batch).logits).log_softmax(-1)

    return log_probabilities, sum(p.numel() for p in parameters)


def task(a):
    import torch

    train, test = Texts(a.train, a.limit), Texts(a.test)
    names = sorted(set(train.labels))
    targets = torch.tensor([names.index(label) for label in train.labels])
    truth = torch.tensor([names.index(label) for label in test.labels])
    encode = tokenizer(a)
    begin = time.perf_counter()
    fit = fit_features if a.method == "feature" else fit_by_gradient
    log_probabilities, count = fit(a, train, targets, len(names), encode)
    trained = time.perf_counter()
    scores = log_probabilities(test)
    end = time.perf_counter()
    return {
        "mode": a.mode, "method": a.method, "n_train": len(train), "n_test": len(test),
        "accuracy": (scores.argmax(-1) == truth).double().mean().item(),
        "test_loss": torch.nn.functional.nll_loss(scores, truth).item(),
        "train_s": trained - begin, "eval_s": end - trained, "trainable": int(count),
    }


# --- The command line and the server --------------------------------------------------------------------------------------------


def versions():
    import peft
    import sklearn
    import torch
    import transformers

    libraries = (torch, transformers, peft, sklearn)
    return {"python": platform.python_version()} | {library.__name__: library.__version__ for library in libraries}


def arguments(line):
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("mode", choices=["steps", "language-steps", "task", "forward", "forward-compiled", "sgemm", "versions"])
    p.add_argument("--model", help="a directory in Hugging Face layout")
    p.add_argument("--method", default="full", help=f"feature (task only), {', '.join(LEARNING_RATES)}")
    p.add_argument("--train", help="TSV file with a header, the label last")
    p.add_argument("--test", help="as --train")
    p.add_argument("--limit", type=int, help="train on the first rows only")
    p.add_argument("--epochs", type=int, default=3)
    p.add_argument("--steps", type=int, default=20, help="timed repetitions")
    p.add_argument("--warmup", type=int, default=3, help="repetitions before the timed ones")
    p.add_argument("--batch", type=int, default=16)
    p.add_argument("--seq", type=int, default=128, help="tokens a text; in `task` at most")
    p.add_argument("--lr", type=float, help="learning rate of `task`")
    p.add_argument("--seed", type=int, default=0)
    return p.parse_args(line)


def answer(line):
    """Does what a command line asks, and prints the result with the process's peak memory."""
    import torch

    a = arguments(line)
    if a.mode == "versions":
        return print(json.dumps(versions()))
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    torch.manual_seed(a.seed)
    random.seed(a.seed)
    work = {"steps": steps, "language-steps": language_steps, "task": task, "sgemm": sgemm, "forward": lambda a: forward(a, False), "forward-compiled": lambda a: forward(a, True)}
    result = work[a.mode](a)
    result["peak_rss_bytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps(result))


def serve(address):
    # Imported here so that forked processes find them loaded.
    import peft  # noqa: F401
    import sklearn.linear_model  # noqa: F401
    from transformers import AutoModel, AutoModelForSequenceClassification, AutoTokenizer  # noqa: F401

    with socket.socket(socket.AF_UNIX) as server:
        server.bind(address + ".new")
        server.listen()
        os.rename(address + ".new", address)  # appears when it can be used
        while True:
            client, _ = server.accept()
            line = json.loads(client.makefile().readline())
            child = os.fork()
            if child == 0:
                os.dup2(client.fileno(), 1)
                try:
                    answer(line)
                except BaseException as error:
                    print(json.dumps({"error": repr(error)}))
                sys.stdout.flush()
                os._exit(0)
            client.close()
            os.waitpid(child, 0)


def main():
    import transformers

    transformers.logging.set_verbosity_error()
    warnings.simplefilter("ignore")
    if sys.argv[1:2] == ["serve"]:
        serve(sys.argv[2])
    else:
        answer(sys.argv[1:])


if __name__ == "__main__":
    main() if sys.argv[1:2] not in (["-h"], ["--help"]) else arguments(sys.argv[1:])
