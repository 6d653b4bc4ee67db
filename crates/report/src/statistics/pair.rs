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
    ///
    /// From counts alone: with T the sum of all differences, T_s and T_r those of seeds and rows and N the cells that differ, the sums of squares
    /// are `ΣT_s²/R - T²/SR` between seeds, `ΣT_r²/S - T²/SR` between rows and `N - T²/SR` in all. Brought to one denominator they are whole
    /// numbers, so that what is nothing is exactly nothing.
    pub fn of(first: &Answers, second: &Answers) -> Self {
        match first.shared(second) {
            Some([first, second]) => Self::of_same(&first, &second),
            None => Self::of_same(first, second),
        }
    }

    /// Of two that have the same seeds and rows.
    fn of_same(first: &Answers, second: &Answers) -> Self {
        if first.is_empty() {
            return Self::default();
        }
        let (s, r) = (first.seeds().len(), first.rows().len());
        let (mut sum, mut of_seeds, mut differing) = (0_i128, 0_i128, 0_i128);
        for (a, b) in first.bits().iter().zip(second.bits()) {
            let (only_a, only_b) = discordant(a, b);
            let own = i128::from(only_a) - i128::from(only_b);
            sum += own;
            of_seeds += own * own;
            differing += i128::from(only_a + only_b);
        }
        let rows = first.row_counts().into_iter().zip(second.row_counts());
        let of_rows: i64 = rows.map(|(a, b)| i64::from(a - b).pow(2)).sum();
        let (seeds, rows, of_rows) = (s as i128, r as i128, i128::from(of_rows));
        let cells = seeds * rows;
        let between_seeds = seeds * of_seeds - sum * sum;
        let between_rows = rows * of_rows - sum * sum;
        let all = cells * differing - sum * sum;
        let per = |squares: i128, df: usize| {
            if df > 0 {
                squares.max(0) as f64 / (cells as f64 * df as f64)
            } else {
                0.0
            }
        };
        Self {
            mean: sum as f64 / cells as f64,
            seeds: per(between_seeds, s - 1),
            rows: per(between_rows, r - 1),
            error: per(all - between_seeds - between_rows, (s - 1) * (r - 1)),
            seed_count: s,
            row_count: r,
            discordant: discordant(&first.bits()[0], &second.bits()[0]),
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

/// Rows that only the first, and that only the second got right.
fn discordant(first: &[u64], second: &[u64]) -> (u64, u64) {
    let count = |of: fn(u64, u64) -> u64| {
        let words = first.iter().zip(second);
        words.map(|(a, b)| u64::from(of(*a, *b).count_ones())).sum()
    };
    (count(|a, b| a & !b), count(|a, b| b & !a))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// By the definitions, cell by cell.
    fn by_cells(first: &Answers, second: &Answers) -> [f64; 4] {
        let (a, b) = (first.table(), second.table());
        let (s, r) = (a.len(), a[0].len());
        let cell = |seed: usize, row: usize| a[seed][row] - b[seed][row];
        let all = || (0..s).flat_map(|seed| (0..r).map(move |row| (seed, row)));
        let mean = all().map(|(x, y)| cell(x, y)).sum::<f64>() / (s * r) as f64;
        let of_seed = |seed| (0..r).map(|row| cell(seed, row)).sum::<f64>() / r as f64;
        let of_row = |row| (0..s).map(|seed| cell(seed, row)).sum::<f64>() / s as f64;
        let seeds: f64 = (0..s).map(|x| (of_seed(x) - mean).powi(2)).sum();
        let rows: f64 = (0..r).map(|y| (of_row(y) - mean).powi(2)).sum();
        let left = all().map(|(x, y)| (cell(x, y) - of_seed(x) - of_row(y) + mean).powi(2));
        [
            mean,
            seeds * r as f64 / (s - 1) as f64,
            rows * s as f64 / (r - 1) as f64,
            left.sum::<f64>() / ((s - 1) * (r - 1)) as f64,
        ]
    }

    #[test]
    fn counts_give_the_mean_squares_of_the_definitions() {
        let mut random = ChaCha8Rng::seed_from_u64(17);
        let mut draw = |seeds: u64, rows: u64, p: f64| {
            let mut seed = |s| (s, (0..rows).map(|r| (r, random.random_bool(p))).collect());
            Answers::new((0..seeds).map(&mut seed).collect::<Vec<_>>())
        };
        for (seeds, rows) in [(2, 3), (5, 64), (7, 131)] {
            let (a, b) = (draw(seeds, rows, 0.7), draw(seeds, rows, 0.5));
            let found = MeanSquares::of(&a, &b);
            let expected = by_cells(&a, &b);
            for (found, expected) in [found.mean, found.seeds, found.rows, found.error]
                .into_iter()
                .zip(expected)
            {
                assert!(
                    (found - expected).abs() < 1e-12,
                    "{found}, expected {expected}"
                );
            }
        }
    }

    #[test]
    fn a_difference_that_seeds_do_not_change_has_no_variance_between_them_at_all() {
        let seed = |s: u64, kept: u64| (s, (0..7).map(|row| (row, row >= kept)).collect());
        let a = Answers::new((0..3).map(|s| seed(s, 1)));
        let b = Answers::new((0..3).map(|s| seed(s, 4)));
        let found = MeanSquares::of(&a, &b);
        assert_eq!((found.seeds, found.error), (0.0, 0.0));
        assert_eq!((found.mean, found.discordant), (3.0 / 7.0, (3, 0)));
    }
}
