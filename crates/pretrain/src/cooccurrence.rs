//! Word embeddings to begin with, from which tokens stand near each other: the leading singular directions of the positive pointwise mutual
//! information. Levy & Goldberg 2014, *Neural Word Embedding as Implicit Matrix Factorization*; the weights of distances, the smoothed contexts and
//! the square root of the singular values as Levy, Goldberg & Dagan 2015 (TACL 3) recommend.
//!
//! A language model finds these directions by itself, in its first some thousand steps; one pass over the counts gives them in seconds.

use crate::packing::{Stream, random};
use burn::tensor::{Device, Tensor, TensorData};
use nalgebra::{DMatrix, SymmetricEigen};
use ops::to_floats;
use rand::Rng;

/// Tokens to each side that count as near; one at distance d counts 1/d.
const WINDOW: usize = 6;
/// The most frequent tokens are the contexts: a table of the whole vocabulary by these.
const CONTEXTS: usize = 4_096;
/// Exponent of the contexts' frequencies, against rare ones.
const SMOOTHING: f64 = 0.75;
/// Passes of the subspace iteration over the table and back (Halko, Martinsson & Tropp 2011, algorithm 4.4).
const ITERATIONS: usize = 4;
/// Columns of the sketch beyond the wanted directions.
const SPARE: usize = 24;

/// One row of `width` numbers a token, each of length √width; `None` for tokens that the text does not hold.
///
/// The first direction is left out: it is how frequent a token is, and would make all tokens alike.
pub(crate) fn vectors(
    stream: &Stream,
    vocab: usize,
    width: usize,
    seed: u64,
    device: &Device,
) -> Vec<Option<Vec<f32>>> {
    let counts = Counts::of(stream, vocab);
    let contexts = counts.contexts.len();
    let seen: Vec<bool> = counts.rows.iter().map(|&count| count > 0.0).collect();
    let table = counts.mutual_information();
    let table = Tensor::<2>::from_data(TensorData::new(table, [vocab, contexts]), device); // [v, c]
    let columns = (width + 1 + SPARE).min(contexts);
    let mut draws = random(seed, "co-occurrence", 0);
    let sketch = DMatrix::from_fn(contexts, columns, |_, _| draws.random_range(-1.0f32..1.0));
    let mut basis = orthonormal(times(&table, sketch)); // [v, k]
    let across = table.clone().transpose();
    for _ in 0..ITERATIONS {
        basis = orthonormal(times(&table, orthonormal(times(&across, basis))));
    }
    // M ≈ QQᵀM; the left singular vectors of the thin QᵀM are the eigenvectors of QᵀM MᵀQ.
    let projected = times(&across, basis.clone()); // [c, k]
    let eigen = SymmetricEigen::new(projected.transpose() * projected); // [k, k], of the squared singular values
    let mut order: Vec<usize> = (0..columns).collect();
    order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]));
    let kept: Vec<usize> = order.into_iter().skip(1).take(width).collect();
    let directions = DMatrix::from_fn(columns, kept.len(), |row, at| {
        eigen.eigenvectors[(row, kept[at])] * eigen.eigenvalues[kept[at]].max(0.0).powf(0.25)
    });
    let vectors = basis * directions; // [v, k] x [k, width]
    (0..vocab)
        .map(|token| {
            let mut row: Vec<f32> = vectors.row(token).iter().copied().collect();
            row.resize(width, 0.0); // A vocabulary with fewer contexts than the model is wide.
            let norm = row.iter().map(|x| x * x).sum::<f32>().sqrt();
            let length = (width as f32).sqrt();
            (seen[token] && norm > 1e-6).then(|| row.iter().map(|x| x / norm * length).collect())
        })
        .collect()
}

/// How often tokens stand near each other.
struct Counts {
    /// Token of each column.
    contexts: Vec<usize>,
    /// `[vocab, contexts]`.
    near: Vec<f32>,
    /// Sum of each token's row over all its neighbours, contexts or not.
    rows: Vec<f64>,
}

impl Counts {
    fn of(stream: &Stream, vocab: usize) -> Counts {
        let mut frequency = vec![0u64; vocab];
        for &id in stream.documents().iter().flatten() {
            frequency[id as usize] += 1;
        }
        let mut contexts: Vec<usize> = (0..vocab).filter(|&id| frequency[id] > 0).collect();
        contexts.sort_by_key(|&id| (std::cmp::Reverse(frequency[id]), id));
        contexts.truncate(CONTEXTS);
        let mut column = vec![None; vocab];
        for (at, &id) in contexts.iter().enumerate() {
            column[id] = Some(at);
        }
        let width = contexts.len();
        let mut near = vec![0f32; vocab * width];
        let mut rows = vec![0f64; vocab];
        for document in stream.documents() {
            for (at, &right) in document.iter().enumerate() {
                for distance in 1..=WINDOW.min(at) {
                    let left = document[at - distance] as usize;
                    let right = right as usize;
                    let weight = 1.0 / distance as f32;
                    rows[left] += f64::from(weight);
                    rows[right] += f64::from(weight);
                    if let Some(column) = column[right] {
                        near[left * width + column] += weight;
                    }
                    if let Some(column) = column[left] {
                        near[right * width + column] += weight;
                    }
                }
            }
        }
        Counts {
            contexts,
            near,
            rows,
        }
    }

    /// max(0, ln p(token, context) / p(token) p(context)^0.75), `[vocab, contexts]`.
    fn mutual_information(self) -> Vec<f32> {
        let width = self.contexts.len();
        let smoothed: Vec<f64> = self
            .contexts
            .iter()
            .map(|&id| self.rows[id].powf(SMOOTHING))
            .collect();
        let all: f64 = smoothed.iter().sum();
        let mut table = self.near;
        for (row, total) in table.chunks_exact_mut(width).zip(&self.rows) {
            for (cell, context) in row.iter_mut().zip(&smoothed) {
                let ratio = f64::from(*cell) * all / (total * context);
                *cell = if ratio > 1.0 { ratio.ln() as f32 } else { 0.0 };
            }
        }
        table
    }
}

/// The product, computed where the table is: `[m, n] x [n, k] -> [m, k]`.
fn times(table: &Tensor<2>, columns: DMatrix<f32>) -> DMatrix<f32> {
    let (n, k) = columns.shape();
    let row_major = columns.transpose().as_slice().to_vec();
    let columns = Tensor::from_data(TensorData::new(row_major, [n, k]), &table.device());
    let rows = table.dims()[0];
    DMatrix::from_row_slice(rows, k, &to_floats(table.clone().matmul(columns)))
}

fn orthonormal(columns: DMatrix<f32>) -> DMatrix<f32> {
    columns.qr().q()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tokens 2, 3, 4 stand among 10..20, tokens 5, 6, 7 among 20..30; which one, and its neighbours, at random.
    #[test]
    fn tokens_of_the_same_company_are_alike() {
        let mut draws = random(7, "test", 0);
        let mut document = Vec::new();
        for sentence in 0..3_000 {
            let group = sentence % 2;
            let own = 2 + 3 * group + draws.random_range(0..3);
            let mut word = || 10 + 10 * group + draws.random_range(0..10);
            document.extend([word(), word(), own, word(), word(), 1, 1, 1, 1, 1, 1]);
        }
        let stream = Stream::from_documents(vec![document]);
        let vectors = vectors(&stream, 31, 5, 3, &Device::flex());
        let alike = |a: usize, b: usize| {
            let (a, b) = (vectors[a].as_ref().unwrap(), vectors[b].as_ref().unwrap());
            a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>() / 5.0
        };
        for (a, b) in [(2, 3), (3, 4), (5, 6), (6, 7)] {
            assert!(alike(a, b) > 0.8, "{a} {b}: {}", alike(a, b));
        }
        for (a, b) in [(2, 5), (3, 6), (4, 7)] {
            assert!(alike(a, b) < 0.3, "{a} {b}: {}", alike(a, b));
        }
        assert!(vectors[0].is_none() && vectors[30].is_none(), "never seen");
        let length: f32 = vectors[2].as_ref().unwrap().iter().map(|x| x * x).sum();
        assert!((length - 5.0).abs() < 1e-3, "{length}");
    }
}
