//! What a record and its predictions must be for statistics to mean something. A fault is said as what was found and what was expected.

use crate::predictions::{self, LABEL_AND_PREDICTED, MOST_CLASSES_WRITTEN};
use crate::{Answer, Predictions, TrialRecord};
use sha2::{Digest, Sha256};

/// Refuses numbers that nothing can have measured.
pub(crate) fn numbers(record: &TrialRecord) -> Result<(), String> {
    let r = record;
    let shares = [
        ("test_accuracy", r.test_accuracy),
        ("test_macro_f1", r.test_macro_f1),
        ("validation_accuracy", r.validation_accuracy),
    ];
    let amounts = [
        ("load_s", r.load_s),
        ("prepare_s", r.prepare_s),
        ("prepare_validation_s", r.prepare_validation_s),
        ("first_step_s", r.first_step_s),
        ("train_s", r.train_s),
        ("validate_s", r.validate_s),
        ("eval_s", r.eval_s),
        ("tune_s", r.tune_s),
        ("search_s", r.search_s),
        ("head_learning_rate", r.head_learning_rate),
        ("total_s", r.total_s),
        ("predict_ms_p50", r.predict_ms_p50),
        ("predict_ms_p95", r.predict_ms_p95),
        ("predict_merged_ms_p50", r.predict_merged_ms_p50),
        ("adapter_load_ms", r.adapter_load_ms),
        ("cost_usd", r.cost_usd),
        ("cpu_s", r.cpu_s),
        ("other_cpu_s", r.other_cpu_s),
        ("step_ms_median", r.step_ms_median),
        ("train_samples_per_s", r.train_samples_per_s),
        ("eval_samples_per_s", r.eval_samples_per_s),
    ];
    let operations = [
        ("train_flops", r.train_flops),
        ("infer_flops_per_sample", r.infer_flops_per_sample),
    ];
    let of = |range: std::ops::RangeInclusive<f64>, expected| {
        move |(name, value): (&str, Option<f64>)| match value {
            Some(found) if !range.contains(&found) => {
                Some(format!("{name} is {found:?}, expected {expected}"))
            }
            _ => None,
        }
    };
    let share = of(0.0..=1.0, "0 to 1");
    let amount = of(0.0..=MOST, "a number from 0 to 1e18");
    let operation = of(0.0..=MOST_OPERATIONS, "a number from 0 to 1e30");
    // A loss has no bound above 0; rounding may take one of 0 a little below.
    let loss = of(-1e-6..=MOST, "a number from 0 to 1e18");
    let mut wrong = shares
        .into_iter()
        .filter_map(share)
        .chain(amounts.into_iter().filter_map(amount))
        .chain(operations.into_iter().filter_map(operation))
        .chain(loss(("test_loss", r.test_loss)));
    if let Some(wrong) = wrong.next() {
        return Err(wrong);
    }
    if let Some(wrong) = r.calibration.fault() {
        return Err(wrong);
    }
    if r.n_test == Some(0) && r.test_accuracy.is_some() {
        return Err("it has a test_accuracy, and n_test is 0".to_owned());
    }
    let place = |p: &crate::CurvePoint| {
        [p.epoch, p.elapsed_s].map(|x| (0.0..=MOST).contains(&x)) == [true; 2]
    };
    match r.curve.iter().position(|p| !place(p)) {
        Some(point) => Err(format!(
            "point {point} of its curve is at epoch {:?} and {:?} s, expected numbers from 0 to 1e18",
            r.curve[point].epoch, r.curve[point].elapsed_s
        )),
        None => Ok(()),
    }
}

/// Thirty billion years in seconds.
const MOST: f64 = 1e18;
/// Far more than the largest trainings so far.
const MOST_OPERATIONS: f64 = 1e30;

/// The predictions in `text`, if they are those of `record`: its digest where it has one, and in any case one row for each test example, in
/// the order of the test split, of known classes, with the accuracy on record.
pub(crate) fn predictions(record: &TrialRecord, text: &[u8]) -> Result<Predictions, String> {
    if let Some(expected) = &record.predictions_digest {
        let found = digest(text);
        if found != *expected {
            let reason = "it was changed, cut off or copied from another trial";
            return Err(format!(
                "its SHA-256 is {found}, expected {expected}: {reason}"
            ));
        }
    }
    if text.last() != Some(&b'\n') {
        return Err("it is cut off: its last line has no end".to_owned());
    }
    let predictions = predictions::parse(text)?;
    if let Some(expected) = record.n_test.filter(|n| *n != predictions.len() as u64) {
        return Err(format!(
            "it has {} rows, expected {expected}, one for each test example",
            predictions.len()
        ));
    }
    if let Some((before, row)) = out_of_order(&predictions) {
        return Err(format!(
            "row {row} stands behind row {before}, expected each once, in rising order"
        ));
    }
    known_classes(record, &predictions)?;
    let right = predictions.rows().filter(Answer::is_right).count();
    let found = right as f64 / predictions.len() as f64;
    match record.test_accuracy {
        Some(expected) if !predictions.is_empty() && (found - expected).abs() > 1e-9 => {
            Err(format!(
                "{right} of its {} answers are right, expected a share of {expected}, the record's test_accuracy",
                predictions.len()
            ))
        }
        _ => Ok(predictions),
    }
}

/// The first two neighbours whose row numbers do not rise.
fn out_of_order(predictions: &Predictions) -> Option<(u64, u64)> {
    let rows = || predictions.rows().map(|answer| answer.row);
    let mut pairs = rows().zip(rows().skip(1));
    pairs.find(|(before, row)| before >= row)
}

fn known_classes(record: &TrialRecord, predictions: &Predictions) -> Result<(), String> {
    let (names, count) = (&predictions.classes, predictions.classes.len() as u64);
    if record
        .classes
        .is_some_and(|classes| classes > MOST_CLASSES_WRITTEN as u64)
    {
        return if names == &LABEL_AND_PREDICTED {
            Ok(())
        } else {
            Err(format!(
                "its columns are of {count} classes, expected logp_label,logp_predicted"
            ))
        };
    }
    if let Some(expected) = record.classes.filter(|classes| *classes != count) {
        return Err(format!(
            "its columns are of {count} classes, expected {expected}"
        ));
    }
    if record.classes.is_none() && names == &LABEL_AND_PREDICTED {
        return Ok(());
    }
    let known = |name: &str| names.iter().any(|class| class == name);
    // An answer that is no label is none of the classes.
    let answered = |name: &str| name.is_empty() || known(name);
    match predictions
        .rows()
        .find(|p| !known(p.label) || !answered(p.predicted))
    {
        Some(p) => Err(format!(
            "row {} has label {:?} and prediction {:?}, expected names among {names:?}",
            p.row, p.label, p.predicted
        )),
        None => Ok(()),
    }
}

/// SHA-256 in hexadecimal.
pub(crate) fn digest(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CurvePoint, Outcome, TrialSpec};

    const TEXT: &str = "row,label,predicted,logp_a,logp_b\n0,a,a,-0.1,-2.5\n3,b,a,-0.1,-2.5\n4,b,b,-2.5,-0.12345\n";

    fn record() -> TrialRecord {
        TrialRecord {
            n_test: Some(3),
            classes: Some(2),
            test_accuracy: Some(2.0 / 3.0),
            ..TrialRecord::unmeasured("t".into(), TrialSpec::default(), Outcome::Finished)
        }
    }

    #[test]
    fn predictions_that_are_not_the_records_are_refused_by_name_also_without_a_digest() {
        assert_eq!(predictions(&record(), TEXT.as_bytes()).unwrap().len(), 3);
        let lines: Vec<&str> = TEXT.split_inclusive('\n').collect();
        let bad = [
            (lines[..2].concat(), "1 rows, expected 3"),
            (TEXT[..TEXT.len() - 4].to_owned(), "cut off"),
            (TEXT.trim_end().to_owned(), "cut off"),
            (
                [lines[0], lines[2], lines[1], lines[3]].concat(),
                "row 0 stands behind row 3",
            ),
            (
                [lines[0], lines[1], lines[1], lines[3]].concat(),
                "row 0 a second time",
            ),
            (TEXT.replace("3,b,a", "3,c,a"), "\"c\""),
            (TEXT.replace("3,b,a", "3,b,b"), "3 of its 3 answers"),
            (
                TEXT.replace(",logp_b", "")
                    .replace(",-2.5\n", "\n")
                    .replace(",-0.12345", ""),
                "1 classes, expected 2",
            ),
            (String::new(), "cut off"),
        ];
        for (text, reason) in bad {
            let error = predictions(&record(), text.as_bytes()).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn a_digest_sees_what_no_rule_sees() {
        let mut record = record();
        record.predictions_digest = Some(digest(TEXT.as_bytes()));
        assert!(predictions(&record, TEXT.as_bytes()).is_ok());
        let changed = TEXT.replace("-0.12345", "-0.12346");
        let error = predictions(&record, changed.as_bytes()).unwrap_err();
        assert!(error.contains(&digest(TEXT.as_bytes())), "{error}");
        record.predictions_digest = None;
        assert!(
            predictions(&record, changed.as_bytes()).is_ok(),
            "earlier records have none"
        );
    }

    #[test]
    fn numbers_that_nothing_can_have_measured_are_refused_by_name() {
        assert_eq!(numbers(&record()), Ok(()));
        type Spoil = fn(&mut TrialRecord);
        let bad: [(Spoil, &str); 8] = [
            (
                |r| r.test_accuracy = Some(1.5),
                "test_accuracy is 1.5, expected 0 to 1",
            ),
            (|r| r.test_accuracy = Some(f64::NAN), "test_accuracy is NaN"),
            (
                |r| r.validation_accuracy = Some(-0.1),
                "validation_accuracy is -0.1",
            ),
            (|r| r.test_loss = Some(f64::INFINITY), "test_loss is inf"),
            (|r| r.train_s = Some(-3.0), "train_s is -3.0"),
            (
                |r| r.eval_samples_per_s = Some(1e300),
                "eval_samples_per_s is 1e300",
            ),
            (|r| r.n_test = Some(0), "n_test is 0"),
            (
                |r| {
                    r.curve.push(CurvePoint {
                        elapsed_s: -1.0,
                        ..CurvePoint::default()
                    })
                },
                "point 0 of its curve",
            ),
        ];
        for (spoil, reason) in bad {
            let mut record = record();
            spoil(&mut record);
            let error = numbers(&record).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
    }
}
