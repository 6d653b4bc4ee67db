//! Logistic regression with an L2 penalty, fitted to convergence: one sigmoid for two classes, a softmax for more. The objective is
//! scikit-learn's, `0.5 |W|² + C * summed log-loss`, intercepts unpenalised.

use crate::lbfgs::{Limits, Reached, minimise};
use crate::objective::{LogLoss, sparse_scores};
use crate::{LOG_ZERO, Matrix, Sparse};
use ndarray::{Array2, ArrayView2};
use serde::Serialize;

/// When a fit ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// Largest absolute entry of the gradient of `mean log-loss + |W|² / (2 C rows)` at the minimum.
    pub tolerance: f64,
    /// Most steps of L-BFGS.
    pub max_iterations: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            tolerance: 1e-7,
            max_iterations: 5000,
        }
    }
}

/// How a fit ended.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Convergence {
    /// `0.5 |W|² + C * summed log-loss` at the end.
    pub objective: f64,
    /// Steps of L-BFGS.
    pub iterations: usize,
    /// Whether the gradient met the tolerance, or no step lowered the objective any more.
    pub converged: bool,
}

/// A fitted classifier.
#[derive(Clone, Debug, PartialEq)]
pub struct LogisticRegression {
    pub(crate) classes: usize,
    /// Classes that the training labels hold, rising.
    pub(crate) present: Vec<usize>,
    /// Number of features.
    pub(crate) columns: usize,
    /// `[columns + 1, outputs]`, the intercepts last.
    pub(crate) weights: Vec<f64>,
}

/// Fits a classifier with the inverse penalty `c`.
///
/// Classes without a training example get the log-probability [`LOG_ZERO`]: the unpenalised intercept has no finite optimum there.
///
/// # Panics
/// If there is not one label a row, a label is not below `classes`, there are no rows, or `c` is not above 0.
pub fn fit(
    features: &Matrix,
    labels: &[usize],
    classes: usize,
    c: f64,
    options: Options,
) -> (LogisticRegression, Convergence) {
    Training::new(features, labels, classes).fit(c, None, options)
}

/// Training data made ready for fits with several values of C.
pub(crate) struct Training<'a> {
    features: &'a Matrix,
    columns: Option<Sparse>,
    /// Places in `present`.
    labels: Vec<usize>,
    present: Vec<usize>,
    classes: usize,
}

impl<'a> Training<'a> {
    pub(crate) fn new(features: &'a Matrix, labels: &[usize], classes: usize) -> Self {
        assert_eq!(features.rows(), labels.len(), "one label a row");
        assert!(!labels.is_empty(), "at least one row");
        let mut present = labels.to_vec();
        present.sort_unstable();
        present.dedup();
        assert!(
            present[present.len() - 1] < classes,
            "labels below {classes}"
        );
        let place = |label| present.partition_point(|class| class < label);
        let columns = match features {
            Matrix::Dense(_) => None,
            Matrix::Sparse(sparse) => Some(sparse.transposed()),
        };
        Self {
            features,
            columns,
            labels: labels.iter().map(place).collect(),
            present,
            classes,
        }
    }

    /// Starts from the weights of `start`, else from 0.
    pub(crate) fn fit(
        &self,
        c: f64,
        start: Option<&LogisticRegression>,
        options: Options,
    ) -> (LogisticRegression, Convergence) {
        assert!(c > 0.0, "the inverse penalty is above 0");
        let columns = self.features.columns();
        let outputs = outputs(self.present.len());
        let mut weights = match start {
            Some(start) => start.weights.clone(),
            None => vec![0.0; (columns + 1) * outputs],
        };
        let reached = if outputs == 0 {
            Reached {
                value: 0.0,
                iterations: 0,
                converged: true,
                stuck: false,
            }
        } else {
            self.minimise(&mut weights, outputs, c, options)
        };
        let convergence = Convergence {
            objective: reached.value * c * self.labels.len() as f64,
            iterations: reached.iterations,
            converged: reached.converged || reached.stuck,
        };
        (
            LogisticRegression {
                classes: self.classes,
                present: self.present.clone(),
                columns,
                weights,
            },
            convergence,
        )
    }

    fn minimise(&self, weights: &mut [f64], outputs: usize, c: f64, options: Options) -> Reached {
        let mut total = 0;
        loop {
            // Curvature changes on the way, and the preconditioner with it.
            let loss = LogLoss::new(
                self.features,
                self.columns.as_ref(),
                &self.labels,
                outputs,
                c,
                weights,
            );
            let iterations = (options.max_iterations - total).min(STEPS_PER_PRECONDITIONER);
            let limits = Limits {
                tolerance: options.tolerance,
                iterations,
                history: history(weights.len()),
            };
            let reached = minimise(&loss, weights, limits);
            total += reached.iterations;
            let at_rest = reached.stuck && reached.iterations == 0;
            if reached.converged || at_rest || total >= options.max_iterations {
                return Reached {
                    iterations: total,
                    stuck: at_rest,
                    ..reached
                };
            }
        }
    }
}

const STEPS_PER_PRECONDITIONER: usize = 40;

/// Pairs of vectors that L-BFGS keeps: 20, fewer where they would take more than 256 MiB.
fn history(parameters: usize) -> usize {
    ((256 << 20) / (16 * parameters)).clamp(4, 20)
}

/// Linear maps for so many classes.
pub(crate) fn outputs(classes: usize) -> usize {
    match classes {
        0 | 1 => 0,
        2 => 1,
        more => more,
    }
}

impl LogisticRegression {
    /// Number of classes it tells apart.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Number of features.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Weights and intercepts: `columns + 1` for two classes, else `classes * (columns + 1)`.
    pub fn parameters(&self) -> usize {
        self.weights.len()
    }

    /// Weights of each output, `columns` values a row; one row for two classes.
    pub fn coefficients(&self) -> Vec<Vec<f64>> {
        let outputs = outputs(self.present.len());
        let row = |output| {
            (0..self.columns)
                .map(|column| self.weights[column * outputs + output])
                .collect()
        };
        (0..outputs).map(row).collect()
    }

    /// Intercept of each output.
    pub fn intercepts(&self) -> &[f64] {
        &self.weights[self.columns * outputs(self.present.len())..]
    }

    /// The same with every weight rounded to f32, as it is kept in a file.
    #[must_use]
    pub fn rounded_to_f32(mut self) -> Self {
        self.weights
            .iter_mut()
            .for_each(|weight| *weight = f64::from(*weight as f32));
        self
    }

    /// Unnormalised log-probabilities of each row, one a class.
    ///
    /// # Panics
    /// If the rows have another number of features.
    pub fn logits(&self, features: &Matrix) -> Vec<Vec<f64>> {
        assert_eq!(
            features.columns(),
            self.columns,
            "features of the fit and of the prediction"
        );
        let outputs = outputs(self.present.len());
        if outputs == 0 {
            return vec![self.spread(&[0.0]); features.rows()];
        }
        let scores: Array2<f64> = match features {
            Matrix::Dense(dense) => {
                let weights = ArrayView2::from_shape((self.columns + 1, outputs), &self.weights)
                    .expect("a row a feature");
                dense.with_ones().dot(&weights) // [rows, columns + 1] x [columns + 1, outputs]
            }
            Matrix::Sparse(sparse) => {
                sparse_scores(sparse, 0..sparse.rows(), &self.weights, outputs)
            }
        };
        let of_row = |scores: ndarray::ArrayView1<'_, f64>| match outputs {
            1 => self.spread(&[0.0, scores[0]]),
            _ => self.spread(&scores.to_vec()),
        };
        scores.rows().into_iter().map(of_row).collect()
    }

    /// Scores of the classes that are present to logits of all.
    fn spread(&self, scores: &[f64]) -> Vec<f64> {
        if self.present.len() == self.classes {
            return scores.to_vec();
        }
        let mut logits = vec![LOG_ZERO; self.classes];
        for (&class, log_probability) in self.present.iter().zip(log_softmax(scores)) {
            logits[class] = at_least(log_probability, LOG_ZERO);
        }
        logits
    }
}

/// `value`, or `least` where it is smaller. NaN stays NaN, which `f64::max` would turn into `least`.
pub(crate) fn at_least(value: f64, least: f64) -> f64 {
    if value < least { least } else { value }
}

/// Logarithms of the softmax probabilities.
pub fn log_softmax(logits: &[f64]) -> Vec<f64> {
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let log_sum = largest
        + logits
            .iter()
            .map(|logit| (logit - largest).exp())
            .sum::<f64>()
            .ln();
    logits.iter().map(|logit| logit - log_sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Dense;

    #[test]
    fn scores_that_are_no_numbers_stay_so_beside_a_class_without_examples() {
        let model = LogisticRegression {
            classes: 3,
            present: vec![0, 2],
            columns: 1,
            weights: vec![f64::NAN, 0.5],
        };
        let logits = model.logits(&Matrix::Dense(Dense::new(1, 1, vec![1.0])));
        assert!(logits[0][0].is_nan() && logits[0][2].is_nan(), "{logits:?}");
    }
}
