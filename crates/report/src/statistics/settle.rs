//! How much more evidence would settle a comparison that is open.
//!
//! With S seeds and R test rows the mean difference of the crossed design has the variance `σ²_S/S + σ²_R/R + σ²_E/(S·R)`. The power of the one-sided test is that of the noncentral t distribution (Abramowitz & Stegun
//! 26.7.10). More seeds bring down the first and the last part, more rows the last two: where σ²_R/R alone is too much, no number of seeds will do.

use super::best::AgainstBest;
use super::paired::Paired;
use super::upper_quantile;
use statrs::distribution::{ContinuousCDF, Normal};

/// The power at which evidence is called enough.
const POWER: f64 = 0.8;

/// More of either than anyone has.
const MOST: u64 = 1 << 40;

/// What the evidence would show.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Claim {
    /// That the arm is behind, where its true difference is the one observed.
    Behind,
    /// That the arm is less than `margin` behind, where its true difference is 0.
    AsGood {
        /// As a share.
        margin: f64,
    },
}

/// The evidence with which a claim is shown in 80 of 100 such experiments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settle {
    /// Seeds in all, with the test rows as they are; `None` where no number of seeds suffices on this test split.
    pub seeds: Option<u64>,
    /// Test rows in all, with the seeds as they are; `None` where no number of rows suffices under these seeds.
    pub rows: Option<u64>,
}

impl AgainstBest {
    /// What would show `claim` of this arm and the best of the others; `None` where one seed leaves the variation between seeds unknown.
    pub fn settle(&self, claim: Claim) -> Option<Settle> {
        let effect = match claim {
            Claim::Behind => -self.difference,
            Claim::AsGood { margin } => margin,
        };
        settle(&self.pair, effect, self.level)
    }
}

fn settle(pair: &Paired, effect: f64, level: f64) -> Option<Settle> {
    let design = Design::of(pair)?;
    if effect <= 0.0 {
        return Some(Settle::default());
    }
    let (seeds, rows) = (
        pair.squares.seed_count as u64,
        pair.squares.row_count as u64,
    );
    let enough = |s: u64, r: u64| design.power(s as f64, r as f64, effect, level) >= POWER;
    Some(Settle {
        seeds: smallest(seeds, |s| enough(s, rows)),
        rows: smallest(rows, |r| enough(seeds, r)),
    })
}

/// The smallest number from `least` up for which `enough` holds, which it does for all larger ones.
fn smallest(least: u64, enough: impl Fn(u64) -> bool) -> Option<u64> {
    let mut high = least;
    while !enough(high) {
        high = high.checked_mul(2).filter(|high| *high <= MOST)?;
    }
    let mut low = (high / 2).max(least);
    while low < high {
        let middle = low + (high - low) / 2;
        if enough(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Some(high)
}

/// Variance components of a difference.
#[derive(Clone, Copy, Debug)]
struct Design {
    seeds: f64,
    rows: f64,
    error: f64,
    /// Degrees of freedom of the mean square between seeds that each further seed brings.
    df_per_seed: f64,
}

impl Design {
    fn of(pair: &Paired) -> Option<Self> {
        let squares = &pair.squares;
        let (s, r) = (squares.seed_count as f64, squares.row_count as f64);
        let used = pair.seed_variance?;
        Some(Self {
            seeds: (used.value - squares.error).max(0.0) / r,
            rows: squares.beyond_error() / s,
            error: squares.error,
            df_per_seed: used.df / (s - 1.0),
        })
    }

    /// Probability of showing a difference of `effect` at the one-sided `level` with `s` seeds and `r` rows.
    fn power(&self, s: f64, r: f64, effect: f64, level: f64) -> f64 {
        let of_seeds = self.error + r * self.seeds;
        let sum = of_seeds + s * self.rows;
        if sum <= 0.0 {
            return 1.0;
        }
        let df_seeds = self.df_per_seed * (s - 1.0);
        let df = (sum * sum / (of_seeds * of_seeds / df_seeds)).min(r - 1.0);
        let centre = effect / (sum / (s * r)).sqrt();
        let critical = upper_quantile(level, df);
        let scale = (1.0 + critical * critical / (2.0 * df)).sqrt();
        Normal::standard().cdf((centre - critical * (1.0 - 1.0 / (4.0 * df))) / scale)
    }
}
