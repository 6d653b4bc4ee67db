#!/usr/bin/env python3
"""The peer as a server: imports its libraries once, and answers each request on a Unix socket from a process forked for it.

    race_peer.py PEER_SCRIPT SOCKET

A request is the peer script's command line as a JSON array. Beside its own modes it may be `forward` or `forward-compiled` (inference on one batch,
eager or by torch.compile) or `sgemm` (the matrix products of a training step, by torch.matmul); beside its own methods `last1` (last block, pooler and
classifier). The answer is one JSON line. One thread a core, f32.
"""
import importlib.util
import json
import os
import socket
import sys
import time


def module(path):
    spec = importlib.util.spec_from_file_location("peer", path)
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def with_last1(peer):
    adapted = peer.adapted

    def also_last1(directory, method, classes):
        model = adapted(directory, "full" if method == "last1" else method, classes)
        if method == "last1":
            last = f"encoder.layer.{model.config.num_hidden_layers - 1}."
            for name, p in model.named_parameters():
                p.requires_grad = last in name or "pooler" in name or name.startswith("classifier")
        return model

    peer.adapted = also_last1
    peer.DEFAULT_LR["last1"] = 5e-5


def median_s(work, repetitions, warmup):
    times = []
    for _ in range(warmup + repetitions):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    times = sorted(times[warmup:])
    return times[len(times) // 2]


def forward(peer, a, compiled):
    import torch
    from transformers import AutoModel

    model = AutoModel.from_pretrained(a.model).eval()
    run = torch.compile(model) if compiled else model
    ids = torch.randint(5, model.config.vocab_size, (a.batch, a.seq))
    mask = torch.ones_like(ids)
    with torch.inference_mode():
        p50 = median_s(lambda: run(input_ids=ids, attention_mask=mask), a.steps, a.warmup)
    peer.report(mode="forward", compiled=compiled, batch=a.batch, seq=a.seq, step_s_p50=p50, samples_per_s=a.batch / p50)


def sgemm(peer, a):
    import torch
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(a.model)
    hidden, inner, rows = config.hidden_size, config.intermediate_size, a.batch * a.seq
    operations = seconds = 0.0
    for d_in, d_out, times in ((hidden, hidden, 4), (hidden, inner, 1), (inner, hidden, 1)):
        x, w, dy = torch.randn(rows, d_in), torch.randn(d_out, d_in), torch.randn(rows, d_out)
        for product in (lambda: x @ w.t(), lambda: dy @ w, lambda: dy.t() @ x):
            operations += times * 2.0 * rows * d_in * d_out
            seconds += times * median_s(product, 15, 3)
    peer.report(mode="sgemm", batch=a.batch, seq=a.seq, gflop_per_s=operations / seconds / 1e9)


def versions():
    import peft, platform, sklearn, torch, transformers

    found = {"python": platform.python_version(), "torch": torch.__version__}
    print(json.dumps(found | {m.__name__: m.__version__ for m in (transformers, peft, sklearn)}))


def answer(peer, argv):
    import torch

    mode = argv[0]
    if mode == "versions":
        return versions()
    own = mode in ("steps", "task")
    sys.argv = ["peer", *(argv if own else ["steps", *argv[1:]])]
    a = peer.arguments()
    torch.set_num_threads(a.threads)
    torch.manual_seed(a.seed)
    if own:
        {"steps": peer.run_steps, "task": peer.run_task}[mode](a)
    elif mode == "sgemm":
        sgemm(peer, a)
    else:
        forward(peer, a, {"forward": False, "forward-compiled": True}[mode])


def main(script, address):
    import peft  # noqa: F401
    import sklearn.linear_model  # noqa: F401
    import transformers
    from transformers import AutoModel, AutoModelForSequenceClassification, AutoTokenizer  # noqa: F401

    transformers.logging.set_verbosity_error()
    peer = module(script)
    with_last1(peer)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(address + ".new")
        server.listen()
        os.rename(address + ".new", address)  # appears when it can be used
        while True:
            client, _ = server.accept()
            argv = json.loads(client.makefile().readline())
            child = os.fork()
            if child == 0:
                os.dup2(client.fileno(), 1)
                try:
                    answer(peer, argv)
                    sys.stdout.flush()
                except BaseException as error:
                    print(json.dumps({"error": repr(error)}), flush=True)
                os._exit(0)
            client.close()
            os.waitpid(child, 0)


if __name__ == "__main__":
    main(*sys.argv[1:3])
