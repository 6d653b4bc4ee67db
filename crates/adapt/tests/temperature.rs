//! Temperatures against scipy's minimum of the same loss; `calibration.json` is written by `scripts/reference_curves.py`.

use serde_json::Value;

#[test]
fn temperatures_are_where_scipy_finds_the_lowest_loss() {
    let fixture: Value = serde_json::from_str(include_str!(
        "../../../tests/fixtures/classifiers/calibration.json"
    ))
    .unwrap();
    for case in fixture["cases"].as_array().unwrap() {
        let numbers = |value: &Value| -> Vec<f64> {
            let values = value.as_array().unwrap().iter();
            values.map(|v| v.as_f64().unwrap()).collect()
        };
        let rows = case["probabilities"].as_array().unwrap().iter();
        let row = |row: &Value| numbers(row).into_iter().map(|p| p.ln() as f32).collect();
        let logits: Vec<adapt::Logits> = rows.map(row).collect();
        let labels = numbers(&case["labels"]).into_iter().map(|l| l as usize);
        let found = adapt::best_temperature(&logits, &labels.collect::<Vec<_>>()).unwrap();
        let expected = case["temperature"].as_f64().unwrap();
        assert!(
            (found / expected - 1.0).abs() < 3e-4,
            "{}: {found}, {expected}",
            case["name"]
        );
    }
}
