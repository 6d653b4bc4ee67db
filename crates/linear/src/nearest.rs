//! k nearest neighbours by brute force. Cover & Hart 1967; votes weighted by distance: Dudani 1976.

use crate::Dense;
use ndarray::{Array2, ArrayView1, s};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// How far apart two feature vectors are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Metric {
    /// Length of the difference.
    Euclidean,
    /// 1 - cosine of the angle; 1 where a vector is all zeros.
    Cosine,
}

/// What a neighbour's vote weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Votes {
    /// 1.
    Uniform,
    /// The reciprocal of its distance; neighbours at distance 0 outvote all others.
    Distance,
}

/// The nearest training rows of each query, nearest first; of equals the one that stands first.
#[derive(Clone, Debug, PartialEq)]
pub struct Neighbours {
    /// How many there are of each query.
    pub k: usize,
    /// `k` training rows a query.
    pub rows: Vec<usize>,
    /// Their distances.
    pub distances: Vec<f64>,
}

const QUERIES_PER_BLOCK: usize = 64;

/// Finds the `k` nearest rows of `train` (all of them where there are fewer) of each query.
///
/// # Panics
/// If the features differ in number.
pub fn nearest(train: &Dense, queries: &Dense, k: usize, metric: Metric) -> Neighbours {
    assert_eq!(
        train.columns(),
        queries.columns(),
        "features of the stored and of the new rows"
    );
    let k = k.min(train.rows());
    let (stored, asked) = match metric {
        Metric::Euclidean => (train.features().to_owned(), queries.features().to_owned()),
        Metric::Cosine => (unit_rows(train), unit_rows(queries)),
    };
    let squares: Vec<f64> = stored.rows().into_iter().map(|row| row.dot(&row)).collect();
    let blocks: Vec<usize> = (0..asked.nrows()).step_by(QUERIES_PER_BLOCK).collect();
    let found: Vec<Vec<(f64, usize)>> = blocks
        .into_par_iter()
        .flat_map_iter(|from| {
            let block = asked.slice(s![from..(from + QUERIES_PER_BLOCK).min(asked.nrows()), ..]);
            let products = block.dot(&stored.t()); // [m, d] x [d, rows] -> [m, rows]
            let of_query = |(query, products): (ArrayView1<'_, f64>, ArrayView1<'_, f64>)| {
                // |a - b|² - |a|² orders as |a - b| does; rounding may swap near equals, so a few more are looked at exactly.
                let rough = products
                    .iter()
                    .zip(&squares)
                    .map(|(product, square)| square - 2.0 * product);
                let mut candidates: Vec<(f64, usize)> = rough.zip(0..).collect();
                keep_smallest(&mut candidates, k + 4);
                for (distance, row) in &mut candidates {
                    *distance = exact(query, stored.row(*row), metric);
                }
                keep_smallest(&mut candidates, k);
                candidates
            };
            block
                .rows()
                .into_iter()
                .zip(products.rows())
                .map(of_query)
                .collect::<Vec<_>>()
        })
        .collect();
    let (distances, rows) = found.into_iter().flatten().unzip();
    Neighbours { k, rows, distances }
}

/// The class shares of the votes of the first `k` neighbours of each query.
///
/// # Panics
/// If `k` is 0 or more neighbours were asked for than were found.
pub fn vote(
    neighbours: &Neighbours,
    labels: &[usize],
    classes: usize,
    k: usize,
    votes: Votes,
) -> Vec<Vec<f64>> {
    assert!(
        0 < k && k <= neighbours.k,
        "between 1 and {} neighbours, found {k}",
        neighbours.k
    );
    let of_query = |(rows, distances): (&[usize], &[f64])| {
        let mut shares = vec![0.0; classes];
        let touching = votes == Votes::Distance && distances[0] == 0.0;
        for (&row, &distance) in rows.iter().zip(distances).take(k) {
            shares[labels[row]] += match votes {
                Votes::Uniform => 1.0,
                Votes::Distance if touching => f64::from(u8::from(distance == 0.0)),
                Votes::Distance => 1.0 / distance,
            };
        }
        let sum: f64 = shares.iter().sum();
        shares.iter_mut().for_each(|share| *share /= sum);
        shares
    };
    neighbours
        .rows
        .chunks_exact(neighbours.k)
        .zip(neighbours.distances.chunks_exact(neighbours.k))
        .map(of_query)
        .collect()
}

/// Logarithms of `(k share + smoothing / classes) / (k + smoothing)`: `smoothing` votes are spread evenly over the classes, so that a
/// class without a neighbour is unlikely and not impossible. The order of the shares is kept.
pub fn log_probabilities(shares: &[f64], k: usize, smoothing: f64) -> Vec<f64> {
    let spread = smoothing / shares.len() as f64;
    shares
        .iter()
        .map(|share| ((k as f64 * share + spread) / (k as f64 + smoothing)).ln())
        .collect()
}

/// Place of the largest value; the first of equals.
pub fn argmax(values: &[f64]) -> usize {
    values.iter().enumerate().fold(
        0,
        |best, (i, value)| if *value > values[best] { i } else { best },
    )
}

/// Sorts the `k` smallest to the front and drops the rest; of equals the smaller row comes first.
fn keep_smallest(candidates: &mut Vec<(f64, usize)>, k: usize) {
    let order = |a: &(f64, usize), b: &(f64, usize)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
    if k < candidates.len() {
        candidates.select_nth_unstable_by(k, order);
        candidates.truncate(k);
    }
    candidates.sort_unstable_by(order);
}

fn exact(a: ArrayView1<'_, f64>, b: ArrayView1<'_, f64>, metric: Metric) -> f64 {
    let squared: f64 = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum();
    match metric {
        Metric::Euclidean => squared.sqrt(),
        // Of unit vectors, |a - b|² = 2 - 2 cos, and exactly 0 for equal ones; a vector of zeros has no direction.
        Metric::Cosine if is_zero(a) || is_zero(b) => 1.0,
        Metric::Cosine => 0.5 * squared,
    }
}

fn is_zero(row: ArrayView1<'_, f64>) -> bool {
    row.iter().all(|value| *value == 0.0)
}

fn unit_rows(features: &Dense) -> Array2<f64> {
    let mut rows = features.features().to_owned();
    for mut row in rows.rows_mut() {
        let length = row.dot(&row).sqrt();
        if length > 0.0 {
            row /= length;
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_of_a_stored_row_outvotes_its_neighbours_by_distance_and_not_by_count() {
        let train = Dense::new(3, 2, vec![3.0, 4.0, 3.1, 4.0, 3.0, 4.1]);
        let labels = [1, 0, 0];
        for metric in [Metric::Euclidean, Metric::Cosine] {
            let found = nearest(&train, &Dense::new(1, 2, vec![3.0, 4.0]), 3, metric);
            assert_eq!(found.rows[0], 0);
            assert_eq!(vote(&found, &labels, 2, 3, Votes::Distance), [[0.0, 1.0]]);
            assert_eq!(argmax(&vote(&found, &labels, 2, 3, Votes::Uniform)[0]), 0);
        }
    }

    #[test]
    fn more_neighbours_than_rows_means_all_rows() {
        let train = Dense::new(2, 1, vec![1.0, 5.0]);
        let found = nearest(&train, &Dense::new(1, 1, vec![4.0]), 10, Metric::Euclidean);
        assert_eq!(
            (found.k, found.rows, found.distances),
            (2, vec![1, 0], vec![1.0, 3.0])
        );
    }

    #[test]
    fn equally_near_rows_come_in_their_order() {
        let train = Dense::new(4, 1, vec![2.0, 0.0, 2.0, 0.0]);
        let found = nearest(&train, &Dense::new(1, 1, vec![1.0]), 3, Metric::Euclidean);
        assert_eq!(found.rows, [0, 1, 2]);
    }

    #[test]
    fn a_vector_of_zeros_is_at_cosine_distance_one_from_all() {
        let train = Dense::new(2, 2, vec![1.0, 0.0, 0.0, 0.0]);
        let found = nearest(&train, &Dense::new(1, 2, vec![0.0, 0.0]), 2, Metric::Cosine);
        assert_eq!(found.distances, [1.0, 1.0]);
    }

    #[test]
    fn smoothed_shares_sum_to_one_and_keep_their_order() {
        let logs = log_probabilities(&[0.6, 0.4, 0.0], 5, 1.0);
        assert!((logs.iter().map(|log| log.exp()).sum::<f64>() - 1.0).abs() < 1e-12);
        assert!((logs[2].exp() - (1.0 / 3.0) / 6.0).abs() < 1e-12);
        assert!(logs[0] > logs[1] && logs[1] > logs[2]);
    }
}
