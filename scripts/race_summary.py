#!/usr/bin/env python3
"""Medians of the paired ratios of a race (scripts/race.sh), as Markdown on standard output.

    race_summary.py DIR/raw.jsonl                  the summary
    race_summary.py DIR/raw.jsonl --into FILE      writes DIR/summary.md and its tables between the markers <!-- results:DIR's name --> of FILE

Time of a step or forward line: the median step. Time of a task line, ours: the whole process from its start to its end, with loading, validation and
the report; the peer's: its own clock, which starts before the model is loaded and after Python's imports, and it does not validate. Memory: the highest
resident set of the process. Standard library only.
"""
import collections
import contextlib
import io
import json
import pathlib
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
            for values, unit, form in ((both, "s", ".3g"), (peaks, "MiB", ",.0f")):
                ours, theirs = zip(*values)
                cells += [f"{statistics.median(ours):{form}} {unit}", f"{statistics.median(theirs):{form}} {unit}"]
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


def rates(pairs, side, name):
    """The median of a rate, where this side tells it."""
    found = [p[side][name] for p in pairs.values() if side in p and name in p[side]]
    return statistics.median(found) if found else None


def label_of(race):
    """What a line of several models' races is of, behind its comma."""
    return race.partition(", ")[2]


def shares(races):
    """What share of plain matrix products each side reaches, and what is left of the other's time if nothing but products were computed."""
    peaks = {label_of(race): pairs for race, pairs in races.items() if race.startswith("sgemm")}
    if not peaks:
        return
    sides = {"ours": "this program", **PEERS}
    print("\n## Share of the machine's matrix products\n")
    print("f32 matrix products of the shapes of a step's linear maps, nothing else, in GFLOP/s: output and both gradients of each map; and outputs alone.\n")
    print("| products | rows | inputs x outputs of the maps | " + " | ".join(f"{name} | outputs alone" for name in sides.values()) + " | best single product here |")
    print("|---|---|---|" + "---|---|" * len(sides) + "---|")
    for label, pairs in peaks.items():
        maps = next((p["ours"].get("maps", []) for p in pairs.values() if "ours" in p), [])
        sizes = dict.fromkeys(f"{m['inputs']} x {m['outputs']}" for m in maps)
        cells = [label or "all lines", str(maps[0]["rows"]) if maps else "", ", ".join(sizes)]
        for side in sides:
            cells += [number(rates(pairs, side, name)) for name in ("gflop_per_s", "forward_gflop_per_s")]
        print("| " + " | ".join([*cells, number(rates(pairs, "ours", "best_gflop_per_s"))]) + " |")
    print("\nOperations of a line are counted by formula (crates/measure/src/flops.rs), and a side's share is of its own products. The least ratio is the")
    print("time of the products alone, at our rate, divided by the other side's time: no program that computes the same products in f32 comes below it.\n")
    print("| line | GFLOP/s here | share of products | against | GFLOP/s there | share of products | least ratio |")
    print("|---|---|---|---|---|---|---|")
    for race, pairs in races.items():
        peak = peaks.get(label_of(race), peaks.get(""))
        here = rates(pairs, "ours", "gflop_per_s")
        if peak is None or here is None or race.startswith(("sgemm", "forward-compiled")):
            continue
        name = "forward_gflop_per_s" if race.startswith("forward") else "gflop_per_s"
        ours = rates(peak, "ours", name) or rates(peak, "ours", "gflop_per_s")
        for peer, title in PEERS.items():
            both = [p for p in pairs.values() if {"ours", peer} <= p.keys()]
            if not both:
                continue
            flop = statistics.median(p["ours"]["gflop"] for p in both)
            time = statistics.median(seconds(p[peer], peer) for p in both)
            theirs = rates(peak, peer, name) or rates(peak, peer, "gflop_per_s")
            share = f"{flop / time / theirs:.0%}" if theirs else ""
            print(f"| {race} | {here:.0f} | {here / ours:.0%} | {title} | {flop / time:.0f} | {share} | {flop / ours / time:.2f} |")


def number(value):
    return "" if value is None else f"{value:.0f}"


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


def summarise(path):
    races = collections.OrderedDict()
    versions = None
    for line in open(path, encoding="utf-8"):
        row = json.loads(line)
        if row["race"] == "versions":
            versions = row["result"]
        elif "error" not in row["result"] or row["result"]["error"] is None:
            races.setdefault(row["race"], {}).setdefault(row["pair"], {})[row["side"]] = row["result"]
    print("# This program ÷ PyTorch + transformers + PEFT\n")
    print("Medians of paired ratios (smallest–largest), below 1 is faster or leaner. " + __doc__.split("\n\n")[2].replace("\n", " ").replace(" Standard library only.", "").strip() + "\n")
    print(f"{versions}\n")
    print(
        "`PyTorch, AVX-512` is the same PyTorch with an MKL that is told to use its AVX-512 kernels, which it does not do by itself on this processor"
        " (see scripts/race.py): a stronger opponent than a plain installation, and perhaps nearer to an Intel processor.\n"
    )
    table(races)
    own_clocks(races)
    shares(races)
    beside(races)


def main(path, into=None):
    if into is None:
        return summarise(path)
    folder = pathlib.Path(path).parent
    summary = io.StringIO()
    with contextlib.redirect_stdout(summary):
        summarise(path)
    (folder / "summary.md").write_text(summary.getvalue(), encoding="utf-8")
    tables = [block for block in summary.getvalue().split("\n\n") if block.startswith("|")]
    text = pathlib.Path(into).read_text(encoding="utf-8")
    begin, end = (f"<!-- {slash}results:{folder.name} -->" for slash in ("", "/"))
    before, found, rest = text.partition(begin)
    if not found or end not in rest:
        sys.exit(f"{into} has no {begin} .. {end}")
    after = rest.partition(end)[2]
    pathlib.Path(into).write_text(f"{before}{begin}\n" + "\n\n".join(t.strip() for t in tables) + f"\n{end}{after}", encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 4) or (len(sys.argv) == 4 and sys.argv[2] != "--into"):
        sys.exit(__doc__)
    main(sys.argv[1], *sys.argv[3:])
