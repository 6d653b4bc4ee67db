//! Right or wrong by seed and test example, and the variance of a crossed table's mean.

use std::collections::BTreeMap;

/// Right or wrong by seed and test example.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answers {
    seeds: Vec<u64>,
    rows: Vec<u64>,
    /// One bit an answer: `right[seed]` holds those of the rows, 64 a word.
    right: Vec<Vec<u64>>,
}

/// Answers of one seed by row number, each row once, in rising order.
type ByRow = Vec<(u64, bool)>;

impl Answers {
    /// From each seed's answers by row number. Rows that some seed did not answer are left out.
    pub fn new(by_seed: impl IntoIterator<Item = (u64, ByRow)>) -> Self {
        // Of a seed or a row that stands twice, the last counts.
        let by_seed: BTreeMap<u64, ByRow> = by_seed
            .into_iter()
            .map(|(seed, rows)| (seed, in_order(rows)))
            .collect();
        let mut all = by_seed.values();
        let first = all.next().map_or(Vec::new(), |rows| numbers(rows));
        let rows = all.fold(first, |kept, rows| {
            if is_of_rows(rows, &kept) {
                return kept;
            }
            let has = |row: &u64| rows.binary_search_by_key(row, |(row, _)| *row).is_ok();
            kept.into_iter().filter(has).collect()
        });
        let right = by_seed.values().map(|answers| bits(answers, &rows));
        Self {
            right: right.collect(),
            seeds: by_seed.into_keys().collect(),
            rows,
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
        let seeds = self.right.len() as f64;
        let shares = self.row_counts().into_iter().map(|n| f64::from(n) / seeds);
        self.rows.iter().copied().zip(shares).collect()
    }

    /// How many seeds answered each row right.
    pub(super) fn row_counts(&self) -> Vec<i32> {
        let mut counts = vec![0; self.rows.len()];
        for words in &self.right {
            for (at, count) in counts.iter_mut().enumerate() {
                *count += i32::from(is_set(words, at));
            }
        }
        counts
    }

    /// The bits of each seed.
    pub(super) fn bits(&self) -> &[Vec<u64>] {
        &self.right
    }

    /// 1.0 or 0.0 by seed and row.
    pub(super) fn table(&self) -> Vec<Vec<f64>> {
        let cell = |words: &[u64], at| f64::from(u8::from(is_set(words, at)));
        let of_seed = |words: &Vec<u64>| (0..self.rows.len()).map(|at| cell(words, at)).collect();
        self.right.iter().map(of_seed).collect()
    }

    /// Both, over the seeds and rows that both have; `None` where these are all that either has.
    pub(super) fn shared(&self, other: &Self) -> Option<[Self; 2]> {
        if self.seeds == other.seeds && self.rows == other.rows {
            return None;
        }
        let seeds = common(&self.seeds, &other.seeds);
        let rows = common(&self.rows, &other.rows);
        let [seeds_1, seeds_2] = sides(&seeds);
        let [rows_1, rows_2] = sides(&rows);
        Some([self.part(&seeds_1, &rows_1), other.part(&seeds_2, &rows_2)])
    }

    /// Those of the seeds and rows at these places.
    fn part(&self, seeds: &[usize], rows: &[usize]) -> Self {
        let of_seed = |seed: &usize| {
            let mut words = vec![0; rows.len().div_ceil(64)];
            for (to, from) in rows.iter().enumerate() {
                set(&mut words, to, is_set(&self.right[*seed], *from));
            }
            words
        };
        Self {
            seeds: seeds.iter().map(|at| self.seeds[*at]).collect(),
            rows: rows.iter().map(|at| self.rows[*at]).collect(),
            right: seeds.iter().map(of_seed).collect(),
        }
    }
}

/// Each row once, in rising order, as it is written mostly.
fn in_order(rows: ByRow) -> ByRow {
    if rows.windows(2).all(|pair| pair[0].0 < pair[1].0) {
        return rows;
    }
    let by_row: BTreeMap<u64, bool> = rows.into_iter().collect();
    by_row.into_iter().collect()
}

fn numbers(rows: &[(u64, bool)]) -> Vec<u64> {
    rows.iter().map(|(row, _)| *row).collect()
}

fn is_of_rows(answers: &[(u64, bool)], rows: &[u64]) -> bool {
    answers.len() == rows.len() && answers.iter().zip(rows).all(|((row, _), own)| row == own)
}

/// The answers to `rows`, all of which are among them.
fn bits(answers: &[(u64, bool)], rows: &[u64]) -> Vec<u64> {
    let mut words = vec![0; rows.len().div_ceil(64)];
    let mut next = answers.iter();
    for (at, row) in rows.iter().enumerate() {
        let answer = next.find(|(own, _)| own == row);
        set(&mut words, at, answer.is_some_and(|(_, right)| *right));
    }
    words
}

fn is_set(words: &[u64], at: usize) -> bool {
    words[at / 64] >> (at % 64) & 1 == 1
}

fn set(words: &mut [u64], at: usize, value: bool) {
    words[at / 64] |= u64::from(value) << (at % 64);
}

/// Places of the values that two sorted lists share.
fn common(a: &[u64], b: &[u64]) -> Vec<(usize, usize)> {
    a.iter()
        .enumerate()
        .filter_map(|(i, value)| Some((i, b.binary_search(value).ok()?)))
        .collect()
}

fn sides(pairs: &[(usize, usize)]) -> [Vec<usize>; 2] {
    let (first, second) = pairs.iter().copied().unzip();
    [first, second]
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
    fn answers_beyond_one_word_keep_their_rows() {
        let right = |row: u64| row.is_multiple_of(3) || row == 130;
        let seed = |s: u64| (s, (0..131).map(|row| (row, right(row + s))).collect());
        let answers = Answers::new([seed(0), seed(1)]);
        let expected = |s: u64| -> Vec<f64> {
            let rows = 0..131;
            rows.map(|row| f64::from(u8::from(right(row + s))))
                .collect()
        };
        assert_eq!(answers.table(), [expected(0), expected(1)]);
        let counts: i32 = answers.row_counts().iter().sum();
        assert_eq!(
            f64::from(counts),
            answers.table().iter().flatten().sum::<f64>()
        );
        assert!(answers.varies() && !Answers::new([seed(0)]).varies());
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
        let [a, b] = a.shared(&b).unwrap();
        assert_eq!((a.seeds(), a.rows()), (&[2][..], &[0, 1][..]));
        assert_eq!((a.seeds(), a.rows()), (b.seeds(), b.rows()));
        assert_eq!(
            (a.table(), b.table()),
            (vec![vec![0.0, 1.0]], vec![vec![0.0; 2]])
        );
        assert_eq!(a.shared(&b), None);
    }
}
