//! What a trial's probabilities are worth: the Brier score, the same at the temperature that fits the validation split, and how well doubt tells texts
//! that belong to no class.

use record::{Calibration, ReliabilityBin, Tempered};
use report::statistics::Reliability;
use task::Task;

/// From the log-probabilities of the test split's classes and, where that was scored, of the validation split's.
pub(crate) fn calibration(
    test: &[Vec<f32>],
    validation: Option<&[Vec<f32>]>,
    task: &Task,
) -> Calibration {
    let labels = task.test.labels();
    let brier = task::brier(test, &labels);
    let out = task::out_of_scope_class(task);
    Calibration {
        test_brier: brier.is_finite().then_some(brier),
        tempered: validation.and_then(|validation| tempered(test, validation, task)),
        out_of_scope_auroc: out.and_then(|out| task::out_of_scope_auroc(test, &labels, out)),
    }
}

/// The temperature sees no test example; dividing by it changes no order of classes, and so no answer.
fn tempered(test: &[Vec<f32>], validation: &[Vec<f32>], task: &Task) -> Option<Tempered> {
    let temperature = adapt::best_temperature(validation, &task.validation.labels())?;
    let scaled: Vec<Vec<f32>> = test.iter().map(|row| divided(row, temperature)).collect();
    let labels = task.test.labels();
    let (loss, brier) = (
        task::metrics::log_loss(&scaled, &labels),
        task::brier(&scaled, &labels),
    );
    let predicted = task::metrics::predictions(test);
    let rows = scaled.iter().zip(&predicted).zip(&labels);
    let sure: Vec<(f64, bool)> = rows
        .map(|((row, predicted), label)| (f64::from(row[*predicted]).exp(), predicted == label))
        .collect();
    let found = Reliability::of(&sure)?;
    let bin = |bin: &report::statistics::Bin| ReliabilityBin {
        rows: bin.rows as u64,
        confidence: bin.confidence,
        accuracy: bin.accuracy,
    };
    (loss.is_finite() && brier.is_finite()).then(|| Tempered {
        temperature,
        validation_examples: validation.len() as u64,
        test_loss: loss,
        test_brier: brier,
        test_ece: found.error(),
        bins: found.bins.iter().map(bin).collect(),
    })
}

/// Log-probabilities of the scores over `temperature`.
fn divided(row: &[f32], temperature: f64) -> Vec<f32> {
    let scaled: Vec<f64> = row.iter().map(|l| f64::from(*l) / temperature).collect();
    let logs = adapt::log_softmax(&scaled);
    logs.into_iter().map(|l| l as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 40 test and 20 validation examples, of which every fifth is answered wrong, each with a probability of 0.98.
    fn too_sure() -> (Task, Vec<Vec<f32>>, Vec<Vec<f32>>) {
        let file = |n: usize| {
            let rows = (0..n).map(|i| format!("text {i} of {n}\t{}\n", ["a", "b"][i % 2]));
            format!("text\tlabel\n{}", rows.collect::<String>())
        };
        let files = [("train.tsv", 4), ("validation.tsv", 20), ("test.tsv", 40)];
        let files = files.map(|(name, n)| (name, file(n)));
        let files: Vec<(&str, &[u8])> = files
            .iter()
            .map(|(n, text)| (*n, text.as_bytes()))
            .collect();
        let task = task::from_bytes("t", &files).unwrap();
        let answers = |n: usize| -> Vec<Vec<f32>> {
            let row = |i: usize| {
                let said = (i % 2) ^ usize::from(i.is_multiple_of(5));
                let mut row = vec![0.02_f32.ln(); 2];
                row[said] = 0.98_f32.ln();
                row
            };
            (0..n).map(row).collect()
        };
        (task, answers(40), answers(20))
    }

    #[test]
    fn a_temperature_from_validation_takes_sureness_back_to_what_is_right_and_changes_no_answer() {
        let (task, test, validation) = too_sure();
        let found = calibration(&test, Some(&validation), &task);
        let tempered = found.tempered.unwrap();
        assert!(tempered.temperature > 2.0, "{tempered:?}");
        assert!(
            (tempered.bins[0].confidence - 0.8).abs() < 1e-3,
            "{tempered:?}"
        );
        assert!((tempered.bins[0].accuracy - 0.8).abs() < 1e-9);
        assert!(tempered.test_ece < 0.01);
        let loss = task::metrics::log_loss(&test, &task.test.labels());
        assert!(tempered.test_loss < loss && tempered.test_brier < found.test_brier.unwrap());
        let scaled: Vec<Vec<f32>> = test
            .iter()
            .map(|row| divided(row, tempered.temperature))
            .collect();
        assert_eq!(
            task::metrics::predictions(&scaled),
            task::metrics::predictions(&test)
        );
        assert_eq!(found.out_of_scope_auroc, None);
    }

    #[test]
    fn without_validation_there_is_no_temperature() {
        let (task, test, _) = too_sure();
        assert_eq!(calibration(&test, None, &task).tempered, None);
        // Nor where all validation answers are right: no sureness would be too much.
        let right = |i: usize| {
            let mut row = vec![-3.0; 2];
            row[i % 2] = -0.05;
            row
        };
        let right: Vec<Vec<f32>> = (0..20).map(right).collect();
        assert_eq!(calibration(&test, Some(&right), &task).tempered, None);
    }
}
