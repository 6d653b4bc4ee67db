//! Accuracy with an interval over seeds and test examples, and paired comparison of two ways of adapting.
//!
//! Both rest on one table per way of adapting: right (1) or wrong (0) by seed (rows of the table) and test example (columns). Seeds
//! and examples are crossed, and both are samples: another seed, another draw of examples would have given another figure.

mod across;
mod answers;
mod best;
mod compare;
mod course;
mod draws;
mod estimate;
mod exact;
mod growth;
mod improvement;
mod isotonic;
mod overtaking;
mod pair;
mod paired;
mod reliability;
mod seeds;
mod settle;

pub use across::{InBoth, InRun, differences};
pub use answers::Answers;
pub use best::{AgainstBest, Standing, against_best};
pub use compare::{Difference, Evidence, difference, holm, mcnemar_exact};
pub use course::Course;
pub use estimate::{Estimate, Interval, Scores, estimate, estimate_from_scores, wilson};
pub(crate) use exact::{ErrorsAllowed, ratio, share};
pub use exact::{Share, clopper_pearson};
pub use growth::{Check, Growth};
pub use improvement::Improvement;
pub use isotonic::isotonic;
pub use overtaking::{Overtaking, Place, Verdict};
pub use pair::MeanSquares;
pub use paired::{Paired, pairs};
pub use reliability::{Bin, CalibrationError, Reliability};
pub use seeds::{Prior, Variance};
pub use settle::{Claim, Settle};

/// The level of every interval and the complement of every test's.
pub const CONFIDENCE: f64 = 0.95;

/// Median and range over seeds of a quantity that is measured once a trial.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// Middle value, or the mean of the two middle ones.
    pub median: f64,
    /// Smallest.
    pub min: f64,
    /// Largest.
    pub max: f64,
    /// Measured values.
    pub n: usize,
}

impl Spread {
    /// Of the values that were measured; `None` if none was.
    pub fn of(values: impl IntoIterator<Item = Option<f64>>) -> Option<Self> {
        let mut sorted: Vec<f64> = values.into_iter().flatten().collect();
        sorted.sort_by(f64::total_cmp);
        let n = sorted.len();
        let middle = |at: usize| sorted.get(at).copied();
        let median = if n % 2 == 1 {
            middle(n / 2)?
        } else {
            (middle((n / 2).checked_sub(1)?)? + middle(n / 2)?) / 2.0
        };
        Some(Self {
            median,
            min: sorted[0],
            max: sorted[n - 1],
            n,
        })
    }
}

/// Mean of the values that were measured; `None` if none was.
pub fn mean(values: impl IntoIterator<Item = Option<f64>>) -> Option<f64> {
    let measured: Vec<f64> = values.into_iter().flatten().collect();
    (!measured.is_empty()).then(|| measured.iter().sum::<f64>() / measured.len() as f64)
}

/// Two-sided critical value of Student's t; of the normal distribution where `df` is infinite.
pub(crate) fn critical(df: f64) -> f64 {
    upper_quantile((1.0 - CONFIDENCE) / 2.0, df)
}

/// From so many degrees of freedom on, Student's t is the normal distribution to seven digits; its quantile function is slow there.
const AS_NORMAL: f64 = 1e7;

/// P(T <= t) with `df` degrees of freedom.
pub(crate) fn lower_tail(t: f64, df: f64) -> f64 {
    use statrs::distribution::{ContinuousCDF, Normal, StudentsT};
    match StudentsT::new(0.0, 1.0, df) {
        Ok(distribution) if df < AS_NORMAL => distribution.cdf(t),
        _ => Normal::standard().cdf(t),
    }
}

/// The value that is exceeded with probability `level`.
pub(crate) fn upper_quantile(level: f64, df: f64) -> f64 {
    use statrs::distribution::{ContinuousCDF, Normal, StudentsT};
    match StudentsT::new(0.0, 1.0, df) {
        Ok(distribution) if df < AS_NORMAL => distribution.inverse_cdf(1.0 - level),
        _ => Normal::standard().inverse_cdf(1.0 - level),
    }
}

/// Two-sided p-value of Student's t.
pub(crate) fn two_sided(t: f64, df: f64) -> f64 {
    (2.0 * lower_tail(-t.abs(), df)).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn critical_values_and_p_values_are_those_of_scipy() {
        // scipy.stats 1.17.1: t.ppf(0.975, df), norm.ppf(0.975), 2 * t.sf(t, df).
        for (df, expected) in [
            (1.0, 12.706204736174698),
            (2.0, 4.302652729749462),
            (4.7, 2.62072607535317),
            (30.0, 2.0422724563012373),
        ] {
            assert!(
                (critical(df) - expected).abs() < 1e-6,
                "t at {df}: {} instead of {expected}",
                critical(df)
            );
        }
        assert!((critical(f64::INFINITY) - 1.959963984540054).abs() < 1e-9);
        assert!((critical(1e9) - 1.959963984540054).abs() < 1e-7);
        for (t, df, expected) in [
            (2.5, 3.0, 0.08770664700806556),
            (-1.2, 7.5, 0.26666892279322185),
            (4.0, 200.0, 8.913095218593442e-05),
        ] {
            assert!(
                (two_sided(t, df) / expected - 1.0).abs() < 1e-8,
                "p of t={t}, df={df}: {}",
                two_sided(t, df)
            );
        }
    }

    #[test]
    fn a_spread_is_of_what_was_measured() {
        let spread = Spread::of([Some(4.0), None, Some(1.0), Some(2.0), Some(9.0)]).unwrap();
        assert_eq!(
            spread,
            Spread {
                median: 3.0,
                min: 1.0,
                max: 9.0,
                n: 4
            }
        );
        assert_eq!(Spread::of([None, None]), None);
        assert_eq!(mean([Some(1.0), None, Some(2.0)]), Some(1.5));
        assert_eq!(mean([None]), None);
    }
}
