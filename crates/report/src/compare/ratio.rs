//! Second against first as a ratio, with a 95 % interval from the trials.
//!
//! On logarithms: by seed where both runs have two or more of the same seeds, since the same seed draws the same texts (t with S - 1 degrees of
//! freedom); else by Welch's comparison. What an interval is worth is said against a noise threshold, below which a change is not worth the name.

use crate::statistics::{Interval, Spread, critical};

/// A quantity of every trial that measured it, by seed.
pub(crate) type BySeed = Vec<(u64, f64)>;

/// What a ratio and its interval show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The interval holds 1 and lies within the noise threshold.
    None,
    /// There is a change, and it lies within the noise threshold.
    WithinNoise,
    /// The interval lies below the threshold.
    Less,
    /// The interval lies above the threshold.
    More,
    /// The interval reaches beyond the threshold without lying there.
    Open,
    /// Nothing is said: there is no interval, or the machines differ.
    Unsaid,
}

/// A quantity in two runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio {
    /// In the first run.
    pub first: Spread,
    /// In the second.
    pub second: Spread,
    /// Second over first: the geometric mean over shared seeds, else the ratio of the geometric means.
    pub ratio: f64,
    /// 95 % interval of the ratio; `None` where one of the runs has one trial only.
    pub interval: Option<Interval>,
    /// Whether it rests on shared seeds.
    pub is_paired: bool,
    /// What it shows.
    pub change: Change,
}

impl Ratio {
    /// Of positive values; `None` where a run has none. `noise` is a share, 0.05 for 5 %; without one nothing is said of the interval.
    pub(crate) fn of(first: &BySeed, second: &BySeed, noise: Option<f64>) -> Option<Self> {
        let [first, second] = [first, second].map(|all| {
            let positive = all.iter().copied().filter(|(_, value)| *value > 0.0);
            positive.collect::<BySeed>()
        });
        let spread = |all: &BySeed| Spread::of(all.iter().map(|(_, value)| Some(*value)));
        let both = (spread(&first)?, spread(&second)?);
        let shared: Vec<f64> = first
            .iter()
            .filter_map(|(seed, a)| {
                let (_, b) = second.iter().find(|(other, _)| other == seed)?;
                Some((b / a).ln())
            })
            .collect();
        let is_paired = shared.len() > 1;
        let (log, half) = if is_paired {
            let of = Moments::of(&shared);
            (of.mean, Some(half(of.of_mean, of.df)))
        } else {
            welch(&first, &second)
        };
        let interval = half.map(|half| Interval {
            low: (log - half).exp(),
            high: (log + half).exp(),
        });
        Some(Self {
            first: both.0,
            second: both.1,
            ratio: log.exp(),
            interval,
            is_paired,
            change: change(interval, noise),
        })
    }
}

fn change(interval: Option<Interval>, noise: Option<f64>) -> Change {
    let (Some(Interval { low, high }), Some(noise)) = (interval, noise) else {
        return Change::Unsaid;
    };
    // As far down as up, in ratios. The last bits of a logarithm are no change.
    let (least, most, rounding) = (1.0 / (1.0 + noise), 1.0 + noise, 1e-12);
    if high < least {
        Change::Less
    } else if low > most {
        Change::More
    } else if low < least || high > most {
        Change::Open
    } else if low <= 1.0 + rounding && high >= 1.0 - rounding {
        Change::None
    } else {
        Change::WithinNoise
    }
}

/// Mean, variance of the mean and degrees of freedom of a sample.
struct Moments {
    mean: f64,
    of_mean: f64,
    df: f64,
}

impl Moments {
    fn of(values: &[f64]) -> Self {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let squares = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>();
        Self {
            mean,
            of_mean: squares / (n - 1.0) / n,
            df: n - 1.0,
        }
    }
}

fn half(of_mean: f64, df: f64) -> f64 {
    critical(df) * of_mean.sqrt()
}

/// Difference of the mean logarithms, and half its interval where both have more than one value.
fn welch(first: &BySeed, second: &BySeed) -> (f64, Option<f64>) {
    let [a, b] = [first, second].map(|all| {
        let logs: Vec<f64> = all.iter().map(|(_, value)| value.ln()).collect();
        Moments::of(&logs)
    });
    let log = b.mean - a.mean;
    if first.len() < 2 || second.len() < 2 {
        return (log, None);
    }
    let variance = a.of_mean + b.of_mean;
    let parts = a.of_mean.powi(2) / a.df + b.of_mean.powi(2) / b.df;
    let df = if parts > 0.0 {
        variance.powi(2) / parts
    } else {
        f64::INFINITY
    };
    (log, Some(half(variance, df)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by_seed(values: &[f64]) -> BySeed {
        (0..).zip(values.iter().copied()).collect()
    }

    fn near(found: f64, expected: f64) {
        assert!(
            (found / expected - 1.0).abs() < 1e-7,
            "{found}, expected {expected}"
        );
    }

    #[test]
    fn a_ratio_over_shared_seeds_is_rs_paired_t_test_of_logarithms() {
        // R 4.2.2: t.test(log(c(11, 22.5, 30.1, 44)), log(c(10, 20, 30, 40)), paired = TRUE), exponentials.
        let first = by_seed(&[10.0, 20.0, 30.0, 40.0]);
        let second = by_seed(&[11.0, 22.5, 30.1, 44.0]);
        let found = Ratio::of(&first, &second, Some(0.05)).unwrap();
        let interval = found.interval.unwrap();
        near(found.ratio, PAIRED.0);
        near(interval.low, PAIRED.1);
        near(interval.high, PAIRED.2);
        assert!(found.is_paired);
        assert_eq!(found.change, Change::Open);
    }

    #[test]
    fn runs_without_shared_seeds_are_compared_as_rs_welch_test_does() {
        // R 4.2.2: t.test(log(c(11, 12, 14)), log(c(10, 10.5, 9, 11))), exponentials.
        let first = by_seed(&[10.0, 10.5, 9.0, 11.0]);
        let second = vec![(7, 11.0), (8, 12.0), (9, 14.0)];
        let found = Ratio::of(&first, &second, Some(0.05)).unwrap();
        let interval = found.interval.unwrap();
        near(found.ratio, WELCH.0);
        near(interval.low, WELCH.1);
        near(interval.high, WELCH.2);
        assert!(!found.is_paired);
    }

    #[test]
    fn the_word_is_that_of_the_interval_against_the_threshold() {
        let of = |low, high| change(Some(Interval { low, high }), Some(0.05));
        assert_eq!(of(0.98, 1.03), Change::None);
        assert_eq!(of(1.01, 1.04), Change::WithinNoise);
        assert_eq!(of(0.96, 0.99), Change::WithinNoise);
        assert_eq!(of(1.06, 1.30), Change::More);
        assert_eq!(of(0.50, 0.90), Change::Less);
        assert_eq!(of(0.70, 1.40), Change::Open);
        assert_eq!(of(1.01, 1.40), Change::Open);
        assert_eq!(change(None, Some(0.05)), Change::Unsaid);
        let no_noise = Interval {
            low: 2.0,
            high: 3.0,
        };
        assert_eq!(change(Some(no_noise), None), Change::Unsaid);
    }

    #[test]
    fn one_trial_has_no_interval_and_equal_trials_have_no_change() {
        let one = Ratio::of(&by_seed(&[2.0]), &by_seed(&[3.0, 4.0]), Some(0.05)).unwrap();
        assert_eq!((one.interval, one.change), (None, Change::Unsaid));
        let values = by_seed(&[0.1, 0.3, 0.7]);
        let same = Ratio::of(&values, &values, Some(0.0)).unwrap();
        assert_eq!((same.ratio, same.change), (1.0, Change::None));
        assert_eq!(Ratio::of(&values, &by_seed(&[0.0]), None), None);
    }

    const PAIRED: (f64, f64, f64) = (1.081050005711192, 0.9970197523735315, 1.172162449205247);
    const WELCH: (f64, f64, f64) = (1.215330878045465, 0.9516420636935543, 1.552084759051161);
}
