//! Metrics against scikit-learn's. `tests/fixtures/classifiers/metrics.json` is written by `scripts/reference_classifiers.py`.

use serde_json::Value;
use task::metrics;

/// Probabilities of the fixtures have nine decimals; as f32 log-probabilities they keep about seven figures.
const TOLERANCE: f64 = 2e-6;

#[test]
fn metrics_equal_scikit_learns() {
    let fixture: Value = serde_json::from_str(include_str!(
        "../../../tests/fixtures/classifiers/metrics.json"
    ))
    .expect("JSON");
    let cases = fixture["cases"].as_array().expect("cases");
    assert!(cases.len() >= 11);
    let mut largest: f64 = 0.0;
    for case in cases {
        let labels = integers(&case["labels"]);
        let rows = case["probabilities"].as_array().expect("rows").iter();
        let row = |row: &Value| numbers(row).into_iter().map(|p| p.ln() as f32).collect();
        let log_probs: Vec<Vec<f32>> = rows.map(row).collect();
        assert_eq!(
            metrics::predictions(&log_probs),
            integers(&case["predictions"]),
            "{}",
            case["name"]
        );
        let scores = metrics::scores(&log_probs, &labels);
        for (name, ours) in [
            ("accuracy", scores.accuracy),
            ("macro_f1", scores.macro_f1),
            ("matthews", scores.matthews),
            ("log_loss", scores.log_loss),
            (
                "expected_calibration_error_15",
                scores.expected_calibration_error,
            ),
        ] {
            let theirs = case[name].as_f64().expect(name);
            let difference = (ours - theirs).abs() / theirs.abs().max(1.0);
            assert!(
                difference < TOLERANCE,
                "{}: {name} is {ours}, scikit-learn has {theirs}",
                case["name"]
            );
            largest = largest.max(difference);
        }
    }
    println!("largest difference of {} cases: {largest:.1e}", cases.len());
}

/// `tests/fixtures/classifiers/calibration.json` is written by `scripts/reference_curves.py`.
#[test]
fn brier_scores_and_areas_under_roc_curves_equal_scikit_learns() {
    let fixture: Value = serde_json::from_str(include_str!(
        "../../../tests/fixtures/classifiers/calibration.json"
    ))
    .expect("JSON");
    let cases = fixture["cases"].as_array().expect("cases");
    assert!(cases.len() >= 3);
    for case in cases {
        let labels = integers(&case["labels"]);
        let rows = case["probabilities"].as_array().expect("rows").iter();
        let row = |row: &Value| numbers(row).into_iter().map(|p| p.ln() as f32).collect();
        let log_probs: Vec<Vec<f32>> = rows.map(row).collect();
        let out = case["out_of_scope"].as_u64().expect("a class") as usize;
        for (name, ours) in [
            ("brier", Some(task::brier(&log_probs, &labels))),
            ("auroc", task::out_of_scope_auroc(&log_probs, &labels, out)),
        ] {
            let (ours, theirs) = (ours.expect(name), case[name].as_f64().expect(name));
            assert!(
                (ours - theirs).abs() < TOLERANCE,
                "{}: {name} is {ours}, scikit-learn has {theirs}",
                case["name"]
            );
        }
    }
}

fn numbers(value: &Value) -> Vec<f64> {
    value
        .as_array()
        .expect("array")
        .iter()
        .map(|v| v.as_f64().expect("number"))
        .collect()
}

fn integers(value: &Value) -> Vec<usize> {
    numbers(value).into_iter().map(|v| v as usize).collect()
}
