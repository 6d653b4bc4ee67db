//! `run --dry-run`: what would run, with its predicted memory and time. Nothing runs and nothing is written.

mod table;

use crate::plan::Plan;
use crate::plan::matrix::Planned;
use crate::registry::{Methods, find};
use crate::run::estimate::{self, Estimate, Question};
use crate::run::found::Found;
use crate::run::job::Job;
use crate::run::kind::{Kind, kind};
use record::{Outcome, TrialSpec};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

/// One line: a method on a model, a task and a device with so many training examples, all seeds.
#[derive(Clone, Debug, Serialize)]
struct Line {
    method: String,
    variant: String,
    model: String,
    task: String,
    device: String,
    /// Training examples; `None` for all.
    train_limit: Option<usize>,
    /// Trials, and those of them that are on record.
    trials: usize,
    on_record: usize,
    /// Trainings of the search, in the first seed's trial.
    search_trainings: usize,
    predicted_peak_bytes: Option<u64>,
    predicted_memory: Option<record::PredictedMemory>,
    /// Of one trial, a search excluded.
    trial_seconds: Option<f64>,
    /// Of one training and its validation.
    #[serde(skip)]
    training_seconds: Option<f64>,
    /// Whether that was measured, on this plan's trials in the same directory.
    is_measured: bool,
    /// Of what is still to run, the search included.
    seconds_to_run: Option<f64>,
    /// Why its trials would fail.
    fails: Option<String>,
}

/// Everything that is said.
#[derive(Clone, Debug, Serialize)]
struct Preview {
    directory: String,
    trials: usize,
    to_run: usize,
    seconds_to_run: Option<f64>,
    machine_bytes: Option<u64>,
    lines: Vec<Line>,
}

/// Says what a run would be.
///
/// # Errors
/// A model or a task that a trial cannot use, a record that cannot be read.
pub(crate) fn show(
    methods: Methods,
    plan: &Plan,
    found: &Found,
    trials: &[Planned],
    path: &Path,
    as_json: bool,
) -> anyhow::Result<u8> {
    let estimates = estimates(methods, found, trials.iter(), path)?;
    let mut lines: Vec<Line> = Vec::new();
    let mut measured: Vec<Vec<f64>> = Vec::new();
    let mut places: HashMap<Kind, usize> = HashMap::new();
    for trial in trials {
        let kind = kind(&trial.spec);
        let place = match places.get(&kind) {
            Some(place) => *place,
            None => {
                let estimate = estimates.get(&kind);
                lines.push(line(methods, plan, &trial.spec, estimate)?);
                measured.push(Vec::new());
                places.insert(kind, lines.len() - 1);
                lines.len() - 1
            }
        };
        lines[place].trials += 1;
        if let Some(record) = report::store::read_record(path, &trial.id)? {
            lines[place].on_record += 1;
            let finished = record.outcome == Outcome::Finished;
            measured[place].extend(record.total_s.filter(|_| finished));
        }
    }
    for (line, measured) in lines.iter_mut().zip(measured) {
        line.time(measured);
    }
    let sum = |of: fn(&Line) -> usize| lines.iter().map(of).sum::<usize>();
    let preview = Preview {
        directory: path.display().to_string(),
        trials: sum(|line| line.trials),
        to_run: sum(|line| line.trials - line.on_record),
        seconds_to_run: lines
            .iter()
            .filter_map(|line| line.seconds_to_run)
            .reduce(|a, b| a + b),
        machine_bytes: measure::environment::ram_bytes(),
        lines,
    };
    if as_json {
        println!("{}", serde_json::to_string_pretty(&preview)?);
    } else {
        preview.print();
    }
    Ok(crate::FINISHED)
}

/// What a child says of each kind of trial.
pub(super) type Estimates = HashMap<Kind, Estimate>;

/// Asks one child for all methods of a model, a task and a device; methods without a model another.
///
/// # Errors
/// What a child says is wrong with a device, a model or a task.
pub(super) fn estimates<'a>(
    methods: Methods,
    found: &Found,
    trials: impl Iterator<Item = &'a Planned>,
    path: &Path,
) -> anyhow::Result<Estimates> {
    // By what one process can answer for.
    let mut asked: BTreeMap<(bool, [&String; 3]), Vec<&Planned>> = BTreeMap::new();
    let mut seen: HashSet<Kind> = HashSet::new();
    for trial in trials {
        let spec = &trial.spec;
        if seen.insert(kind(spec)) {
            let uses_model = find(methods, &spec.method)?.info().uses_model;
            let of = (uses_model, [&spec.model, &spec.task, &spec.device]);
            asked.entry(of).or_default().push(trial);
        }
    }
    let mut all = Estimates::new();
    for (_, mut group) in asked {
        // The pace is measured on the largest draw of the group.
        let examples = |trial: &&Planned| trial.spec.budget.train_limit.unwrap_or(usize::MAX);
        group.sort_by_key(|trial| std::cmp::Reverse(examples(trial)));
        let spec = group[0].spec.clone();
        let specs: Vec<TrialSpec> = group.iter().map(|trial| trial.spec.clone()).collect();
        let answers = estimate::ask(&Question {
            first: Job {
                trial_id: group[0].id.clone(),
                run_dir: path.to_owned(),
                model_dir: found.models[&spec.model].dir.clone(),
                task: found.tasks[&spec.task].0.clone(),
                spec,
                keep_adapter: false,
                quick: false,
                searched: None,
                attempts: Vec::new(),
                side_by_side: None,
                answers_dir: None,
            },
            specs: specs.clone(),
        })?;
        all.extend(specs.iter().map(kind).zip(answers));
    }
    Ok(all)
}

fn line(
    methods: Methods,
    plan: &Plan,
    spec: &TrialSpec,
    estimate: Option<&Estimate>,
) -> anyhow::Result<Line> {
    let estimate = estimate.cloned().unwrap_or_default();
    let searches = !find(methods, &spec.method)?.search_ranges().is_empty();
    Ok(Line {
        method: spec.method.clone(),
        variant: spec.variant.clone(),
        model: spec.model.clone(),
        task: spec.task.clone(),
        device: spec.device.clone(),
        train_limit: spec.budget.train_limit,
        trials: 0,
        on_record: 0,
        search_trainings: if searches { search_trainings(plan) } else { 0 },
        predicted_peak_bytes: estimate.memory.map(|memory| memory.peak_bytes),
        predicted_memory: estimate.memory,
        trial_seconds: estimate.seconds,
        training_seconds: estimate.training_seconds,
        is_measured: false,
        seconds_to_run: None,
        fails: estimate.fails,
    })
}

/// Trainings as long as a trial's that a search takes, no widening of its range counted.
pub(super) fn search_trainings(plan: &Plan) -> usize {
    let epochs = plan.budget.epochs;
    let cost = plan.budget.search.cost(plan.tune, epochs);
    cost.epochs.div_ceil(epochs.get())
}

impl Line {
    /// The time of what is still to run: as long as this plan's own trials took, where there are some.
    fn time(&mut self, mut measured: Vec<f64>) {
        let to_run = self.trials - self.on_record;
        if self.search_trainings == 0 && !measured.is_empty() {
            measured.sort_by(f64::total_cmp);
            self.trial_seconds = Some(measured[measured.len() / 2]);
            self.is_measured = true;
        }
        let search = match (self.search_trainings, self.on_record) {
            (0, _) => Some(0.0),
            (_, on_record) if on_record > 0 => Some(0.0),
            (trainings, _) => {
                let training = self.training_seconds;
                training.map(|seconds| trainings as f64 * seconds)
            }
        };
        self.seconds_to_run = self
            .trial_seconds
            .zip(search)
            .map(|(trial, search)| to_run as f64 * trial + search);
    }
}
