//! Isotonic fits and calibration errors against scikit-learn's and scipy's; the fixtures are written by `scripts/reference_curves.py`.

use report::statistics::{Reliability, isotonic};
use serde_json::Value;

fn fixture(name: &str) -> Value {
    let path = format!(
        "{}/../../tests/fixtures/classifiers/{name}",
        env!("CARGO_MANIFEST_DIR")
    );
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    let values = value.as_array().unwrap().iter();
    values.map(|v| v.as_f64().unwrap()).collect()
}

#[test]
fn isotonic_fits_are_scikit_learns() {
    let fixture = fixture("label_curves.json");
    let cases = fixture["isotonic"].as_array().unwrap();
    assert!(cases.len() >= 6);
    for case in cases {
        let found = isotonic(&numbers(&case["values"]), &numbers(&case["weights"]));
        for (found, expected) in found.iter().zip(numbers(&case["fitted"])) {
            assert!((found - expected).abs() < 1e-12, "{found}, {expected}");
        }
    }
}

#[test]
fn calibration_errors_are_those_of_equal_bins_less_the_folded_normal_bias() {
    let fixture = fixture("calibration.json");
    for case in fixture["cases"].as_array().unwrap() {
        let labels = numbers(&case["labels"]);
        let rows = case["probabilities"].as_array().unwrap().iter().zip(labels);
        let answer = |(row, label): (&Value, f64)| {
            let row = numbers(row);
            let better =
                |best: usize, class: usize| if row[class] > row[best] { class } else { best };
            let best = (0..row.len()).reduce(better).unwrap();
            (row[best], best as f64 == label)
        };
        let answers: Vec<(f64, bool)> = rows.map(answer).collect();
        let found = Reliability::of(&answers).unwrap();
        assert_eq!(found.bins.len(), 15);
        let expected = case["calibration_error"]["debiased"].as_f64().unwrap();
        let name = &case["name"];
        assert!(
            (found.error() - expected).abs() < 1e-9,
            "{name}: {}, {expected}",
            found.error()
        );
    }
}
