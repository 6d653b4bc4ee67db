//! `run --dry-run`: what would run, with its predicted memory and time. Nothing runs and nothing is written.

use crate::plan::Plan;
use crate::plan::matrix::Planned;
use crate::registry::{Methods, find};
use crate::run::estimate::{self, Estimate, Question};
use crate::run::found::Found;
use crate::run::job::Job;
use crate::terminal::{self, say};
use record::{Outcome, TrialSpec};
use report::units;
use serde::Serialize;
use std::path::Path;

/// One line: a method on a model, a task and a device, all seeds.
#[derive(Clone, Debug, Serialize)]
struct Line {
    method: String,
    variant: String,
    model: String,
    task: String,
    device: String,
    /// Trials, and those of them that are on record.
    trials: usize,
    on_record: usize,
    /// Trainings of the search, in the first seed's trial.
    search_trainings: usize,
    predicted_peak_bytes: Option<u64>,
    predicted_memory: Option<record::PredictedMemory>,
    /// Of one trial, a search excluded.
    trial_seconds: Option<f64>,
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
    let estimates = estimates(methods, found, trials, path)?;
    let mut lines: Vec<Line> = Vec::new();
    let mut measured: Vec<Vec<f64>> = Vec::new();
    for trial in trials {
        let place = match lines.iter().position(|line| line.is_of(&trial.spec)) {
            Some(place) => place,
            None => {
                lines.push(line(methods, plan, &trial.spec, &estimates)?);
                measured.push(Vec::new());
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
        line.time(measured, &estimates);
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

/// The first trial of each line with what a child says of it.
type Estimates = Vec<(TrialSpec, Estimate)>;

/// Asks one child for all methods of a model, a task and a device; methods without a model another.
fn estimates(
    methods: Methods,
    found: &Found,
    trials: &[Planned],
    path: &Path,
) -> anyhow::Result<Estimates> {
    let mut asked: Vec<(bool, Vec<&Planned>)> = Vec::new();
    let mut seen: Vec<&TrialSpec> = Vec::new();
    for trial in trials {
        let spec = &trial.spec;
        if seen.iter().any(|other| same_line(other, spec)) {
            continue;
        }
        seen.push(spec);
        let uses_model = find(methods, &spec.method)?.info().uses_model;
        let same_process = |(other_uses, others): &&mut (bool, Vec<&Planned>)| {
            let other = &others[0].spec;
            *other_uses == uses_model
                && (&other.model, &other.task, &other.device)
                    == (&spec.model, &spec.task, &spec.device)
        };
        match asked.iter_mut().find(same_process) {
            Some((_, group)) => group.push(trial),
            None => asked.push((uses_model, vec![trial])),
        }
    }
    let mut all = Estimates::new();
    for (_, group) in asked {
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
            },
            specs: specs.clone(),
        })?;
        all.extend(specs.into_iter().zip(answers));
    }
    Ok(all)
}

fn same_line(a: &TrialSpec, b: &TrialSpec) -> bool {
    let key = |spec: &TrialSpec| {
        [
            &spec.method,
            &spec.variant,
            &spec.model,
            &spec.task,
            &spec.device,
        ]
        .map(Clone::clone)
    };
    key(a) == key(b)
}

fn line(
    methods: Methods,
    plan: &Plan,
    spec: &TrialSpec,
    estimates: &Estimates,
) -> anyhow::Result<Line> {
    let found = estimates.iter().find(|(other, _)| same_line(other, spec));
    let estimate = found
        .map(|(_, estimate)| estimate.clone())
        .unwrap_or_default();
    let searches = !find(methods, &spec.method)?.search_ranges().is_empty();
    Ok(Line {
        method: spec.method.clone(),
        variant: spec.variant.clone(),
        model: spec.model.clone(),
        task: spec.task.clone(),
        device: spec.device.clone(),
        trials: 0,
        on_record: 0,
        search_trainings: if searches { search_trainings(plan) } else { 0 },
        predicted_peak_bytes: estimate.memory.map(|memory| memory.peak_bytes),
        predicted_memory: estimate.memory,
        trial_seconds: estimate.seconds,
        is_measured: false,
        seconds_to_run: None,
        fails: estimate.fails,
    })
}

/// Trainings as long as a trial's that a search takes, no widening of its range counted.
fn search_trainings(plan: &Plan) -> usize {
    let epochs = plan.budget.epochs;
    let cost = plan.budget.search.cost(plan.tune, epochs);
    cost.epochs.div_ceil(epochs.get())
}

impl Line {
    fn is_of(&self, spec: &TrialSpec) -> bool {
        [
            &self.method,
            &self.variant,
            &self.model,
            &self.task,
            &self.device,
        ] == [
            &spec.method,
            &spec.variant,
            &spec.model,
            &spec.task,
            &spec.device,
        ]
    }

    /// The time of what is still to run: as long as this plan's own trials took, where there are some.
    fn time(&mut self, mut measured: Vec<f64>, estimates: &Estimates) {
        let to_run = self.trials - self.on_record;
        if self.search_trainings == 0 && !measured.is_empty() {
            measured.sort_by(f64::total_cmp);
            self.trial_seconds = Some(measured[measured.len() / 2]);
            self.is_measured = true;
        }
        let estimate = estimates.iter().find(|(spec, _)| self.is_of(spec));
        let training = estimate.and_then(|(_, estimate)| estimate.training_seconds);
        let search = match (self.search_trainings, self.on_record) {
            (0, _) => Some(0.0),
            (_, on_record) if on_record > 0 => Some(0.0),
            (trainings, _) => training.map(|seconds| trainings as f64 * seconds),
        };
        self.seconds_to_run = self
            .trial_seconds
            .zip(search)
            .map(|(trial, search)| to_run as f64 * trial + search);
    }

    fn cells(&self, columns: &[Column], machine: Option<u64>) -> Vec<String> {
        columns
            .iter()
            .map(|column| (column.cell)(self, machine))
            .collect()
    }
}

/// A column of the table.
struct Column {
    name: &'static str,
    cell: fn(&Line, Option<u64>) -> String,
}

fn known<T>(value: Option<T>, text: impl Fn(T) -> String) -> String {
    value.map_or_else(String::new, text)
}

const METHOD: Column = Column {
    name: "method",
    cell: |line, _| match line.variant.as_str() {
        "" => line.method.clone(),
        variant => format!("{} {variant}", line.method),
    },
};
const MODEL: Column = Column {
    name: "model",
    cell: |line, _| line.model.clone(),
};
const TASK: Column = Column {
    name: "task",
    cell: |line, _| line.task.clone(),
};
const DEVICE: Column = Column {
    name: "device",
    cell: |line, _| line.device.clone(),
};
const TRIALS: Column = Column {
    name: "trials",
    cell: |line, _| match line.search_trainings {
        0 => line.trials.to_string(),
        n => format!("{} + search of {n}", line.trials),
    },
};
const MEMORY: Column = Column {
    name: "peak memory",
    cell: |line, machine| {
        let too_much = |bytes: u64| machine.is_some_and(|machine| bytes > machine);
        known(line.predicted_peak_bytes, |bytes| {
            let mark = if too_much(bytes) {
                ", more than there is"
            } else {
                ""
            };
            format!("{}{mark}", units::bytes(bytes as f64))
        })
    },
};
const TRIAL_TIME: Column = Column {
    name: "a trial",
    cell: |line, _| {
        let mark = if line.is_measured { ", measured" } else { "" };
        known(line.trial_seconds, |seconds| {
            format!("{}{mark}", units::seconds(seconds))
        })
    },
};
const ALL_TIME: Column = Column {
    name: "to run",
    cell: |line, _| match &line.fails {
        Some(reason) => format!("fails: {reason}"),
        None => known(line.seconds_to_run, units::seconds),
    },
};

impl Preview {
    fn print(&self) {
        let several = |part: fn(&Line) -> &String| {
            let first = self.lines.first().map(part);
            self.lines.iter().any(|line| Some(part(line)) != first)
        };
        let mut columns = vec![METHOD];
        for (is_shown, column) in [
            (several(|line| &line.model), MODEL),
            (several(|line| &line.task), TASK),
            (several(|line| &line.device), DEVICE),
        ] {
            if is_shown {
                columns.push(column);
            }
        }
        columns.extend([TRIALS, MEMORY, TRIAL_TIME, ALL_TIME]);
        let names: Vec<&str> = columns.iter().map(|column| column.name).collect();
        let rows: Vec<Vec<String>> = self
            .lines
            .iter()
            .map(|line| line.cells(&columns, self.machine_bytes))
            .collect();
        say(terminal::table(&names, &rows, terminal::width()).trim_end());
        for sentence in self.sentences() {
            say(format!(
                "\n{}",
                terminal::wrapped(&sentence, terminal::width(), "")
            ));
        }
    }

    fn sentences(&self) -> Vec<String> {
        let mut said = Vec::new();
        if let Some(machine) = self.machine_bytes {
            let machine = units::bytes(machine as f64);
            said.push(format!(
                "Peak memory is the most that a trial's process will have resident while it trains, predicted; this machine has {machine}. \
                 Empty where a method does not tell what it holds, or holds it on a device."
            ));
        }
        let too_large: Vec<String> = self
            .lines
            .iter()
            .filter(|line| {
                line.predicted_peak_bytes
                    .zip(self.machine_bytes)
                    .is_some_and(|(bytes, machine)| bytes > machine)
            })
            .map(|line| (METHOD.cell)(line, None))
            .collect();
        if !too_large.is_empty() {
            said.push(format!(
                "warning: {} will not fit into this machine's memory; a smaller --set budget.micro_batch holds fewer activations at once and \
                 trains the same.",
                too_large.join(", ")
            ));
        }
        let unknown: usize = self
            .lines
            .iter()
            .filter(|line| line.seconds_to_run.is_none())
            .map(|line| line.trials - line.on_record)
            .sum();
        let all = known(self.seconds_to_run, |seconds| {
            format!("About {} in all", units::seconds(seconds))
        });
        if !all.is_empty() {
            let without = match unknown {
                0 => String::new(),
                n => format!(", without {n} trials whose time is not told beforehand"),
            };
            let error = 100.0 * measure::time_model::TYPICAL_ERROR;
            said.push(format!(
                "{all}{without}. Times are estimates, from the operations of each method and the rate at which this machine just ran the model \
                 forwards: on the committed runs, half of the trainings are within {error:.0} % of theirs; a busy machine is slower."
            ));
        }
        let kept = self.trials - self.to_run;
        let on_record = match kept {
            0 => String::new(),
            n => format!(" ({n} of {} are on record there)", self.trials),
        };
        said.push(format!(
            "Nothing ran and nothing was written. Without --dry-run, {} trials run{on_record} and their results go to {}: trials.csv, curves.csv, \
             summary.csv, charts, index.html, and trials/<id>/record.json for each.",
            self.to_run, self.directory
        ));
        said
    }
}
