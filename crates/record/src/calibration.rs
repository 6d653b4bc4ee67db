//! What a trial's probabilities are worth beside its answers: computed where all classes' probabilities are at hand, since `predictions.csv` has them for
//! few classes only.

use crate::Predictions;
use crate::predictions::LABEL_AND_PREDICTED;
use serde::{Deserialize, Serialize};

/// Quality of the probabilities on the test split.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Mean squared distance of the probabilities from what was right: 0 to 1 with two classes, 0 to 2 with more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_brier: Option<f64>,
    /// The same and more at the temperature that fits the validation split; `None` where that split was not scored or does not tell one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tempered: Option<Tempered>,
    /// How well doubt tells the texts that the task marks as outside all of its classes; `None` where it marks none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub out_of_scope_auroc: Option<f64>,
}

/// The test split with all scores divided by a temperature, which changes no answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tempered {
    /// The temperature, fitted on the validation split alone; above 1 where the model was too sure.
    pub temperature: f64,
    /// Validation examples that it was fitted on.
    pub validation_examples: u64,
    /// Mean negative log-likelihood on the test split, in nats.
    pub test_loss: f64,
    /// As [`Calibration::test_brier`].
    pub test_brier: f64,
    /// Expected calibration error, in [0, 1].
    pub test_ece: f64,
    /// Its bins, the least sure first.
    pub bins: Vec<ReliabilityBin>,
}

/// Test examples of about the same sureness.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ReliabilityBin {
    /// How many.
    pub rows: u64,
    /// Mean probability of the predicted class.
    pub confidence: f64,
    /// Share that is right.
    pub accuracy: f64,
}

impl Calibration {
    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// A number that nothing can have measured, by name.
    pub(crate) fn fault(&self) -> Option<String> {
        let tempered = self.tempered.as_ref();
        let of = |part: fn(&Tempered) -> f64| tempered.map(part);
        let checks = [
            ("test_brier", self.test_brier, 2.0),
            ("test_oos_auroc", self.out_of_scope_auroc, 1.0),
            ("temperature", of(|t| t.temperature), 1e9),
            ("test_loss_tempered", of(|t| t.test_loss), 1e18),
            ("test_brier_tempered", of(|t| t.test_brier), 2.0),
            ("test_ece_tempered", of(|t| t.test_ece), 1.0),
        ];
        let is_wrong = |found: f64, most: f64| !(-1e-6..=most + 1e-6).contains(&found);
        checks.into_iter().find_map(|(name, found, most)| {
            let found = found.filter(|found| is_wrong(*found, most))?;
            Some(format!("{name} is {found:?}, expected 0 to {most}"))
        })
    }
}

impl Predictions {
    /// The mean squared distance of the probabilities from what was right, as [`Calibration::test_brier`]; `None` where not all classes' probabilities
    /// are kept.
    pub fn brier(&self) -> Option<f64> {
        if self.classes == LABEL_AND_PREDICTED || self.is_empty() {
            return None;
        }
        let two = self.classes.len() == 2;
        let of_row = |answer: crate::Answer<'_>| {
            let classes = self.classes.iter().zip(answer.log_probabilities.iter());
            let squares = classes.map(|(class, log)| {
                let right = f64::from(u8::from(class == answer.label));
                (log.exp() - right).powi(2)
            });
            let sum: f64 = squares.sum();
            if two { sum / 2.0 } else { sum }
        };
        let mean = self.rows().map(of_row).sum::<f64>() / self.len() as f64;
        mean.is_finite().then_some(mean)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Prediction;

    fn predictions(classes: &[&str], logs: &[f64]) -> Predictions {
        let row = Prediction {
            row: 0,
            label: classes[0].to_owned(),
            predicted: classes[0].to_owned(),
            log_probabilities: logs.to_vec(),
        };
        let classes = classes.iter().map(|class| (*class).to_owned()).collect();
        Predictions::of(classes, &[row]).unwrap()
    }

    #[test]
    fn the_score_of_kept_probabilities_is_halved_for_two_classes() {
        let two = predictions(&["a", "b"], &[0.7f64.ln(), 0.3f64.ln()]).brier();
        assert!((two.unwrap() - 0.09).abs() < 1e-7, "{two:?}");
        let three = [0.5f64, 0.3, 0.2].map(f64::ln);
        let three = predictions(&["a", "b", "c"], &three).brier();
        assert!((three.unwrap() - (0.25 + 0.09 + 0.04)).abs() < 1e-7);
        assert_eq!(
            predictions(&LABEL_AND_PREDICTED, &[-0.1, -0.1]).brier(),
            None
        );
        assert_eq!(predictions(&["a", "b"], &[f64::NAN, -0.1]).brier(), None);
    }

    #[test]
    fn numbers_out_of_range_are_named() {
        let wrong = Calibration {
            tempered: Some(Tempered {
                test_ece: 1.5,
                ..Tempered::default()
            }),
            ..Calibration::default()
        };
        assert!(wrong.fault().unwrap().contains("test_ece_tempered is 1.5"));
        assert_eq!(Calibration::default().fault(), None);
    }
}
