#!/usr/bin/env python3
"""Medians of the paired ratios of a race (scripts/race.sh), as a Markdown table on standard output.

Time of a step race: the median step. Time of a task race: preparing, training and predicting the test split, loading left out on both sides;
validation, which the peer does not do, is left out on ours. Standard library only.
"""
import collections
import json
import statistics
import sys


def seconds(result):
    if "step_s_p50" in result:
        return result["step_s_p50"]
    if "eval_s" in result and "spec" not in result:
        return result["train_s"] + result["eval_s"]
    return sum(result.get(name) or 0.0 for name in ("prepare_s", "first_step_s", "train_s", "eval_s"))


def peak_bytes(result):
    if result.get("peak_rss_bytes"):
        return result["peak_rss_bytes"]
    return max(result.get(name) or 0 for name in ("train_peak_rss_bytes", "eval_peak_rss_bytes"))


def main(path):
    races = collections.OrderedDict()
    for line in open(path, encoding="utf-8"):
        row = json.loads(line)
        races.setdefault(row["race"], {}).setdefault(row["pair"], {})[row["side"]] = row["result"]
    print("This program ÷ PyTorch + transformers + PEFT, medians over pairs (smallest to largest); below 1 is faster or leaner.\n")
    print("| race | pairs | ours | peer | time ratio | ours | peer | memory ratio |")
    print("|---|---|---|---|---|---|---|---|")
    for race, pairs in races.items():
        whole = [p for p in pairs.values() if {"ours", "peer"} <= p.keys()]
        cells = [race, str(len(whole))]
        for measure, unit, scale in ((seconds, "s", 1), (peak_bytes, "MiB", 2**20)):
            ours = [measure(p["ours"]) for p in whole]
            peer = [measure(p["peer"]) for p in whole]
            ratios = sorted(a / b for a, b in zip(ours, peer))
            cells += [
                f"{statistics.median(ours) / scale:.3g} {unit}",
                f"{statistics.median(peer) / scale:.3g} {unit}",
                f"**{statistics.median(ratios):.2f}** ({ratios[0]:.2f}–{ratios[-1]:.2f})",
            ]
        print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main(sys.argv[1])
