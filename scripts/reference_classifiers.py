#!/usr/bin/env python3
"""scikit-learn and scipy references for the classifiers, metrics and statistics, for tests/fixtures/classifiers.

    python scripts/reference_classifiers.py [--out DIR]

logistic_regression.json  dense features, 3 classes and 2 classes, five values of C
nearest_neighbours.json   the same 3-class features, euclidean and cosine
tfidf.json                TF-IDF of written texts, two settings, with logistic regression on top
metrics.json              accuracy, macro-F1, Matthews, log-loss, expected calibration error
statistics.json           Wilson and t intervals, Student t critical values, McNemar, exact paired bootstrap
"""

import argparse
import math
import warnings
from pathlib import Path

from reference_common import FIXTURES, versions, write_json

import numpy as np
import scipy.stats
from sklearn import metrics
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

REGULARISATION = [0.01, 0.1, 1.0, 10.0, 100.0]


def blobs(rng, rows, classes, width, spread):
    """Overlapping Gaussian classes of unequal size and scale, rounded so that JSON holds them exactly."""
    centres = np.random.default_rng(5).normal(0, 1, (classes, width)) * spread
    share = np.arange(classes, 0, -1) / np.arange(1, classes + 1).sum()
    labels = rng.choice(classes, rows, p=share)
    scale = np.linspace(0.3, 1.7, width)  # unequal column scales: a missing line search shows
    return np.round((centres[labels] + rng.normal(0, 1, (rows, width))) * scale + 0.25, 5), labels


def objective(model, x, y):
    """What LogisticRegression minimises: C * (summed log-loss) + (squared length of the coefficients) / 2."""
    log_probability = np.log(model.predict_proba(x)[np.arange(len(y)), y])
    return float(-model.C * log_probability.sum() + 0.5 * (model.coef_**2).sum())


def fitted(c, x, y):
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a fit that has not converged is an error
        return LogisticRegression(C=c, solver="lbfgs", tol=1e-8, max_iter=20_000).fit(x, y)


def logistic_fits(train, test, values=REGULARISATION, rows=10):
    (x, y), (xt, yt) = train, test
    fits = []
    for c in values:
        model = fitted(c, x, y)
        fits.append(
            dict(
                C=c,
                coefficients=model.coef_.tolist(),
                intercepts=model.intercept_.tolist(),
                objective=objective(model, x, y),
                train_accuracy=model.score(x, y),
                test_accuracy=model.score(xt, yt),
                test_log_loss=metrics.log_loss(yt, model.predict_proba(xt), labels=model.classes_),
                test_predictions=model.predict(xt).tolist(),
                test_probabilities=model.predict_proba(xt)[:rows].tolist(),
            )
        )
    return fits


def logistic_regression():
    cases = {}
    for name, classes, spread in (("three_classes", 3, 0.22), ("two_classes", 2, 0.25)):
        rng = np.random.default_rng(40 + classes)
        train, test = blobs(rng, 160, classes, 24, spread), blobs(rng, 80, classes, 24, spread)
        cases[name] = dict(
            train_features=train[0].tolist(),
            train_labels=train[1].tolist(),
            test_features=test[0].tolist(),
            test_labels=test[1].tolist(),
            fits=logistic_fits(train, test),
        )
    note = (
        "Minimises C * summed log-loss + ||coefficients||^2 / 2, intercepts unpenalised. Three classes: softmax, one row of "
        "coefficients a class. Two classes: one sigmoid, one row; a two-row softmax with the same C is penalised half as much "
        "and gives other numbers. Probabilities are those of the first ten test rows."
    )
    return dict(note=note, versions=versions("scikit-learn", "numpy"), **cases)


def nearest_neighbours(features):
    x, y, xt, yt = (np.array(features[k]) for k in ("train_features", "train_labels", "test_features", "test_labels"))
    cases = []
    for metric in ("euclidean", "cosine"):
        for k in (1, 5, 8):
            model = KNeighborsClassifier(k, metric=metric, algorithm="brute").fit(x, y)
            distance, index = model.kneighbors(xt[:10])
            cases.append(
                dict(
                    metric=metric,
                    k=k,
                    test_accuracy=model.score(xt, yt),
                    test_predictions=model.predict(xt).tolist(),
                    first_ten=dict(neighbours=index.tolist(), distances=distance.tolist(), votes=model.predict_proba(xt[:10]).tolist()),
                )
            )
    note = "Features: three_classes of logistic_regression.json. Uniform votes; a tie goes to the smallest label."
    return dict(note=note, versions=versions("scikit-learn"), cases=cases)


TEXTS = [
    ("The kettle boils quickly, and it is quiet.", "kitchen"),
    ("A sharp knife and a heavy pan: all I need in a kitchen.", "kitchen"),
    ("The pan warped after two weeks; the handle is loose.", "kitchen"),
    ("Toaster toasts toast. Toast toast toast!", "kitchen"),
    ("This blender is loud, loud, LOUD.", "kitchen"),
    ("Espresso machine v2_final leaks: avoid model B12.", "kitchen"),
    ("Crème brûlée torch works; the café-style mugs are naïve copies.", "kitchen"),
    ("The novel opens in winter and never quite warms up.", "books"),
    ("A quiet, heavy book; I read it in two sittings.", "books"),
    ("Her second novel is sharp and funny.", "books"),
    ("Chapter 12 alone is worth the price (and it is cheap).", "books"),
    ("The plot warped after two chapters; the ending is loose.", "books"),
    ("I could not finish this book. I'd call it loud.", "books"),
    ("Das Buch über Fußball ist groß.", "books"),
    ("The tent is light, the pegs are not.", "outdoors"),
    ("Two nights of rain and the tent stayed dry.", "outdoors"),
    ("Boots warped after two weeks of winter rain.", "outdoors"),
    ("A quiet trail, a heavy pack, and a good pair of boots.", "outdoors"),
    ("The compass points south-south-west. Always.", "outdoors"),
    ("GPS works; the map is cheap and sharp.", "outdoors"),
]
UNSEEN = [
    ("A heavy kettle with a loose handle.", "kitchen"),
    ("The winter novel: quiet and sharp.", "books"),
    ("Rain, rain, RAIN on the tent; dry boots.", "outdoors"),
    ("Zebra xylophone!", "books"),  # no known word: a zero row
    ("", "outdoors"),
]


def tfidf():
    texts, labels = zip(*TEXTS)
    unseen, unseen_labels = zip(*UNSEEN)
    names = sorted(set(labels))
    y, yt = (np.array([names.index(l) for l in some]) for some in (labels, unseen_labels))
    cases = []
    for settings in ({}, dict(ngram_range=(1, 2), sublinear_tf=True)):
        vectorizer = TfidfVectorizer(**settings)
        x = vectorizer.fit_transform(texts)
        xt = vectorizer.transform(unseen)

        def sparse(matrix):
            matrix = matrix.tocsr()
            matrix.sort_indices()
            rows = zip(matrix.indptr, matrix.indptr[1:])
            return [dict(columns=matrix.indices[a:b].tolist(), values=matrix.data[a:b].tolist()) for a, b in rows]

        cases.append(
            dict(
                settings=dict(ngram_range=[1, 1], sublinear_tf=False) | {k: list(v) if isinstance(v, tuple) else v for k, v in settings.items()},
                vocabulary=vectorizer.get_feature_names_out().tolist(),
                idf=vectorizer.idf_.tolist(),
                train_rows=sparse(x),
                test_rows=sparse(xt),
                logistic_regression=logistic_fits((x, y), (xt, yt), values=[1.0, 10.0], rows=len(UNSEEN)),
            )
        )
    note = (
        "TfidfVectorizer defaults: lowercase, words of two or more word characters, smoothed idf ln((1+n)/(1+df))+1, rows of "
        "length 1. Column j is vocabulary[j], sorted by code point. A row holds its non-zero columns in rising order."
    )
    return dict(
        note=note,
        versions=versions("scikit-learn"),
        label_names=names,
        texts=texts,
        labels=y.tolist(),
        test_texts=unseen,
        test_labels=yt.tolist(),
        cases=cases,
    )


def expected_calibration_error(labels, probabilities, bins=15):
    """Guo et al. 2017, eq. 3: bins (i/15, (i+1)/15] of the highest probability; weighted |accuracy - confidence|."""
    confidence = probabilities.max(1)
    right = probabilities.argmax(1) == labels
    edges = np.linspace(0, 1, bins + 1)
    error = 0.0
    for low, high in zip(edges, edges[1:]):
        inside = (confidence > low) & (confidence <= high)
        if inside.any():
            error += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    return float(error)


def metric_case(name, classes, labels, probabilities):
    labels, probabilities = np.array(labels), np.array(probabilities, dtype=float)
    guess = probabilities.argmax(1)
    everything = list(range(classes))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return dict(
            name=name,
            classes=classes,
            labels=labels.tolist(),
            predictions=guess.tolist(),
            probabilities=probabilities.tolist(),
            accuracy=metrics.accuracy_score(labels, guess),
            # scikit-learn's default: the mean over classes that occur among labels or predictions.
            macro_f1=metrics.f1_score(labels, guess, average="macro", zero_division=0),
            # The mean over all declared classes; one that never occurs counts 0.
            macro_f1_all_classes=metrics.f1_score(labels, guess, labels=everything, average="macro", zero_division=0),
            per_class_f1=metrics.f1_score(labels, guess, labels=everything, average=None, zero_division=0).tolist(),
            matthews=float(metrics.matthews_corrcoef(labels, guess)),
            log_loss=float(metrics.log_loss(labels, probabilities, labels=everything)),
            expected_calibration_error_15=expected_calibration_error(labels, probabilities),
        )


def drawn(seed, rows, classes, temperature, only=None):
    """Softmax probabilities that favour the true class, rounded and renormalised in the last column."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(only or np.arange(classes), rows)
    logits = rng.normal(0, 1, (rows, classes)) * temperature
    logits[np.arange(rows), labels] += 1.0
    p = np.round(np.exp(logits) / np.exp(logits).sum(1, keepdims=True), 9)
    p[:, -1] = np.round(1 - p[:, :-1].sum(1), 9)
    assert (p > 0).all()
    return labels, p


def metric_cases():
    cases = [
        metric_case("binary", 2, *drawn(1, 23, 2, 1.0)),
        metric_case("four classes", 4, *drawn(2, 57, 4, 1.5)),
        metric_case("seven classes, over-confident", 7, *drawn(3, 211, 7, 4.0)),
        metric_case("five classes declared, two never occur as labels", 5, *drawn(4, 31, 5, 1.2, only=[0, 2, 4])),
        metric_case("one class never predicted", 3, [0, 1, 2, 2, 1], [[0.7, 0.2, 0.1], [0.3, 0.6, 0.1], [0.5, 0.3, 0.2], [0.2, 0.7, 0.1], [0.4, 0.5, 0.1]]),
        metric_case("six classes declared, half neither labels nor predictions", 6, [0, 1, 1, 3], [[0.5, 0.3, 0, 0.2, 0, 0], [0.1, 0.8, 0, 0.1, 0, 0], [0.6, 0.4, 0, 0, 0, 0], [0.1, 0.2, 0, 0.7, 0, 0]]),
        metric_case("constant prediction: Matthews is 0", 2, [0, 0, 1, 0], [[0.9, 0.1]] * 4),
        metric_case("all right and certain", 3, [2, 0, 1], [[0, 0, 1], [1, 0, 0], [0, 1, 0]]),
        metric_case("all wrong, binary: Matthews is -1", 2, [0, 1, 1], [[0.2, 0.8], [0.9, 0.1], [0.75, 0.25]]),
        metric_case("true class at probability 0: log-loss clips at 2^-52", 2, [0, 1], [[0.0, 1.0], [0.4, 0.6]]),
        metric_case("one example", 2, [1], [[0.25, 0.75]]),
    ]
    return dict(versions=versions("scikit-learn", "numpy"), cases=cases)


def exact_paired_bootstrap(only_a, only_b, n):
    """The paired bootstrap of accuracy(a) - accuracy(b) without sampling: resampling n examples draws n differences from
    {+1, 0, -1} with their observed shares, so the bootstrap distribution is an n-fold convolution."""
    single = np.array([only_b, n - only_a - only_b, only_a]) / n
    total, base, power = np.array([1.0]), single, n
    while power:
        if power & 1:
            total = np.convolve(total, base)
        base, power = np.convolve(base, base), power >> 1
    values = np.arange(-n, n + 1) / n
    cumulative = total.cumsum()
    return dict(
        difference=(only_a - only_b) / n,
        low_95=float(values[np.searchsorted(cumulative, 0.025)]),
        high_95=float(values[np.searchsorted(cumulative, 0.975)]),
        standard_error=float(math.sqrt((total * values**2).sum() - (total * values).sum() ** 2)),
        share_not_above_zero=float(total[values <= 0].sum()),
    )


def statistics():
    wilson = []
    for right, n in ((0, 10), (1, 10), (5, 10), (10, 10), (0, 1), (1, 1), (37, 80), (873, 1000), (7340, 9999)):
        for level in (0.9, 0.95, 0.99):
            low, high = scipy.stats.binomtest(right, n).proportion_ci(level, method="wilson")
            wilson.append(dict(right=right, n=n, level=level, low=low, high=high))
    t_intervals = []
    for values in ([0.71, 0.74], [0.8, 0.82, 0.79], [0.5, 0.5, 0.5], [0.61, 0.64, 0.58, 0.66, 0.60], [0.9, 0.2, 0.55, 0.4, 0.7, 0.31, 0.86]):
        half = scipy.stats.t.ppf(0.975, len(values) - 1) * scipy.stats.sem(values)
        mean = float(np.mean(values))
        t_intervals.append(dict(values=values, mean=mean, standard_deviation=float(np.std(values, ddof=1)), low=mean - half, high=mean + half))
    degrees = [*range(1, 31), 40, 60, 120, 1000]
    critical = [dict(degrees_of_freedom=d, **{f"two_sided_{round(level * 100)}": float(scipy.stats.t.ppf(0.5 + level / 2, d)) for level in (0.9, 0.95, 0.99)}) for d in degrees]
    mcnemar = []
    for only_a, only_b in ((0, 0), (1, 0), (5, 0), (6, 0), (3, 3), (10, 2), (12, 5), (20, 25), (60, 31), (240, 199)):
        p = scipy.stats.binomtest(only_a, only_a + only_b, 0.5).pvalue if only_a + only_b else 1.0
        mcnemar.append(dict(only_a_right=only_a, only_b_right=only_b, p_value=float(p)))
    bootstrap = [dict(only_a_right=a, only_b_right=b, n=n) | exact_paired_bootstrap(a, b, n) for a, b, n in ((12, 5, 80), (3, 3, 50), (60, 31, 1000), (0, 7, 40), (1, 0, 10))]
    return dict(
        versions=versions("scipy", "numpy"),
        note="Levels are two-sided. McNemar: exact binomial test on the examples that one of two methods gets right. "
        "paired_bootstrap is the limit of a percentile bootstrap with infinitely many draws; compare a sampled one within its sampling error.",
        wilson=wilson,
        t_intervals=t_intervals,
        t_critical=critical,
        normal_critical={f"two_sided_{round(level * 100)}": float(scipy.stats.norm.ppf(0.5 + level / 2)) for level in (0.9, 0.95, 0.99)},
        mcnemar=mcnemar,
        paired_bootstrap=bootstrap,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=FIXTURES / "classifiers")
    out = parser.parse_args().out
    dense = logistic_regression()
    write_json(out / "logistic_regression.json", dense)
    write_json(out / "nearest_neighbours.json", nearest_neighbours(dense["three_classes"]))
    write_json(out / "tfidf.json", tfidf())
    write_json(out / "metrics.json", metric_cases())
    write_json(out / "statistics.json", statistics())


if __name__ == "__main__":
    main()
