//! Accuracies of the same arms in two runs: against R and limma (`scripts/reference_two_runs.R`), and on simulated runs whose truth is known.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use report::statistics::{
    Answers, Difference, InBoth, InRun, MeanSquares, differences, estimate, holm,
};
use serde_json::Value;
use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

fn compared(arms: &[[Answers; 2]]) -> Vec<Difference> {
    let estimates: Vec<_> = arms
        .iter()
        .map(|[a, b]| [estimate(a).unwrap(), estimate(b).unwrap()])
        .collect();
    let in_both: Vec<InBoth<'_>> = arms
        .iter()
        .zip(&estimates)
        .map(|(answers, estimates)| {
            let in_run = |run: usize| InRun {
                answers: &answers[run],
                estimate: &estimates[run],
            };
            InBoth {
                first: in_run(0),
                second: in_run(1),
                same_rows: true,
            }
        })
        .collect();
    differences(&in_both)
}

fn of_text(seeds: &Value) -> Answers {
    let seeds = seeds.as_array().unwrap().iter();
    let by_row = |seed: &Value| {
        let right = seed.as_str().unwrap().chars().map(|c| c == '1');
        (0..).zip(right).collect()
    };
    Answers::new((0..).zip(seeds.map(by_row)))
}

#[test]
fn differences_intervals_and_p_values_are_those_of_r_and_limma() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/fixtures/classifiers/two_runs.json"
    );
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{path}: {e}"));
    let all: Value = serde_json::from_str(&text).unwrap();
    let cases = all["arms"].as_array().unwrap();
    assert!(cases.len() > 5);
    let arms: Vec<[Answers; 2]> = cases
        .iter()
        .map(|case| [of_text(&case["first"]), of_text(&case["second"])])
        .collect();
    for (found, case) in compared(&arms).iter().zip(cases) {
        let near = |name: &str, found: f64| {
            let expected = case[name].as_f64().unwrap();
            assert!(
                (found - expected).abs() < 1e-7,
                "{name}: {found}, expected {expected}"
            );
        };
        near("mean", found.mean);
        near("low", found.interval.low);
        near("high", found.interval.high);
        near("p_value", found.p_value);
    }
}

const RUNS: usize = 600;
const ARMS: usize = 8;
const ROWS: usize = 1000;

fn normal(random: &mut ChaCha8Rng) -> f64 {
    let (a, b): (f64, f64) = (1.0 - random.random::<f64>(), random.random());
    (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos()
}

/// An arm in two runs: the same rows and the same accuracy but for `drop` in the second, other noise. `sd` is between seeds.
fn arm(random: &mut ChaCha8Rng, hard: &[f64], sd: f64, drop: f64, seeds: u64) -> [Answers; 2] {
    let own: Vec<f64> = hard.iter().map(|_| normal(random)).collect();
    [0.0, drop].map(|drop| {
        let seeds = (0..seeds).map(|seed| {
            let rate = (0.8 - drop + sd * normal(random)).clamp(0.01, 0.99);
            let threshold = Normal::standard().inverse_cdf(rate);
            let right = |(row, (hard, own)): (usize, (&f64, &f64))| {
                let x = 0.75 * hard + 0.35 * own + 0.56 * normal(random);
                (row as u64, x < threshold)
            };
            (seed, hard.iter().zip(&own).enumerate().map(right).collect())
        });
        Answers::new(seeds.collect::<Vec<_>>())
    })
}

/// The rule that this one takes the place of: the variance between seeds, and its degrees of freedom, are dropped where MS_S <= MS_E.
fn p_value_of_dropping(arm: &[Answers; 2]) -> f64 {
    let ms = MeanSquares::of(&arm[1], &arm[0]);
    let (s, r) = (ms.seed_count as f64, ms.row_count as f64);
    let (by_rows, by_seeds) = (ms.rows.max(ms.error), (ms.seeds - ms.error).max(0.0));
    let of_seeds = if by_seeds > 0.0 {
        ms.seeds.powi(2) / (s - 1.0) + ms.error.powi(2) / ((s - 1.0) * (r - 1.0))
    } else {
        0.0
    };
    let total = by_rows + by_seeds;
    let df = total.powi(2) / (by_rows.powi(2) / (r - 1.0) + of_seeds);
    let t = StudentsT::new(0.0, 1.0, df).unwrap();
    2.0 * t.cdf(-(ms.mean / (total / (s * r)).sqrt()).abs())
}

/// Shares of arms called different: equal ones by this rule and by the one before, equal ones after Holm's correction in any arm of a run, and one
/// that lost 3 points.
#[derive(Debug, Default)]
struct Called {
    equal: f64,
    equal_dropping: f64,
    any_equal: f64,
    dropped: f64,
}

fn simulate(seeds: u64) -> Called {
    let mut random = ChaCha8Rng::seed_from_u64(20 + seeds);
    let mut called = Called::default();
    let per = 1.0 / RUNS as f64;
    let equal = (ARMS - 1) as f64;
    for _ in 0..RUNS {
        let hard: Vec<f64> = (0..ROWS).map(|_| normal(&mut random)).collect();
        let arms: Vec<[Answers; 2]> = (0..ARMS)
            .map(|at| {
                let sd = 0.003 * (2.0_f64 / 0.3).powf(random.random::<f64>());
                let drop = if at == 0 { 0.03 } else { 0.0 };
                arm(&mut random, &hard, sd, drop, seeds)
            })
            .collect();
        let p_values: Vec<f64> = compared(&arms).iter().map(|found| found.p_value).collect();
        let different = |p: &f64| f64::from(u8::from(*p < 0.05));
        called.dropped += per * different(&p_values[0]);
        called.equal += per * p_values[1..].iter().map(different).sum::<f64>() / equal;
        let dropping: Vec<f64> = arms[1..].iter().map(p_value_of_dropping).collect();
        called.equal_dropping += per * dropping.iter().map(different).sum::<f64>() / equal;
        let any = holm(&p_values[1..]).iter().any(|p| *p < 0.05);
        called.any_equal += per * f64::from(u8::from(any));
    }
    called
}

#[test]
fn equal_arms_are_called_different_5_times_in_100_and_a_lost_arm_is_found() {
    for (seeds, power) in [(3, 0.45), (5, 0.70)] {
        let called = simulate(seeds);
        println!("{seeds} seeds: {called:.3?}");
        assert!(
            called.equal <= 0.055 && called.equal >= 0.01,
            "{seeds} seeds: {called:?}"
        );
        // The standard error of a share of 600 runs about 0.05 is 0.009.
        assert!(called.any_equal <= 0.07, "{seeds} seeds: {called:?}");
        assert!(called.dropped >= power, "{seeds} seeds: {called:?}");
        if seeds == 3 {
            assert!(
                called.equal_dropping > called.equal,
                "the rule before did no worse: {called:?}"
            );
        }
    }
}
