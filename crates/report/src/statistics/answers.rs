//! Right or wrong by seed and test example, and the variance of a crossed table's mean.

use std::collections::{BTreeMap, BTreeSet};

/// Right or wrong by seed and test example.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answers {
    seeds: Vec<u64>,
    rows: Vec<u64>,
    /// `right[seed][row]`, 1.0 or 0.0.
    right: Vec<Vec<f64>>,
}

impl Answers {
    /// From each seed's answers by row number. Rows that some seed did not answer are left out.
    pub fn new(by_seed: impl IntoIterator<Item = (u64, Vec<(u64, bool)>)>) -> Self {
        let by_seed: BTreeMap<u64, BTreeMap<u64, bool>> = by_seed
            .into_iter()
            .map(|(seed, rows)| (seed, rows.into_iter().collect()))
            .collect();
        let mut all = by_seed
            .values()
            .map(|rows| rows.keys().copied().collect::<BTreeSet<u64>>());
        let first = all.next().unwrap_or_default();
        let rows: Vec<u64> = all
            .fold(first, |kept, rows| &kept & &rows)
            .into_iter()
            .collect();
        let right = by_seed
            .values()
            .map(|answers| {
                rows.iter()
                    .map(|row| f64::from(u8::from(answers[row])))
                    .collect()
            })
            .collect();
        Self {
            seeds: by_seed.into_keys().collect(),
            rows,
            right,
        }
    }

    /// Seeds.
    pub fn seeds(&self) -> &[u64] {
        &self.seeds
    }

    /// Test examples that every seed answered.
    pub fn rows(&self) -> &[u64] {
        &self.rows
    }

    /// Whether there is nothing to count.
    pub fn is_empty(&self) -> bool {
        self.seeds.is_empty() || self.rows.is_empty()
    }

    /// Whether some row is answered differently under different seeds.
    pub(super) fn varies(&self) -> bool {
        self.right.windows(2).any(|seeds| seeds[0] != seeds[1])
    }

    /// Share of seeds that answered each row right, by row number.
    pub(super) fn row_means(&self) -> Vec<(u64, f64)> {
        let share = |at: usize| {
            let right: f64 = self.right.iter().map(|seed| seed[at]).sum();
            right / self.right.len() as f64
        };
        (0..self.rows.len())
            .map(|at| (self.rows[at], share(at)))
            .collect()
    }

    pub(super) fn table(&self) -> &[Vec<f64>] {
        &self.right
    }

    /// `self - other` by seed and row, over the seeds and rows that both have.
    pub(super) fn minus(&self, other: &Self) -> Vec<Vec<f64>> {
        let rows: Vec<(usize, usize)> = common(&self.rows, &other.rows);
        let pair = |(s, o): (usize, usize)| {
            rows.iter()
                .map(|(a, b)| self.right[s][*a] - other.right[o][*b])
                .collect()
        };
        common(&self.seeds, &other.seeds)
            .into_iter()
            .map(pair)
            .collect()
    }
}

/// Places of the values that two sorted lists share.
fn common(a: &[u64], b: &[u64]) -> Vec<(usize, usize)> {
    a.iter()
        .enumerate()
        .filter_map(|(i, value)| Some((i, b.binary_search(value).ok()?)))
        .collect()
}

/// Mean of a crossed table, the variance of that mean, and its degrees of freedom.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Crossed {
    pub(super) mean: f64,
    pub(super) variance: f64,
    pub(super) df: f64,
}

/// Two-way random effects: with S seeds, R rows, mean squares MS_S (seeds), MS_R (rows) and MS_E (their interaction),
///
/// Var(mean) = (max(MS_R, MS_E) + max(MS_S - MS_E, 0)) / (S·R),
///
/// the unbiased (MS_S + MS_R - MS_E) / (S·R) with each variance component kept from going below zero; degrees of freedom by
/// Satterthwaite. The same estimate serves studies of several readers over the same cases (Dorfman, Berbaum & Metz 1992; Hillis
/// 2007), where readers stand for our seeds. With one seed it is the usual variance of a mean over rows.
pub(super) fn crossed(table: &[Vec<f64>]) -> Crossed {
    let (s, r) = (table.len() as f64, table.first().map_or(0, Vec::len) as f64);
    let seed_means: Vec<f64> = table
        .iter()
        .map(|row| row.iter().sum::<f64>() / r)
        .collect();
    let mean = seed_means.iter().sum::<f64>() / s;
    let columns = table.first().map_or(0, Vec::len);
    let row_means: Vec<f64> = (0..columns)
        .map(|c| table.iter().map(|row| row[c]).sum::<f64>() / s)
        .collect();
    let squares = |means: &[f64]| means.iter().map(|m| (m - mean).powi(2)).sum::<f64>();
    let rows_ms = if r > 1.0 {
        s * squares(&row_means) / (r - 1.0)
    } else {
        0.0
    };
    if s < 2.0 || r < 2.0 {
        return Crossed {
            mean,
            variance: rows_ms / (s * r),
            df: (r - 1.0).max(1.0),
        };
    }
    let seeds_ms = r * squares(&seed_means) / (s - 1.0);
    let left = table.iter().zip(&seed_means).flat_map(|(row, seed_mean)| {
        row.iter()
            .zip(&row_means)
            .map(move |(x, row_mean)| (x - seed_mean - row_mean + mean).powi(2))
    });
    let error_ms = left.sum::<f64>() / ((s - 1.0) * (r - 1.0));
    let by_rows = rows_ms.max(error_ms);
    let by_seeds = (seeds_ms - error_ms).max(0.0);
    let of_seeds = if by_seeds > 0.0 {
        seeds_ms.powi(2) / (s - 1.0) + error_ms.powi(2) / ((s - 1.0) * (r - 1.0))
    } else {
        0.0
    };
    let total = by_rows + by_seeds;
    let df = if total > 0.0 {
        total.powi(2) / (by_rows.powi(2) / (r - 1.0) + of_seeds)
    } else {
        r - 1.0
    };
    Crossed {
        mean,
        variance: total / (s * r),
        df,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_a_seed_lacks_are_left_out_and_order_does_not_matter() {
        let one = vec![(7, true), (2, false), (3, true)];
        let two = vec![(3, false), (7, true)];
        let answers = Answers::new([(5, one), (1, two)]);
        assert_eq!(answers.seeds(), [1, 5]);
        assert_eq!(answers.rows(), [3, 7]);
        assert_eq!(answers.table(), [[0.0, 1.0], [1.0, 1.0]]);
        assert!(Answers::new([]).is_empty());
    }

    #[test]
    fn a_crossed_table_gives_the_mean_squares_of_its_analysis_of_variance() {
        // By hand: row means 1, 0.5, 0, seed means 2/3, 1/3, mean 1/2.
        // MS_S = 3·(1/36 + 1/36)/1 = 1/6; MS_R = 2·(1/4 + 0 + 1/4)/2 = 1/2; residuals ±1/6,±1/6,±1/3 → SS 1/3, MS_E = 1/6.
        let table = vec![vec![1.0, 1.0, 0.0], vec![1.0, 0.0, 0.0]];
        let found = crossed(&table);
        assert!((found.mean - 0.5).abs() < 1e-12);
        assert!(
            (found.variance - (0.5 + 0.0) / 6.0).abs() < 1e-12,
            "{found:?}"
        );
        // Seeds that differ throughout: MS_S = 4·(2·(1/4)²)/1 = 1/2 over MS_E.
        let table = vec![vec![1.0, 1.0, 1.0, 0.0], vec![1.0, 0.0, 0.0, 0.0]];
        let found = crossed(&table);
        let (seeds_ms, rows_ms, error_ms) = (0.5, 2.0 * 0.5 / 3.0, 0.5 / 3.0);
        let variance = (rows_ms + seeds_ms - error_ms) / 8.0;
        assert!(
            (found.variance - variance).abs() < 1e-12,
            "{found:?}, expected {variance}"
        );
        let df = (rows_ms + seeds_ms - error_ms).powi(2)
            / (rows_ms * rows_ms / 3.0 + seeds_ms * seeds_ms + error_ms * error_ms / 3.0);
        assert!((found.df - df).abs() < 1e-12, "{found:?}, expected df {df}");
    }

    #[test]
    fn answers_that_are_chance_count_as_independent_not_as_certain() {
        // Every row mean is 1/2, so MS_R = 0; MS_E = 4·(1/2)²/1 = 1 must take its place.
        let found = crossed(&[vec![1.0, 0.0], vec![0.0, 1.0]]);
        assert!((found.variance - 0.25).abs() < 1e-12, "{found:?}");
    }

    #[test]
    fn only_shared_seeds_and_rows_are_paired() {
        let a = Answers::new([
            (1, vec![(0, true), (1, true)]),
            (2, vec![(0, false), (1, true)]),
        ]);
        let b = Answers::new([
            (2, vec![(1, false), (0, false), (9, true)]),
            (3, vec![(0, true), (1, true), (9, true)]),
        ]);
        assert_eq!(a.minus(&b), [[0.0, 1.0]]);
    }
}
