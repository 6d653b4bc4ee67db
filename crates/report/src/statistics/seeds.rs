//! The variance between seeds of a difference, moderated by that of the other differences of the group.
//!
//! Three seeds estimate a variance with two degrees of freedom. The variances of many differences scatter around a common one, which empirical
//! Bayes learns from all of them: `s² / s0² ~ F(d, d0)` (Smyth 2004, eq. 9 to 11; `squeezeVar` of limma without a trend).

use statrs::function::gamma::digamma;

/// What the variances of a group say about any of them: a scaled inverse chi-square distribution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prior {
    /// Degrees of freedom that the group adds; 0 where it says nothing.
    pub df: f64,
    /// The common variance.
    pub variance: f64,
}

/// A variance and its degrees of freedom.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Variance {
    /// The variance, or the mean square in its place.
    pub value: f64,
    /// Degrees of freedom.
    pub df: f64,
}

impl Prior {
    /// A group that says nothing.
    pub const NONE: Self = Self {
        df: 0.0,
        variance: 0.0,
    };

    /// From `variances` by the moments of their logarithms. The prior's own degrees of freedom are at most `at_most`, which they are where the
    /// variances scatter no more than chance alone would have them.
    pub fn of(variances: &[Variance], at_most: f64) -> Self {
        let known = variances.iter().all(|own| own.df > 0.0);
        if variances.len() < 3 || !known || at_most <= 0.0 {
            return Self::NONE;
        }
        // As limma has it: a variance of zero would have a logarithm of minus infinity.
        let floor = 1e-5 * median(variances);
        if floor <= 0.0 {
            return Self::NONE;
        }
        let logs: Vec<f64> = variances
            .iter()
            .map(|own| own.value.max(floor).ln() - digamma(own.df / 2.0) + (own.df / 2.0).ln())
            .collect();
        let by_chance = variances.iter().map(|own| trigamma(own.df / 2.0));
        let n = logs.len() as f64;
        let mean = logs.iter().sum::<f64>() / n;
        let scatter = logs.iter().map(|log| (log - mean).powi(2)).sum::<f64>() / (n - 1.0);
        let beyond_chance = scatter - by_chance.sum::<f64>() / n;
        if beyond_chance <= 0.0 {
            // The limit of the formula below; limma takes the mean of the variances here, which one wild pair can raise.
            return Self {
                df: at_most,
                variance: mean.exp(),
            };
        }
        let prior = 2.0 * trigamma_inverse(beyond_chance);
        let variance = (mean + digamma(prior / 2.0) - (prior / 2.0).ln()).exp();
        Self {
            df: prior.min(at_most),
            variance,
        }
    }

    /// The posterior variance where `own` was measured; its own where that is larger, so that an arm whose seeds scatter more than
    /// the group's is not made to look steadier than it is.
    pub fn moderate(&self, own: Variance) -> Variance {
        let df = self.df + own.df;
        let value = (self.df * self.variance + own.df * own.value) / df;
        if self.df <= 0.0 || own.value > value {
            own
        } else {
            Variance { value, df }
        }
    }
}

fn median(variances: &[Variance]) -> f64 {
    let spread = super::Spread::of(variances.iter().map(|own| Some(own.value)));
    spread.map_or(0.0, |spread| spread.median)
}

/// The second derivative of ln Γ at `x > 0`: recurrence up to 10, then the asymptotic series (Abramowitz & Stegun 6.4.6, 6.4.12).
pub(super) fn trigamma(x: f64) -> f64 {
    let (mut x, mut sum) = (x, 0.0);
    while x < 10.0 {
        sum += 1.0 / (x * x);
        x += 1.0;
    }
    let y = 1.0 / (x * x);
    let series =
        1.0 / 6.0 - y * (1.0 / 30.0 - y * (1.0 / 42.0 - y * (1.0 / 30.0 - y * 5.0 / 66.0)));
    sum + 1.0 / x + y / 2.0 + y / x * series
}

/// The `x` with `trigamma(x) = value`, by Newton's method on `1 / trigamma`, which is nearly linear (Smyth 2004, appendix).
pub(super) fn trigamma_inverse(value: f64) -> f64 {
    if value > 1e7 {
        return 1.0 / value.sqrt();
    }
    if value < 1e-6 {
        return 1.0 / value;
    }
    let mut x = 0.5 + 1.0 / value;
    for _ in 0..50 {
        let trigamma = trigamma(x);
        let step = trigamma * (1.0 - trigamma / value) / tetragamma(x);
        x += step;
        if -step / x < 1e-10 {
            break;
        }
    }
    x
}

/// The third derivative of ln Γ at `x > 0`, negative throughout.
fn tetragamma(x: f64) -> f64 {
    let (mut x, mut sum) = (x, 0.0);
    while x < 10.0 {
        sum -= 2.0 / (x * x * x);
        x += 1.0;
    }
    let y = 1.0 / (x * x);
    sum - y - y / x - y * y * (0.5 - y * (1.0 / 6.0 - y * (1.0 / 6.0 - y * 0.3)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: f64, expected: f64) {
        assert!(
            (found / expected - 1.0).abs() < 1e-9,
            "{found}, expected {expected}"
        );
    }

    #[test]
    fn trigamma_and_its_inverse_are_those_of_r() {
        for (x, expected) in [
            (0.3, 12.245364546107732),
            (1.0, 1.6449340668482264),
            (2.5, 0.4903577561002349),
            (30.0, 0.0338950603577399),
        ] {
            near(trigamma(x), expected);
        }
        for (value, expected) in [
            (0.01, 100.4991666819432),
            (0.5, 2.459952948352307),
            (3.0, 0.675478105281370),
            (40.0, 0.160805597503035),
        ] {
            near(trigamma_inverse(value), expected);
        }
    }

    fn with_df(values: &[f64], df: f64) -> Vec<Variance> {
        values
            .iter()
            .map(|value| Variance { value: *value, df })
            .collect()
    }

    #[test]
    fn scattered_variances_are_moderated_as_limma_does() {
        let own = [0.31, 0.0001, 0.55, 9.3, 0.02, 0.41, 17.5, 0.008, 0.66, 3.7];
        let prior = Prior::of(&with_df(&own, 4.0), f64::INFINITY);
        near(prior.df, 0.589600770534839);
        near(prior.variance, 0.0290703288995445);
        // The second lies far below: limma's posterior. Those above it keep their own.
        let small = prior.moderate(Variance {
            value: 0.0001,
            df: 4.0,
        });
        near(small.value, 0.00382165883173944);
        near(small.df, 4.589600770534839);
        assert_eq!(
            prior.moderate(Variance {
                value: 9.3,
                df: 4.0
            }),
            Variance {
                value: 9.3,
                df: 4.0
            }
        );
    }

    #[test]
    fn variances_that_scatter_by_chance_alone_are_pooled() {
        let own = [0.31, 0.12, 0.55, 0.93, 0.20, 0.41, 1.75, 0.08, 0.66, 0.37];
        let prior = Prior::of(&with_df(&own, 2.0), 18.0);
        assert_eq!(prior.df, 18.0);
        // R: exp(mean(log(x) - digamma(1)))
        near(prior.variance, 0.665869604421774);
        assert_eq!(Prior::of(&with_df(&own[..2], 2.0), 18.0), Prior::NONE);
    }
}
