//! Two arms compared row by row and seed by seed, with the variance between seeds moderated over all pairs of a group.

use super::pair::MeanSquares;
use super::seeds::{Prior, Variance};
use super::{Answers, Interval, compare::mcnemar_exact, critical, lower_tail};

/// The difference between two arms, `first - second`, and what it rests on.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Paired {
    /// Difference of the means.
    pub mean: f64,
    /// Its standard error.
    pub error: f64,
    /// Degrees of freedom; infinite where the rows of one seed decide.
    pub df: f64,
    /// One-sided p-value of the first being below the second.
    pub p_below: f64,
    /// Mean square between seeds that was used; `None` where there is one seed, or no difference at all.
    pub seed_variance: Option<Variance>,
    /// The pair's own mean squares.
    pub squares: MeanSquares,
}

impl Paired {
    /// Compares two arms by their mean squares; `None` without shared rows.
    pub(super) fn of(squares: MeanSquares, prior: Prior) -> Option<Self> {
        if squares.seed_count == 0 || squares.row_count < 2 {
            return None;
        }
        let (s, r) = (squares.seed_count as f64, squares.row_count as f64);
        if squares.seed_count == 1 {
            return Some(Self::one_seed(squares));
        }
        let seeds = prior.moderate(Variance {
            value: squares.seeds,
            df: s - 1.0,
        });
        let sum = seeds.value + squares.beyond_error();
        if sum <= 0.0 {
            // The same difference everywhere: the rows of one seed decide.
            return Some(Self::one_seed(squares));
        }
        let df = (sum * sum / (seeds.value * seeds.value / seeds.df)).min(r - 1.0);
        let error = (sum / (s * r)).sqrt();
        Some(Self {
            mean: squares.mean,
            error,
            df,
            p_below: lower_tail(squares.mean / error, df),
            seed_variance: Some(seeds),
            squares,
        })
    }

    /// McNemar's exact test, one-sided, and the standard error of Agresti & Min 2005.
    fn one_seed(squares: MeanSquares) -> Self {
        let (first, second) = squares.discordant;
        let (b, c) = (first as f64 + 0.5, second as f64 + 0.5);
        let m = squares.row_count as f64 + 2.0;
        let two_sided = mcnemar_exact(first, second);
        Self {
            mean: squares.mean,
            error: ((b + c) - (b - c).powi(2) / m).sqrt() / m,
            df: f64::INFINITY,
            p_below: if second > first {
                two_sided / 2.0
            } else {
                1.0 - two_sided / 2.0
            },
            seed_variance: None,
            squares,
        }
    }

    /// The 95 % interval of this difference alone.
    pub fn interval(&self) -> Interval {
        let half = critical(self.df) * self.error;
        Interval {
            low: (self.mean - half).max(-1.0),
            high: (self.mean + half).min(1.0),
        }
    }
}

/// Every arm minus every other: `[first][second]`, `None` for an arm and itself and for arms that share no seeds and rows.
pub fn pairs(arms: &[Answers]) -> Vec<Vec<Option<Paired>>> {
    let n = arms.len();
    let mut squares = vec![vec![MeanSquares::default(); n]; n];
    for i in 0..n {
        for k in 0..i {
            squares[i][k] = MeanSquares::of(&arms[i], &arms[k]);
            squares[k][i] = squares[i][k].reversed();
        }
    }
    let varies: Vec<bool> = arms.iter().map(Answers::varies).collect();
    let prior = prior(&varies, &squares);
    let pair = |i: usize, k: usize| {
        let prior = if varies[i] && varies[k] {
            prior
        } else {
            Prior::NONE
        };
        (i != k).then(|| Paired::of(squares[i][k], prior)).flatten()
    };
    (0..n)
        .map(|i| (0..n).map(|k| pair(i, k)).collect())
        .collect()
}

/// What the pairs of arms whose answers vary with the seed say about the variance between seeds of any of them.
fn prior(varies: &[bool], squares: &[Vec<MeanSquares>]) -> Prior {
    let stochastic: Vec<usize> = (0..varies.len()).filter(|i| varies[*i]).collect();
    let pairs: Vec<&MeanSquares> = stochastic
        .iter()
        .enumerate()
        .flat_map(|(at, i)| stochastic[at + 1..].iter().map(|k| &squares[*i][*k]))
        .filter(|pair| pair.seed_count > 1)
        .collect();
    let of_pairs: Vec<Variance> = pairs
        .iter()
        .map(|pair| Variance {
            value: pair.seeds,
            df: pair.seed_count as f64 - 1.0,
        })
        .collect();
    let mean_df = of_pairs.iter().map(|own| own.df).sum::<f64>() / of_pairs.len().max(1) as f64;
    // n arms have n - 1 independent differences, one of which is the pair's own.
    Prior::of(&of_pairs, (stochastic.len() as f64 - 2.0) * mean_df)
}
