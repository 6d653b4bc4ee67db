//! Tables by seed and row: what several have in common, their mean squares, and the covariance of their means.

use crate::statistics::Answers;

/// Seeds and rows that several tables have in common.
pub(super) struct Shared {
    pub(super) seeds: Vec<u64>,
    pub(super) rows: Vec<u64>,
}

impl Shared {
    pub(super) fn of(several: &[&Answers]) -> Self {
        let shared = |of: fn(&Answers) -> &[u64]| {
            let mut kept = several
                .first()
                .map_or(Vec::new(), |first| of(first).to_vec());
            for answers in several {
                kept.retain(|value| of(answers).binary_search(value).is_ok());
            }
            kept
        };
        Self {
            seeds: shared(Answers::seeds),
            rows: shared(Answers::rows),
        }
    }

    /// 1.0 or 0.0 by seed and row.
    pub(super) fn table(&self, answers: &Answers) -> Vec<Vec<f64>> {
        let all = answers.table();
        let places = |values: &[u64], among: &[u64]| -> Vec<usize> {
            let found = values.iter().map(|value| among.binary_search(value));
            found.map(|at| at.expect("shared by all")).collect()
        };
        let seeds = places(&self.seeds, answers.seeds());
        let rows = places(&self.rows, answers.rows());
        let of_seed = |seed: &usize| rows.iter().map(|row| all[*seed][*row]).collect();
        seeds.iter().map(of_seed).collect()
    }
}

/// A point's table as the mean squares of its analysis of variance, and the deviations of its margins.
pub(super) struct Point {
    pub(super) mean: f64,
    pub(super) seeds: f64,
    pub(super) rows: f64,
    pub(super) error: f64,
    pub(super) seed_deviations: Vec<f64>,
    pub(super) row_deviations: Vec<f64>,
}

impl Point {
    pub(super) fn of(table: &[Vec<f64>]) -> Self {
        let (s, r) = (table.len() as f64, table[0].len() as f64);
        let seed_means: Vec<f64> = table
            .iter()
            .map(|row| row.iter().sum::<f64>() / r)
            .collect();
        let mean = seed_means.iter().sum::<f64>() / s;
        let mut row_means = vec![0.0; table[0].len()];
        for row in table {
            row_means
                .iter_mut()
                .zip(row)
                .for_each(|(sum, x)| *sum += x / s);
        }
        let off = |means: &[f64]| means.iter().map(|m| m - mean).collect::<Vec<f64>>();
        let squares = |off: &[f64]| off.iter().map(|d| d * d).sum::<f64>();
        let (of_seeds, of_rows) = (off(&seed_means), off(&row_means));
        let total: f64 = table.iter().map(|row| squares(&off(row))).sum();
        let (by_seeds, by_rows) = (r * squares(&of_seeds), s * squares(&of_rows));
        let per = |sum: f64, df: f64| if df > 0.0 { sum.max(0.0) / df } else { 0.0 };
        Self {
            mean,
            seeds: per(by_seeds, s - 1.0),
            rows: per(by_rows, r - 1.0),
            error: per(total - by_seeds - by_rows, (s - 1.0) * (r - 1.0)),
            seed_deviations: of_seeds,
            row_deviations: of_rows,
        }
    }

    /// Share of the rows' mean square that is not the interaction's.
    pub(super) fn beyond_error(&self) -> f64 {
        if self.rows > 0.0 {
            (1.0 - self.error / self.rows).max(0.0)
        } else {
            0.0
        }
    }
}

/// Covariance of the points' means over rows, less what the interaction gives them.
pub(super) fn row_covariance(points: &[Point]) -> Vec<Vec<f64>> {
    let of = |a: &Point, b: &Point| {
        let r = a.row_deviations.len() as f64;
        let products = a.row_deviations.iter().zip(&b.row_deviations);
        let sum: f64 = products.map(|(a, b)| a * b).sum();
        sum / (r * (r - 1.0)) * (a.beyond_error() * b.beyond_error()).sqrt()
    };
    let row = |a: &Point| points.iter().map(|b| of(a, b)).collect();
    points.iter().map(row).collect()
}

/// By seed and point: deviations over the root of their sum of squares.
pub(super) fn directions(points: &[Point], seeds: usize) -> Vec<Vec<f64>> {
    let length = |point: &Point| {
        let squares = point.seed_deviations.iter().map(|d| d * d);
        squares.sum::<f64>().sqrt()
    };
    let of = |seed: usize, point: &Point| {
        let length = length(point);
        if length > 0.0 {
            point.seed_deviations[seed] / length
        } else {
            0.0
        }
    };
    (0..seeds)
        .map(|seed| points.iter().map(|point| of(seed, point)).collect())
        .collect()
}
