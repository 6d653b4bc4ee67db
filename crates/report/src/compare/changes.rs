//! What differs between two runs besides their numbers: settings, data, machine, program. Key by key, and only what differs.

use super::ArmPair;
use crate::names::Identity;
use crate::run::{Group, Run};
use crate::units;
use record::{Outcome, RunInfo};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What stands where a record has nothing.
const NOT_ON_RECORD: &str = "not on record";
/// What stands for a setting that is not set.
const NONE: &str = "none";

/// One thing that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// What.
    pub what: String,
    /// In the first run.
    pub first: String,
    /// In the second.
    pub second: String,
    /// The arms it holds for; none where it holds for the run.
    pub arms: Vec<String>,
}

/// Everything that differs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Settings of the arms that both have, and of the plan.
    pub settings: Vec<Changed>,
    /// Files of models and tasks, and what is noted on them.
    pub data: Vec<Changed>,
    /// Processor, memory, graphics, system.
    pub machine: Vec<Changed>,
    /// Sources, compiler, libraries, profile.
    pub program: Vec<Changed>,
    /// Whether times mean the same in both.
    pub machines: Machines,
}

/// Whether two runs were made on the same machine, as far as their records tell: they do not name it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Machines {
    /// The same processor, cores, memory and graphics.
    Same,
    /// Another one.
    Other,
    /// A run does not say.
    #[default]
    Unknown,
}

type Pairs = BTreeMap<String, String>;

pub(super) fn between(
    first: &Run,
    second: &Run,
    groups: &[(&Group<'_>, &Group<'_>)],
    arms: &[ArmPair<'_>],
) -> Changes {
    let mut machine = differing(machine(&first.info), machine(&second.info));
    machine.extend(kinds_changed(first, second));
    Changes {
        settings: settings(first, second, arms),
        data: data(first, second, groups),
        machines: machines(first, second),
        machine,
        program: differing(program(&first.info), program(&second.info)),
    }
}

fn differing(first: Pairs, second: Pairs) -> Vec<Changed> {
    let keys: BTreeSet<&String> = first.keys().chain(second.keys()).collect();
    let value = |of: &Pairs, key: &String| {
        of.get(key)
            .cloned()
            .unwrap_or_else(|| NOT_ON_RECORD.to_owned())
    };
    let changed = keys.into_iter().map(|key| Changed {
        what: key.clone(),
        first: value(&first, key),
        second: value(&second, key),
        arms: Vec::new(),
    });
    changed.filter(|c| c.first != c.second).collect()
}

fn pairs<const N: usize>(of: [(&str, Option<String>); N]) -> Pairs {
    let known = of.into_iter().filter(|(_, value)| value.is_some());
    known
        .map(|(name, value)| (name.to_owned(), value.unwrap_or_default()))
        .collect()
}

fn machine(info: &RunInfo) -> Pairs {
    pairs([
        ("processor", info.cpu.clone()),
        ("cores", info.cores.map(|n| n.to_string())),
        ("memory", info.ram_bytes.map(|b| units::bytes(b as f64))),
        ("graphics", info.gpu.clone()),
        ("driver", info.driver.clone()),
        ("system", info.os.clone()),
    ])
}

/// The kinds of machines that the trials of a run finished on; `None` where the records name none, and run.json's stands for all.
fn kinds(run: &Run) -> Option<BTreeSet<Option<String>>> {
    let finished = run.trials.iter().map(|trial| &trial.record);
    let finished = finished.filter(|record| record.outcome == Outcome::Finished);
    let mut named = finished.clone().filter(|record| record.machine.is_some());
    named.next()?;
    let own = crate::machines::own(&run.info);
    Some(
        finished
            .map(|r| crate::machines::kind(r, own.as_deref()))
            .collect(),
    )
}

/// The machines of the trials, where they are on record and differ.
fn kinds_changed(first: &Run, second: &Run) -> Option<Changed> {
    let said = |run: &Run| {
        let kinds = kinds(run)?.into_iter();
        let kinds: Vec<String> = kinds
            .map(|kind| kind.unwrap_or_else(|| NOT_ON_RECORD.to_owned()))
            .collect();
        Some(kinds.join("; "))
    };
    let [first, second] = [first, second].map(said);
    (first != second && first.is_some() && second.is_some()).then(|| Changed {
        what: "machines of the trials".to_owned(),
        first: first.unwrap_or_default(),
        second: second.unwrap_or_default(),
        arms: Vec::new(),
    })
}

/// By the machines of the trials, where both runs have them on record: the same where some kind is in both, whose times alone are compared.
fn machines(first: &Run, second: &Run) -> Machines {
    match (kinds(first), kinds(second)) {
        (Some(a), Some(b)) if a.contains(&None) || b.contains(&None) => Machines::Unknown,
        (Some(a), Some(b)) if a.is_disjoint(&b) => Machines::Other,
        (Some(_), Some(_)) => Machines::Same,
        _ => machines_of_runs(&first.info, &second.info),
    }
}

fn machines_of_runs(first: &RunInfo, second: &RunInfo) -> Machines {
    let hardware = |info: &RunInfo| {
        let mut all = machine(info);
        // Software: it may change times, and is shown; the machine stays the same.
        all.retain(|name, _| !["driver", "system"].contains(&name.as_str()));
        all
    };
    let (a, b) = (hardware(first), hardware(second));
    let is_known = |of: &Pairs| {
        ["processor", "cores"]
            .iter()
            .all(|key| of.contains_key(*key))
    };
    match (is_known(&a) && is_known(&b), a == b) {
        (true, true) => Machines::Same,
        (true, false) => Machines::Other,
        (false, _) => Machines::Unknown,
    }
}

fn program(info: &RunInfo) -> Pairs {
    let short = |digest: &String| digest.get(..8).unwrap_or(digest).to_owned();
    let revision = info.git_revision.as_ref().map(|revision| {
        if info.git_dirty == Some(true) {
            // Which changes is not on record: the same revision may be another program.
            format!("{} with changes (run {})", short(revision), info.started_at)
        } else {
            short(revision)
        }
    });
    pairs([
        ("sources", revision),
        ("compiler", info.rustc.clone()),
        ("Cargo.lock", info.cargo_lock_digest.as_ref().map(short)),
        ("burn", Some(info.burn_version.clone())),
        ("profile", Some(info.profile.clone())),
        ("features", Some(info.features.join(", "))),
    ])
}

fn settings(first: &Run, second: &Run, arms: &[ArmPair<'_>]) -> Vec<Changed> {
    let mut all: Vec<Changed> = Vec::new();
    for pair in arms {
        for changed in differing(of_arm(pair.first), of_arm(pair.second)) {
            let same = |c: &&mut Changed| {
                (&c.what, &c.first, &c.second) == (&changed.what, &changed.first, &changed.second)
            };
            match all.iter_mut().find(same) {
                Some(known) => known.arms.push(pair.label.clone()),
                None => all.push(Changed {
                    arms: vec![pair.label.clone()],
                    ..changed
                }),
            }
        }
    }
    let labels: BTreeSet<&String> = arms.iter().map(|pair| &pair.label).collect();
    for changed in &mut all {
        changed.arms.sort();
        changed.arms.dedup();
        if changed.arms.len() == labels.len() {
            changed.arms.clear();
        }
    }
    all.sort_by_key(|changed| (!changed.arms.is_empty(), changed.what.clone()));
    all.extend(differing(of_plan(&first.info), of_plan(&second.info)));
    all
}

/// What decided the trials of an arm, the settings that a search found included.
fn of_arm(arm: &crate::Arm<'_>) -> Pairs {
    let record = &arm.trials[0].record;
    let mut all = Pairs::new();
    all.insert("device".to_owned(), record.spec.device.clone());
    flatten("budget", &record.spec.budget.to_json(), &mut all);
    for limit in ["budget.validation_limit", "budget.test_limit"] {
        // Left out of a budget that has none.
        all.entry(limit.to_owned())
            .or_insert_with(|| NONE.to_owned());
    }
    flatten("", record.config(), &mut all);
    if let Some(rate) = record.head_learning_rate {
        all.insert("head learning rate".to_owned(), rate.to_string());
    }
    let seeds = arm.trials.iter().map(|trial| trial.record.spec.seed);
    all.insert("seeds".to_owned(), ranges(seeds));
    let mut count = |name: &str, of: fn(&record::TrialRecord) -> Option<u64>| {
        if let Some(n) = arm.trials.iter().find_map(|trial| of(&trial.record)) {
            all.insert(name.to_owned(), n.to_string());
        }
    };
    if record.details.contains_key("tune") {
        count("epochs found by search", record::TrialRecord::epochs);
    }
    count("training examples", |r| r.n_train);
    count("test examples", |r| r.n_test);
    all
}

/// `0 to 4, 7`.
fn ranges(seeds: impl Iterator<Item = u64>) -> String {
    let seeds: BTreeSet<u64> = seeds.collect();
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for seed in seeds {
        match runs.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(seed) => *last = seed,
            _ => runs.push((seed, seed)),
        }
    }
    let said = runs.into_iter().map(|(first, last)| match last - first {
        0 => first.to_string(),
        1 => format!("{first}, {last}"),
        _ => format!("{first} to {last}"),
    });
    said.collect::<Vec<_>>().join(", ")
}

/// Keys of a plan that are not those of its trials: limits of time and the like.
fn of_plan(info: &RunInfo) -> Pairs {
    const OF_TRIALS: [&str; 13] = [
        "models",
        "tasks",
        "methods",
        "devices",
        "seeds",
        "arms",
        "variants",
        "budget",
        "settings",
        "train_limit",
        "validation_limit",
        "test_limit",
        "tune",
    ];
    let mut all = Pairs::new();
    for (key, value) in info.plan.as_object().into_iter().flatten() {
        if !OF_TRIALS.contains(&key.as_str()) {
            flatten(key, value, &mut all);
        }
    }
    all
}

/// `value` as `name.key: text`, one an entry of its objects.
fn flatten(name: &str, value: &Value, into: &mut Pairs) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                let name = if name.is_empty() {
                    key.clone()
                } else {
                    format!("{name}.{key}")
                };
                flatten(&name, value, into);
            }
        }
        Value::String(text) => {
            into.insert(name.to_owned(), text.clone());
        }
        Value::Null => {
            into.insert(name.to_owned(), NONE.to_owned());
        }
        other => {
            into.insert(name.to_owned(), other.to_string());
        }
    }
}

fn data(first: &Run, second: &Run, groups: &[(&Group<'_>, &Group<'_>)]) -> Vec<Changed> {
    let mut all: Vec<Changed> = Vec::new();
    let mut add = |changed: Changed| {
        if !all.contains(&changed) {
            all.push(changed);
        }
    };
    for (a, b) in groups {
        let of = |what: &str, one: Identity<'_>, other: Identity<'_>| Changed {
            what: format!("{what} {}", one.given),
            first: files(&one),
            second: files(&other),
            arms: Vec::new(),
        };
        let both = [
            of("model", a.model_identity(), b.model_identity()),
            of("task", a.task_identity(), b.task_identity()),
        ];
        both.into_iter()
            .filter(|c| c.first != c.second)
            .for_each(&mut add);
        let (of_first, of_second) = (notes(first, a), notes(second, b));
        let only = |note: &String, has: bool| {
            let [yes, no] = ["noted", NOT_ON_RECORD].map(str::to_owned);
            let (first, second) = if has { (yes, no) } else { (no, yes) };
            Changed {
                what: format!("note {note:?}"),
                first,
                second,
                arms: Vec::new(),
            }
        };
        for note in of_first.symmetric_difference(&of_second) {
            add(only(note, of_first.contains(note)));
        }
    }
    all
}

fn files(identity: &Identity<'_>) -> String {
    if identity.digest.is_empty() {
        NOT_ON_RECORD.to_owned()
    } else {
        format!("SHA-256 {}..", identity.short_digest())
    }
}

/// What is noted on the model's and the task's files.
fn notes(run: &Run, group: &Group<'_>) -> BTreeSet<String> {
    let of_run = &run.info.notes;
    let tasks = of_run.tasks.get(group.task).into_iter().flatten().cloned();
    let models = of_run
        .models
        .get(group.model)
        .into_iter()
        .flatten()
        .cloned();
    let trials = group.arms.iter().flat_map(|arm| &arm.trials);
    let of_trials = trials.flat_map(|trial| {
        let notes = trial.record.all_notes();
        notes.task.into_iter().chain(notes.model)
    });
    tasks.chain(models).chain(of_trials).collect()
}
