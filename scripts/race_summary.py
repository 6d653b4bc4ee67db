#!/usr/bin/env python3
"""Medians of the paired ratios of a race (scripts/race.sh), as Markdown on standard output.

Time of a step or forward line: the median step. Time of a task line, ours: the whole process from its start to its end, with loading, validation and
the report; the peer's: its own clock, which starts before the model is loaded and after Python's imports, and it does not validate. Memory: the highest
resident set of the process. Standard library only.
"""
import collections
import json
import statistics
import sys

PEERS = {"peer": "PyTorch", "peer_avx512": "PyTorch, AVX-512"}


def seconds(result, side):
    if "step_s_p50" in result:
        return result["step_s_p50"]
    return result["wall_s"] if side == "ours" else result["train_s"] + result["eval_s"]


def peak_bytes(result):
    if result.get("peak_rss_bytes"):
        return result["peak_rss_bytes"]
    return max(result.get(name) or 0 for name in ("train_peak_rss_bytes", "eval_peak_rss_bytes"))


def ratio_cell(ratios):
    return f"**{statistics.median(ratios):.2f}** ({min(ratios):.2f}–{max(ratios):.2f})"


def table(races):
    print("| line | against | pairs | ours | theirs | time ratio | ours | theirs | memory ratio |")
    print("|---|---|---|---|---|---|---|---|---|")
    for race, pairs in races.items():
        if race.startswith("sgemm"):
            continue
        for peer, name in PEERS.items():
            whole = [p for p in pairs.values() if {"ours", peer} <= p.keys()]
            if not whole:
                continue
            cells = [race, name, str(len(whole))]
            both = [(seconds(p["ours"], "ours"), seconds(p[peer], peer)) for p in whole]
            peaks = [(peak_bytes(p["ours"]) / 2**20, peak_bytes(p[peer]) / 2**20) for p in whole]
            for values, unit in ((both, "s"), (peaks, "MiB")):
                ours, theirs = zip(*values)
                cells += [f"{statistics.median(ours):.3g} {unit}", f"{statistics.median(theirs):.3g} {unit}"]
                cells.append(ratio_cell([a / b for a, b in values]))
            print("| " + " | ".join(cells) + " |")


def own_clocks(races):
    """Tasks again with what both clocks cover alike: loading, preparing, training and predicting, without our process start, probe, validation and report."""
    names = ("load_s", "prepare_s", "first_step_s", "train_s", "eval_s")
    rows = []
    for race, pairs in races.items():
        for peer, name in PEERS.items():
            whole = [p for p in pairs.values() if {"ours", peer} <= p.keys()]
            if not race.startswith("task") or not whole:
                continue
            both = [(sum(p["ours"].get(n) or 0.0 for n in names), seconds(p[peer], peer)) for p in whole]
            ours, theirs = zip(*both)
            cells = [race, name, str(len(whole)), f"{statistics.median(ours):.3g} s", f"{statistics.median(theirs):.3g} s"]
            rows.append("| " + " | ".join([*cells, ratio_cell([a / b for a, b in both])]) + " |")
    if rows:
        print("\n## Tasks by the clocks of both programs\n")
        print("Loading the model, preparing, training and predicting the test rows on both sides; our process start, probe, validation and report left out.\n")
        print("| line | against | pairs | ours | theirs | time ratio |\n|---|---|---|---|---|---|")
        print("\n".join(rows))


def shares(races):
    peak = {}
    for race, pairs in races.items():
        if race.startswith("sgemm"):
            for side in ("ours", *PEERS):
                found = [p[side]["gflop_per_s"] for p in pairs.values() if side in p]
                if found:
                    peak[side] = statistics.median(found)
            best = [p["ours"]["best_gflop_per_s"] for p in pairs.values() if "ours" in p]
    if "ours" not in peak:
        return
    print("\n## Share of the machine's matrix products\n")
    print("f32 matrix products of a 16x128 step's shapes, nothing else: " + ", ".join(
        f"{'this program' if side == 'ours' else PEERS[side]} {value:.0f} GFLOP/s" for side, value in peak.items()
    ) + f"; the best single product here {statistics.median(best):.0f} GFLOP/s. Operations of a step are counted by formula (crates/measure/src/flops.rs).\n")
    print("| line | GFLOP/s of a step | share of our products | share of our best product |")
    print("|---|---|---|---|")
    for race, pairs in races.items():
        rates = [p["ours"]["gflop_per_s"] for p in pairs.values() if "ours" in p and "gflop" in p["ours"]]
        if rates and not race.startswith("sgemm") and not race.startswith("forward-compiled"):
            rate = statistics.median(rates)
            print(f"| {race} | {rate:.0f} | {rate / peak['ours']:.0%} | {rate / statistics.median(best):.0%} |")


def beside(races):
    """How much longer a step takes beside busy processes, for each side."""
    rows = []
    for race, pairs in races.items():
        alone, _, neighbours = race.partition(", busy neighbours: ")
        for side, name in {"ours": "this program", **PEERS}.items():
            both = [(races[alone][n][side], p[side]) for n, p in pairs.items() if neighbours and side in p and side in races.get(alone, {}).get(n, {})]
            if not both:
                continue
            times = [(seconds(a, side), seconds(b, side)) for a, b in both]
            cells = [alone, name, neighbours, str(len(both)), *(f"{statistics.median(t):.3g} s" for t in zip(*times))]
            rows.append("| " + " | ".join([*cells, ratio_cell([b / a for a, b in times])]) + " |")
    if rows:
        print("\n## Beside busy neighbours\n")
        print("The same step alone and beside processes that keep a processor busy each; the ratio is how much longer it takes.\n")
        print("| line | side | neighbours | pairs | alone | beside them | ratio |\n|---|---|---|---|---|---|---|")
        print("\n".join(rows))


def main(path):
    races = collections.OrderedDict()
    versions = None
    for line in open(path, encoding="utf-8"):
        row = json.loads(line)
        if row["race"] == "versions":
            versions = row["result"]
        elif "error" not in row["result"] or row["result"]["error"] is None:
            races.setdefault(row["race"], {}).setdefault(row["pair"], {})[row["side"]] = row["result"]
    print("# This program ÷ PyTorch + transformers + PEFT\n")
    print("Medians of paired ratios (smallest–largest), below 1 is faster or leaner. " + __doc__.split("\n\n")[1].replace("\n", " ").replace(" Standard library only.", "").strip() + "\n")
    print(f"{versions}\n")
    print(
        "`PyTorch, AVX-512` is the same PyTorch with an MKL that is told to use its AVX-512 kernels, which it does not do by itself on this processor"
        " (see scripts/race.py): a stronger opponent than a plain installation, and perhaps nearer to an Intel processor.\n"
    )
    table(races)
    own_clocks(races)
    shares(races)
    beside(races)


if __name__ == "__main__":
    main(sys.argv[1])
