#!/usr/bin/env python3
"""The turns of scripts/race.sh: runs every line of the race for this program and for the peer, pair after pair, and keeps every result.

Lines: optimisation steps and forward passes on batches of one shape; whole tasks (1,000 labels or as many as there are, 3 epochs) on a copy of the
task with fewer validation and test rows; steps of a causal language model (--language); plain matrix products of a step's shapes. The side that goes first changes from pair to pair.

The peer (race_peer.py) runs in processes forked from one that has imported its libraries, so that a pair does not spend its time importing them. A
second peer gets an MKL that is told to run its AVX-512 kernels: by itself it uses AVX2 on processors that are not Intel's. It asks a function for the
maker of the processor; LD_PRELOAD replaces that function.

Standard library only.
"""
import argparse
import json
import os
import pathlib
import platform
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", HERE.parent / "target")) / "debug"
PREFIX = shlex.split(os.environ.get("PREFIX", ""))
SHAPES = "16x128,32x64"
# Our name of a method and the peer's.
STEPS = (("finetune-all", "full"), ("lora", "lora"), ("bitfit", "bitfit"))
# The same with our settings.
TASKS = (
    ("feature-based", "feature", ()),
    ("finetune-output", "head", ()),
    ("finetune-last", "last1", ("--set", "finetune-last.blocks=1")),
    ("finetune-all", "full", ()),
    ("lora", "lora", ()),
)
TRAINING_ROWS = 1000
VALIDATION_ROWS = 100
GENUINE = "int mkl_serv_intel_cpu_true(void) { return 1; }\n"


def timed(command):
    """Runs a command to its end; its last line of output, and what the process and the machine spent meanwhile."""
    import resource

    def busy():
        user, nice, system = open("/proc/stat").readline().split()[1:4]
        return (int(user) + int(nice) + int(system)) / os.sysconf("SC_CLK_TCK")

    before, start = busy(), time.monotonic()
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wall = time.monotonic() - start
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        sys.exit(f"{command} failed: {done.stderr[-2000:]}")
    lines = done.stdout.strip().splitlines()
    print(json.dumps({"wall_s": wall, "cpu_s": used.ru_utime + used.ru_stime, "machine_busy_s": busy() - before, "last_line": lines[-1] if lines else ""}))


def ask(address, arguments):
    """Lets a peer do something, and prints its answer."""
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(address)
        peer.sendall((json.dumps(arguments) + "\n").encode())
        answer = peer.makefile().read()
    print(answer.strip().splitlines()[-1])


class Race:
    def __init__(self, a):
        self.a = a
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="race"))
        self.task = shortened(pathlib.Path(a.task), self.scratch / "task", a.test_rows)
        os.makedirs(a.out, exist_ok=True)
        self.raw = open(pathlib.Path(a.out) / "raw.jsonl", "a" if a.append else "w")
        extra = {"peer": lambda: {}, "peer_avx512": lambda: {"LD_PRELOAD": self.genuine()}}
        self.peers = {name: self.serve(name, extra[name]()) for name in a.peers.split(",")}

    def genuine(self):
        source, library = self.scratch / "genuine.c", self.scratch / "genuine.so"
        source.write_text(GENUINE)
        subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
        return str(library)

    def serve(self, name, extra):
        address = str(self.scratch / name)
        command = [os.environ.get("PYTHON", "python3"), HERE / "race_peer.py", "serve", address]
        process = subprocess.Popen(command, env={**os.environ, **extra}, stderr=subprocess.DEVNULL)
        while not os.path.exists(address):
            if process.poll() is not None:
                sys.exit(f"{command} ended at once")
            time.sleep(0.1)
        return process

    def run(self, line, pair, side, command):
        # What the program gives its trials.
        environment = {**os.environ, "MIMALLOC_PURGE_DELAY": "5000"}
        done = subprocess.run([*PREFIX, sys.executable, __file__, "--timed", *map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
        if done.returncode != 0:
            print(f"{line}, pair {pair}, {side}: {done.stderr[-500:]}", file=sys.stderr)
            return
        result = json.loads(done.stdout)
        last = result.pop("last_line")
        if side == "ours" and line.startswith("task"):
            (record,) = (self.scratch / "run/trials").glob("*/record.json")
            last = record.read_text()
        result.update(json.loads(last))
        result.pop("curve", None)
        # Names instead of paths: where the files lay is no one's concern, and their digests are in the record.
        for place, key in ((result, "model"), (result.get("spec", {}), "model"), (result.get("spec", {}), "task")):
            if key in place:
                place[key] = pathlib.PurePath(place[key]).name
        self.raw.write(json.dumps({"race": line, "side": side, "pair": pair, "result": result}) + "\n")
        self.raw.flush()

    def peer(self, line, pair, side, *arguments):
        self.run(line, pair, side, [sys.executable, __file__, "--ask", self.scratch / side, *arguments])

    def turn(self, line, pair, ours, peers):
        if self.a.label:
            line = f"{line}, {self.a.label}"
        if not re.search(self.a.only, line):
            return
        self.both_sides(line, pair, ours, peers)
        if self.a.neighbours and line.startswith("step"):
            busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(self.a.neighbours)]
            try:
                self.both_sides(f"{line}, busy neighbours: {self.a.neighbours}", pair, ours, peers)
            finally:
                for process in busy:
                    process.kill()
                    process.wait()

    def both_sides(self, line, pair, ours, peers):
        print(f"pair {pair}: {line}", file=sys.stderr)
        turns = [lambda: self.run(line, pair, "ours", ours)]
        turns += [lambda side=side: self.peer(line, pair, side, *peers) for side in self.peers]
        for turn in turns if pair % 2 else reversed(turns):
            turn()

    def pair(self, pair):
        step, steps = TARGET / "step", self.a.steps
        shapes = [shape.split("x") for shape in self.a.shapes.split(",")]
        for batch, seq in shapes:
            shape = ("--model", self.a.model, "--batch", batch, "--seq", seq)
            for method, theirs in STEPS:
                few = (*shape, "--steps", steps, "--warmup", 2)
                self.turn(f"step {batch}x{seq} {method}", pair, (step, *few, "--method", method), ("steps", *few, "--method", theirs))
            if self.a.language:
                few = (*shape, "--steps", steps, "--warmup", 2)
                self.turn(f"step {batch}x{seq} language model", pair, (step, *few, "--method", "language"), ("language-steps", *few))
            many = (*shape, "--steps", 2 * steps, "--warmup", 3)
            for mode in ("forward", "forward-compiled"):
                self.turn(f"{mode} {batch}x{seq}", pair, (step, *many, "--method", "forward"), (mode, *many))
        for method, theirs, settings in TASKS:
            shutil.rmtree(self.scratch / "run", ignore_errors=True)
            ours = (TARGET / "adaptbench", "run", "--model", self.a.model, "--task", self.task, "--methods", method, *settings)
            ours += ("--seeds", 1, "--train-limit", TRAINING_ROWS, "--epochs", self.a.epochs, "--batch", 16, "--max-length", 128, "--out", self.scratch / "run")
            peers = ("task", "--model", self.a.model, "--method", theirs, "--train", self.task / "train.tsv", "--test", self.task / "test.tsv")
            peers += ("--limit", TRAINING_ROWS, "--epochs", self.a.epochs, "--batch", 16, "--seq", 128)
            name = f"task {method}" if self.a.epochs == 3 else f"task {method} ({self.a.epochs} epoch{'s'[: self.a.epochs - 1]})"
            self.turn(name, pair, ours, peers)
        for batch, seq in shapes[:1]:
            # The machine's own peak, beside which the lines above stand.
            shape = ("--model", self.a.model, "--batch", batch, "--seq", seq)
            self.turn(f"sgemm {batch}x{seq}", pair, (TARGET / "peak", *shape), ("sgemm", *shape))

    def versions(self):
        side = next(iter(self.peers))
        answer = subprocess.run([sys.executable, __file__, "--ask", self.scratch / side, "versions"], stdout=subprocess.PIPE, text=True, check=True)
        commit = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=HERE, stdout=subprocess.PIPE, text=True)
        found = {"this program": commit.stdout.strip(), **json.loads(answer.stdout)}
        text = ", ".join(f"{name} {version}" for name, version in found.items())
        what = "Each line names its model" if self.a.label else f"Model {pathlib.Path(self.a.model).name}, task {pathlib.Path(self.a.task).name}"
        result = f"Machine: {machine()}. {what}. Versions: {text}."
        self.raw.write(json.dumps({"race": "versions", "side": side, "pair": 0, "result": result}) + "\n")
        self.raw.flush()

    def close(self):
        for process in self.peers.values():
            process.terminate()
            process.wait()
        shutil.rmtree(self.scratch)


def machine():
    lines = open("/proc/cpuinfo").read().splitlines()
    name = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())
    wide = any(line.startswith("flags") and " avx512f " in line for line in lines)
    return f"{name}, {len(os.sched_getaffinity(0))} cores, {'AVX-512' if wide else 'no AVX-512'}, Linux {platform.release()}"


def shortened(task, to, test_rows):
    """A copy of the task with fewer rows to validate and test on, taken evenly."""
    to.mkdir()
    for split, most in (("train", None), ("validation", VALIDATION_ROWS), ("test", test_rows)):
        head, *rows = open(task / f"{split}.tsv", encoding="utf-8").read().splitlines(keepends=True)
        every = 1 if most is None else max(1, len(rows) // most)
        (to / f"{split}.tsv").write_text("".join([head, *rows[::every][:most]]), encoding="utf-8")
    return to


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--model", default=HERE.parent / "models/all-MiniLM-L6-v2", help="a directory in Hugging Face layout (default: %(default)s)")
    p.add_argument("--task", default=HERE.parent / "crates/runner/bundled/tasks/reviews", help="a directory with train, validation and test.tsv (default: %(default)s)")
    p.add_argument("--out", default=HERE.parent / "runs/race", help="where raw.jsonl and summary.md go (default: %(default)s)")
    p.add_argument("--pairs", type=int, default=5)
    p.add_argument("--steps", type=int, default=6, help="timed steps of a repetition; forward passes: twice as many")
    p.add_argument("--shapes", default=SHAPES, help="batches of texts x tokens, for steps and forward passes (default: %(default)s)")
    p.add_argument("--label", default="", help="added to the name of every line, for races of several models in one summary")
    p.add_argument("--language", action="store_true", help="also steps of a causal language model, every token predicted from those before it")
    p.add_argument("--only", default="", help="lines whose name this regular expression finds")
    p.add_argument("--first-pair", type=int, default=1, help="number of the first pair, to continue a race")
    p.add_argument("--append", action="store_true", help="keep what raw.jsonl holds")
    p.add_argument("--peers", default="peer,peer_avx512", help="which peers, of these two")
    p.add_argument("--neighbours", type=int, default=0, help="time every step line once more beside so many processes that keep a processor busy")
    p.add_argument("--epochs", type=int, default=3, help="of the tasks")
    p.add_argument("--test-rows", type=int, default=400)
    race = Race(p.parse_args())
    try:
        race.versions()
        for pair in range(race.a.first_pair, race.a.first_pair + race.a.pairs):
            race.pair(pair)
    finally:
        race.close()
    out = pathlib.Path(race.a.out)
    summary = subprocess.run([sys.executable, HERE / "race_summary.py", out / "raw.jsonl"], stdout=subprocess.PIPE, text=True, check=True).stdout
    (out / "summary.md").write_text(summary)
    print(summary, end="")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--timed"]:
        timed(sys.argv[2:])
    elif sys.argv[1:2] == ["--ask"]:
        ask(sys.argv[2], sys.argv[3:])
    else:
        main()
