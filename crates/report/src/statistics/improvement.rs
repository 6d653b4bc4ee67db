//! The probability that one arm beats another on a new seed and a new draw of as many test rows.
//!
//! The difference D of such a pair of trials has the mean μ and the variance `σ²_S + (σ²_R + σ²_E)/R` of the crossed design, so that
//! `P(D > 0) = Φ(μ / √(σ²_S + (σ²_R + σ²_E)/R))`. Its interval is that of generalised pivots (Weerahandi 1993): the mean squares are drawn from their
//! scaled inverse chi-square distributions, the mean from the normal distribution whose variance they give, both with a fixed seed.

use super::draws::standard_normal;
use super::paired::Paired;
use super::{CONFIDENCE, Interval};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use statrs::distribution::{ContinuousCDF, Normal};

const DRAWS: usize = 4_000;

/// A probability of improvement.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Improvement {
    /// Its estimate.
    pub probability: f64,
    /// Its 95 % interval.
    pub interval: Interval,
}

/// Mean and mean squares, as measured or as drawn.
#[derive(Clone, Copy, Debug)]
struct Squares {
    mean: f64,
    seeds: f64,
    rows: f64,
    error: f64,
}

impl Squares {
    /// Probability of a positive difference, with the numbers of seeds and rows that the mean squares rest on; even where nothing varies and
    /// nothing differs.
    fn probability(&self, s: f64, r: f64) -> f64 {
        let seeds = (self.seeds - self.error).max(0.0) / r;
        let rows = (self.rows - self.error).max(0.0) / s;
        let variance = seeds + (rows + self.error) / r;
        if variance > 0.0 {
            Normal::standard().cdf(self.mean / variance.sqrt())
        } else {
            0.5
        }
    }
}

impl Paired {
    /// The probability that the first beats the second on a new seed and a new draw of test rows; `None` where the variation between seeds
    /// is not known, or nothing differs.
    pub fn improvement(&self) -> Option<Improvement> {
        let used = self.seed_variance?;
        let squares = &self.squares;
        let (s, r) = (squares.seed_count as f64, squares.row_count as f64);
        let measured = Squares {
            mean: self.mean,
            seeds: used.value,
            rows: squares.rows,
            error: squares.error,
        };
        let mut random = ChaCha8Rng::seed_from_u64(1993);
        let mut drawn: Vec<f64> = (0..DRAWS)
            .map(|_| {
                let mut pivot = |value: f64, df: f64| value * df / chi_square(&mut random, df);
                let seeds = pivot(used.value, used.df);
                let rows = pivot(squares.rows, r - 1.0);
                let error = pivot(squares.error, (s - 1.0) * (r - 1.0));
                let variance = (seeds + (rows - error).max(0.0)) / (s * r);
                Squares {
                    mean: self.mean + variance.sqrt() * standard_normal(&mut random),
                    seeds,
                    rows,
                    error,
                }
                .probability(s, r)
            })
            .collect();
        drawn.sort_by(f64::total_cmp);
        let tail = (1.0 - CONFIDENCE) / 2.0 * DRAWS as f64;
        Some(Improvement {
            probability: measured.probability(s, r),
            interval: Interval {
                low: drawn[tail as usize],
                high: drawn[DRAWS - 1 - tail as usize],
            },
        })
    }
}

/// Marsaglia & Tsang 2000; below two degrees of freedom by their own device.
fn chi_square(random: &mut impl Rng, df: f64) -> f64 {
    let shape = df / 2.0;
    if shape < 1.0 {
        let lift = (1.0 - random.random::<f64>()).powf(1.0 / shape);
        return lift * chi_square(random, df + 2.0);
    }
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let x = standard_normal(random);
        let v = (1.0 + c * x).powi(3);
        if v > 0.0 {
            let u: f64 = 1.0 - random.random::<f64>();
            if u.ln() < 0.5 * x * x + d - d * v + d * v.ln() {
                return 2.0 * d * v;
            }
        }
    }
}
