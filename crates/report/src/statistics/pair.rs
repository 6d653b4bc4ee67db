//! The difference between two arms by seed and test row, and its analysis of variance.

use super::Answers;

/// Two-way table of differences (1, 0, -1), `S` seeds by `R` rows, as its mean squares.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MeanSquares {
    /// Mean difference.
    pub mean: f64,
    /// Between seeds, `S - 1` degrees of freedom; 0 with one seed.
    pub seeds: f64,
    /// Between rows, `R - 1` degrees of freedom.
    pub rows: f64,
    /// Of the interaction.
    pub error: f64,
    /// Seeds that both arms have.
    pub seed_count: usize,
    /// Test rows that both arms have.
    pub row_count: usize,
    /// Rows that only the first got right and rows that only the second did, under the first seed.
    pub discordant: (u64, u64),
}

impl MeanSquares {
    /// Of `first - second`, over the seeds and rows that both have.
    pub fn of(first: &Answers, second: &Answers) -> Self {
        let table = first.minus(second);
        let (s, r) = (table.len(), table.first().map_or(0, Vec::len));
        if s == 0 || r == 0 {
            return Self::default();
        }
        let (seeds, rows) = (s as f64, r as f64);
        let seed_means: Vec<f64> = table
            .iter()
            .map(|row| row.iter().sum::<f64>() / rows)
            .collect();
        let mut row_means = vec![0.0; r];
        for row in &table {
            row_means.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
        }
        row_means.iter_mut().for_each(|sum| *sum /= seeds);
        let mean = seed_means.iter().sum::<f64>() / seeds;
        let squares = |means: &[f64]| means.iter().map(|m| (m - mean).powi(2)).sum::<f64>();
        let (of_seeds, of_rows) = (rows * squares(&seed_means), seeds * squares(&row_means));
        let total: f64 = table.iter().map(|row| squares(row)).sum();
        let per = |sum: f64, df: usize| {
            if df > 0 {
                sum.max(0.0) / df as f64
            } else {
                0.0
            }
        };
        let only = |sign: f64| table[0].iter().filter(|d| **d == sign).count() as u64;
        Self {
            mean,
            seeds: per(of_seeds, s - 1),
            rows: per(of_rows, r - 1),
            error: per(total - of_seeds - of_rows, (s - 1) * (r - 1)),
            seed_count: s,
            row_count: r,
            discordant: (only(1.0), only(-1.0)),
        }
    }

    /// Of `second - first`.
    pub fn reversed(self) -> Self {
        let (first, second) = self.discordant;
        Self {
            mean: -self.mean,
            discordant: (second, first),
            ..self
        }
    }

    /// What rows add beyond the interaction.
    pub fn beyond_error(&self) -> f64 {
        (self.rows - self.error).max(0.0)
    }
}
