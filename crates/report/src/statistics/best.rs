//! Every arm against the best of the others: which is best, as good within a margin, open, or behind.
//!
//! Multiple comparisons with the best (Hsu 1984, 1996): an arm is behind where some other is better beyond what the largest of all such differences
//! reaches by chance. The chance distribution has the arms' own covariance, over test rows and over seeds, and is drawn with a fixed seed. The
//! variance between seeds is moderated over the group ([`Prior`]) and never dropped.

use super::pair::MeanSquares;
use super::seeds::{Prior, Variance};
use super::{Answers, CONFIDENCE, Interval, compare::mcnemar_exact};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

/// Draws that calibrate the smallest p-value of an arm.
const DRAWS: usize = 10_000;

/// Where an arm stands in its group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    /// Highest mean accuracy.
    Best,
    /// Shown to be less than the margin below the best.
    AsGood,
    /// Neither shown to be as good nor to be behind.
    Open,
    /// Below some other arm beyond chance, all comparisons considered.
    Behind,
    /// No accuracy, or nothing to compare with.
    #[default]
    Unknown,
}

/// An arm minus the best of the others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AgainstBest {
    /// Its place.
    pub standing: Standing,
    /// Difference of the means from the best of the others.
    pub difference: f64,
    /// Simultaneous 95 % interval of that difference.
    pub interval: Interval,
    /// Probability, were all arms equal, of an arm being this far below some other.
    pub p_adjusted: f64,
    /// Mean square between seeds that was used against the best of the others, and its degrees of freedom.
    pub seed_variance: Option<Variance>,
    /// Degrees of freedom of the comparison with the best of the others.
    pub df: f64,
    /// Seeds that both have.
    pub seeds: usize,
    /// Test rows that both have.
    pub rows: usize,
}

/// A pair's standard error and degrees of freedom.
#[derive(Clone, Copy, Debug)]
struct Comparison {
    mean: f64,
    error: f64,
    df: f64,
    /// One-sided p-value of the first being below the second.
    p_below: f64,
    seeds: Option<Variance>,
    seed_count: usize,
    row_count: usize,
}

/// Each arm of `arms` against the best of the others, with `margin` as a share (0.01 is one point). `None` where an arm has no answers, or no
/// other shares seeds and rows with it.
pub fn against_best(arms: &[Answers], margin: f64) -> Vec<Option<AgainstBest>> {
    let n = arms.len();
    let squares: Vec<Vec<MeanSquares>> = arms
        .iter()
        .map(|a| arms.iter().map(|b| MeanSquares::of(a, b)).collect())
        .collect();
    let prior = prior(arms, &squares);
    let compared: Vec<Vec<Option<Comparison>>> = (0..n)
        .map(|i| {
            (0..n)
                .map(|k| {
                    (i != k)
                        .then(|| compare(&squares[i][k], prior(i, k)))
                        .flatten()
                })
                .collect()
        })
        .collect();
    let draws = Draws::of(arms, &squares, &compared);
    let mut placed: Vec<Option<AgainstBest>> = (0..n)
        .map(|i| verdict(i, &compared[i], &draws, margin))
        .collect();
    name_best(&mut placed);
    placed
}

/// The arm that is least behind the best of the others is the best; of equals the first.
fn name_best(placed: &mut [Option<AgainstBest>]) {
    let best = placed.iter_mut().flatten().reduce(|best, arm| {
        if arm.difference > best.difference {
            arm
        } else {
            best
        }
    });
    if let Some(best) = best {
        best.standing = Standing::Best;
    }
}

/// The group's prior for the pair of two arms: none where one of them answers alike under all seeds.
fn prior(arms: &[Answers], squares: &[Vec<MeanSquares>]) -> impl Fn(usize, usize) -> Prior + use<> {
    let varies: Vec<bool> = arms.iter().map(Answers::varies).collect();
    let stochastic: Vec<usize> = (0..arms.len()).filter(|i| varies[*i]).collect();
    let pairs: Vec<&MeanSquares> = stochastic
        .iter()
        .enumerate()
        .flat_map(|(at, i)| stochastic[at + 1..].iter().map(|k| &squares[*i][*k]))
        .collect();
    let seeds = pairs.iter().map(|pair| pair.seed_count).min().unwrap_or(0);
    let alike = pairs.iter().all(|pair| pair.seed_count == seeds);
    let df = seeds.saturating_sub(1) as f64;
    let at_most = (stochastic.len() as f64 - 2.0) * df;
    let of_pairs: Vec<f64> = pairs.iter().map(|pair| pair.seeds).collect();
    let found = if alike {
        Prior::of(&of_pairs, df, at_most)
    } else {
        Prior::NONE
    };
    move |i, k| {
        if varies[i] && varies[k] {
            found
        } else {
            Prior::NONE
        }
    }
}

fn compare(pair: &MeanSquares, prior: Prior) -> Option<Comparison> {
    if pair.seed_count == 0 || pair.row_count < 2 {
        return None;
    }
    let (s, r) = (pair.seed_count as f64, pair.row_count as f64);
    if pair.seed_count == 1 {
        return Some(one_seed(pair, r));
    }
    let seeds = prior.moderate(Variance {
        value: pair.seeds,
        df: s - 1.0,
    });
    let sum = seeds.value + pair.beyond_error();
    if sum <= 0.0 {
        // The same difference under every seed: the rows of one of them decide.
        return Some(one_seed(pair, r));
    }
    let df = (sum * sum / (seeds.value * seeds.value / seeds.df)).min(r - 1.0);
    let error = (sum / (s * r)).sqrt();
    Some(Comparison {
        mean: pair.mean,
        error,
        df,
        p_below: lower_tail(pair.mean / error, df),
        seeds: Some(seeds),
        seed_count: pair.seed_count,
        row_count: pair.row_count,
    })
}

/// McNemar's exact test, one-sided, and the interval of Agresti & Min 2005.
fn one_seed(pair: &MeanSquares, rows: f64) -> Comparison {
    let (first, second) = pair.discordant;
    let (b, c, m) = (first as f64 + 0.5, second as f64 + 0.5, rows + 2.0);
    let error = ((b + c) - (b - c).powi(2) / m).sqrt() / m;
    let two_sided = mcnemar_exact(first, second);
    Comparison {
        mean: pair.mean,
        error,
        df: f64::INFINITY,
        p_below: if second > first {
            two_sided / 2.0
        } else {
            1.0 - two_sided / 2.0
        },
        seeds: None,
        seed_count: pair.seed_count,
        row_count: pair.row_count,
    }
}

fn verdict(
    i: usize,
    compared: &[Option<Comparison>],
    draws: &Draws,
    margin: f64,
) -> Option<AgainstBest> {
    let others: Vec<&Comparison> = compared.iter().flatten().collect();
    let closest = others
        .iter()
        .copied()
        .min_by(|a, b| a.mean.total_cmp(&b.mean))?;
    let smallest = others.iter().map(|c| c.p_below).fold(1.0, f64::min);
    let p_adjusted = draws.share_at_most(i, smallest);
    let level = draws.level(i, 1.0 - CONFIDENCE);
    let bound = |sign: f64| {
        let ends = others
            .iter()
            .map(|c| c.mean + sign * upper_quantile(level, c.df) * c.error);
        ends.fold(f64::INFINITY, f64::min).clamp(-1.0, 1.0)
    };
    let interval = Interval {
        low: bound(-1.0),
        high: bound(1.0),
    };
    let standing = if p_adjusted < 1.0 - CONFIDENCE {
        Standing::Behind
    } else if closest.seed_count > 1 && interval.low > -margin {
        Standing::AsGood
    } else {
        Standing::Open
    };
    Some(AgainstBest {
        standing,
        difference: closest.mean,
        interval,
        p_adjusted,
        seed_variance: closest.seeds,
        df: closest.df,
        seeds: closest.seed_count,
        rows: closest.row_count,
    })
}

/// The lowest standardised difference of each arm from any other, were all arms equal: sorted, by arm.
struct Draws(Vec<Vec<f64>>);

impl Draws {
    fn of(
        arms: &[Answers],
        squares: &[Vec<MeanSquares>],
        compared: &[Vec<Option<Comparison>>],
    ) -> Self {
        let rows = row_deviations(arms);
        let seeds = seed_variances(squares, compared);
        Self::with(&cholesky(&covariance(&rows, &seeds)), compared)
    }

    /// With the arms' covariance as the product of a lower triangle and its transpose.
    fn with(cholesky: &[Vec<f64>], compared: &[Vec<Option<Comparison>>]) -> Self {
        let n = cholesky.len();
        let error = |i: usize, k: usize| {
            let squares = cholesky[i]
                .iter()
                .zip(&cholesky[k])
                .map(|(a, b)| (a - b).powi(2));
            squares.sum::<f64>().sqrt()
        };
        let errors: Vec<Vec<f64>> = (0..n)
            .map(|i| (0..n).map(|k| error(i, k)).collect())
            .collect();
        let mut random = ChaCha8Rng::seed_from_u64(1984);
        let mut smallest = vec![Vec::with_capacity(DRAWS); n];
        for _ in 0..DRAWS {
            let normal: Vec<f64> = (0..n).map(|_| standard_normal(&mut random)).collect();
            let z: Vec<f64> = cholesky
                .iter()
                .map(|row| row.iter().zip(&normal).map(|(a, b)| a * b).sum())
                .collect();
            for i in 0..n {
                let lowest = (0..n)
                    .filter(|k| compared[i][*k].is_some() && errors[i][*k] > 0.0)
                    .map(|k| (z[i] - z[k]) / errors[i][k])
                    .fold(f64::INFINITY, f64::min);
                smallest[i].push(lowest);
            }
        }
        smallest.iter_mut().for_each(|z| z.sort_by(f64::total_cmp));
        Self(smallest)
    }

    /// Arms that share no rows have no known covariance; Bonferroni's bound stands in.
    fn are_known(&self, arm: usize) -> bool {
        self.0[arm].iter().all(|z| z.is_finite())
    }

    fn share_at_most(&self, arm: usize, p: f64) -> f64 {
        let drawn = &self.0[arm];
        if !self.are_known(arm) {
            return (p * (self.0.len() - 1) as f64).min(1.0);
        }
        // Never 0: what was drawn is evidence down to its own resolution, below that the Bonferroni bound holds.
        let z = Normal::standard().inverse_cdf(p);
        let below = drawn.partition_point(|drawn| *drawn <= z);
        if below == 0 {
            (p * (self.0.len() - 1) as f64).min(1.0 / drawn.len() as f64)
        } else {
            below as f64 / drawn.len() as f64
        }
    }

    /// The p-value that the smallest falls below with probability `share`.
    fn level(&self, arm: usize, share: f64) -> f64 {
        let drawn = &self.0[arm];
        if !self.are_known(arm) {
            return share / (self.0.len() - 1) as f64;
        }
        let z = drawn[((share * drawn.len() as f64) as usize).min(drawn.len() - 1)];
        Normal::standard().cdf(z)
    }
}

/// Deviations of row means from the arm's mean, divided so that their products sum to the covariance of the arms' means: `[n][rows]`.
fn row_deviations(arms: &[Answers]) -> Vec<Vec<f64>> {
    let means: Vec<Vec<(u64, f64)>> = arms.iter().map(Answers::row_means).collect();
    let mut shared: Vec<u64> = means
        .iter()
        .find(|m| !m.is_empty())
        .map_or(Vec::new(), |m| m.iter().map(|x| x.0).collect());
    for of_arm in means.iter().filter(|m| !m.is_empty()) {
        shared.retain(|row| of_arm.binary_search_by_key(row, |x| x.0).is_ok());
    }
    let r = shared.len() as f64;
    means
        .iter()
        .map(|of_arm| {
            let values: Vec<f64> = shared
                .iter()
                .map(|row| {
                    let at = of_arm.binary_search_by_key(row, |x| x.0);
                    at.map_or(0.0, |at| of_arm[at].1)
                })
                .collect();
            let mean = values.iter().sum::<f64>() / r.max(1.0);
            let scale = (r * (r - 1.0)).max(1.0).sqrt();
            values.into_iter().map(|x| (x - mean) / scale).collect()
        })
        .collect()
}

/// Each arm's share of the variance between seeds: `v_j + v_k` fits that of every pair, least squares with `v >= 0` (projected coordinate descent).
fn seed_variances(squares: &[Vec<MeanSquares>], compared: &[Vec<Option<Comparison>>]) -> Vec<f64> {
    let n = squares.len();
    let target = |i: usize, k: usize| -> Option<f64> {
        let (pair, found) = (&squares[i][k], compared[i][k].as_ref()?);
        let per = (pair.seed_count * pair.row_count) as f64;
        Some((found.seeds?.value - pair.error).max(0.0) / per)
    };
    let targets: Vec<Vec<Option<f64>>> = (0..n)
        .map(|i| (0..n).map(|k| target(i, k)).collect())
        .collect();
    let mut v = vec![0.0_f64; n];
    for _ in 0..1000 {
        let mut moved = 0.0_f64;
        for i in 0..n {
            let left: Vec<f64> = (0..n)
                .filter(|k| *k != i)
                .filter_map(|k| Some(targets[i][k]? - v[k]))
                .collect();
            if left.is_empty() {
                continue;
            }
            let new = (left.iter().sum::<f64>() / left.len() as f64).max(0.0);
            moved = moved.max((new - v[i]).abs());
            v[i] = new;
        }
        if moved < 1e-15 {
            break;
        }
    }
    v
}

fn covariance(rows: &[Vec<f64>], seeds: &[f64]) -> Vec<Vec<f64>> {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    (0..rows.len())
        .map(|i| {
            (0..rows.len())
                .map(|k| dot(&rows[i], &rows[k]) + if i == k { seeds[i] } else { 0.0 })
                .collect()
        })
        .collect()
}

/// Lower triangle L with L·Lᵀ = `matrix`, positive semidefinite; a column without variance left is zero.
fn cholesky(matrix: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let n = matrix.len();
    let mut lower = vec![vec![0.0; n]; n];
    for i in 0..n {
        for k in 0..=i {
            let known: f64 = (0..k).map(|j| lower[i][j] * lower[k][j]).sum();
            let left = matrix[i][k] - known;
            lower[i][k] = if i == k {
                left.max(0.0).sqrt()
            } else if lower[k][k] > 1e-12 {
                left / lower[k][k]
            } else {
                0.0
            };
        }
    }
    lower
}

/// Box & Muller 1958.
fn standard_normal(random: &mut impl Rng) -> f64 {
    let (a, b): (f64, f64) = (1.0 - random.random::<f64>(), random.random());
    (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos()
}

/// P(T <= t) with `df` degrees of freedom.
fn lower_tail(t: f64, df: f64) -> f64 {
    match StudentsT::new(0.0, 1.0, df) {
        Ok(distribution) if df.is_finite() => distribution.cdf(t),
        _ => Normal::standard().cdf(t),
    }
}

/// The value that is exceeded with probability `level`.
fn upper_quantile(level: f64, df: f64) -> f64 {
    match StudentsT::new(0.0, 1.0, df) {
        Ok(distribution) if df.is_finite() => distribution.inverse_cdf(1.0 - level),
        _ => Normal::standard().inverse_cdf(1.0 - level),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One-sided Dunnett critical values with infinite degrees of freedom (Hochberg & Tamhane 1987, table 4; scipy.stats agrees): the largest of k
    /// differences from a common arm of equal variance.
    #[test]
    fn equal_independent_arms_give_dunnetts_critical_values() {
        for (others, expected) in [(1, 1.645), (2, 1.916), (4, 2.160), (9, 2.418)] {
            let n = others + 1;
            let compared = vec![
                vec![
                    Some(Comparison {
                        mean: 0.0,
                        error: 1.0,
                        df: f64::INFINITY,
                        p_below: 0.5,
                        seeds: None,
                        seed_count: 1,
                        row_count: 1000,
                    });
                    n
                ];
                n
            ];
            let compared: Vec<Vec<Option<Comparison>>> = compared
                .into_iter()
                .enumerate()
                .map(|(i, row)| {
                    row.into_iter()
                        .enumerate()
                        .map(|(k, c)| c.filter(|_| i != k))
                        .collect()
                })
                .collect();
            let lower: Vec<Vec<f64>> = (0..n)
                .map(|i| (0..n).map(|k| f64::from(u8::from(i == k))).collect())
                .collect();
            let draws = Draws::with(&lower, &compared);
            let found = -Normal::standard().inverse_cdf(draws.level(0, 0.05));
            assert!(
                (found - expected).abs() < 0.04,
                "{others}: {found}, expected {expected}"
            );
        }
    }
}
