//! The output layer as the logistic regression of the training texts' vectors, for objectives whose loss does not reach it.

use super::{Data, Job};
use crate::{Adaptation, Adapted, Event, FitError};
use burn::module::Module;
use linear::{Dense, LOG_ZERO, LogisticRegression, Matrix, Options};
use ops::to_floats;

/// The model with the output layer fitted to the vectors that the training texts have now, dropout off.
pub(super) fn fit<A: Adaptation>(
    model: Adapted<A>,
    c: f64,
    job: &Job<'_>,
    data: &Data,
    events: &mut dyn FnMut(Event),
) -> Result<Adapted<A>, FitError> {
    let vectors = vectors(&model, job, data)?;
    let lengths = data.train.lengths();
    events(Event::Encoded {
        samples: lengths.len(),
        tokens: lengths.iter().sum(),
    });
    let (labels, classes) = (&data.train.labels, model.head.classes());
    let (weight, bias) = layer(&vectors, labels, classes, c);
    Ok(Adapted {
        head: model.head.with_output(weight, bias),
        backbone: model.backbone,
        adaptation: model.adaptation,
    })
}

/// What the output layer reads of every training text, in the split's order.
fn vectors<A: Adaptation>(
    model: &Adapted<A>,
    job: &Job<'_>,
    data: &Data,
) -> Result<Vec<Vec<f32>>, FitError> {
    let plain = model.valid();
    let device = job.device.clone().inner();
    let lengths = data.train.lengths();
    let mut vectors = vec![Vec::new(); lengths.len()];
    for rows in task::batches_sorted(&lengths, job.budget.eval_batch.get()) {
        let start = data.train_inputs.start(&data.train, &rows, &device)?;
        let of_rows = plain.vectors(start, job.pooling, None); // [b,h]
        let width = of_rows.dims()[1];
        for (vector, &row) in to_floats(of_rows).chunks_exact(width).zip(&rows) {
            vectors[row] = vector.to_vec();
        }
    }
    Ok(vectors)
}

/// Weights `[hidden, classes]` row by row, and biases. Vectors that are no numbers have no fit: the layer is NaN then, and the validation
/// split shows it.
fn layer(vectors: &[Vec<f32>], labels: &[usize], classes: usize, c: f64) -> (Vec<f32>, Vec<f32>) {
    let hidden = vectors.first().map_or(0, Vec::len);
    let values = vectors.concat();
    if !values.iter().all(|value| value.is_finite()) {
        return (vec![f32::NAN; hidden * classes], vec![f32::NAN; classes]);
    }
    let features = Matrix::Dense(Dense::from_f32(vectors.len(), hidden, &values));
    let (fitted, _) = linear::fit(&features, labels, classes, c, Options::default());
    as_layer(&fitted, labels, hidden)
}

/// Of two classes the first has the logit 0; one without a training text has the logarithm that stands for 0, whatever the text.
fn as_layer(fitted: &LogisticRegression, labels: &[usize], hidden: usize) -> (Vec<f32>, Vec<f32>) {
    let classes = fitted.classes();
    let mut present = labels.to_vec();
    present.sort_unstable();
    present.dedup();
    let mut weight = vec![0.0; hidden * classes];
    let mut bias = vec![LOG_ZERO as f32; classes];
    for &class in &present {
        bias[class] = 0.0;
    }
    let rows = fitted.coefficients();
    let outputs = &present[present.len() - rows.len()..];
    let fitted = rows.iter().zip(fitted.intercepts());
    for (&class, (row, intercept)) in outputs.iter().zip(fitted) {
        bias[class] = *intercept as f32;
        for (place, value) in row.iter().enumerate() {
            weight[place * classes + class] = *value as f32;
        }
    }
    (weight, bias)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log_softmax;

    /// Seven texts of three numbers.
    fn vectors() -> Vec<Vec<f32>> {
        let value = |i: usize, j: usize| ((i * 7 + j * 5) % 11) as f32 * 0.37 - 1.5;
        (0..7)
            .map(|i| (0..3).map(|j| value(i, j)).collect())
            .collect()
    }

    fn probabilities(layer: &(Vec<f32>, Vec<f32>), vector: &[f32]) -> Vec<f64> {
        let (weight, bias) = layer;
        let classes = bias.len();
        let logit = |class: usize| {
            let terms = vector.iter().enumerate();
            bias[class]
                + terms
                    .map(|(j, x)| x * weight[j * classes + class])
                    .sum::<f32>()
        };
        let logits: Vec<f32> = (0..classes).map(logit).collect();
        log_softmax(&logits).into_iter().map(f64::exp).collect()
    }

    #[test]
    fn the_layer_answers_as_the_regression_for_two_classes_and_more_and_absent_ones() {
        let cases: [(usize, [usize; 7]); 4] = [
            (2, [0, 1, 1, 0, 1, 0, 0]),
            (3, [2, 0, 1, 1, 2, 0, 2]),
            (4, [3, 1, 1, 3, 1, 3, 3]),
            (5, [4, 1, 2, 1, 4, 2, 2]),
        ];
        let vectors = vectors();
        for (classes, labels) in cases {
            let found = layer(&vectors, &labels, classes, 1.0);
            let features = Matrix::Dense(Dense::from_f32(7, 3, &vectors.concat()));
            let (fitted, _) = linear::fit(&features, &labels, classes, 1.0, Options::default());
            for (vector, expected) in vectors.iter().zip(fitted.logits(&features)) {
                let expected = linear::log_softmax(&expected).into_iter().map(f64::exp);
                for (a, b) in probabilities(&found, vector).iter().zip(expected) {
                    assert!((a - b).abs() < 1e-6, "{classes} classes: {a} and {b}");
                }
            }
        }
        assert_eq!(layer(&vectors, &[1; 7], 2, 1.0).1, [LOG_ZERO as f32, 0.0]);
    }

    #[test]
    fn vectors_that_are_no_numbers_give_a_layer_that_is_none() {
        let mut vectors = vectors();
        vectors[4][1] = f32::INFINITY;
        let (weight, bias) = layer(&vectors, &[0, 1, 1, 0, 1, 0, 0], 2, 1.0);
        assert!(weight.iter().chain(&bias).all(|value| value.is_nan()));
    }
}
