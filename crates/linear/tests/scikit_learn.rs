//! Equal to scikit-learn: coefficients, probabilities, neighbours, vocabularies. The fixtures are written by
//! `scripts/reference_classifiers.py`.

use linear::{
    Dense, Grid, Labelled, Matrix, Metric, Options, Text, TfIdf, TfIdfSettings, Votes, argmax,
    choose_c, fit, log_softmax, nearest, vote,
};
use serde_json::Value;
use std::path::Path;

const TIGHT: Options = Options {
    tolerance: 1e-10,
    max_iterations: 5000,
};

fn fixture(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/fixtures/classifiers")
        .join(name);
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap()
}

fn floats(value: &Value) -> Vec<f64> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|value| value.as_f64().unwrap())
        .collect()
}

fn float_rows(value: &Value) -> Vec<Vec<f64>> {
    value.as_array().unwrap().iter().map(floats).collect()
}

fn indices(value: &Value) -> Vec<usize> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|value| value.as_u64().unwrap() as usize)
        .collect()
}

fn dense(value: &Value) -> Dense {
    let rows = float_rows(value);
    Dense::new(rows.len(), rows[0].len(), rows.concat())
}

/// Largest difference, relative to the largest expected value.
fn difference(found: &[Vec<f64>], expected: &[Vec<f64>]) -> f64 {
    let shape = |rows: &[Vec<f64>]| rows.iter().map(Vec::len).collect::<Vec<_>>();
    assert_eq!(shape(found), shape(expected));
    let largest = |values: &mut dyn Iterator<Item = f64>| {
        values.fold(0.0, |most: f64, value| most.max(value.abs()))
    };
    let (found, expected) = (found.concat(), expected.concat());
    largest(&mut found.iter().zip(&expected).map(|(a, b)| a - b))
        / largest(&mut expected.iter().copied())
}

fn probabilities(logits: &[Vec<f64>]) -> Vec<Vec<f64>> {
    logits
        .iter()
        .map(|row| log_softmax(row).into_iter().map(f64::exp).collect())
        .collect()
}

fn accuracy(predictions: &[usize], labels: &[usize]) -> f64 {
    predictions
        .iter()
        .zip(labels)
        .filter(|(a, b)| a == b)
        .count() as f64
        / labels.len() as f64
}

/// Compares fits with every C of the fixture; returns the worst relative difference of the coefficients.
fn compare_fits(
    fits: &Value,
    train: &Matrix,
    labels: &[usize],
    test: &Matrix,
    test_labels: &[usize],
    classes: usize,
) -> f64 {
    let mut worst: f64 = 0.0;
    for expected in fits.as_array().unwrap() {
        let c = expected["C"].as_f64().unwrap();
        let (model, convergence) = fit(train, labels, classes, c, TIGHT);
        assert!(convergence.converged, "C = {c}: {convergence:?}");
        worst = worst.max(difference(
            &model.coefficients(),
            &float_rows(&expected["coefficients"]),
        ));
        let intercepts = difference(
            &[model.intercepts().to_vec()],
            &[floats(&expected["intercepts"])],
        );
        let objective = expected["objective"].as_f64().unwrap();
        assert!(
            (convergence.objective / objective - 1.0).abs() < 1e-9,
            "C = {c}: {convergence:?}, expected {objective}"
        );
        assert!(
            convergence.objective <= objective * (1.0 + 1e-12),
            "a minimum at least as low: {convergence:?}, {objective}"
        );
        let logits = model.logits(test);
        let shown = float_rows(&expected["test_probabilities"]);
        let probable = difference(&probabilities(&logits[..shown.len()]), &shown);
        let predictions: Vec<usize> = logits.iter().map(|row| argmax(row)).collect();
        assert_eq!(
            predictions,
            indices(&expected["test_predictions"]),
            "C = {c}"
        );
        assert_eq!(
            accuracy(&predictions, test_labels),
            expected["test_accuracy"].as_f64().unwrap()
        );
        let loss: f64 = logits
            .iter()
            .zip(test_labels)
            .map(|(row, &label)| -log_softmax(row)[label])
            .sum();
        let mean = loss / test_labels.len() as f64;
        assert!(
            (mean - expected["test_log_loss"].as_f64().unwrap()).abs() < 1e-6,
            "C = {c}: {mean}"
        );
        assert!(
            worst < 1e-5 && intercepts < 1e-5 && probable < 1e-6,
            "C = {c}: {worst:e} {intercepts:e} {probable:e}"
        );
        println!(
            "C = {c}: {} steps, coefficients differ by {worst:.1e}, probabilities by {probable:.1e}",
            convergence.iterations
        );
    }
    worst
}

#[test]
fn coefficients_probabilities_and_accuracies_equal_logistic_regressions() {
    let file = fixture("logistic_regression.json");
    for (name, classes) in [("two_classes", 2), ("three_classes", 3)] {
        let case = &file[name];
        let (train, test) = (
            dense(&case["train_features"]),
            dense(&case["test_features"]),
        );
        let (labels, test_labels) = (
            indices(&case["train_labels"]),
            indices(&case["test_labels"]),
        );
        compare_fits(
            &case["fits"],
            &Matrix::Dense(train),
            &labels,
            &Matrix::Dense(test),
            &test_labels,
            classes,
        );
    }
}

#[test]
fn vocabularies_weights_and_the_classifier_on_top_equal_tfidf_vectorizers() {
    let file = fixture("tfidf.json");
    let texts = |value: &'static Value| {
        value
            .as_array()
            .unwrap()
            .iter()
            .map(|text| (text.as_str().unwrap(), None))
            .collect()
    };
    let file: &'static Value = Box::leak(Box::new(file));
    let (train_texts, test_texts): (Vec<Text<'_>>, Vec<Text<'_>>) =
        (texts(&file["texts"]), texts(&file["test_texts"]));
    let (labels, test_labels) = (indices(&file["labels"]), indices(&file["test_labels"]));
    for case in file["cases"].as_array().unwrap() {
        let range = indices(&case["settings"]["ngram_range"]);
        let sublinear_tf = case["settings"]["sublinear_tf"].as_bool().unwrap();
        let settings = TfIdfSettings {
            ngram_range: (range[0], range[1]),
            sublinear_tf,
            ..TfIdfSettings::default()
        };
        let (tf_idf, train) = TfIdf::fit(&train_texts, settings);
        let test = tf_idf.transform(&test_texts);
        let vocabulary: Vec<&str> = case["vocabulary"]
            .as_array()
            .unwrap()
            .iter()
            .map(|term| term.as_str().unwrap())
            .collect();
        assert_eq!(tf_idf.vocabulary().collect::<Vec<_>>(), vocabulary);
        assert!(difference(&[tf_idf.idf().to_vec()], &[floats(&case["idf"])]) < 1e-14);
        for (matrix, rows) in [(&train, &case["train_rows"]), (&test, &case["test_rows"])] {
            for (i, expected) in rows.as_array().unwrap().iter().enumerate() {
                let (columns, values): (Vec<usize>, Vec<f64>) = matrix.row(i).unzip();
                assert_eq!(columns, indices(&expected["columns"]));
                let expected = floats(&expected["values"]);
                assert!(
                    values
                        .iter()
                        .zip(&expected)
                        .all(|(a, b)| (a - b).abs() < 1e-14),
                    "{values:?} {expected:?}"
                );
            }
        }
        let (train, test) = (Matrix::Sparse(train), Matrix::Sparse(test));
        compare_fits(
            &case["logistic_regression"],
            &train,
            &labels,
            &test,
            &test_labels,
            3,
        );
    }
}

#[test]
fn neighbours_distances_and_votes_equal_k_neighbors_classifiers() {
    let data = &fixture("logistic_regression.json")["three_classes"];
    let (train, test) = (
        dense(&data["train_features"]),
        dense(&data["test_features"]),
    );
    let (labels, test_labels) = (
        indices(&data["train_labels"]),
        indices(&data["test_labels"]),
    );
    for case in fixture("nearest_neighbours.json")["cases"]
        .as_array()
        .unwrap()
    {
        let metric: Metric = serde_json::from_value(case["metric"].clone()).unwrap();
        let k = case["k"].as_u64().unwrap() as usize;
        let found = nearest(&train, &test, k, metric);
        let shares = vote(&found, &labels, 3, k, Votes::Uniform);
        let predictions: Vec<usize> = shares.iter().map(|row| argmax(row)).collect();
        assert_eq!(
            predictions,
            indices(&case["test_predictions"]),
            "{metric:?}, {k}"
        );
        assert_eq!(
            accuracy(&predictions, &test_labels),
            case["test_accuracy"].as_f64().unwrap()
        );
        let first = &case["first_ten"];
        assert_eq!(
            found.rows[..10 * k],
            first["neighbours"]
                .as_array()
                .unwrap()
                .iter()
                .flat_map(indices)
                .collect::<Vec<_>>()
        );
        let distances: Vec<Vec<f64>> = found
            .distances
            .chunks_exact(k)
            .take(10)
            .map(<[f64]>::to_vec)
            .collect();
        assert!(difference(&distances, &float_rows(&first["distances"])) < 1e-12);
        assert!(difference(&shares[..10], &float_rows(&first["votes"])) < 1e-12);
    }
}

#[test]
fn a_path_of_c_finds_the_same_minima_as_single_fits_and_the_best_on_validation() {
    let data = &fixture("logistic_regression.json")["three_classes"];
    let (train, test) = (
        Matrix::Dense(dense(&data["train_features"])),
        Matrix::Dense(dense(&data["test_features"])),
    );
    let (labels, test_labels) = (
        indices(&data["train_labels"]),
        indices(&data["test_labels"]),
    );
    let expected = data["fits"].as_array().unwrap();
    let grid: Vec<f64> = expected
        .iter()
        .map(|fit| fit["C"].as_f64().unwrap())
        .collect();
    let (train, validation) = (
        Labelled {
            features: &train,
            labels: &labels,
        },
        Labelled {
            features: &test,
            labels: &test_labels,
        },
    );
    let choice = choose_c(
        train,
        validation,
        3,
        &Grid::new(grid.clone()).unwrap(),
        TIGHT,
        &mut |_| (),
    );
    let accuracies: Vec<f64> = expected
        .iter()
        .map(|fit| fit["test_accuracy"].as_f64().unwrap())
        .collect();
    let losses: Vec<f64> = expected
        .iter()
        .map(|fit| fit["test_log_loss"].as_f64().unwrap())
        .collect();
    for (trial, fit) in choice.trials.iter().zip(expected) {
        assert!(
            (trial.convergence.objective / fit["objective"].as_f64().unwrap() - 1.0).abs() < 1e-9,
            "{trial:?}"
        );
    }
    let best = (0..grid.len()).max_by(|&a, &b| {
        (accuracies[a], -losses[a])
            .partial_cmp(&(accuracies[b], -losses[b]))
            .unwrap()
    });
    assert_eq!(Some(choice.best), best, "{accuracies:?} {losses:?}");
    let coefficients = float_rows(&expected[choice.best]["coefficients"]);
    assert!(difference(&choice.model.coefficients(), &coefficients) < 1e-5);
}
