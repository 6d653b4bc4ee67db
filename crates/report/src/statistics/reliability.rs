//! Whether probabilities can be trusted: of the answers given with a probability of about 0.8, are about 80 in 100 right?
//!
//! Answers are sorted by the probability of the predicted class and parted into bins of equal size; the expected calibration error is the mean distance
//! between a bin's mean probability and its share of right answers (Naeini et al. 2015; bins of equal mass as in Nguyen & O'Connor 2015). Chance alone
//! puts these apart, the more so the smaller the bins: what a bin of that size and distance shows too much on average, by the folded normal
//! distribution of a binomial share, is taken off (Kumar, Liang & Ma 2019, "Verified uncertainty calibration", section 4.2). What is left of it would
//! call calibrated models wrong; where the distances are no larger than those of answers that are right just as often as they say (Bröcker & Smith
//! 2007), the interval therefore reaches to 0.

use super::answers::{Crossed, crossed};
use super::{CONFIDENCE, Interval, critical};
use statrs::distribution::{ContinuousCDF, Normal};

/// Bins of equal size; fewer where probabilities are equal, which stay together.
const BINS: usize = 15;

/// Answers of about the same sureness.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bin {
    /// How many.
    pub rows: usize,
    /// Mean probability of the predicted class.
    pub confidence: f64,
    /// Share that is right.
    pub accuracy: f64,
}

/// Answers in bins, the least sure first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reliability {
    /// The bins.
    pub bins: Vec<Bin>,
    /// Place of each answer's bin, in the order of the answers.
    of_answer: Vec<usize>,
}

/// An expected calibration error over seeds, with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CalibrationError {
    /// Mean over seeds, debiased.
    pub mean: f64,
    /// Its interval over seeds and test examples.
    pub interval: Interval,
}

impl Reliability {
    /// Of answers as the probability of the predicted class and whether it is right; `None` without any.
    pub fn of(answers: &[(f64, bool)]) -> Option<Self> {
        if answers.is_empty() {
            return None;
        }
        let mut order: Vec<usize> = (0..answers.len()).collect();
        order.sort_by(|a, b| answers[*a].0.total_cmp(&answers[*b].0));
        let mut of_answer = vec![0; answers.len()];
        let mut bins: Vec<Bin> = Vec::new();
        let mut start = 0;
        while start < order.len() {
            // On over what is equally sure.
            let mut end = next_end(start, order.len());
            while end < order.len() && answers[order[end]].0 == answers[order[end - 1]].0 {
                end += 1;
            }
            let members = &order[start..end];
            members.iter().for_each(|at| of_answer[*at] = bins.len());
            bins.push(bin(members.iter().map(|at| answers[*at])));
            start = end;
        }
        Some(Self { bins, of_answer })
    }

    /// The expected calibration error, debiased, in [0, 1].
    pub fn error(&self) -> f64 {
        (self.raw_error() - self.bias()).max(0.0)
    }

    fn raw_error(&self) -> f64 {
        self.mean_over(|bin| (bin.confidence - bin.accuracy).abs())
    }

    /// How much chance adds to the distances: the mean of |N(d, σ²)| is above d.
    fn bias(&self) -> f64 {
        self.mean_over(|bin| {
            let distance = (bin.confidence - bin.accuracy).abs();
            let sd = (bin.accuracy * (1.0 - bin.accuracy) / bin.rows as f64).sqrt();
            folded(distance, sd) - distance
        })
    }

    fn mean_over(&self, of: impl Fn(&Bin) -> f64) -> f64 {
        let all: usize = self.bins.iter().map(|bin| bin.rows).sum();
        let sum: f64 = self.bins.iter().map(|bin| bin.rows as f64 * of(bin)).sum();
        sum / all as f64
    }

    /// The error before anything is taken off, and its upper 5 % point were every answer right with its own probability: a sum of folded normal
    /// variables, nearly normal itself.
    fn within_chance(&self, answers: &[(f64, bool)]) -> (f64, f64) {
        let mut variances = vec![0.0; self.bins.len()];
        for ((confidence, _), bin) in answers.iter().zip(&self.of_answer) {
            variances[*bin] += confidence * (1.0 - confidence);
        }
        // Of the sum of |distance| times its share of the answers.
        let n = answers.len() as f64;
        let folded = 2.0 / std::f64::consts::PI;
        let mean: f64 = variances.iter().map(|v| v.sqrt() * folded.sqrt() / n).sum();
        let variance: f64 = variances.iter().map(|v| v * (1.0 - folded) / (n * n)).sum();
        let upper = mean + Normal::standard().inverse_cdf(CONFIDENCE) * variance.sqrt();
        (self.raw_error(), upper)
    }

    /// What each answer adds to the error: with bins and the sides of their distances as they are, its mean is the error.
    fn parts(&self, answers: &[(f64, bool)]) -> Vec<f64> {
        let part = |((confidence, right), bin): (&(f64, bool), &usize)| {
            let bin = &self.bins[*bin];
            let right = f64::from(u8::from(*right));
            (bin.confidence - bin.accuracy).signum() * (confidence - right)
        };
        answers.iter().zip(&self.of_answer).map(part).collect()
    }
}

impl CalibrationError {
    /// Of each seed's answers, all to the same test examples in the same order; `None` without any, or where seeds have not the same number.
    pub fn of(by_seed: &[Vec<(f64, bool)>]) -> Option<Self> {
        let rows = by_seed.first()?.len();
        if by_seed.iter().any(|answers| answers.len() != rows) {
            return None;
        }
        let found: Vec<Reliability> = by_seed
            .iter()
            .map(|a| Reliability::of(a))
            .collect::<Option<_>>()?;
        let seeds = found.len() as f64;
        let mean = found.iter().map(Reliability::error).sum::<f64>() / seeds;
        let parts = found
            .iter()
            .zip(by_seed)
            .map(|(found, answers)| found.parts(answers));
        let Crossed { variance, df, .. } = crossed(&parts.collect::<Vec<_>>());
        let half = critical(df) * variance.sqrt();
        let chance = found
            .iter()
            .zip(by_seed)
            .map(|(found, answers)| found.within_chance(answers));
        let (raw, upper) = chance.fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        Some(Self {
            mean,
            interval: Interval {
                low: if raw <= upper {
                    0.0
                } else {
                    (mean - half).max(0.0)
                },
                high: (mean + half).min(1.0),
            },
        })
    }
}

/// The next multiple of a bin's size after `start`, or the one after it where that is nearer than half a bin.
fn next_end(start: usize, all: usize) -> usize {
    let multiple = |k: usize| (k * all).div_ceil(BINS).clamp(start + 1, all);
    let next = start * BINS / all + 1;
    let is_near = 2 * BINS * (multiple(next) - start) < all;
    multiple(if is_near { next + 1 } else { next })
}

fn bin(members: impl Iterator<Item = (f64, bool)>) -> Bin {
    let (mut rows, mut confidence, mut right) = (0, 0.0, 0.0);
    for (own, is_right) in members {
        rows += 1;
        confidence += own;
        right += f64::from(u8::from(is_right));
    }
    let n = rows as f64;
    Bin {
        rows,
        confidence: confidence / n,
        accuracy: right / n,
    }
}

/// Mean of the absolute value of a normal variable.
fn folded(mean: f64, sd: f64) -> f64 {
    if sd == 0.0 {
        return mean.abs();
    }
    let z = mean / sd;
    let density = (-z * z / 2.0).exp() * (2.0 / std::f64::consts::PI).sqrt();
    sd * density + mean * (1.0 - 2.0 * Normal::standard().cdf(-z))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// Sure between 0.5 and 1, and right with that probability less `off`.
    fn answers(random: &mut ChaCha8Rng, rows: usize, off: f64) -> Vec<(f64, bool)> {
        let one = |_| {
            let p: f64 = 0.5 + 0.5 * random.random::<f64>();
            (p, random.random_bool((p - off).clamp(0.0, 1.0)))
        };
        (0..rows).map(one).collect()
    }

    #[test]
    fn chance_alone_is_no_calibration_error() {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let (mut raw, mut debiased) = (0.0, 0.0);
        for _ in 0..200 {
            let found = Reliability::of(&answers(&mut random, 500, 0.0)).unwrap();
            raw += found.raw_error() / 200.0;
            debiased += found.error() / 200.0;
        }
        println!("raw {raw:.4}, debiased {debiased:.4}");
        assert!(raw > 0.04 && debiased < 0.75 * raw, "{raw}, {debiased}");
    }

    #[test]
    fn intervals_hold_the_error_of_models_that_are_too_sure() {
        for (seeds, rows, off) in [(1, 800, 0.1), (3, 500, 0.15)] {
            let mut random = ChaCha8Rng::seed_from_u64(2);
            let mut held = 0;
            for _ in 0..200 {
                let by_seed: Vec<_> = (0..seeds)
                    .map(|_| answers(&mut random, rows, off))
                    .collect();
                let found = CalibrationError::of(&by_seed).unwrap();
                held += usize::from(found.interval.low <= off && off <= found.interval.high);
            }
            println!("{seeds} x {rows}: {held} of 200");
            assert!(held >= 180, "{seeds} seeds: {held} of 200");
        }
    }

    #[test]
    fn intervals_of_calibrated_models_reach_to_zero() {
        for seeds in [1, 3] {
            let mut random = ChaCha8Rng::seed_from_u64(5);
            let mut held = 0;
            for _ in 0..200 {
                let by_seed: Vec<_> = (0..seeds).map(|_| answers(&mut random, 600, 0.0)).collect();
                held += usize::from(CalibrationError::of(&by_seed).unwrap().interval.low == 0.0);
            }
            println!("{seeds} seeds: {held} of 200");
            assert!(held >= 184, "{seeds} seeds: {held} of 200");
        }
    }

    #[test]
    fn bins_are_of_equal_size_and_keep_equal_probabilities_together() {
        let mut random = ChaCha8Rng::seed_from_u64(3);
        let found = Reliability::of(&answers(&mut random, 47, 0.0)).unwrap();
        let rows: Vec<usize> = found.bins.iter().map(|bin| bin.rows).collect();
        assert!(
            rows.len() == 15 && rows.iter().all(|n| (3..=4).contains(n)),
            "{rows:?}"
        );
        let alike: Vec<(f64, bool)> = (0..90).map(|i| (0.8, i % 3 != 0)).collect();
        let found = Reliability::of(&alike).unwrap();
        assert_eq!(found.bins.len(), 1);
        assert!((found.raw_error() - (0.8 - 2.0 / 3.0)).abs() < 1e-9);
        let few = Reliability::of(&[(0.6, true), (0.9, false)]).unwrap();
        assert_eq!(few.bins.len(), 2);
        assert_eq!(Reliability::of(&[]), None);
    }

    #[test]
    fn the_parts_of_an_error_have_it_as_their_mean() {
        let mut random = ChaCha8Rng::seed_from_u64(4);
        let answers = answers(&mut random, 300, 0.07);
        let found = Reliability::of(&answers).unwrap();
        let parts = found.parts(&answers);
        let mean = parts.iter().sum::<f64>() / parts.len() as f64;
        assert!((mean - found.raw_error()).abs() < 1e-12);
    }
}
