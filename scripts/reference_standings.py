#!/usr/bin/env python3
"""Standings of the runs under crates/report/tests/audited, computed apart from the program, for tests/fixtures/classifiers/standings.json.

    python scripts/reference_standings.py

Needs numpy, scipy, R with limma, and tar with zstd: numpy for mean squares and draws, limma's squeezeVar for the moderated variance. Written are, for
every arm against the best of the others, the difference, its simultaneous interval, the adjusted p-value (a million draws), and the probability of
improvement by the same pivots; and Dunnett's one-sided p-values of scipy on a balanced independent table.
"""

import csv
import json
import subprocess
import tempfile
from pathlib import Path

from reference_common import FIXTURES, versions, write_json

import numpy as np
from scipy import optimize, special, stats

RUNS = [("minilm-imdb", "imdb"), ("bundled-default", "novels-bert")]
DRAWS = 1_000_000


def groups(run):
    """{(model, task): {(method, variant): {seed: {row: right}}}}"""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["tar", "--zstd", "-xf", FIXTURES.parent.parent / "crates/report/tests/audited" / run / "records.tar.zst", "-C", folder], check=True)
        for path in Path(folder).glob("trials/*/record.json"):
            record = json.loads(path.read_text())
            spec = record["spec"]
            if record["outcome"] != "finished":
                continue
            with open(path.parent / "predictions.csv", newline="") as file:
                right = {int(r["row"]): r["label"] == r["predicted"] for r in csv.DictReader(file)}
            arm = spec["method"] + (":" + spec["variant"] if spec["variant"] else "")
            arms = found.setdefault((spec["model"], spec["task"]), {})
            arms.setdefault(arm, {})[spec["seed"]] = right
    return found


def table(seeds):
    rows = sorted(next(iter(seeds.values())))
    return np.array([[float(seeds[s][r]) for r in rows] for s in sorted(seeds)])


def mean_squares(d):
    s, r = d.shape
    m, by_seed, by_row = d.mean(), d.mean(1), d.mean(0)
    ms_s = r * ((by_seed - m) ** 2).sum() / (s - 1)
    ms_r = s * ((by_row - m) ** 2).sum() / (r - 1)
    rest = d - by_seed[:, None] - by_row[None] + m
    return m, ms_s, ms_r, (rest**2).sum() / ((s - 1) * (r - 1))


def limma(variances, df):
    code = f"""library(limma); x <- scan("stdin", quiet = TRUE); f <- squeezeVar(x, df = {df})
    cat(f$df.prior[1], f$var.prior[1], sep = "\\n")"""
    text = "\n".join(repr(float(v)) for v in variances)
    out = subprocess.run(["Rscript", "-e", code], input=text, capture_output=True, text=True, check=True).stdout
    prior, variance = (float(v) for v in out.split())
    if prior == np.inf:
        # limma takes the mean here; the limit of Smyth's equation is this.
        variance = float(np.exp(np.mean(np.log(variances) - special.digamma(df / 2) + np.log(df / 2))))
    return prior, variance


def standings(arms, rng):
    names = sorted(arms)
    x = [table(arms[n]) for n in names]
    n, (s, r) = len(x), x[0].shape
    varies = [bool((a != a[0]).any()) for a in x]
    squares = {(i, k): mean_squares(x[i] - x[k]) for i in range(n) for k in range(n) if i != k}
    stochastic = [i for i in range(n) if varies[i]]
    pooled = [squares[i, k][1] for i in stochastic for k in stochastic if i < k]
    d0, s02 = limma(pooled, s - 1)
    d0 = min(d0, (len(stochastic) - 2) * (s - 1))
    mean, error, df, p, used = (np.full((n, n), np.nan) for _ in range(5))
    for (i, k), (m, ms_s, ms_r, ms_e) in squares.items():
        value, of_value = ms_s, s - 1.0
        if varies[i] and varies[k]:
            moderated = (d0 * s02 + (s - 1) * ms_s) / (d0 + s - 1)
            if ms_s <= moderated:
                value, of_value = moderated, d0 + s - 1
        total = value + max(ms_r - ms_e, 0)
        mean[i, k], error[i, k], used[i, k] = m, np.sqrt(total / (s * r)), value
        df[i, k] = min(r - 1, total**2 / (value**2 / of_value)) if value > 0 else r - 1
        p[i, k] = stats.t.cdf(m / error[i, k], df[i, k])
    rows = np.cov(np.array([a.mean(0) for a in x])) / r
    pairs = [(i, k) for i in range(n) for k in range(i)]
    design = np.zeros((len(pairs), n))
    target = np.zeros(len(pairs))
    for at, (i, k) in enumerate(pairs):
        design[at, [i, k]] = 1
        target[at] = max(used[i, k] - squares[i, k][3], 0) / (s * r)
    seeds, _ = optimize.nnls(design, target)
    covariance = rows + np.diag(seeds)
    z = rng.multivariate_normal(np.zeros(n), covariance, DRAWS, method="eigh")
    lowest = np.full((DRAWS, n), np.inf)
    for i, k in squares:
        sd = np.sqrt(covariance[i, i] + covariance[k, k] - 2 * covariance[i, k])
        lowest[:, i] = np.minimum(lowest[:, i], (z[:, i] - z[:, k]) / sd)
    levels = stats.norm.cdf(np.quantile(lowest, 0.05, axis=0))
    adjusted = np.array([(lowest[:, i] <= stats.norm.ppf(np.nanmin(p[i]))).mean() for i in range(n)])
    behind = adjusted < 0.05
    result = []
    for i in range(n):
        others = [k for k in range(n) if k != i]
        contenders = [k for k in others if not behind[k]]
        best = min(others, key=lambda k: mean[i, k])
        low = min(mean[i, k] - stats.t.isf(levels[k], df[i, k]) * error[i, k] for k in contenders)
        high = min(mean[i, k] + stats.t.isf(levels[i], df[i, k]) * error[i, k] for k in others)
        m, ms_s, ms_r, ms_e = squares[i, best]
        of_used = d0 + s - 1.0 if varies[i] and varies[best] and used[i, best] != ms_s else s - 1.0
        result.append({
            "arm": names[i], "difference": mean[i, best], "low": max(low, -1), "high": high, "p_adjusted": adjusted[i], "level": levels[i],
            "df": df[i, best], "seed_variance": used[i, best],
            "improvement": improvement(m, used[i, best], of_used, ms_r, ms_e, s, r, rng),
        })
    return {"prior_df": d0, "prior_variance": s02, "arms": result}


def improvement(m, ms_s, df, ms_r, ms_e, s, r, rng):
    def probability(m, ms_s, ms_r, ms_e):
        variance = np.maximum(ms_s - ms_e, 0) / r + (np.maximum(ms_r - ms_e, 0) / s + ms_e) / r
        return stats.norm.cdf(m / np.sqrt(variance))
    draw = lambda value, df: value * df / rng.chisquare(df, 200_000)
    a, b, c = draw(ms_s, df), draw(ms_r, r - 1), draw(ms_e, (s - 1) * (r - 1))
    means = m + np.sqrt((a + np.maximum(b - c, 0)) / (s * r)) * rng.standard_normal(a.size)
    low, high = np.quantile(probability(means, a, b, c), [0.025, 0.975])
    return [float(probability(m, ms_s, ms_r, ms_e)), low, high]


def dunnett(samples):
    """Is some other group above the control? Each of `samples` in turn is the control; the degrees of freedom are as good as infinite."""
    pooled = np.mean([a.var(ddof=1) for a in samples])
    cases = []
    for i, control in enumerate(samples):
        others = [a for k, a in enumerate(samples) if k != i]
        found = stats.dunnett(*others, control=control, alternative="greater", rng=1)
        above = max(a.mean() for a in others) - control.mean()
        cases.append({"largest_t": above / np.sqrt(2 * pooled / len(control)), "p_value": float(found.pvalue.min())})
    return cases


def main():
    rng = np.random.default_rng(1984)
    runs = []
    for run, part in RUNS:
        for (model, task), arms in sorted(groups(run).items()):
            if part in model or part in task:
                runs.append({"run": run, "model": model, "task": task, **standings(arms, rng)})
    samples = [rng.normal(mean, 1, 200) for mean in [0.0, 0.05, 0.25, 0.1, -0.1]]
    write_json(FIXTURES / "classifiers" / "standings.json", {"versions": versions("numpy", "scipy"), "runs": runs, "dunnett": dunnett(samples)})


if __name__ == "__main__":
    main()
