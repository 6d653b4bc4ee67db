//! An accuracy and its 95 % interval.
//!
//! One seed: Wilson's score interval over the test examples (Wilson 1927). Several seeds: Wilson's form again, with the variance of
//! the crossed table in place of the binomial one. That is, an effective number of examples n* = p(1-p) / Var(mean) and Student's t
//! with Satterthwaite's degrees of freedom in place of the normal quantile. Where every answer is right (or wrong) no variance can be seen, and
//! n* is the number of test examples: seeds that agree add nothing.

use super::answers::{Answers, crossed};
use super::critical;

/// A range that holds the true value in 95 of 100 such experiments.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// An accuracy, its interval and what it rests on.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Estimate {
    /// Mean over seeds and test examples.
    pub mean: f64,
    /// 95 % interval over seeds and test examples.
    pub interval: Interval,
    /// Seeds.
    pub seeds: usize,
    /// Test examples.
    pub rows: u64,
    /// Variance of the mean.
    pub(super) variance: f64,
    /// Its degrees of freedom.
    pub(super) df: f64,
}

/// The accuracy of one seed where its predictions are not at hand.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scores {
    /// Share right, in [0, 1].
    pub accuracy: f64,
    /// Test examples.
    pub rows: u64,
}

/// Wilson's score interval for a proportion `p` over `n` examples with critical value `z`.
pub fn wilson(p: f64, n: f64, z: f64) -> Interval {
    let z2 = z * z;
    let centre = (p + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = z / (1.0 + z2 / n) * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).max(0.0).sqrt();
    // The ends at 0 and 1 are exact in theory; rounding must not push them out, nor away from the mean.
    Interval {
        low: (centre - half).clamp(0.0, p),
        high: (centre + half).clamp(p, 1.0),
    }
}

/// The estimate from predictions; `None` without any.
pub fn estimate(answers: &Answers) -> Option<Estimate> {
    if answers.is_empty() {
        return None;
    }
    let (seeds, rows) = (answers.seeds().len(), answers.rows().len() as u64);
    let found = crossed(&answers.table());
    let interval = if seeds == 1 {
        wilson(found.mean, rows as f64, critical(f64::INFINITY))
    } else {
        of_variance(found.mean, found.variance, found.df, rows)
    };
    Some(Estimate {
        mean: found.mean,
        interval,
        seeds,
        rows,
        variance: found.variance,
        df: found.df,
    })
}

/// The estimate from accuracies alone, where predictions are lost. What seeds and examples share cannot be seen, so both variances
/// are added in full: s²/S over seeds and p(1-p)/n over examples. The interval errs on the wide side.
pub fn estimate_from_scores(scores: &[Scores]) -> Option<Estimate> {
    let rows = scores
        .iter()
        .map(|s| s.rows)
        .min()
        .filter(|rows| *rows > 0)?;
    let seeds = scores.len() as f64;
    let mean = scores.iter().map(|s| s.accuracy).sum::<f64>() / seeds;
    let examples = mean * (1.0 - mean) / rows as f64;
    if scores.len() == 1 {
        let interval = wilson(mean, rows as f64, critical(f64::INFINITY));
        return Some(Estimate {
            mean,
            interval,
            seeds: 1,
            rows,
            variance: examples,
            df: f64::INFINITY,
        });
    }
    let between = scores
        .iter()
        .map(|s| (s.accuracy - mean).powi(2))
        .sum::<f64>()
        / (seeds - 1.0)
        / seeds;
    let variance = between + examples;
    let df = if between > 0.0 {
        variance.powi(2) / (between.powi(2) / (seeds - 1.0))
    } else {
        f64::INFINITY
    };
    Some(Estimate {
        mean,
        interval: of_variance(mean, variance, df, rows),
        seeds: scores.len(),
        rows,
        variance,
        df,
    })
}

fn of_variance(mean: f64, variance: f64, df: f64, rows: u64) -> Interval {
    let binomial = mean * (1.0 - mean);
    if variance > 0.0 && binomial > 0.0 {
        wilson(mean, binomial / variance, critical(df))
    } else {
        wilson(mean, rows as f64, critical(f64::INFINITY))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn wilson_is_that_of_statsmodels_and_scipy() {
        // scipy.stats 1.17.1: binomtest(k, n).proportion_ci(method="wilson").
        for (right, n, low, high) in WILSON {
            let found = wilson(
                f64::from(right) / f64::from(n),
                f64::from(n),
                critical(f64::INFINITY),
            );
            assert!(
                (found.low - low).abs() < 1e-9 && (found.high - high).abs() < 1e-9,
                "{right} of {n}: {found:?}"
            );
        }
    }

    #[test]
    fn one_seed_is_wilson_over_the_test_examples() {
        let rows = (0..50).map(|row| (row, row % 5 != 0)).collect();
        let found = estimate(&Answers::new([(3, rows)])).unwrap();
        assert_eq!((found.seeds, found.rows, found.mean), (1, 50, 0.8));
        assert_eq!(found.interval, wilson(0.8, 50.0, critical(f64::INFINITY)));
    }

    #[test]
    fn seeds_that_agree_add_nothing() {
        let rows: Vec<_> = (0..400).map(|row| (row, row % 4 != 0)).collect();
        let one = estimate(&Answers::new([(1, rows.clone())]))
            .unwrap()
            .interval;
        let three = estimate(&Answers::new([
            (1, rows.clone()),
            (2, rows.clone()),
            (3, rows),
        ]))
        .unwrap()
        .interval;
        assert!(
            (one.high - one.low - (three.high - three.low)).abs() < 2e-3,
            "{one:?} and {three:?}"
        );
        let all_right: Vec<_> = (0..60).map(|row| (row, true)).collect();
        let found = estimate(&Answers::new([(1, all_right.clone()), (2, all_right)])).unwrap();
        assert_eq!(found.interval.high, 1.0);
        assert!(
            (found.interval.low - 60.0 / (60.0 + 1.959964_f64.powi(2))).abs() < 1e-6,
            "{found:?}"
        );
    }

    #[test]
    fn lost_predictions_leave_a_wider_interval() {
        let scores = [0.80, 0.84, 0.85].map(|accuracy| Scores {
            accuracy,
            rows: 500,
        });
        let found = estimate_from_scores(&scores).unwrap();
        // By hand: s² = 0.0007, s²/3 = 2.3333e-4; p(1-p)/500 = 2.8220e-4.
        assert!((found.variance - (0.0007 / 3.0 + 0.83 * 0.17 / 500.0)).abs() < 1e-12);
        assert!(
            (found.df - found.variance.powi(2) / ((0.0007_f64 / 3.0).powi(2) / 2.0)).abs() < 1e-9
        );
        assert_eq!(estimate_from_scores(&[]), None);
    }

    /// Answers of `seeds` runs on `rows` examples: an example is easy or hard, a seed good or bad, and chance does the rest.
    fn simulate(random: &mut ChaCha8Rng, seeds: u64, rows: u64, seed_effect: f64) -> Answers {
        let hardness: Vec<f64> = (0..rows)
            .map(|_| random.random_range(-0.15..0.15))
            .collect();
        let mut answer = |effect: f64| {
            (0..rows)
                .map(|row| {
                    (
                        row,
                        random.random_bool(0.8 + effect + hardness[row as usize]),
                    )
                })
                .collect()
        };
        let effects: Vec<f64> = (0..seeds)
            .map(|s| seed_effect * [-1.0, 1.0][(s % 2) as usize])
            .collect();
        Answers::new(
            effects
                .into_iter()
                .enumerate()
                .map(|(s, e)| (s as u64, answer(e))),
        )
    }

    #[test]
    fn the_interval_holds_the_truth_about_95_times_in_100() {
        let mut random = ChaCha8Rng::seed_from_u64(11);
        for (seeds, rows, spread) in [(1, 300, 0.0), (3, 300, 0.0), (5, 200, 0.02)] {
            let held = (0..1500)
                .filter(|_| {
                    // The seeds of an experiment are themselves a draw: an offset by seed, uniform with zero mean.
                    let offsets: Vec<f64> = (0..seeds)
                        .map(|_| random.random_range(-1.0..1.0) * 1.7 * spread)
                        .collect();
                    let hardness: Vec<f64> = (0..rows)
                        .map(|_| random.random_range(-0.15..0.15))
                        .collect();
                    let table = offsets.iter().enumerate().map(|(s, offset)| {
                        let rows = hardness.iter().enumerate();
                        (
                            s as u64,
                            rows.map(|(r, h)| (r as u64, random.random_bool(0.8 + offset + h)))
                                .collect(),
                        )
                    });
                    let answers = Answers::new(table.collect::<Vec<_>>());
                    let interval = estimate(&answers).unwrap().interval;
                    interval.low <= 0.8 && 0.8 <= interval.high
                })
                .count();
            let coverage = held as f64 / 1500.0;
            println!(
                "{seeds} seeds, {rows} examples, seed spread {spread}: coverage {coverage:.3}"
            );
            assert!(
                (0.93..=0.985).contains(&coverage),
                "{seeds} seeds, {rows} examples: coverage {coverage}"
            );
        }
    }

    #[test]
    fn the_interval_agrees_with_a_bootstrap_over_seeds_and_examples() {
        let mut random = ChaCha8Rng::seed_from_u64(5);
        let answers = simulate(&mut random, 12, 250, 0.03);
        let table = answers.table();
        let mut means: Vec<f64> = (0..2000)
            .map(|_| {
                let seeds: Vec<usize> = (0..12).map(|_| random.random_range(0..12)).collect();
                let rows: Vec<usize> = (0..250).map(|_| random.random_range(0..250)).collect();
                seeds
                    .iter()
                    .map(|s| rows.iter().map(|r| table[*s][*r]).sum::<f64>())
                    .sum::<f64>()
                    / 3000.0
            })
            .collect();
        means.sort_by(f64::total_cmp);
        let bootstrap = means[1949] - means[49];
        let found = estimate(&answers).unwrap().interval;
        let ratio = (found.high - found.low) / bootstrap;
        assert!(
            (0.85..1.2).contains(&ratio),
            "width {} against {bootstrap} by bootstrap",
            found.high - found.low
        );
    }

    const WILSON: [(u32, u32, f64, f64); 5] = [
        (0, 17, 0.0, 0.1843181350088518),
        (17, 17, 0.8156818649911483, 1.0),
        (9, 13, 0.4236934318054904, 0.873192963442895),
        (812, 1000, 0.7866068125887821, 0.8350052901162314),
        (1, 400, 0.0004414477868016353, 0.014023285075823391),
    ];
}
