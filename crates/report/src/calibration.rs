//! What the probabilities of each way of adapting are worth, from its trials: Brier score, calibration error, reliability, the same at the temperature
//! fitted on validation, and how well doubt tells texts of no class.

use crate::run::Arm;
use crate::statistics::{self, CalibrationError, Reliability, Spread};
use crate::summary::GroupSummary;
use crate::units;
use record::{Calibration, Predictions, ReliabilityBin, Tempered, Trial, TrialRecord};

/// Headings of [`rows`].
pub(crate) const HEADINGS: [&str; 7] = [
    "method",
    "Brier",
    "ECE % [95 %]",
    "answered at 5 % error",
    "temperature",
    "Brier, tempered",
    "ECE %, tempered",
];

/// Title of the table.
pub(crate) const TITLE: &str = "Can its probability be trusted?";

/// What the table means; stands above it.
pub(crate) const LEGEND: &str = "Brier: mean squared distance of the probabilities from what was right. ECE: expected calibration error, how far the \
probability of an answer is from the share of such answers that are right, in 15 bins of equal size, less what chance adds. Answered at 5 % error: share of \
the texts answered where at most 5 % of the answers are shown to be wrong, with its exact interval; the others go to a person. Temperature: the number by \
which scores are divided, fitted on the validation split alone; it changes no answer. Above 1, the model was too sure.";

/// Of one way of adapting, over its seeds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ArmCalibration {
    /// Mean Brier score.
    pub brier: Option<f64>,
    /// Expected calibration error.
    pub error: Option<CalibrationError>,
    /// Temperatures fitted on validation.
    pub temperature: Option<Spread>,
    /// Mean Brier score at these.
    pub brier_tempered: Option<f64>,
    /// Mean expected calibration error at these.
    pub error_tempered: Option<f64>,
    /// Mean negative log-likelihood at these.
    pub loss_tempered: Option<f64>,
    /// How well doubt tells texts of no class.
    pub out_of_scope_auroc: Option<f64>,
    /// All seeds' answers by sureness.
    pub bins: Vec<ReliabilityBin>,
    /// The same at the temperatures.
    pub bins_tempered: Vec<ReliabilityBin>,
}

/// What the trials of `arm` say.
pub(crate) fn of_arm(arm: &Arm<'_>) -> ArmCalibration {
    let over = |of: fn(&TrialRecord) -> Option<f64>| {
        statistics::mean(arm.finished().map(|trial| of(&trial.record)))
    };
    let tempered: Vec<&Tempered> = arm
        .finished()
        .filter_map(|trial| trial.record.calibration.tempered.as_ref())
        .collect();
    let answers: Option<Vec<Vec<(f64, bool)>>> = arm
        .finished()
        .map(|trial| confidences(trial.predictions.as_ref()?))
        .collect();
    let answers = answers.unwrap_or_default();
    ArmCalibration {
        brier: statistics::mean(arm.finished().map(brier)),
        error: CalibrationError::of(&answers),
        temperature: Spread::of(tempered.iter().map(|t| Some(t.temperature))),
        brier_tempered: over(|r| r.calibration.tempered.as_ref().map(|t| t.test_brier)),
        error_tempered: over(|r| r.calibration.tempered.as_ref().map(|t| t.test_ece)),
        loss_tempered: over(|r| r.calibration.tempered.as_ref().map(|t| t.test_loss)),
        out_of_scope_auroc: over(|r| r.calibration.out_of_scope_auroc),
        bins: bins(&answers.concat()),
        bins_tempered: pooled(&tempered),
    }
}

/// A trial's record with what its predictions give.
pub(crate) fn completed(trial: &Trial) -> (Option<f64>, Calibration) {
    let answers = trial.predictions.as_ref().and_then(confidences);
    let error = answers.and_then(|answers| Reliability::of(&answers));
    let calibration = Calibration {
        test_brier: brier(trial),
        ..trial.record.calibration.clone()
    };
    (error.map(|found| found.error()), calibration)
}

/// As recorded; of trials of earlier versions from the predictions, where these have all classes.
fn brier(trial: &Trial) -> Option<f64> {
    let recorded = trial.record.calibration.test_brier;
    recorded.or_else(|| trial.predictions.as_ref()?.brier())
}

/// Each answer's probability, and whether it is right.
fn confidences(predictions: &Predictions) -> Option<Vec<(f64, bool)>> {
    let rows = predictions.sureness()?.into_iter();
    Some(rows.map(|(_, right, log)| (log.exp(), right)).collect())
}

fn bins(answers: &[(f64, bool)]) -> Vec<ReliabilityBin> {
    let found = Reliability::of(answers);
    let bin = |bin: &statistics::Bin| ReliabilityBin {
        rows: bin.rows as u64,
        confidence: bin.confidence,
        accuracy: bin.accuracy,
    };
    found.map_or(Vec::new(), |found| found.bins.iter().map(bin).collect())
}

/// The bins of several trials by their places, where all have as many; those of the first otherwise.
fn pooled(tempered: &[&Tempered]) -> Vec<ReliabilityBin> {
    let Some(first) = tempered.first() else {
        return Vec::new();
    };
    let alike = tempered.iter().all(|t| t.bins.len() == first.bins.len());
    let several = if alike { tempered } else { &tempered[..1] };
    let at = |place: usize| {
        let all = || several.iter().map(|t| t.bins[place]);
        let rows: u64 = all().map(|bin| bin.rows).sum();
        let mean = |of: fn(ReliabilityBin) -> f64| {
            all().map(|bin| bin.rows as f64 * of(bin)).sum::<f64>() / rows.max(1) as f64
        };
        ReliabilityBin {
            rows,
            confidence: mean(|bin| bin.confidence),
            accuracy: mean(|bin| bin.accuracy),
        }
    };
    (0..first.bins.len()).map(at).collect()
}

/// One row for each way of adapting with probabilities.
pub(crate) fn rows(group: &GroupSummary) -> Vec<[String; 7]> {
    let with = group
        .arms
        .iter()
        .filter(|arm| arm.calibration.error.is_some());
    with.map(|arm| {
        let own = &arm.calibration;
        let score = |value: Option<f64>| value.map_or(String::new(), |v| format!("{v:.3}"));
        let percent = |value: Option<f64>| value.map_or(String::new(), units::percent);
        let error = own.error.map_or(String::new(), |error| {
            let [mean, low, high] =
                [error.mean, error.interval.low, error.interval.high].map(units::percent);
            format!("{mean} [{low}, {high}]")
        });
        let answered = arm.coverage.map_or(String::new(), |share| {
            let [mean, low, high] =
                [share.mean, share.interval.low, share.interval.high].map(units::percent);
            format!("{mean} % [{low}, {high}]")
        });
        [
            arm.label.clone(),
            score(own.brier),
            error,
            answered,
            own.temperature
                .map_or(String::new(), |t| units::three(t.median)),
            score(own.brier_tempered),
            percent(own.error_tempered),
        ]
    })
    .collect()
}

/// What is said of a task that marks texts of no class; `None` where it marks none.
pub(crate) fn out_of_scope(group: &GroupSummary) -> Option<String> {
    let mut told: Vec<(f64, &str)> = group
        .arms
        .iter()
        .filter_map(|arm| Some((arm.calibration.out_of_scope_auroc?, arm.label.as_str())))
        .collect();
    told.sort_by(|a, b| b.0.total_cmp(&a.0));
    let told: Vec<String> = told
        .iter()
        .map(|(auroc, label)| format!("{label} {}", units::three(*auroc)))
        .collect();
    (!told.is_empty()).then(|| {
        format!(
            "Texts outside all classes, told by doubt alone (area under the ROC curve, 0.5 is chance): {}. They are a class of their own in the accuracy",
            told.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use record::{Outcome, Prediction, TrialSpec};

    fn trial(seed: u64, rows: &[(bool, f64)], temperature: Option<f64>) -> Trial {
        let spec = TrialSpec {
            seed,
            ..TrialSpec::default()
        };
        let mut record = TrialRecord::unmeasured("t".to_owned(), spec, Outcome::Finished);
        record.calibration.tempered = temperature.map(|temperature| Tempered {
            temperature,
            test_brier: 0.1 * temperature,
            bins: vec![ReliabilityBin {
                rows: rows.len() as u64,
                confidence: 0.5 + 0.1 * temperature,
                accuracy: 0.7,
            }],
            ..Tempered::default()
        });
        let row = |(at, (right, p)): (usize, &(bool, f64))| Prediction {
            row: at as u64,
            label: if *right { "a" } else { "b" }.to_owned(),
            predicted: "a".to_owned(),
            log_probabilities: vec![p.ln(), (1.0 - p).ln()],
        };
        let rows: Vec<Prediction> = rows.iter().enumerate().map(row).collect();
        let classes = vec!["a".to_owned(), "b".to_owned()];
        Trial {
            record,
            predictions: Some(Predictions::of(classes, &rows).unwrap()),
        }
    }

    #[test]
    fn an_arms_calibration_is_over_its_seeds() {
        let rows: Vec<(bool, f64)> = (0..60).map(|i| (i % 3 != 0, 0.9)).collect();
        let trials = [trial(0, &rows, Some(1.0)), trial(1, &rows, Some(3.0))];
        let arm = Arm {
            label: "lime".to_owned(),
            trials: trials.iter().collect(),
        };
        let found = of_arm(&arm);
        let error = found.error.unwrap();
        assert!((error.mean - (0.9 - 2.0 / 3.0)).abs() < 0.01, "{error:?}");
        let brier = (2.0 * 0.01 + 0.81) / 3.0;
        assert!((found.brier.unwrap() - brier).abs() < 1e-4);
        assert_eq!(found.temperature.unwrap().median, 2.0);
        assert!((found.brier_tempered.unwrap() - 0.2).abs() < 1e-9);
        assert_eq!((found.bins.len(), found.bins[0].rows), (1, 120));
        let tempered = found.bins_tempered[0];
        assert!((tempered.confidence - 0.7).abs() < 1e-9 && tempered.rows == 120);
        let (ece, calibration) = completed(&trials[0]);
        assert!((ece.unwrap() - error.mean).abs() < 1e-9);
        assert!((calibration.test_brier.unwrap() - brier).abs() < 1e-4);
    }

    #[test]
    fn what_was_not_measured_is_missing() {
        let mut lost = trial(0, &[(true, 0.9)], None);
        lost.predictions = None;
        let arm = Arm {
            label: "lime".to_owned(),
            trials: vec![&lost],
        };
        assert_eq!(of_arm(&arm), ArmCalibration::default());
    }
}
