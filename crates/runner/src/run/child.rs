//! One trial, in a process of its own: load, search, fit, evaluate, and one record at the end, whatever happened.

use crate::panics;
use crate::registry::{Methods, find};
use crate::run::calibrate;
use crate::run::forgetting;
use crate::run::inference;
use crate::run::job::{self, Job};
use crate::run::memory::{self, Ahead};
use crate::run::notes;
use crate::run::observe::Observer;
use crate::run::paid;
use crate::run::score::{count_operations, log_probabilities, predictions, score, unlabelled};
use crate::sources::{self, devices};
use crate::terminal::tell;
use crate::words::{names_disk, of_error};
use adapt::{Budget, Level, Method, Predictor, Setting, sub_seed};
use anyhow::Context;
use burn::tensor::Device;
use measure::Phase;
use measure::memory_model::Holding;
use record::{Outcome, PredictedMemory, TrialRecord, TrialSpec};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use task::{Split, Task};
use transformer::{LoadError, Pretrained};

/// Reads a [`Job`] from stdin and runs it. The exit code says whether the trial finished; the record says everything else.
pub(crate) fn main(methods: Methods) -> ExitCode {
    let observer = RefCell::new(Observer::new());
    let job: Job = match job::receive() {
        Ok(job) => job,
        Err(error) => {
            tell(format!("error: {}", of_error(&error)));
            return ExitCode::from(crate::BAD_INPUT);
        }
    };
    devices::allow();
    let mut record =
        TrialRecord::unmeasured(job.trial_id.clone(), job.spec.clone(), Outcome::Finished);
    let done = catch_unwind(AssertUnwindSafe(|| {
        trial(methods, &job, &mut record, &observer)
    }));
    let failure = match done {
        Ok(Ok(())) => None,
        Ok(Err(error)) if names_disk(&error) => return not_written(&error),
        Ok(Err(error)) => Some(of_error(&error)),
        Err(panic) => Some(format!("panicked: {}", panics::message(&*panic))),
    };
    if let Some(text) = failure {
        tell(format!("error: {text}"));
        record.outcome = match record.outcome {
            Outcome::OverCost => Outcome::OverCost, // known where it was found
            _ if names_memory(&text) => Outcome::OutOfMemory,
            _ => Outcome::Failed,
        };
        record.error = Some(text);
    }
    // A panic within the observer itself leaves it borrowed for good; then there is nothing measured to keep.
    if observer.try_borrow_mut().is_ok() {
        observer.into_inner().fill(&mut record);
    }
    paid::without_times_of_kept(&mut record);
    job.sign(&mut record);
    match report::store::write_record(&job.run_dir, &record) {
        Err(error) => not_written(&error.into()),
        Ok(()) if record.outcome == Outcome::Finished => ExitCode::SUCCESS,
        Ok(()) => ExitCode::from(crate::SOME_FAILED),
    }
}

/// The end without a record, so that the trial is run again when there is room.
fn not_written(error: &anyhow::Error) -> ExitCode {
    tell(format!("error: {}", of_error(error)));
    ExitCode::from(crate::NOT_WRITTEN)
}

/// Whether an error is a device's way of refusing memory (the heap's refusal ends the process and is seen by the parent).
fn names_memory(text: &str) -> bool {
    let text = text.to_lowercase().replace(['_', '-'], " ");
    [
        "out of memory",
        "outofmemory",
        "not enough memory",
        "cannot allocate memory",
    ]
    .iter()
    .any(|sign| text.contains(sign))
}

/// Loads, searches and fits, and scores the test split; what is known of it by then stands in `record`, whatever ends it.
fn trial(
    methods: Methods,
    job: &Job,
    record: &mut TrialRecord,
    observer: &RefCell<Observer>,
) -> anyhow::Result<()> {
    observer.borrow_mut().begin(Phase::Load);
    let (prepared, base) = prepare(methods, job)?;
    let model = base
        .as_ref()
        .map(|base| (base.shape.clone(), base.tokenizer.clone()));
    let has_head = base
        .as_ref()
        .is_some_and(|base| base.language_head.is_some());
    observer.borrow_mut().watch_device(prepared.device.clone());
    observer.borrow_mut().pause();
    let Prepared { task, train, .. } = &prepared;
    record.n_train = Some(train.len() as u64);
    record.n_validation = Some(task.validation.len() as u64);
    record.n_test = Some(task.test.len() as u64);
    record.classes = Some(task.classes.len() as u64);
    record.notes = notes::of_sources(task, train, prepared.is_limited, base.as_ref());

    record.predicted_memory = predicted_memory(&prepared, job, base.as_ref())?;

    let predictor = fit(&prepared, job, base, observer)?;
    if predictor.usage().is_some() {
        return paid::finish(record, job, (task, train), &*predictor, observer);
    }
    let validated = validate(&*predictor, &prepared, observer)?;
    let log_probs = evaluate(&*predictor, &prepared, observer)?;
    let validated =
        validated.map_or_else(|| validated_by_fit(&*predictor, &prepared), |v| Ok(Some(v)))?;

    score(record, &log_probs, task);
    record.calibration = calibrate::calibration(&log_probs, validated.as_deref(), task);
    record.reading = notes::reading(&*predictor, task, train)?;
    let footprint = predictor.footprint();
    record.trainable_params = Some(footprint.trainable_params);
    record.added_params = Some(footprint.added_params);
    record.total_params = Some(footprint.total_params);
    record.stored_bytes = Some(footprint.stored_bytes);
    record.details.extend(predictor.details());
    if let Some((shape, tokenizer)) = &model {
        count_operations(
            record,
            task,
            train,
            shape,
            tokenizer,
            &prepared.budget,
            &footprint,
            observer.borrow().passes(),
        );
    }
    let predictions = predictions(&log_probs, task);
    let digest =
        report::store::write_predictions(&job.run_dir, &job.trial_id, &task.classes, &predictions)?;
    record.predictions_digest = Some(digest);

    let (test, device) = (&task.test, &prepared.device);
    let timing = inference::timing(job.quick);
    inference::predictions(record, &*predictor, test, device, timing, observer);
    let retained = model.filter(|_| has_head).and_then(|(shape, tokenizer)| {
        let probe = forgetting::probe(record, &shape, &tokenizer, &footprint, device)?;
        Some((probe.adapted(&*predictor), probe))
    });
    let places = inference::Places {
        trial_dir: &report::store::trial_dir(&job.run_dir, &job.trial_id),
        keep: job.keep_adapter,
    };
    let saved = inference::save(record, &*predictor, &places)?;
    drop(predictor); // no two models stand in memory
    if retained.is_none() && saved.is_none() {
        return Ok(());
    }
    let base = match load_again(&prepared, job) {
        Ok(base) => base,
        Err(error) => {
            tell(format!(
                "warning: the model cannot be loaded again: {error}"
            ));
            return Ok(());
        }
    };
    if let (Some((adapted, probe)), Some(base)) = (retained, &base) {
        forgetting::measure(record, &probe, adapted, base);
    }
    if let Some(saved) = saved {
        inference::adapter_load(
            record,
            prepared.method,
            &saved,
            base.as_ref(),
            device,
            observer,
        );
    }
    Ok(())
}

/// The model as it was before the fit, which consumed it.
fn load_again(prepared: &Prepared, job: &Job) -> Result<Option<Pretrained>, LoadError> {
    if prepared.method.info().uses_model {
        transformer::load(&job.model_dir, &prepared.device).map(Some)
    } else {
        Ok(None)
    }
}

/// What the fit will hold in memory, told before it.
fn predicted_memory(
    prepared: &Prepared,
    job: &Job,
    base: Option<&Pretrained>,
) -> anyhow::Result<Option<PredictedMemory>> {
    let Some(held) = Holding::now() else {
        return Ok(None);
    };
    let searched = job.searched.as_ref().map(|searched| &searched.best);
    let config = searched.unwrap_or(&job.spec.config).clone();
    let ahead = Ahead {
        plan: &*prepared.method.plan(config)?,
        base,
        task: &prepared.task,
        train: &prepared.train,
        budget: &prepared.budget,
        seed: job.spec.seed,
        device: &job.spec.device,
    };
    memory::predict(&ahead, held)
}

/// What a trial computes with, the model aside, which its fit consumes.
pub(crate) struct Prepared {
    method: &'static dyn Method,
    pub(crate) budget: Budget,
    search_trials: usize,
    device: Device,
    /// Validation and test split within their limits.
    pub(crate) task: Task,
    /// The seed's draw from the training split.
    pub(crate) train: Split,
    /// Whether limits left out anything of the files.
    is_limited: bool,
}

/// Opens the device, reads the task, draws the examples and loads the model, if the method uses one.
///
/// # Errors
/// What of these cannot be used.
pub(crate) fn prepare(
    methods: Methods,
    job: &Job,
) -> anyhow::Result<(Prepared, Option<Pretrained>)> {
    let spec = &job.spec;
    let method = find(methods, &spec.method)?;
    let limits = &spec.budget;
    let training = serde_json::from_value(Value::Object(limits.training.clone()))
        .context("the trial's budget")?;
    let device = devices::open(&spec.device)?;
    let mut task = sources::read_task(&job.task)?;
    let whole = sizes(&task, &task.train);
    limit(
        &mut task.validation,
        limits.validation_limit,
        "validation sample",
    );
    limit(&mut task.test, limits.test_limit, "test sample");
    let train = draw(&task, spec);
    let is_limited = sizes(&task, &train) != whole;
    let base = match method.info().uses_model {
        true => Some(transformer::load(&job.model_dir, &device)?),
        false => None,
    };
    let prepared = Prepared {
        method,
        budget: training,
        search_trials: limits.tune,
        device,
        task,
        train,
        is_limited,
    };
    Ok((prepared, base))
}

/// The seed's draw from the training split: the same for every method, and the start of every larger draw.
pub(crate) fn draw(task: &Task, spec: &TrialSpec) -> Split {
    match spec.budget.train_limit {
        Some(n) => task::few_shot(
            &task.train,
            n,
            task.classes.len(),
            sub_seed(spec.seed, "draw"),
        ),
        None => task.train.clone(),
    }
}

fn sizes(task: &Task, train: &Split) -> [usize; 3] {
    [train, &task.validation, &task.test].map(Split::len)
}

/// Draws `limit` examples. No seed of the trial's: every trial is chosen and scored by the same ones.
fn limit(split: &mut Split, limit: Option<usize>, draw: &str) {
    if let Some(n) = limit.filter(|&n| n < split.len()) {
        *split = task::sample(split, n, sub_seed(0, draw));
    }
}

/// The search, if there is one, and the fit.
fn fit(
    prepared: &Prepared,
    job: &Job,
    base: Option<Pretrained>,
    observer: &RefCell<Observer>,
) -> anyhow::Result<Box<dyn Predictor>> {
    let method = prepared.method;
    let device = prepared.device.clone().autodiff();
    let mut events = |event| observer.borrow_mut().event(event);
    let mut setting = Setting {
        base,
        classes: &prepared.task.classes,
        descriptions: prepared.task.descriptions.as_deref(),
        train: &prepared.train,
        validation: &prepared.task.validation,
        budget: prepared.budget.clone(),
        seed: job.spec.seed,
        device: &device,
        shared: None,
        events: &mut events,
    };
    let mut config = job.spec.config.clone();
    if let Some(searched) = &job.searched {
        config = searched.best.clone();
        let mut found = json!({"searched_by": searched.trial_id, "best": searched.best});
        if let Some(epochs) = searched.epochs {
            setting.budget.epochs = epochs;
            found["epochs"] = epochs.get().into();
        }
        observer.borrow_mut().detail("tune", found);
    } else if let Some(n) = NonZeroUsize::new(prepared.search_trials) {
        println!("{}tune", job::PHASE_MARK);
        observer.borrow_mut().recorder.enter_tune();
        let found = adapt::tune(method, &config, n, &setting);
        observer.borrow_mut().recorder.leave_tune();
        match found? {
            Some(found) => {
                config = found.best.clone();
                setting.budget.epochs = found.epochs;
                let mut observer = observer.borrow_mut();
                observer.searched(found.trainings(), !found.at_edge.is_empty());
                observer.detail("tune", serde_json::to_value(&found)?);
            }
            None => observer
                .borrow_mut()
                .detail("tune", json!("nothing to search")),
        }
    }
    let mut plan = method.plan(config)?;
    plan.keep_answers_in(&paid::answers_dir_of(job));
    let predictor = plan.fit(setting)?;
    observer.borrow_mut().pause();
    Ok(predictor)
}

/// Accuracy on the validation split and the log-probabilities of its classes, where the fit did not say it.
fn validate(
    predictor: &dyn Predictor,
    prepared: &Prepared,
    observer: &RefCell<Observer>,
) -> anyhow::Result<Option<Vec<Vec<f32>>>> {
    if observer.borrow().validated() || prepared.method.info().level == Level::Text {
        return Ok(None);
    }
    observer.borrow_mut().begin(Phase::Validate);
    let validation = &prepared.task.validation;
    let logits = predictor.scores(&unlabelled(validation))?;
    let log_probs = log_probabilities(&logits, &prepared.task)?;
    let accuracy = task::metrics::accuracy(&log_probs, &validation.labels());
    observer.borrow_mut().set_validation(accuracy);
    Ok(Some(log_probs))
}

/// Log-probabilities of the validation split's classes, of which a fit that validated told the accuracy only. No clock runs. What asks a model in words is
/// not asked again: there a text may cost as much as it does in use.
fn validated_by_fit(
    predictor: &dyn Predictor,
    prepared: &Prepared,
) -> anyhow::Result<Option<Vec<Vec<f32>>>> {
    if prepared.method.info().level == Level::Text {
        return Ok(None);
    }
    let logits = predictor.scores(&unlabelled(&prepared.task.validation))?;
    log_probabilities(&logits, &prepared.task).map(Some)
}

/// Log-probabilities of the test split's classes, computed under the clock.
fn evaluate(
    predictor: &dyn Predictor,
    prepared: &Prepared,
    observer: &RefCell<Observer>,
) -> anyhow::Result<Vec<Vec<f32>>> {
    let test = &prepared.task.test;
    observer.borrow_mut().begin(Phase::Evaluate);
    let logits = predictor.scores(&unlabelled(test))?;
    let _ = prepared.device.sync();
    observer.borrow_mut().recorder.step_done(test.len() as u64);
    observer.borrow_mut().pause();
    log_probabilities(&logits, &prepared.task)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_points_of_a_curve_are_nested_draws_that_every_method_shares() {
        let rows = (0..60).map(|i| format!("text {i}\t{}\n", ["a", "b", "c"][i % 3]));
        let file = format!("text\tlabel\n{}", rows.collect::<String>());
        let files = [
            ("train.tsv", file.as_bytes()),
            ("test.tsv", file.as_bytes()),
        ];
        let task = task::from_bytes("t", &files).unwrap();
        let rows = |method: &str, limit, seed| -> Vec<u64> {
            let mut spec = TrialSpec {
                method: method.into(),
                seed,
                ..TrialSpec::default()
            };
            spec.budget.train_limit = Some(limit);
            draw(&task, &spec)
                .iter()
                .map(|example| example.row)
                .collect()
        };
        let few = rows("x", 8, 4);
        assert_eq!(rows("x", 16, 4)[..8], few);
        assert_eq!(rows("y", 8, 4), few);
        assert_ne!(rows("x", 8, 5), few);
    }

    #[test]
    fn devices_refuse_memory_in_many_words() {
        for text in [
            "CUDA_ERROR_OUT_OF_MEMORY",
            "Validation: Not enough memory left",
            "panicked: OutOfMemory",
        ] {
            assert!(names_memory(text), "{text}");
        }
        assert!(!names_memory("the loss became NaN"));
    }
}
