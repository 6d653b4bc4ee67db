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
use std::cell::RefCell;
use std::collections::VecDeque;

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
    /// Standard deviations by which the difference is above 0, with the numbers of seeds and rows that the mean squares rest on; 0 where nothing
    /// varies and nothing differs.
    fn score(&self, s: f64, r: f64) -> f64 {
        let seeds = (self.seeds - self.error).max(0.0) / r;
        let rows = (self.rows - self.error).max(0.0) / s;
        let variance = seeds + (rows + self.error) / r;
        if variance > 0.0 {
            self.mean / variance.sqrt()
        } else {
            0.0
        }
    }
}

/// Of a positive difference.
fn probability(score: f64) -> f64 {
    Normal::standard().cdf(score)
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
        let df = [used.df, r - 1.0, (s - 1.0) * (r - 1.0)];
        let mut drawn: Vec<f64> = with_draws(df, |draws| {
            let of = |draw: &Draw| {
                let seeds = used.value * df[0] / draw.seeds;
                let rows = squares.rows * df[1] / draw.rows;
                let error = squares.error * df[2] / draw.error;
                let variance = (seeds + (rows - error).max(0.0)) / (s * r);
                Squares {
                    mean: self.mean + variance.sqrt() * draw.mean,
                    seeds,
                    rows,
                    error,
                }
                .score(s, r)
            };
            draws.iter().map(of).collect()
        });
        let tail = ((1.0 - CONFIDENCE) / 2.0 * DRAWS as f64) as usize;
        let mut ranked = |at: usize| *drawn.select_nth_unstable_by(at, f64::total_cmp).1;
        // The probability rises with the score.
        let [low, high] = [tail, DRAWS - 1 - tail].map(|at| probability(ranked(at)));
        Some(Improvement {
            probability: probability(measured.score(s, r)),
            interval: Interval { low, high },
        })
    }
}

/// What one draw puts in the place of the mean squares and of the mean's deviation.
#[derive(Clone, Copy, Debug)]
struct Draw {
    seeds: f64,
    rows: f64,
    error: f64,
    mean: f64,
}

/// Degrees of freedom: of the seeds, the rows, the error.
type Degrees = [f64; 3];

/// `of` the draws for these degrees of freedom. They are the same for most pairs of a group, and drawing is what takes the time: the last few are kept.
fn with_draws<T>(df: Degrees, of: impl FnOnce(&[Draw]) -> T) -> T {
    const KEPT: usize = 4;
    thread_local! {
        static LAST: RefCell<VecDeque<(Degrees, Vec<Draw>)>> = const { RefCell::new(VecDeque::new()) };
    }
    LAST.with_borrow_mut(|last| {
        let known = last.iter().position(|(own, _)| *own == df);
        let draws = match known.and_then(|at| last.remove(at)) {
            Some(known) => known,
            None => (df, draw(df)),
        };
        last.truncate(KEPT - 1);
        last.push_front(draws);
        of(&last[0].1)
    })
}

fn draw(df: Degrees) -> Vec<Draw> {
    let mut random = ChaCha8Rng::seed_from_u64(1993);
    let one = |_| Draw {
        seeds: chi_square(&mut random, df[0]),
        rows: chi_square(&mut random, df[1]),
        error: chi_square(&mut random, df[2]),
        mean: standard_normal(&mut random),
    };
    (0..DRAWS).map(one).collect()
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
