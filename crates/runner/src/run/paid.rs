//! Trials whose predictions are paid for: what may be spent, answers in place of scores, and what they took.

use crate::plan::Plan;
use crate::registry::{Methods, find};
use crate::run::calibrate;
use crate::run::job::Job;
use crate::run::notes;
use crate::run::observe::Observer;
use crate::run::score::unlabelled;
use adapt::{Answer, PredictError, Predictor};
use anyhow::{Context, bail};
use measure::Phase;
use measure::latency::Latencies;
use record::{Outcome, Prediction, TrialRecord};
use serde_json::Value;
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use task::{Split, Task};

/// Under which name a record has the calls that were on record before it.
const KEPT_CALLS: &str = "kept_calls";

/// Where a run keeps the answers that it has paid for, for all its trials.
pub(crate) fn answers_dir(run_dir: &Path) -> PathBuf {
    run_dir.join("answers")
}

/// Where a trial keeps them.
pub(crate) fn answers_dir_of(job: &Job) -> PathBuf {
    let of_run = job.answers_dir.clone();
    of_run.unwrap_or_else(|| answers_dir(&job.run_dir))
}

/// Refuses a limit of cost that nothing of the plan could keep to.
///
/// # Errors
/// A method without prices, or none that costs money.
pub(crate) fn check_limit(
    methods: Methods,
    plan: &Plan,
    max_cost_usd: Option<f64>,
) -> anyhow::Result<()> {
    if max_cost_usd.is_none() {
        return Ok(());
    }
    let mut costs_money = false;
    for arm in &plan.arms {
        match find(methods, &arm.method)?
            .plan(arm.config.clone())?
            .has_prices()
        {
            Some(true) => costs_money = true,
            Some(false) => bail!(
                "--max-cost: {} has no prices, without which nothing says what its predictions cost; set them (adaptbench methods says how) or leave out \
                 --max-cost",
                arm.method
            ),
            None => {}
        }
    }
    if !costs_money {
        bail!("--max-cost: no method of this run costs money; leave it out");
    }
    Ok(())
}

/// From now on no more than this is spent by the trials of the run.
///
/// # Errors
/// A directory that cannot be written.
pub(crate) fn limit(run_dir: &Path, max_cost_usd: f64) -> anyhow::Result<()> {
    let ledger = remote::Ledger::open(&answers_dir(run_dir))?;
    Ok(ledger.limit(max_cost_usd)?)
}

/// The trial after its fit: answers to the test split, what they took, and their metrics. What was paid for stands in the record, also where a
/// limit ended it.
///
/// # Errors
/// No answer, a limit, or a directory that cannot be written.
pub(crate) fn finish(
    record: &mut TrialRecord,
    job: &Job,
    (task, train): (&Task, &Split),
    predictor: &dyn Predictor,
    observer: &RefCell<Observer>,
) -> anyhow::Result<()> {
    observer.borrow_mut().begin(Phase::Evaluate);
    let answered = predictor.answers(&unlabelled(&task.test));
    let tested = task.test.len() as u64;
    observer.borrow_mut().recorder.step_done(tested);
    observer.borrow_mut().pause();
    took(record, predictor);
    record.details.extend(predictor.details());
    let footprint = predictor.footprint();
    record.trainable_params = Some(footprint.trainable_params);
    record.added_params = Some(footprint.added_params);
    record.stored_bytes = Some(footprint.stored_bytes);
    if let Err(PredictError::OverCost(_)) = &answered {
        record.outcome = Outcome::OverCost;
    }
    let answers = answered?.context("a method that is paid for gives no answers")?;
    score(record, &answers, task);
    record.reading = notes::reading(predictor, task, train)?;
    let rows = predictions(&answers, task);
    let written =
        report::store::write_predictions(&job.run_dir, &job.trial_id, &task.classes, &rows)?;
    record.predictions_digest = Some(written);
    if job.keep_adapter {
        let trial = report::store::trial_dir(&job.run_dir, &job.trial_id);
        predictor.save(&trial.join("adapter"))?;
    }
    Ok(())
}

fn took(record: &mut TrialRecord, predictor: &dyn Predictor) {
    let Some(usage) = predictor.usage() else {
        return;
    };
    record.calls = Some(usage.calls);
    record.failed_calls = Some(usage.failed_calls);
    record.input_tokens = usage.input_tokens;
    record.output_tokens = usage.output_tokens;
    record.cost_usd = usage.cost_usd;
    let timed = Latencies {
        seconds: usage.seconds,
        warm_up: 0,
    };
    record.predict_ms_p50 = timed.p50_ms();
    record.predict_ms_p95 = timed.p95_ms();
}

/// Takes out of a record the time of a test of which a part was on record: it is no time of a test.
pub(crate) fn without_times_of_kept(record: &mut TrialRecord) {
    let kept = record.details.get(KEPT_CALLS).and_then(Value::as_u64);
    if kept.is_some_and(|kept| kept > 0) {
        record.eval_s = None;
        record.eval_samples_per_s = None;
    }
}

/// An answer that is no class is a wrong one. Metrics of probabilities are those of all examples or none.
fn score(record: &mut TrialRecord, answers: &[Answer], task: &Task) {
    let labels = task.test.labels();
    let pairs = || answers.iter().map(|answer| answer.class).zip(&labels);
    let right = pairs().filter(|(class, label)| *class == Some(**label));
    if !labels.is_empty() {
        record.test_accuracy = Some(right.count() as f64 / labels.len() as f64);
    }
    record.test_macro_f1 = macro_f1(pairs, task.classes.len());
    let logs = answers.iter().map(|answer| {
        let logs = answer.log_probabilities.as_ref()?;
        Some(logs.iter().map(|log| *log as f32).collect::<Vec<f32>>())
    });
    let logs: Option<Vec<Vec<f32>>> = logs.collect();
    if let Some(logs) = logs.filter(|logs| !logs.is_empty()) {
        record.test_loss = Some(task::metrics::log_loss(&logs, &labels)).filter(|l| l.is_finite());
        record.calibration = calibrate::calibration(&logs, None, task);
    }
}

/// Mean over the classes that occur among labels or answers, as `task::metrics::macro_f1`.
fn macro_f1<'a, I>(pairs: impl Fn() -> I, classes: usize) -> Option<f64>
where
    I: Iterator<Item = (Option<usize>, &'a usize)>,
{
    let of_class = |class: usize| {
        let count = |is: fn(bool, bool) -> bool| {
            let found = pairs().filter(|(said, label)| is(*said == Some(class), **label == class));
            found.count() as f64
        };
        let (hits, said, labelled) = (
            count(|said, label| said && label),
            count(|said, _| said),
            count(|_, label| label),
        );
        (said + labelled > 0.0).then(|| 2.0 * hits / (said + labelled))
    };
    let all: Vec<f64> = (0..classes).filter_map(of_class).collect();
    (!all.is_empty()).then(|| all.iter().sum::<f64>() / all.len() as f64)
}

/// The rows of `predictions.csv`: an empty cell where nothing was answered.
fn predictions(answers: &[Answer], task: &Task) -> Vec<Prediction> {
    let classes = &task.classes;
    let rows = task.test.iter().zip(answers);
    rows.map(|(example, answer)| Prediction {
        row: example.row,
        label: classes[example.label].clone(),
        predicted: answer
            .class
            .map_or_else(String::new, |class| classes[class].clone()),
        log_probabilities: answer
            .log_probabilities
            .clone()
            .unwrap_or_else(|| vec![f64::NAN; classes.len()]),
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use record::TrialSpec;

    fn task() -> Task {
        let rows = "text\tlabel\none\ta\ntwo\tb\nthree\tc\nfour\ta\nfive\tb\n";
        let files = ["train.tsv", "validation.tsv", "test.tsv"].map(|name| (name, rows.as_bytes()));
        task::from_bytes("t", &files).unwrap()
    }

    fn answer(class: Option<usize>, likely: Option<f64>) -> Answer {
        let logs = |p: f64| {
            let rest = ((1.0 - p) / 2.0).ln();
            let mut logs = vec![rest; 3];
            logs[class.unwrap_or(0)] = p.ln();
            logs
        };
        Answer {
            class,
            log_probabilities: likely.map(logs),
        }
    }

    fn record() -> TrialRecord {
        TrialRecord::unmeasured("t".to_owned(), TrialSpec::default(), Outcome::Finished)
    }

    #[test]
    fn an_answer_that_is_no_class_is_wrong_and_leaves_no_loss() {
        let classes = [Some(0), None, Some(2), Some(1), Some(1)];
        let answers = classes.map(|class| answer(class, class.map(|_| 0.5)));
        let (task, mut record) = (task(), record());
        score(&mut record, &answers, &task);
        assert_eq!(record.test_accuracy, Some(0.6));
        // Of a and b one of two is right and one is missed or wrong; c is right.
        let expected = (2.0 / 3.0 + 0.5 + 1.0) / 3.0;
        assert!((record.test_macro_f1.unwrap() - expected).abs() < 1e-12);
        assert_eq!(record.test_loss, None);
        let rows = predictions(&answers, &task);
        assert_eq!(
            (rows[1].predicted.as_str(), rows[3].predicted.as_str()),
            ("", "b")
        );
        assert!(rows[1].log_probabilities.iter().all(|log| log.is_nan()));
    }

    #[test]
    fn with_every_probability_there_is_a_loss() {
        let answers = [0, 1, 2, 0, 1].map(|class| answer(Some(class), Some(0.5)));
        let mut record = record();
        score(&mut record, &answers, &task());
        assert!((record.test_loss.unwrap() - 0.5_f64.ln().abs()).abs() < 1e-6);
    }

    #[test]
    fn a_test_of_which_a_part_was_on_record_has_no_time() {
        let mut record = record();
        record.eval_s = Some(3.0);
        record.details.insert(KEPT_CALLS.to_owned(), 0.into());
        without_times_of_kept(&mut record);
        assert_eq!(record.eval_s, Some(3.0));
        record.details.insert(KEPT_CALLS.to_owned(), 2.into());
        without_times_of_kept(&mut record);
        assert_eq!(record.eval_s, None);
    }
}
