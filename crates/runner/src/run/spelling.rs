//! The names by which a run that is continued knows its models and tasks. They are part of its plan and of the ids of its trials; the same
//! files under another spelling (an absolute path, a link, seen from another directory) are the same model or task, which their digests say.

use crate::plan::Plan;
use crate::run::found::Found;
use record::store;
use std::collections::BTreeMap;
use std::path::Path;

type Digests = BTreeMap<String, String>;

/// Gives models and tasks the names that they have in the run in `dir`, if there is one.
pub(crate) fn as_recorded(dir: &Path, plan: &mut Plan, found: &mut Found) {
    let Some((models, tasks)) = recorded(dir) else {
        return;
    };
    let now = found.models.iter();
    let now: Digests = now
        .map(|(name, model)| (name.clone(), model.digest.clone()))
        .collect();
    rename_models(&renamed(&models, &now), plan, found);
    let now = found.tasks.iter();
    let now: Digests = now
        .map(|(name, (_, digest))| (name.clone(), digest.clone()))
        .collect();
    let names = renamed(&tasks, &now);
    plan.tasks.iter_mut().for_each(|name| rename(&names, name));
    let tasks = std::mem::take(&mut found.tasks).into_iter();
    found.tasks = tasks.map(|(name, task)| (of(&names, name), task)).collect();
    let notes = std::mem::take(&mut found.notes.tasks).into_iter();
    found.notes.tasks = notes
        .map(|(name, notes)| (of(&names, name), notes))
        .collect();
}

/// Names and digests of models and of tasks: what run.json says, or the records where it is gone.
fn recorded(dir: &Path) -> Option<(Digests, Digests)> {
    if let Ok(info) = store::read_run_info(dir) {
        return Some((info.model_digests, info.task_digests));
    }
    let (mut models, mut tasks) = (Digests::new(), Digests::new());
    for id in store::trial_ids(dir).ok()? {
        if let Ok(Some(record)) = store::read_record(dir, &id) {
            models.insert(record.spec.model, record.spec.model_digest);
            tasks.insert(record.spec.task, record.spec.task_digest);
        }
    }
    Some((models, tasks))
}

/// The recorded names of those that have another name now. A name that is on record stays, whatever its digest: that it differs is said
/// where the plans are compared.
fn renamed(recorded: &Digests, now: &Digests) -> BTreeMap<String, String> {
    let mut free: Vec<_> = recorded
        .iter()
        .filter(|(name, _)| !now.contains_key(*name))
        .collect();
    let mut names = BTreeMap::new();
    for (name, digest) in now.iter().filter(|(name, _)| !recorded.contains_key(*name)) {
        if let Some(place) = free
            .iter()
            .position(|(_, other)| *other == digest && !digest.is_empty())
        {
            names.insert(name.clone(), free.remove(place).0.clone());
        }
    }
    names
}

fn rename_models(names: &BTreeMap<String, String>, plan: &mut Plan, found: &mut Found) {
    plan.models.iter_mut().for_each(|name| rename(names, name));
    for arm in &mut plan.arms {
        arm.models.iter_mut().for_each(|name| rename(names, name));
    }
    let models = std::mem::take(&mut found.models).into_iter();
    let models = models.map(|(name, mut model)| {
        rename(names, &mut model.name);
        (of(names, name), model)
    });
    found.models = models.collect();
    let notes = std::mem::take(&mut found.notes.models).into_iter();
    found.notes.models = notes
        .map(|(name, notes)| (of(names, name), notes))
        .collect();
    for left_out in &mut found.notes.left_out {
        rename(names, &mut left_out.model);
    }
}

fn rename(names: &BTreeMap<String, String>, name: &mut String) {
    if let Some(recorded) = names.get(name) {
        *name = recorded.clone();
    }
}

fn of(names: &BTreeMap<String, String>, mut name: String) -> String {
    rename(names, &mut name);
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digests(pairs: &[(&str, &str)]) -> Digests {
        let pairs = pairs.iter();
        pairs
            .map(|(name, digest)| ((*name).to_owned(), (*digest).to_owned()))
            .collect()
    }

    #[test]
    fn equal_files_take_the_recorded_name_and_others_keep_their_own() {
        let recorded = digests(&[("t", "1"), ("u", "2"), ("copy-of-u", "2")]);
        let names = |now| renamed(&recorded, &digests(now));
        assert_eq!(names(&[("/x/t", "1")]), digests(&[("/x/t", "t")]));
        assert_eq!(names(&[("t", "1"), ("u", "2")]), digests(&[]));
        assert_eq!(names(&[("t", "changed")]), digests(&[]));
        assert_eq!(names(&[("v", "3")]), digests(&[]));
        // As many names as there were, each once.
        let both = [("link-a", "2"), ("link-b", "2")];
        let expected = digests(&[("link-a", "copy-of-u"), ("link-b", "u")]);
        assert_eq!(names(&both), expected);
        assert_eq!(
            names(&[("u", "2"), ("link", "2")]),
            digests(&[("link", "copy-of-u")])
        );
        assert_eq!(names(&[("t", "1"), ("link", "1")]), digests(&[]));
    }
}
