//! From a predictor's scores to the record: metrics, predictions, operations.

use crate::run::flops;
use adapt::{Budget, Footprint, Logits};
use anyhow::ensure;
use record::{Prediction, TrialRecord};
use task::{Example, Split, Task};
use transformer::{Shape, Tokenizer};

/// The examples without what they are: a predictor must not be able to look at the answer.
pub(crate) fn unlabelled(split: &Split) -> Vec<Example> {
    split
        .iter()
        .map(|example| Example {
            label: 0,
            ..example.clone()
        })
        .collect()
}

/// Natural logarithms of the class probabilities.
///
/// # Errors
/// Scores that are not one number a class.
pub(crate) fn log_probabilities(logits: &[Logits], task: &Task) -> anyhow::Result<Vec<Vec<f32>>> {
    let broken = logits
        .iter()
        .position(|row| row.len() != task.classes.len() || row.iter().any(|logit| logit.is_nan()));
    ensure!(
        broken.is_none(),
        "the scores of example {} are not {} numbers",
        broken.unwrap_or_default(),
        task.classes.len()
    );
    Ok(logits
        .iter()
        .map(|row| {
            adapt::log_softmax(row)
                .into_iter()
                .map(|l| l as f32)
                .collect()
        })
        .collect())
}

/// The metrics of the test split.
pub(crate) fn score(record: &mut TrialRecord, log_probs: &[Vec<f32>], task: &Task) {
    let scores = task::metrics::scores(log_probs, &task.test.labels());
    let finite = |value: f64| value.is_finite().then_some(value);
    record.test_accuracy = finite(scores.accuracy);
    record.test_macro_f1 = finite(scores.macro_f1);
    record.test_loss = finite(scores.log_loss);
    for (name, value) in [
        ("test_matthews", scores.matthews),
        (
            "test_expected_calibration_error",
            scores.expected_calibration_error,
        ),
    ] {
        if let Some(value) = finite(value) {
            record.details.insert(name.to_owned(), value.into());
        }
    }
}

/// The rows of `predictions.csv`.
pub(crate) fn predictions(log_probs: &[Vec<f32>], task: &Task) -> Vec<Prediction> {
    let predicted = task::metrics::predictions(log_probs);
    let rows = task.test.iter().zip(log_probs).zip(predicted);
    rows.map(|((example, log_probs), predicted)| Prediction {
        row: example.row,
        label: task.classes[example.label].clone(),
        predicted: task.classes[predicted].clone(),
        log_probabilities: log_probs.iter().map(|&l| f64::from(l)).collect(),
    })
    .collect()
}

/// Operations of training and of one prediction, by formula.
#[allow(clippy::too_many_arguments)] // plain numbers of one trial
pub(crate) fn count_operations(
    record: &mut TrialRecord,
    task: &Task,
    train: &Split,
    shape: &Shape,
    tokenizer: &Tokenizer,
    budget: &Budget,
    footprint: &Footprint,
    passes: flops::Passes<'_>,
) {
    let max_length = budget.max_length.get().min(shape.max_length);
    let of =
        |split: &Split| flops::lengths_of_fit(&split.examples, tokenizer, max_length, footprint);
    let flop_shape = flops::flop_shape(shape);
    let test = &task.test.examples;
    record.infer_flops_per_sample = flops::lengths(test, tokenizer, max_length, footprint.pairs)
        .and_then(|lengths| flops::per_prediction(&flop_shape, &lengths, test.len(), footprint));
    if let Some(lengths) = of(train)
        .zip(of(&task.validation))
        .map(|(a, b)| [a, b].concat())
    {
        let read = flops::Read {
            lengths: &lengths,
            cached: budget.cache,
        };
        record.train_flops = flops::of_training(&flop_shape, passes, read, footprint);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_to_predict_carry_no_label() {
        let example = Example {
            row: 4,
            text: "t".into(),
            second: None,
            label: 3,
        };
        let blank = unlabelled(&Split {
            examples: vec![example.clone()],
        });
        assert_eq!(
            blank,
            [Example {
                label: 0,
                ..example
            }]
        );
    }
}
