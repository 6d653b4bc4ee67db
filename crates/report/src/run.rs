//! A run read back from its directory, and its trials sorted into groups (one model, task and number of training examples) and arms (one way of
//! adapting).

use crate::escape::one_line;
use crate::names::{self, Identity};
use crate::standing::grouped;
use crate::{ReportError, statistics::Answers};
use record::store::{self, Form};
use record::{MethodNote, Outcome, RunInfo, Trial, TrialSpec};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// A run: what it was made on and all trials that have ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// Where it was read from.
    pub dir: PathBuf,
    /// How it keeps its records there, and with it what its report consists of.
    pub form: Form,
    /// What it was made on.
    pub info: RunInfo,
    /// Ended trials, ordered by model, task, method as displayed, variant, seed.
    pub trials: Vec<Trial>,
}

/// The trials of one model on one task with one limit of training examples.
#[derive(Clone, Debug)]
pub struct Group<'a> {
    /// Model as given.
    pub model: &'a str,
    /// Task as given.
    pub task: &'a str,
    /// SHA-256 of the model's files.
    pub model_digest: &'a str,
    /// SHA-256 of the task's files.
    pub task_digest: &'a str,
    /// Training examples that were asked for; `None` for all.
    pub train_limit: Option<usize>,
    /// Where the run has model and task with several limits, the training examples of this one: a point of a label curve.
    pub point: Option<u64>,
    /// Name of the model in tables and charts: the end of its path or id that no other model of the run has.
    pub model_name: String,
    /// Name of the task, likewise.
    pub task_name: String,
    /// What the group's files start with, different for every group of the run.
    pub slug: String,
    /// Ways of adapting, in display order.
    pub arms: Vec<Arm<'a>>,
}

/// One way of adapting: trials that differ in nothing but the seed.
#[derive(Clone, Debug)]
pub struct Arm<'a> {
    /// Name in tables and charts, unique in its group.
    pub label: String,
    /// The trials, by seed.
    pub trials: Vec<&'a Trial>,
}

/// Reads a run directory, compact or not. Trials still under way are passed over.
///
/// # Errors
/// [`record::StoreError::NoRun`] if it is none; otherwise the first file that cannot be read or is broken, by name.
pub fn load_run(dir: &Path) -> Result<Run, ReportError> {
    let form = store::form(dir)?;
    let info = store::read_run_info(dir)?;
    let mut trials = store::read_trials(dir)?;
    let place = |method: &str| {
        info.methods
            .iter()
            .position(|note| note.name == method)
            .unwrap_or(info.methods.len())
    };
    trials.sort_by_cached_key(|trial| {
        let spec = &trial.record.spec;
        let names = (spec.model.clone(), spec.task.clone());
        let arm = (
            place(&spec.method),
            spec.method.clone(),
            spec.variant.clone(),
            spec.device.clone(),
        );
        (
            names,
            arm,
            spec.budget.to_json().to_string(),
            spec.config.to_string(),
            spec.seed,
        )
    });
    Ok(Run {
        dir: dir.to_owned(),
        form,
        info,
        trials,
    })
}

impl Run {
    /// Name of its directory.
    pub fn name(&self) -> String {
        let dir = self.dir.canonicalize().unwrap_or_else(|_| self.dir.clone());
        let name = dir.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    /// The trials by model, task and limit of training examples, and in these by way of adapting. Those of one model and task follow each other
    /// from few training examples to many.
    pub fn groups(&self) -> Vec<Group<'_>> {
        let mut groups: Vec<Group<'_>> = Vec::new();
        let mut places = HashMap::new();
        for trial in &self.trials {
            let spec = &trial.record.spec;
            let at = *places.entry(Group::key(spec)).or_insert_with(|| {
                groups.push(Group::of(spec));
                groups.len() - 1
            });
            groups[at].add(trial);
        }
        groups
            .iter_mut()
            .for_each(|group| label_arms(&mut group.arms));
        let mut groups = by_points(groups);
        name_groups(&mut groups);
        groups
    }

    /// The note on a method, if the run carries one.
    pub fn note(&self, method: &str) -> Option<&MethodNote> {
        self.info.methods.iter().find(|note| note.name == method)
    }
}

/// The groups of one model and task beside each other, at the place of the first, fewest training examples first; where these are several, they are
/// points of a label curve.
fn by_points(groups: Vec<Group<'_>>) -> Vec<Group<'_>> {
    let mut families: Vec<Vec<Group<'_>>> = Vec::new();
    let mut places = HashMap::new();
    for group in groups {
        let at = *places.entry(group.family()).or_insert_with(|| {
            families.push(Vec::new());
            families.len() - 1
        });
        families[at].push(group);
    }
    for family in families.iter_mut().filter(|family| family.len() > 1) {
        family.sort_by_key(|group| group.train_limit.unwrap_or(usize::MAX));
        family
            .iter_mut()
            .for_each(|group| group.point = group.training_examples());
    }
    families.into_iter().flatten().collect()
}

/// Names of models and tasks, and of files, that tell the groups of a run apart.
fn name_groups(groups: &mut [Group<'_>]) {
    let models: Vec<Identity<'_>> = groups.iter().map(Group::model_identity).collect();
    let tasks: Vec<Identity<'_>> = groups.iter().map(Group::task_identity).collect();
    let names: Vec<(String, String)> = names::shown(&models)
        .into_iter()
        .zip(names::shown(&tasks))
        .collect();
    let stems: Vec<(String, String)> = names
        .iter()
        .zip(groups.iter())
        .map(|((model, task), group)| match group.point {
            Some(n) => (model.clone(), format!("{task}--n{n}")),
            None => (model.clone(), task.clone()),
        })
        .collect();
    let slugs = names::slugs(&stems);
    for ((group, (model, task)), slug) in groups.iter_mut().zip(names).zip(slugs) {
        (group.model_name, group.task_name, group.slug) = (model, task, slug);
    }
}

/// Model and task, by name and digest.
type Family<'a> = [&'a str; 4];

fn same_arm(a: &Trial, b: &Trial) -> bool {
    let (a, b) = (&a.record.spec, &b.record.spec);
    (&a.method, &a.variant, &a.device, &a.config, &a.budget)
        == (&b.method, &b.variant, &b.device, &b.config, &b.budget)
}

fn differ<T: PartialEq>(mut values: impl Iterator<Item = T>) -> bool {
    let first = values.next();
    values.any(|other| Some(other) != first)
}

/// Method and variant; what else differs is added only where it is needed to tell two arms apart.
fn label_arms(arms: &mut [Arm<'_>]) {
    let several_devices = differ(arms.iter().map(|arm| &*arm.trials[0].record.spec.device));
    let examples = |arm: &Arm<'_>| arm.trials.iter().find_map(|t| t.record.n_train);
    let several_sizes = differ(arms.iter().filter_map(examples));
    let mut used: Vec<String> = Vec::new();
    for arm in arms {
        let spec = &arm.trials[0].record.spec;
        let mut label = spec.method.clone();
        if !spec.variant.is_empty() {
            label = format!("{label}:{}", spec.variant);
        }
        if several_devices {
            label = format!("{label} @{}", spec.device);
        }
        if let (true, Some(n)) = (several_sizes, examples(arm)) {
            label = format!("{label} n={n}");
        }
        let label = one_line(&label);
        let numbered = (2..).map(|n| format!("{label} #{n}"));
        let mut names = std::iter::once(label.clone()).chain(numbered);
        let free = names.find(|name| !used.contains(name));
        arm.label = free.expect("numbers do not end");
        used.push(arm.label.clone());
    }
}

impl<'a> Group<'a> {
    fn of(spec: &'a TrialSpec) -> Self {
        Self {
            model: &spec.model,
            task: &spec.task,
            model_digest: &spec.model_digest,
            task_digest: &spec.task_digest,
            train_limit: spec.budget.train_limit,
            point: None,
            model_name: String::new(),
            task_name: String::new(),
            slug: String::new(),
            arms: Vec::new(),
        }
    }

    /// What the trials of a group have in common, and no two groups.
    fn key(spec: &'a TrialSpec) -> (Family<'a>, Option<usize>) {
        let family = [
            &*spec.model,
            &spec.model_digest,
            &spec.task,
            &spec.task_digest,
        ];
        (family, spec.budget.train_limit)
    }

    /// What the points of a label curve have in common.
    fn family(&self) -> Family<'a> {
        [self.model, self.model_digest, self.task, self.task_digest]
    }

    /// The trials of an arm mostly follow each other.
    fn add(&mut self, trial: &'a Trial) {
        let mut arms = self.arms.iter_mut().rev();
        match arms.find(|arm| same_arm(arm.trials[0], trial)) {
            Some(arm) => arm.trials.push(trial),
            None => self.arms.push(Arm {
                label: String::new(),
                trials: vec![trial],
            }),
        }
    }

    /// Whether another group is of the same model and task.
    pub(crate) fn is_kin_of(&self, other: &Group<'_>) -> bool {
        self.family() == other.family()
    }

    /// Training examples, as a trial had them, or as was asked for where none got that far.
    fn training_examples(&self) -> Option<u64> {
        let mut trials = self.arms.iter().flat_map(|arm| &arm.trials);
        let asked = self.train_limit.map(|n| n as u64);
        trials.find_map(|trial| trial.record.n_train).or(asked)
    }

    pub(crate) fn model_identity(&self) -> Identity<'a> {
        Identity {
            given: self.model,
            digest: self.model_digest,
        }
    }

    pub(crate) fn task_identity(&self) -> Identity<'a> {
        Identity {
            given: self.task,
            digest: self.task_digest,
        }
    }

    /// Model and task as titles, and the training examples where there are several numbers of them.
    pub fn title(&self) -> String {
        title(&self.model_name, &self.task_name, self.point)
    }

    /// Model and task as titles.
    pub(crate) fn family_title(&self) -> String {
        title(&self.model_name, &self.task_name, None)
    }
}

/// A group's title; `point` is its number of training examples where it is one of several.
pub(crate) fn title(model: &str, task: &str, point: Option<u64>) -> String {
    match point {
        Some(n) => format!("{model} on {task}, {} training examples", grouped(n)),
        None => format!("{model} on {task}"),
    }
}

impl<'a> Arm<'a> {
    /// The trials that finished.
    pub fn finished(&self) -> impl Iterator<Item = &'a Trial> {
        self.trials
            .iter()
            .copied()
            .filter(|trial| trial.record.outcome == Outcome::Finished)
    }

    /// The trials that did not.
    pub fn failed(&self) -> impl Iterator<Item = &'a Trial> {
        self.trials
            .iter()
            .copied()
            .filter(|trial| trial.record.outcome != Outcome::Finished)
    }

    /// Name of the method.
    pub fn method(&self) -> &'a str {
        &self.trials[0].record.spec.method
    }

    /// Right or wrong by seed and test row, as far as predictions are at hand.
    pub fn answers(&self) -> Answers {
        Answers::new(self.finished().filter_map(|trial| {
            Some((
                trial.record.spec.seed,
                trial.predictions.as_ref()?.correct(),
            ))
        }))
    }
}

/// The last part of a path or Hub id.
pub fn last_part(name: &str) -> &str {
    name.trim_end_matches('/')
        .rsplit('/')
        .next()
        .unwrap_or(name)
}

/// `name` with a dash for every character but letters, digits, dots, dashes and underscores.
pub fn file_name(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
    name.chars()
        .map(|c| if plain(c) { c } else { '-' })
        .collect()
}
