//! How far below some other an arm comes by chance, where all are equal: drawn with a fixed seed and the arms' own covariance, over test rows and
//! over seeds.

use super::Answers;
use super::paired::Paired;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use statrs::distribution::{ContinuousCDF, Normal};
use std::cell::RefCell;
use std::rc::Rc;

/// Draws that calibrate the smallest p-value of an arm.
const DRAWS: usize = 10_000;

/// The lowest standardised difference of each arm from any other, were all arms equal.
pub(super) struct Draws(Vec<Vec<f64>>);

impl Draws {
    pub(super) fn of(arms: &[Answers], compared: &[Vec<Option<Paired>>]) -> Self {
        let rows = row_deviations(arms);
        let seeds = seed_variances(compared);
        Self::with(&cholesky(&covariance(&rows, &seeds)), compared)
    }

    /// With the arms' covariance as the product of a lower triangle and its transpose.
    fn with(cholesky: &[Vec<f64>], compared: &[Vec<Option<Paired>>]) -> Self {
        let n = cholesky.len();
        // The reciprocal of a difference's standard deviation, for the pairs that are compared.
        let scale = |i: usize, k: usize| {
            let squares = cholesky[i].iter().zip(&cholesky[k]);
            let variance: f64 = squares.map(|(a, b)| (a - b).powi(2)).sum();
            (compared[i][k].is_some() && variance > 0.0).then(|| 1.0 / variance.sqrt())
        };
        let scale = &scale;
        // Each pair once: what the first is below the second, the second is above the first.
        let pairs: Vec<(usize, usize, f64)> = (0..n)
            .flat_map(|i| (i + 1..n).filter_map(move |k| Some((i, k, scale(i, k)?))))
            .collect();
        let mut smallest = vec![Vec::with_capacity(2 * DRAWS); n];
        let normals = normals(n);
        let mut z = vec![0.0; n];
        let mut ends = vec![(0.0, 0.0); n];
        for draw in 0..DRAWS {
            let normal = &normals[draw * n..(draw + 1) * n];
            for (z, row) in z.iter_mut().zip(cholesky) {
                *z = row.iter().zip(normal).map(|(a, b)| a * b).sum();
            }
            ends.fill((f64::INFINITY, f64::NEG_INFINITY));
            for (i, k, scale) in &pairs {
                let difference = (z[*i] - z[*k]) * scale;
                let (lowest, highest) = &mut ends[*i];
                *lowest = lowest.min(difference);
                *highest = highest.max(difference);
                let (lowest, highest) = &mut ends[*k];
                *lowest = lowest.min(-difference);
                *highest = highest.max(-difference);
            }
            // Each draw counts with its mirror image, which is as likely.
            for (smallest, (lowest, highest)) in smallest.iter_mut().zip(&ends) {
                smallest.extend([*lowest, -*highest]);
            }
        }
        Self(smallest)
    }

    /// Arms that share no rows have no known covariance; Bonferroni's bound stands in.
    fn are_known(&self, arm: usize) -> bool {
        self.0[arm].iter().all(|z| z.is_finite())
    }

    /// The share of draws whose smallest p-value is at most `p`.
    pub(super) fn share_at_most(&self, arm: usize, p: f64) -> f64 {
        let drawn = &self.0[arm];
        if !self.are_known(arm) {
            return (p * (self.0.len() - 1) as f64).min(1.0);
        }
        // Never 0: what was drawn is evidence down to its own resolution, below that the Bonferroni bound holds.
        let z = Normal::standard().inverse_cdf(p);
        let below = drawn.iter().filter(|drawn| **drawn <= z).count();
        if below == 0 {
            (p * (self.0.len() - 1) as f64).min(1.0 / drawn.len() as f64)
        } else {
            below as f64 / drawn.len() as f64
        }
    }

    /// The p-value that the smallest falls below with probability `share`.
    pub(super) fn level(&self, arm: usize, share: f64) -> f64 {
        let drawn = &self.0[arm];
        if !self.are_known(arm) {
            return share / (self.0.len() - 1) as f64;
        }
        let at = ((share * drawn.len() as f64) as usize).min(drawn.len() - 1);
        let mut drawn = drawn.clone();
        let (_, z, _) = drawn.select_nth_unstable_by(at, f64::total_cmp);
        Normal::standard().cdf(*z)
    }
}

/// The standard normal draws of `n` arms, `[draws][n]`. They are the same for every group of so many arms, and to draw them takes longer than all
/// that is made of them: the last are kept.
fn normals(n: usize) -> Rc<Vec<f64>> {
    thread_local! {
        static LAST: RefCell<Option<(usize, Rc<Vec<f64>>)>> = const { RefCell::new(None) };
    }
    LAST.with_borrow_mut(|last| {
        if let Some((_, known)) = last.as_ref().filter(|(arms, _)| *arms == n) {
            return known.clone();
        }
        let mut random = ChaCha8Rng::seed_from_u64(1984);
        let drawn: Vec<f64> = (0..DRAWS * n)
            .map(|_| standard_normal(&mut random))
            .collect();
        last.insert((n, Rc::new(drawn))).1.clone()
    })
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
fn seed_variances(compared: &[Vec<Option<Paired>>]) -> Vec<f64> {
    let n = compared.len();
    let target = |i: usize, k: usize| -> Option<f64> {
        let pair = compared[i][k].as_ref()?;
        let per = (pair.squares.seed_count * pair.squares.row_count) as f64;
        Some((pair.seed_variance?.value - pair.squares.error).max(0.0) / per)
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
pub(super) fn cholesky(matrix: &[Vec<f64>]) -> Vec<Vec<f64>> {
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
pub(super) fn standard_normal(random: &mut impl Rng) -> f64 {
    let (a, b): (f64, f64) = (1.0 - random.random::<f64>(), random.random());
    (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos()
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
            let pair = |i, k| (i != k).then(Paired::default);
            let compared: Vec<Vec<Option<Paired>>> = (0..n)
                .map(|i| (0..n).map(|k| pair(i, k)).collect())
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

    /// scipy.stats.dunnett on five balanced independent groups, from scripts/reference_standings.py.
    #[test]
    fn p_values_of_independent_arms_are_dunnetts() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../tests/fixtures/classifiers/standings.json"
        );
        let fixture: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let cases = fixture["dunnett"].as_array().unwrap();
        let n = cases.len();
        let identity: Vec<Vec<f64>> = (0..n)
            .map(|i| (0..n).map(|k| f64::from(u8::from(i == k))).collect())
            .collect();
        let pair = |i, k| (i != k).then(Paired::default);
        let compared: Vec<Vec<Option<Paired>>> = (0..n)
            .map(|i| (0..n).map(|k| pair(i, k)).collect())
            .collect();
        let draws = Draws::with(&identity, &compared);
        assert_eq!(n, 5);
        for (i, case) in cases.iter().enumerate() {
            let single = Normal::standard().cdf(-case["largest_t"].as_f64().unwrap());
            let (found, expected) = (
                draws.share_at_most(i, single),
                case["p_value"].as_f64().unwrap(),
            );
            assert!((found - expected).abs() < 0.01, "{found}, scipy {expected}");
        }
    }
}
