//! The penalised log-loss of logistic regression and its gradient, for one sigmoid or a softmax.
//!
//! Parameters lie feature by feature, `[columns + 1, outputs]`, the intercepts last. The value is scikit-learn's objective divided by
//! `C * rows`, so that one tolerance suits every C: `mean loss + |W|² / (2 C rows)`.

use crate::cholesky::Cholesky;
use crate::lbfgs::Objective;
use crate::{Dense, Matrix, Sparse};
use ndarray::{Array2, ArrayView2, Axis, s};
use rayon::prelude::*;

/// Up to so many columns the preconditioner is a full matrix; its factor takes a third of their cube.
const FULL_PRECONDITIONER_COLUMNS: usize = 2048;

/// What is minimised.
pub(crate) struct LogLoss<'a> {
    data: Data<'a>,
    labels: &'a [usize],
    /// 1 for two classes (the sigmoid of the second), else the number of classes.
    outputs: usize,
    /// `1 / (C * rows)`.
    penalty: f64,
    preconditioner: Preconditioner,
}

enum Data<'a> {
    Dense(&'a Dense),
    Sparse {
        rows: &'a Sparse,
        columns: &'a Sparse,
    },
}

enum Preconditioner {
    Full(Cholesky),
    /// Reciprocals, one a feature and one for the intercepts.
    Diagonal(Vec<f64>),
}

impl<'a> LogLoss<'a> {
    /// `columns`: the transposed features, where they are sparse.
    pub(crate) fn new(
        features: &'a Matrix,
        columns: Option<&'a Sparse>,
        labels: &'a [usize],
        outputs: usize,
        c: f64,
        at: &[f64],
    ) -> Self {
        let data = match features {
            Matrix::Dense(dense) => Data::Dense(dense),
            Matrix::Sparse(rows) => Data::Sparse {
                rows,
                columns: columns.expect("sparse features come transposed too"),
            },
        };
        let penalty = 1.0 / (c * features.rows() as f64);
        let preconditioner = Preconditioner::Diagonal(Vec::new());
        let mut loss = Self {
            data,
            labels,
            outputs,
            penalty,
            preconditioner,
        };
        loss.preconditioner = loss.preconditioner_at(at);
        loss
    }

    /// The Hessian at `at`, averaged over the outputs: curvature differs between them far less than between features.
    fn preconditioner_at(&self, at: &[f64]) -> Preconditioner {
        let weights = self.curvatures(at);
        match &self.data {
            Data::Dense(dense) if dense.columns() <= FULL_PRECONDITIONER_COLUMNS => {
                let mut hessian = weighted_gram(dense.with_ones(), &weights);
                hessian
                    .diag_mut()
                    .iter_mut()
                    .for_each(|value| *value += self.penalty);
                match Cholesky::new(hessian) {
                    Some(factor) => Preconditioner::Full(factor),
                    None => Preconditioner::Diagonal(vec![1.0; dense.columns() + 1]),
                }
            }
            Data::Dense(dense) => {
                let mut sums = vec![0.0; dense.columns() + 1];
                for (row, weight) in dense.with_ones().rows().into_iter().zip(&weights) {
                    sums.iter_mut()
                        .zip(row)
                        .for_each(|(sum, value)| *sum += weight * value * value);
                }
                self.diagonal(sums)
            }
            Data::Sparse { columns, .. } => {
                let column = |j| {
                    columns
                        .row(j)
                        .map(|(row, value)| weights[row] * value * value)
                        .sum()
                };
                let mut sums: Vec<f64> = (0..columns.rows()).map(column).collect();
                sums.push(weights.iter().sum());
                self.diagonal(sums)
            }
        }
    }

    fn diagonal(&self, sums: Vec<f64>) -> Preconditioner {
        Preconditioner::Diagonal(
            sums.into_iter()
                .map(|sum| 1.0 / (sum + self.penalty))
                .collect(),
        )
    }

    /// `p (1 - p)` of each row, averaged over the outputs, divided by the number of rows.
    fn curvatures(&self, at: &[f64]) -> Vec<f64> {
        let rows = self.labels.len();
        let mut scores = self.scores(at, 0..rows);
        let share = 1.0 / (rows * self.outputs) as f64;
        let curvature = |mut row: ndarray::ArrayViewMut1<'_, f64>| {
            to_probabilities(
                row.as_slice_mut()
                    .expect("scores of a row lie one after another"),
            );
            share * row.iter().map(|p| p * (1.0 - p)).sum::<f64>()
        };
        scores.rows_mut().into_iter().map(curvature).collect()
    }

    /// `[rows, outputs]`.
    fn scores(&self, at: &[f64], rows: std::ops::Range<usize>) -> Array2<f64> {
        match &self.data {
            Data::Dense(dense) => dense.with_ones().slice(s![rows, ..]).dot(&self.view(at)),
            Data::Sparse { rows: sparse, .. } => sparse_scores(sparse, rows, at, self.outputs),
        }
    }

    fn view<'b>(&self, at: &'b [f64]) -> ArrayView2<'b, f64> {
        ArrayView2::from_shape((at.len() / self.outputs, self.outputs), at)
            .expect("a row of outputs for each feature")
    }

    /// Sum of the losses of `rows`, and the derivative of each with respect to its scores.
    fn residuals(&self, at: &[f64], rows: std::ops::Range<usize>) -> (f64, Array2<f64>) {
        let mut scores = self.scores(at, rows.clone());
        let mut loss = 0.0;
        for (mut row, &label) in scores.rows_mut().into_iter().zip(&self.labels[rows]) {
            let row = row
                .as_slice_mut()
                .expect("scores of a row lie one after another");
            if row.len() == 1 {
                // log(1 + e^s) - y s, without overflow
                let s = row[0];
                let y = f64::from(u8::from(label == 1));
                loss += s.max(0.0) + (-s.abs()).exp().ln_1p() - y * s;
                to_probabilities(row);
                row[0] -= y;
            } else {
                let own = row[label];
                loss += to_probabilities(row) - own;
                row[label] -= 1.0;
            }
        }
        (loss, scores)
    }
}

impl Objective for LogLoss<'_> {
    fn evaluate(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
        let rows = self.labels.len();
        let parts: Vec<(f64, Array2<f64>)> = row_blocks(rows)
            .into_par_iter()
            .map(|block| {
                let (loss, residuals) = self.residuals(x, block.clone());
                match &self.data {
                    // [m, columns + 1]ᵀ x [m, outputs] -> [columns + 1, outputs]
                    Data::Dense(dense) => (
                        loss,
                        dense.with_ones().slice(s![block, ..]).t().dot(&residuals),
                    ),
                    Data::Sparse { .. } => (loss, residuals),
                }
            })
            .collect();
        let mut value: f64 = parts.iter().map(|(loss, _)| loss).sum();
        match &self.data {
            Data::Dense(_) => {
                gradient.fill(0.0);
                for (_, part) in &parts {
                    gradient
                        .iter_mut()
                        .zip(part)
                        .for_each(|(sum, value)| *sum += value);
                }
            }
            Data::Sparse { columns, .. } => {
                let residuals: Vec<_> = parts
                    .iter()
                    .map(|(_, residuals)| residuals.view())
                    .collect();
                let residuals =
                    ndarray::concatenate(Axis(0), &residuals).expect("blocks of the same width");
                sparse_gradient(columns, &residuals, gradient);
            }
        }
        let share = 1.0 / rows as f64;
        value *= share;
        let intercepts = x.len() - self.outputs;
        for (i, (gradient, x)) in gradient.iter_mut().zip(x).enumerate() {
            *gradient *= share;
            if i < intercepts {
                *gradient += self.penalty * x;
                value += 0.5 * self.penalty * x * x;
            }
        }
        value
    }

    fn precondition(&self, gradient: &mut [f64]) {
        let columns = gradient.len() / self.outputs;
        match &self.preconditioner {
            Preconditioner::Full(factor) => {
                let shape = (columns, self.outputs);
                factor.solve(
                    ndarray::ArrayViewMut2::from_shape(shape, gradient)
                        .expect("a row of outputs for each feature"),
                );
            }
            Preconditioner::Diagonal(reciprocals) => {
                for (row, reciprocal) in gradient.chunks_exact_mut(self.outputs).zip(reciprocals) {
                    row.iter_mut().for_each(|value| *value *= reciprocal);
                }
            }
        }
    }
}

/// Scores to probabilities in place; one score is the log-odds of the second of two classes. Returns the logarithm of the normaliser.
fn to_probabilities(scores: &mut [f64]) -> f64 {
    if let [score] = scores {
        *score = if *score >= 0.0 {
            1.0 / (1.0 + (-*score).exp())
        } else {
            score.exp() / (1.0 + score.exp())
        };
        return 0.0;
    }
    let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for score in scores.iter_mut() {
        *score = (*score - largest).exp();
        sum += *score;
    }
    scores.iter_mut().for_each(|score| *score /= sum);
    largest + sum.ln()
}

/// Blocks that depend on the number of rows only, so that sums come out the same on any number of cores.
fn row_blocks(rows: usize) -> Vec<std::ops::Range<usize>> {
    let size = rows.div_ceil(16).max(128);
    (0..rows)
        .step_by(size)
        .map(|from| from..(from + size).min(rows))
        .collect()
}

/// `xᵀ diag(weights) x`.
fn weighted_gram(x: ArrayView2<'_, f64>, weights: &[f64]) -> Array2<f64> {
    let parts: Vec<Array2<f64>> = row_blocks(x.nrows())
        .into_par_iter()
        .map(|block| {
            let x = x.slice(s![block.clone(), ..]);
            let mut weighted = x.to_owned();
            for (mut row, weight) in weighted.rows_mut().into_iter().zip(&weights[block]) {
                row *= *weight;
            }
            x.t().dot(&weighted)
        })
        .collect();
    parts
        .into_iter()
        .reduce(|sum, part| sum + part)
        .unwrap_or_else(|| Array2::zeros((x.ncols(), x.ncols())))
}

/// `[rows, outputs]`.
pub(crate) fn sparse_scores(
    features: &Sparse,
    rows: std::ops::Range<usize>,
    at: &[f64],
    outputs: usize,
) -> Array2<f64> {
    let mut scores = Array2::zeros((rows.len(), outputs));
    for (mut scores, row) in scores.rows_mut().into_iter().zip(rows) {
        let scores = scores
            .as_slice_mut()
            .expect("scores of a row lie one after another");
        scores.copy_from_slice(&at[features.columns() * outputs..]);
        for (column, value) in features.row(row) {
            let weights = &at[column * outputs..][..outputs];
            scores
                .iter_mut()
                .zip(weights)
                .for_each(|(score, weight)| *score += value * weight);
        }
    }
    scores
}

/// `xᵀ residuals`, feature by feature, so that no two threads write to one place.
fn sparse_gradient(columns: &Sparse, residuals: &Array2<f64>, gradient: &mut [f64]) {
    let outputs = residuals.ncols();
    let (weights, intercepts) = gradient.split_at_mut(columns.rows() * outputs);
    let residuals = residuals.as_slice().expect("rows lie one after another");
    weights
        .par_chunks_exact_mut(outputs)
        .with_min_len(256)
        .enumerate()
        .for_each(|(column, gradient)| {
            gradient.fill(0.0);
            for (row, value) in columns.row(column) {
                let residuals = &residuals[row * outputs..][..outputs];
                gradient
                    .iter_mut()
                    .zip(residuals)
                    .for_each(|(sum, residual)| *sum += value * residual);
            }
        });
    intercepts.fill(0.0);
    for residuals in residuals.chunks_exact(outputs) {
        intercepts
            .iter_mut()
            .zip(residuals)
            .for_each(|(sum, residual)| *sum += residual);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seven rows of three features, the second often 0.
    fn data() -> (Matrix, Matrix, Vec<usize>) {
        let values = |i: usize, j: usize| {
            if j == 1 && !i.is_multiple_of(3) {
                0.0
            } else {
                ((i * 5 + j * 3) % 7) as f64 / 3.0 - 1.0
            }
        };
        let dense = Dense::new(7, 3, (0..21).map(|at| values(at / 3, at % 3)).collect());
        let entries = |i| {
            (0..3)
                .map(|j| (j, values(i, j)))
                .filter(|(_, value)| *value != 0.0)
                .collect()
        };
        let sparse = Sparse::new(3, (0..7).map(entries).collect());
        (
            Matrix::Dense(dense),
            Matrix::Sparse(sparse),
            vec![0, 2, 1, 1, 0, 2, 2],
        )
    }

    #[test]
    fn the_gradient_is_the_slope_of_the_value_for_dense_and_sparse_sigmoid_and_softmax() {
        let (dense, sparse, labels) = data();
        let Matrix::Sparse(rows) = &sparse else {
            unreachable!()
        };
        let columns = rows.transposed();
        for outputs in [1, 3] {
            let labels: Vec<usize> = labels
                .iter()
                .map(|&label| if outputs == 1 { label.min(1) } else { label })
                .collect();
            let at: Vec<f64> = (0..4 * outputs).map(|i| (i as f64 * 1.7).sin()).collect();
            let mut values = Vec::new();
            for features in [&dense, &sparse] {
                let loss = LogLoss::new(features, Some(&columns), &labels, outputs, 0.3, &at);
                let mut gradient = vec![f64::NAN; at.len()];
                values.push(loss.evaluate(&at, &mut gradient));
                for i in 0..at.len() {
                    let moved = |by: f64| {
                        let mut at = at.clone();
                        at[i] += by;
                        loss.evaluate(&at, &mut vec![0.0; at.len()])
                    };
                    let slope = (moved(1e-5) - moved(-1e-5)) / 2e-5;
                    assert!(
                        (slope - gradient[i]).abs() < 1e-9,
                        "{outputs} outputs, parameter {i}: {slope} {}",
                        gradient[i]
                    );
                }
            }
            assert!((values[0] - values[1]).abs() < 1e-12, "{values:?}");
        }
    }
}
