//! The statistics against scipy's, from `tests/fixtures/classifiers/statistics.json`.

use report::statistics::{Answers, difference, estimate, mcnemar_exact, wilson};
use serde_json::Value;

fn reference(part: &str) -> Vec<Value> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/fixtures/classifiers/statistics.json"
    );
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{path}: {e}"));
    let all: Value = serde_json::from_str(&text).unwrap();
    let cases = all[part].as_array().unwrap().clone();
    assert!(!cases.is_empty());
    cases
}

fn number(case: &Value, name: &str) -> f64 {
    case[name]
        .as_f64()
        .unwrap_or_else(|| panic!("{name} is missing in {case}"))
}

#[test]
fn wilson_intervals_are_those_of_scipy_at_three_levels() {
    for case in reference("wilson") {
        let z = match number(&case, "level") {
            0.90 => 1.6448536269514722,
            0.95 => 1.959963984540054,
            _ => 2.5758293035489004,
        };
        let n = number(&case, "n");
        let found = wilson(number(&case, "right") / n, n, z);
        let (low, high) = (number(&case, "low"), number(&case, "high"));
        assert!(
            (found.low - low).abs() < 1e-10 && (found.high - high).abs() < 1e-10,
            "{case}: {found:?}"
        );
    }
}

#[test]
fn mcnemar_p_values_are_those_of_scipys_binomial_test() {
    for case in reference("mcnemar") {
        let (a, b) = (number(&case, "only_a_right"), number(&case, "only_b_right"));
        let (found, expected) = (mcnemar_exact(a as u64, b as u64), number(&case, "p_value"));
        assert!(
            (found - expected).abs() <= 1e-9 * expected.max(1e-3),
            "{case}: {found}"
        );
    }
}

/// Answers of one seed: `both` right, `only` right for this one, `other` right for the other only, the rest wrong for both.
fn pair(n: u64, only_a: u64, only_b: u64) -> (Answers, Answers) {
    let both = (n - only_a - only_b) / 2;
    let a = (0..n).map(|row| {
        (
            row,
            row < only_a || (only_a + only_b..only_a + only_b + both).contains(&row),
        )
    });
    let b = (0..n).map(|row| (row, (only_a..only_a + only_b + both).contains(&row)));
    let (a, b) = (a.collect(), b.collect());
    (Answers::new([(0, a)]), Answers::new([(0, b)]))
}

#[test]
fn paired_intervals_agree_with_the_limit_of_a_bootstrap() {
    for case in reference("paired_bootstrap") {
        let [a, b, n] =
            ["only_a_right", "only_b_right", "n"].map(|name| number(&case, name) as u64);
        let (first, second) = pair(n, a, b);
        let (of_first, of_second) = (estimate(&first).unwrap(), estimate(&second).unwrap());
        let found = difference((&first, &of_first), (&second, &of_second));
        assert!(
            (found.mean - number(&case, "difference")).abs() < 1e-12,
            "{case}"
        );
        // The bootstrap moves in steps of one example, ours starts from half an example more in each cell.
        let slack = 2.0 / n as f64 + 0.1 * number(&case, "standard_error");
        println!("{case}: {:?}", found.interval);
        assert!(
            (found.interval.low - number(&case, "low_95")).abs() <= slack,
            "{case}: {found:?}"
        );
        assert!(
            (found.interval.high - number(&case, "high_95")).abs() <= slack,
            "{case}: {found:?}"
        );
    }
}
