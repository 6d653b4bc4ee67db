//! Is one way of adapting better than another? Compared example by example, so that what makes an example hard for both cancels.
//!
//! Several shared seeds: the differences (1, 0, -1 by seed and example) form a crossed table of their own, with mean squares MS_S (seeds),
//! MS_R (rows) and MS_E (their interaction). Var(mean) = (MS_S + max(MS_R - MS_E, 0)) / (S·R); the term of the seeds is never dropped, however
//! small three of them happen to make it, and may be moderated by what other differences say ([`Prior`]). One shared seed: McNemar's exact test
//! over the examples that only one of the two got right (McNemar 1947), and the interval of Agresti & Min 2005. No shared predictions: Welch's
//! comparison of the two estimates, which is blunter. Many comparisons: Holm 1979.

use super::pair::MeanSquares;
use super::paired::Paired;
use super::seeds::Prior;
use super::{Answers, Estimate, Interval, critical, two_sided};
use statrs::distribution::{Binomial, DiscreteCDF};

/// What a comparison rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// The same examples under the same seeds.
    Paired {
        /// Seeds that both have.
        seeds: usize,
        /// Test examples that both have.
        rows: usize,
    },
    /// The two estimates, unpaired.
    Unpaired,
}

/// A difference in accuracy, `first - second`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    /// The difference of the means, in [-1, 1].
    pub mean: f64,
    /// Its 95 % interval, not adjusted for the number of comparisons.
    pub interval: Interval,
    /// Two-sided p-value of no difference, not adjusted.
    pub p_value: f64,
    /// What it rests on.
    pub evidence: Evidence,
}

/// `first - second`, paired where predictions allow.
pub fn difference(first: (&Answers, &Estimate), second: (&Answers, &Estimate)) -> Difference {
    match shared(first.0, second.0) {
        Some(squares) => of_squares(squares, Prior::NONE),
        None => unpaired(first.1, second.1),
    }
}

/// The table of differences over shared seeds and rows; `None` without two rows.
pub(super) fn shared(first: &Answers, second: &Answers) -> Option<MeanSquares> {
    let squares = MeanSquares::of(first, second);
    (squares.seed_count > 0 && squares.row_count > 1).then_some(squares)
}

/// From a table of differences, with what others say about the variance between seeds.
pub(super) fn of_squares(squares: MeanSquares, prior: Prior) -> Difference {
    match Paired::of(squares, prior) {
        Some(paired) if paired.seed_variance.is_some() => Difference {
            mean: paired.mean,
            interval: paired.interval(),
            p_value: two_sided(paired.mean / paired.error, paired.df),
            evidence: evidence(&squares),
        },
        // One seed, or the same difference everywhere, to which seeds add nothing: the rows of one of them decide.
        _ => by_mcnemar(&squares),
    }
}

/// The rows that only one of the two got right, under the first seed.
fn by_mcnemar(pair: &MeanSquares) -> Difference {
    let ((first, second), n) = (pair.discordant, pair.row_count as f64);
    // Agresti & Min 2005: half an example is added to each cell of the two-by-two table before Wald's interval.
    let (b, c, m) = (first as f64 + 0.5, second as f64 + 0.5, n + 2.0);
    let centre = (b - c) / m;
    let half = critical(f64::INFINITY) * ((b + c) - (b - c).powi(2) / m).sqrt() / m;
    Difference {
        mean: (first as f64 - second as f64) / n,
        interval: Interval {
            low: (centre - half).max(-1.0),
            high: (centre + half).min(1.0),
        },
        p_value: mcnemar_exact(first, second),
        evidence: evidence(pair),
    }
}

fn evidence(pair: &MeanSquares) -> Evidence {
    Evidence::Paired {
        seeds: pair.seed_count,
        rows: pair.row_count,
    }
}

pub(super) fn unpaired(first: &Estimate, second: &Estimate) -> Difference {
    let mean = first.mean - second.mean;
    let variance = first.variance + second.variance;
    let parts = first.variance.powi(2) / first.df + second.variance.powi(2) / second.df;
    let df = if parts > 0.0 {
        variance.powi(2) / parts
    } else {
        f64::INFINITY
    };
    let half = critical(df) * variance.sqrt();
    let p_value = match (variance > 0.0, mean == 0.0) {
        (true, _) => two_sided(mean / variance.sqrt(), df),
        (false, true) => 1.0,
        (false, false) => 0.0,
    };
    let interval = Interval {
        low: (mean - half).max(-1.0),
        high: (mean + half).min(1.0),
    };
    Difference {
        mean,
        interval,
        p_value,
        evidence: Evidence::Unpaired,
    }
}

/// McNemar's exact two-sided p-value: `first` examples only the first got right, `second` only the second.
pub fn mcnemar_exact(first: u64, second: u64) -> f64 {
    match Binomial::new(0.5, first + second) {
        Ok(coin) if first + second > 0 => (2.0 * coin.cdf(first.min(second))).min(1.0),
        _ => 1.0,
    }
}

/// Holm's step-down adjustment of `p_values`, in their order.
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]));
    let mut adjusted = vec![0.0; p_values.len()];
    let mut floor = 0.0_f64;
    for (rank, at) in order.into_iter().enumerate() {
        floor = floor.max(((p_values.len() - rank) as f64 * p_values[at]).min(1.0));
        adjusted[at] = floor;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::super::estimate;
    use super::*;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    fn answers(seeds: &[&[u8]]) -> Answers {
        let by_seed = seeds.iter().enumerate().map(|(seed, right)| {
            (
                seed as u64,
                right
                    .iter()
                    .enumerate()
                    .map(|(row, right)| (row as u64, *right == 1))
                    .collect(),
            )
        });
        Answers::new(by_seed)
    }

    fn compared(a: &Answers, b: &Answers) -> Difference {
        difference((a, &estimate(a).unwrap()), (b, &estimate(b).unwrap()))
    }

    #[test]
    fn mcnemar_is_the_exact_binomial_test_of_scipy() {
        // scipy.stats 1.17.1: binomtest(min(b, c), b + c, 0.5).pvalue
        for (first, second, expected) in MCNEMAR {
            assert!(
                (mcnemar_exact(first, second) - expected).abs() < 1e-12,
                "{first}, {second}: {}",
                mcnemar_exact(first, second)
            );
        }
    }

    #[test]
    fn one_seed_counts_the_examples_that_only_one_got_right() {
        let a = answers(&[&[1, 1, 1, 1, 1, 1, 1, 0, 1, 0]]);
        let b = answers(&[&[1, 0, 0, 0, 0, 0, 0, 0, 1, 1]]);
        let found = compared(&a, &b);
        assert_eq!(found.evidence, Evidence::Paired { seeds: 1, rows: 10 });
        assert!((found.mean - 0.5).abs() < 1e-12);
        assert_eq!(found.p_value, mcnemar_exact(6, 1));
        // Agresti & Min by hand: (6.5 - 1.5)/12 ± 1.96·√(8 - 25/12)/12.
        let half = 1.959963984540054 * (8.0_f64 - 25.0 / 12.0).sqrt() / 12.0;
        assert!(
            (found.interval.low - (5.0 / 12.0 - half)).abs() < 1e-9,
            "{found:?}"
        );
    }

    #[test]
    fn the_same_answers_cannot_be_told_apart() {
        let a = answers(&[&[1, 0, 1, 1], &[1, 1, 0, 1]]);
        let found = compared(&a, &a);
        assert_eq!((found.mean, found.p_value), (0.0, 1.0));
        assert!(
            found.interval.low < 0.0 && found.interval.high > 0.0,
            "no difference is not certain after four examples"
        );
    }

    #[test]
    fn pairing_finds_what_the_two_intervals_hide() {
        let mut random = ChaCha8Rng::seed_from_u64(3);
        let hard: Vec<bool> = (0..600).map(|_| random.random_bool(0.3)).collect();
        let mut draw = |lift: f64| {
            let seed = |s| {
                (
                    s,
                    hard.iter()
                        .enumerate()
                        .map(|(r, hard)| (r as u64, !*hard || random.random_bool(lift)))
                        .collect(),
                )
            };
            Answers::new((0..3).map(seed).collect::<Vec<_>>())
        };
        let (a, b) = (draw(0.20), draw(0.05));
        let (of_a, of_b) = (estimate(&a).unwrap(), estimate(&b).unwrap());
        assert!(
            of_a.interval.low < of_b.interval.high,
            "the intervals should overlap"
        );
        assert!(difference((&a, &of_a), (&b, &of_b)).p_value < 0.001);
        assert!(unpaired(&of_a, &of_b).p_value > 0.01);
    }

    #[test]
    fn equal_methods_are_called_different_about_5_times_in_100() {
        let mut random = ChaCha8Rng::seed_from_u64(8);
        let mut draw = |seeds: u64, hard: &[f64]| {
            let seed = |s| {
                let offset = random.random_range(-0.02..0.02);
                (
                    s,
                    hard.iter()
                        .enumerate()
                        .map(|(r, h)| (r as u64, random.random_bool(h + offset)))
                        .collect::<Vec<_>>(),
                )
            };
            Answers::new((0..seeds).map(seed).collect::<Vec<_>>())
        };
        let mut hardness = ChaCha8Rng::seed_from_u64(9);
        for seeds in [1, 3] {
            let called = (0..1500).filter(|_| {
                let hard: Vec<f64> = (0..200).map(|_| hardness.random_range(0.5..0.95)).collect();
                compared(&draw(seeds, &hard), &draw(seeds, &hard)).p_value < 0.05
            });
            let share = called.count() as f64 / 1500.0;
            println!("{seeds} seeds: {share:.3} called different");
            assert!(
                (0.01..=0.07).contains(&share),
                "{seeds} seeds: {share} called different"
            );
        }
    }

    #[test]
    fn holm_is_the_step_down_of_the_textbook() {
        // statsmodels multipletests([0.01, 0.04, 0.03, 0.005], method="holm") → 0.03, 0.06, 0.06, 0.02.
        let found = holm(&[0.01, 0.04, 0.03, 0.005]);
        for (found, expected) in found.iter().zip([0.03, 0.06, 0.06, 0.02]) {
            assert!(
                (found - expected).abs() < 1e-12,
                "{found} instead of {expected}"
            );
        }
        assert_eq!(holm(&[0.9, 0.8]), [1.0, 1.0]);
        assert!(holm(&[]).is_empty());
    }

    const MCNEMAR: [(u64, u64, f64); 5] = [
        (6, 1, 0.125),
        (0, 9, 0.00390625),
        (12, 25, 0.04703102743951604),
        (40, 41, 1.0),
        (7, 7, 1.0),
    ];
}
