//! Before the first trial: every model, task and device of a plan is looked at, so that bad input is refused while nothing is lost.

use crate::plan::Plan;
use crate::registry::{Methods, find, look};
use crate::run::job::Answer;
use crate::run::probe;
use crate::sources::{self, devices};
use crate::sources::{Model, TaskSource};
use crate::terminal::tell;
use anyhow::Context;
use measure::environment::BuildInfo;
use record::{LeftOut, MethodNote, RunInfo, RunNotes};
use std::collections::BTreeMap;

/// The device that every build and every machine has.
const DEFAULT_DEVICE: &str = "flex";

/// Everything that was found before the first trial.
pub(crate) struct Found {
    pub(crate) models: BTreeMap<String, Model>,
    pub(crate) tasks: BTreeMap<String, (TaskSource, String)>,
    /// What a reader of the results must know of them, and which methods do not go with which model.
    pub(crate) notes: RunNotes,
}

impl Found {
    /// Whether a method can be used with a model.
    pub(crate) fn go_together(&self, method: &str, model: &str) -> bool {
        let is_it = |out: &LeftOut| out.method == method && out.model == model;
        !self.notes.left_out.iter().any(is_it)
    }
}

/// What is tried before the first trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Probed {
    DevicesAndModels,
    /// Models by the default device: trials run on other machines, whose devices this one need not have.
    Models,
}

/// Finds every model and task, and tries models and devices.
///
/// # Errors
/// The first that cannot be used.
pub(crate) fn find_all(methods: Methods, plan: &Plan, probed: Probed) -> anyhow::Result<Found> {
    let mut found = Found {
        models: BTreeMap::new(),
        tasks: BTreeMap::new(),
        notes: RunNotes::default(),
    };
    for name in &plan.tasks {
        let (source, task) = sources::task(name)?;
        plan.train_limits.check(name, task.train.len())?;
        task.notes
            .iter()
            .for_each(|note| tell(format!("note: {name}: {note}")));
        if !task.notes.is_empty() {
            found.notes.tasks.insert(name.clone(), task.notes);
        }
        found.tasks.insert(name.clone(), (source, task.digest));
    }
    for name in &plan.models {
        found.models.insert(name.clone(), sources::model(name)?);
    }
    let mut with_model = Vec::new();
    for arm in &plan.arms {
        if find(methods, &arm.method)?.info().uses_model && !with_model.contains(&arm.method) {
            with_model.push(arm.method.clone());
        }
    }
    let here = [DEFAULT_DEVICE.to_owned()];
    let devices: &[String] = match probed {
        Probed::DevicesAndModels => &plan.devices,
        Probed::Models => &here,
    };
    for device in devices {
        if with_model.is_empty() {
            probe::ask(device, None, Vec::new())?;
            continue;
        }
        for (name, model) in &found.models {
            let answer = probe::ask(device, Some(&model.dir), with_model.clone())
                .with_context(|| format!("the model \"{name}\""))?;
            note_answer(&mut found.notes, name, answer);
        }
    }
    Ok(found)
}

/// Keeps what the model was found to be, and says it once, however many devices were asked.
fn note_answer(notes: &mut RunNotes, model: &str, answer: Answer) {
    for warning in answer.warnings {
        let of_model = notes.models.entry(model.to_owned()).or_default();
        if !of_model.contains(&warning) {
            tell(format!("warning: {model}: {warning}"));
            of_model.push(warning);
        }
    }
    for (method, reason) in answer.not_applicable {
        let is_it = |out: &LeftOut| out.method == method && out.model == model;
        if !notes.left_out.iter().any(is_it) {
            tell(format!("note: {method} is left out with {model}: {reason}"));
            notes.left_out.push(LeftOut {
                method,
                model: model.to_owned(),
                reason,
            });
        }
    }
}

/// What `run.json` says of the run.
///
/// # Errors
/// None today.
pub(crate) fn describe(methods: Methods, plan: &Plan, found: &Found) -> anyhow::Result<RunInfo> {
    let text = |value: Option<&str>| value.map(str::to_owned);
    let build = BuildInfo {
        git_revision: text(option_env!("ADAPTBENCH_GIT_REVISION")),
        git_dirty: option_env!("ADAPTBENCH_GIT_DIRTY").and_then(|dirty| dirty.parse().ok()),
        rustc: text(option_env!("ADAPTBENCH_RUSTC")),
        cargo_lock_digest: text(option_env!("ADAPTBENCH_CARGO_LOCK_DIGEST")),
        burn_version: option_env!("ADAPTBENCH_BURN_VERSION")
            .unwrap_or("unknown")
            .to_owned(),
        profile: option_env!("ADAPTBENCH_PROFILE")
            .unwrap_or("unknown")
            .to_owned(),
        features: devices::compiled(),
    };
    // The program by its name alone: where it lay says nothing about the run.
    let mut command_line: Vec<String> = std::env::args().collect();
    if let Some(program) = command_line.first_mut() {
        let path = std::path::Path::new(program.as_str());
        *program = path
            .file_name()
            .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    }
    let mut info = measure::environment::run_info(build, command_line);
    info.model_digests = found
        .models
        .values()
        .map(|model| (model.name.clone(), model.digest.clone()))
        .collect();
    info.task_digests = found
        .tasks
        .iter()
        .map(|(name, (_, digest))| (name.clone(), digest.clone()))
        .collect();
    info.notes = found.notes.clone();
    let used = methods
        .iter()
        .map(|method| method.info())
        .filter(|method| plan.arms.iter().any(|arm| arm.method == method.name));
    info.methods = used
        .map(|method| MethodNote {
            name: method.name.to_owned(),
            definition: method.definition.to_owned(),
            paper: (!method.paper.is_empty()).then(|| method.paper.to_owned()),
            level: Some(method.level.as_str().to_owned()),
            look: look(method),
        })
        .collect();
    info.plan = serde_json::to_value(plan)?;
    Ok(info)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_found_on_several_devices_is_noted_once_and_a_method_is_left_out_with_its_model_only()
    {
        let answer = || Answer {
            warnings: vec!["odd".to_owned()],
            not_applicable: vec![("ia3".to_owned(), "no keys".to_owned())],
        };
        let mut notes = RunNotes::default();
        note_answer(&mut notes, "m", answer());
        note_answer(&mut notes, "m", answer());
        note_answer(&mut notes, "n", Answer::default());
        assert_eq!(
            notes.models,
            BTreeMap::from([("m".to_owned(), vec!["odd".to_owned()])])
        );
        assert_eq!(notes.left_out.len(), 1);
        let found = Found {
            models: BTreeMap::new(),
            tasks: BTreeMap::new(),
            notes,
        };
        assert!(!found.go_together("ia3", "m") && found.go_together("ia3", "n"));
    }
}
