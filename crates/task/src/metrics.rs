//! Metrics of classification, from the log-probabilities of each example and its label. The definitions are scikit-learn's.
//!
//! Every function takes `log_probs` `[n][classes]` and `labels` `[n]`, predicts the most probable class (the first of equals), computes in
//! f64, returns NaN where nothing is defined (no examples), and panics if the two disagree in length or a label is no class.

use crate::score::argmax;

/// The metrics that every trial reports.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scores {
    /// See [`accuracy`].
    pub accuracy: f64,
    /// See [`macro_f1`].
    pub macro_f1: f64,
    /// See [`matthews`].
    pub matthews: f64,
    /// See [`log_loss`].
    pub log_loss: f64,
    /// See [`expected_calibration_error`], 15 bins.
    pub expected_calibration_error: f64,
}

/// All metrics at once.
pub fn scores(log_probs: &[Vec<f32>], labels: &[usize]) -> Scores {
    Scores {
        accuracy: accuracy(log_probs, labels),
        macro_f1: macro_f1(log_probs, labels),
        matthews: matthews(log_probs, labels),
        log_loss: log_loss(log_probs, labels),
        expected_calibration_error: expected_calibration_error(log_probs, labels, 15),
    }
}

/// The most probable class of each example; the first of equals. NaN is never the most probable.
pub fn predictions(log_probs: &[Vec<f32>]) -> Vec<usize> {
    log_probs.iter().map(|row| argmax(row)).collect()
}

/// Counts `[label][prediction]`.
pub fn confusion(log_probs: &[Vec<f32>], labels: &[usize]) -> Vec<Vec<u64>> {
    check(log_probs, labels);
    let classes = log_probs.first().map_or(0, Vec::len);
    let mut counts = vec![vec![0; classes]; classes];
    for (row, &label) in log_probs.iter().zip(labels) {
        counts[label][argmax(row)] += 1;
    }
    counts
}

/// Share of examples whose label is the most probable class, 0 to 1.
pub fn accuracy(log_probs: &[Vec<f32>], labels: &[usize]) -> f64 {
    check(log_probs, labels);
    let rows = log_probs.iter().zip(labels);
    let hits = rows.filter(|(row, label)| argmax(row) == **label);
    hits.count() as f64 / labels.len() as f64
}

/// Mean over classes of `F1 = 2·tp / (2·tp + fp + fn)`, 0 to 1. As `f1_score(average="macro", zero_division=0)`: over the classes that
/// occur among labels or predictions; a class that is never predicted, or only wrongly, counts 0.
pub fn macro_f1(log_probs: &[Vec<f32>], labels: &[usize]) -> f64 {
    let counts = Marginals::of(log_probs, labels);
    let occurring: Vec<f64> = (0..counts.labelled.len())
        .map(|class| {
            (
                counts.hits[class],
                counts.labelled[class] + counts.predicted[class],
            )
        })
        .filter(|(_, occurrences)| *occurrences > 0.0)
        .map(|(hits, occurrences)| 2.0 * hits / occurrences)
        .collect();
    occurring.iter().sum::<f64>() / occurring.len() as f64
}

/// Matthews correlation, −1 to 1; for more than two classes R_K of Gorodkin 2004. 0 where labels or predictions are all of one class.
pub fn matthews(log_probs: &[Vec<f32>], labels: &[usize]) -> f64 {
    let counts = Marginals::of(log_probs, labels);
    let n: f64 = counts.labelled.iter().sum();
    if n == 0.0 {
        return f64::NAN;
    }
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    let covariance = counts.hits.iter().sum::<f64>() * n - dot(&counts.labelled, &counts.predicted);
    let of_predictions = n * n - dot(&counts.predicted, &counts.predicted);
    let of_labels = n * n - dot(&counts.labelled, &counts.labelled);
    if of_predictions == 0.0 || of_labels == 0.0 {
        return 0.0;
    }
    covariance / (of_predictions * of_labels).sqrt()
}

/// Mean of −log p(label), in nats, with p clipped to [2⁻⁵², 1 − 2⁻⁵²] as `log_loss` does, so that one label held impossible costs 36 and
/// not everything.
pub fn log_loss(log_probs: &[Vec<f32>], labels: &[usize]) -> f64 {
    check(log_probs, labels);
    let (low, high) = (f64::EPSILON.ln(), (1.0 - f64::EPSILON).ln());
    let rows = log_probs.iter().zip(labels);
    let clipped = rows.map(|(row, &label)| f64::from(row[label]).clamp(low, high)); // NaN stays NaN
    -clipped.sum::<f64>() / labels.len() as f64
}

/// Expected calibration error, 0 to 1: `Σ_b n_b/n · |accuracy_b − confidence_b|` over `bins` equal intervals `(lo, hi]` of the
/// confidence, the probability of the most probable class. Guo et al. 2017, eq. 3.
///
/// # Panics
/// Also if `bins` is 0.
pub fn expected_calibration_error(log_probs: &[Vec<f32>], labels: &[usize], bins: usize) -> f64 {
    assert!(bins > 0, "calibration needs at least one bin");
    check(log_probs, labels);
    let mut gaps = vec![0.0; bins]; // hits − Σ confidence of each bin
    for (row, &label) in log_probs.iter().zip(labels) {
        let predicted = argmax(row);
        let confidence = f64::from(row[predicted]).exp();
        let bin = (confidence * bins as f64).ceil() as usize;
        let hit = if predicted == label { 1.0 } else { 0.0 };
        gaps[bin.clamp(1, bins) - 1] += hit - confidence;
    }
    gaps.iter().map(|gap| gap.abs()).sum::<f64>() / labels.len() as f64
}

fn check(log_probs: &[Vec<f32>], labels: &[usize]) {
    assert_eq!(
        log_probs.len(),
        labels.len(),
        "rows of log-probabilities and labels"
    );
    let classes = log_probs.first().map_or(0, Vec::len);
    assert!(
        log_probs.iter().all(|row| row.len() == classes),
        "rows of one width"
    );
    assert!(
        labels.iter().all(|&label| label < classes),
        "labels below {classes}"
    );
}

/// Per class: right predictions, labels, predictions.
struct Marginals {
    hits: Vec<f64>,
    labelled: Vec<f64>,
    predicted: Vec<f64>,
}

impl Marginals {
    fn of(log_probs: &[Vec<f32>], labels: &[usize]) -> Self {
        check(log_probs, labels);
        let classes = log_probs.first().map_or(0, Vec::len);
        let mut counts = Self {
            hits: vec![0.0; classes],
            labelled: vec![0.0; classes],
            predicted: vec![0.0; classes],
        };
        for (row, &label) in log_probs.iter().zip(labels) {
            let predicted = argmax(row);
            counts.labelled[label] += 1.0;
            counts.predicted[predicted] += 1.0;
            if predicted == label {
                counts.hits[label] += 1.0;
            }
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logs(probs: &[&[f32]]) -> Vec<Vec<f32>> {
        let row = |row: &&[f32]| row.iter().map(|p| p.ln()).collect();
        probs.iter().map(row).collect()
    }

    #[test]
    fn nothing_to_score_is_missing_not_zero() {
        let scores = scores(&[], &[]);
        for value in [
            scores.accuracy,
            scores.macro_f1,
            scores.matthews,
            scores.log_loss,
            scores.expected_calibration_error,
        ] {
            assert!(value.is_nan());
        }
    }

    #[test]
    fn classes_that_never_occur_are_left_out_of_macro_f1() {
        // labels 0 0 2, predictions 0 2 2, class 1 nowhere: F1 is 2/3 for 0, 2/3 for 2.
        let log_probs = logs(&[&[0.8, 0.1, 0.1], &[0.2, 0.1, 0.7], &[0.3, 0.1, 0.6]]);
        assert!((macro_f1(&log_probs, &[0, 0, 2]) - 2.0 / 3.0).abs() < 1e-12);
        assert_eq!(
            confusion(&log_probs, &[0, 0, 2]),
            [[1, 0, 1], [0, 0, 0], [0, 0, 1]]
        );
    }

    #[test]
    fn memory_grows_with_the_classes_and_not_with_their_square() {
        // Counts of 200,000 by 200,000 would be 320 GB.
        let mut row = vec![-20.0; 200_000];
        row[7] = -0.1;
        let scores = scores(&[row.clone(), row], &[7, 8]);
        assert_eq!((scores.accuracy, scores.macro_f1), (0.5, 1.0 / 3.0));
    }

    #[test]
    fn one_predicted_class_has_no_correlation() {
        let log_probs = logs(&[&[0.8, 0.2], &[0.7, 0.3], &[0.6, 0.4]]);
        assert_eq!(matthews(&log_probs, &[0, 1, 0]), 0.0);
        assert!((matthews(&logs(&[&[0.9, 0.1], &[0.2, 0.8]]), &[1, 0]) + 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_nan_is_seen_and_ties_go_to_the_first_class() {
        let log_probs = logs(&[&[1.0, 0.0], &[0.5, 0.5]]);
        assert!(log_loss(&[vec![f32::NAN, -1.0]], &[0]).is_nan());
        assert_eq!(predictions(&log_probs), [0, 0]);
        assert_eq!(predictions(&[vec![f32::NAN, -3.0, -2.0]]), [2]);
    }

    #[test]
    fn certainty_that_is_wrong_half_the_time_is_off_by_a_half() {
        let log_probs = logs(&[&[1.0, 0.0], &[1.0, 0.0]]);
        assert!((expected_calibration_error(&log_probs, &[0, 1], 15) - 0.5).abs() < 1e-12);
        // Confidences 0.6 (a hit) and 0.8 (a miss) fall in different bins: (0.4 + 0.8) / 2.
        let log_probs = logs(&[&[0.6, 0.4], &[0.8, 0.2]]);
        assert!((expected_calibration_error(&log_probs, &[0, 1], 15) - 0.6).abs() < 1e-7);
        // Certainty shares the last bin, (14/15, 1]: |(1 − 0.95) + (0 − 1)| / 2.
        let log_probs = logs(&[&[0.95, 0.05], &[1.0, 0.0]]);
        assert!((expected_calibration_error(&log_probs, &[0, 1], 15) - 0.475).abs() < 1e-7);
        let log_probs = logs(&[&[0.6, 0.4], &[0.8, 0.2]]);
        // One bin: |hits − Σ confidence| / n = |1 − 1.4| / 2.
        assert!((expected_calibration_error(&log_probs, &[0, 1], 1) - 0.2).abs() < 1e-7);
    }
}
