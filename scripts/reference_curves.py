#!/usr/bin/env python3
"""References for label curves and calibration, for tests/fixtures/classifiers.

    python scripts/reference_curves.py

label_curves.json  isotonic fits and where they pass zero (scikit-learn, scipy), weighted lines through logarithms (numpy)
calibration.json   Brier scores and areas under ROC curves (scikit-learn), temperatures (scipy), debiased calibration errors (numpy, scipy)
"""

from reference_common import FIXTURES, versions, write_json

import numpy as np
from scipy import optimize, special, stats
from sklearn import metrics
from sklearn.isotonic import IsotonicRegression

BINS = 15


def isotonic_case(rng, points):
    labels = np.unique(np.round(8 * 2 ** np.cumsum(rng.uniform(0.4, 1.6, points)))).astype(float)
    values = np.round(np.linspace(-0.1, 0.1, len(labels)) + rng.normal(0, 0.04, len(labels)), 6)
    weights = np.round(rng.uniform(0.2, 5, len(labels)), 4)
    fitted = IsotonicRegression().fit_transform(np.log(labels), values, sample_weight=weights)
    case = dict(labels=labels.tolist(), values=values.tolist(), weights=weights.tolist(), fitted=fitted.tolist(), passes_zero=None)
    if fitted[0] < 0 < fitted[-1]:
        between = lambda x: np.interp(x, np.log(labels), fitted)
        case["passes_zero"] = float(np.exp(optimize.brentq(between, np.log(labels[0]), np.log(labels[-1]), xtol=1e-13)))
    return case


def line_case(rng, points):
    labels = np.sort(rng.choice(np.arange(8, 900), points, replace=False)).astype(float)
    errors = np.round(0.9 * labels**-0.2 * rng.uniform(0.9, 1.1, points), 6)
    weights = np.round(rng.uniform(0.2, 5, points), 4)
    slope, intercept = np.polyfit(np.log(labels), np.log(errors), 1, w=np.sqrt(weights))
    return dict(labels=labels.tolist(), errors=errors.tolist(), weights=weights.tolist(), slope=float(slope), intercept=float(intercept))


def probabilities(rng, rows, classes, sharpness):
    """Rows of rounded probabilities that sum to 1 within rounding, and labels drawn from flatter ones."""
    scores = rng.normal(0, sharpness, (rows, classes))
    labels = np.array([rng.choice(classes, p=special.softmax(row / 2)) for row in scores])
    return np.maximum(np.round(special.softmax(scores, axis=1), 9), 1e-9), labels


def brier(p, labels):
    if p.shape[1] == 2:
        return metrics.brier_score_loss(labels, p[:, 1])
    return metrics.brier_score_loss(labels, p / p.sum(1, keepdims=True), labels=list(range(p.shape[1])))


def temperature(p, labels):
    logs = np.log(p)
    rows = np.arange(len(labels))
    loss = lambda t: -special.log_softmax(logs / np.exp(t), axis=1)[rows, labels].mean()
    return float(np.exp(optimize.minimize_scalar(loss, bounds=(-5, 5), method="bounded", options=dict(xatol=1e-10)).x))


def calibration_error(confidence, right):
    """Bins of equal mass, without ties; the mean of |N(d, sd)| above d is taken off each distance d."""
    order = np.argsort(confidence, kind="stable")
    ends = [-(-k * len(order) // BINS) for k in range(BINS + 1)]
    raw = bias = 0.0
    for start, end in zip(ends, ends[1:]):
        own = order[start:end]
        share = right[own].mean()
        distance = abs(confidence[own].mean() - share)
        sd = np.sqrt(share * (1 - share) / len(own))
        mean = stats.foldnorm(distance / sd, scale=sd).mean() if sd > 0 else distance
        raw += len(own) / len(order) * distance
        bias += len(own) / len(order) * (mean - distance)
    return dict(raw=raw, debiased=max(raw - bias, 0.0))


def calibration_case(rng, name, rows, classes, sharpness):
    p, labels = probabilities(rng, rows, classes, sharpness)
    confidence, right = p.max(1), (p.argmax(1) == labels).astype(float)
    assert len(set(confidence)) == rows, "ties"
    out = classes - 1
    return dict(
        name=name,
        probabilities=p.tolist(),
        labels=labels.tolist(),
        brier=float(brier(p, labels)),
        temperature=temperature(p, labels),
        calibration_error=calibration_error(confidence, right),
        out_of_scope=out,
        auroc=float(metrics.roc_auc_score(labels == out, -p[:, :out].max(1))),
    )


def main():
    rng = np.random.default_rng(16)
    write_json(
        FIXTURES / "classifiers" / "label_curves.json",
        dict(
            versions=versions("scikit-learn", "scipy", "numpy"),
            isotonic=[isotonic_case(rng, points) for points in (3, 5, 8, 8, 11, 11)],
            lines=[line_case(rng, points) for points in (2, 3, 5)],
        ),
    )
    write_json(
        FIXTURES / "classifiers" / "calibration.json",
        dict(
            versions=versions("scikit-learn", "scipy", "numpy"),
            cases=[
                calibration_case(rng, "binary", 97, 2, 1.5),
                calibration_case(rng, "three classes", 140, 3, 2.5),
                calibration_case(rng, "seven classes", 151, 7, 1.0),
            ],
        ),
    )


if __name__ == "__main__":
    main()
