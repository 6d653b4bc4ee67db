//! `plan DIR --list`: the trials that an engine can begin now, one id a line.

use crate::run::engine::claims;
use crate::run::engine::files::{Listed, read_list};
use crate::terminal::{say, tell};
use record::store;
use std::collections::HashSet;
use std::path::Path;

/// Lists them.
///
/// # Errors
/// A directory that holds no run that an engine could be given.
pub(crate) fn list(dir: &Path) -> anyhow::Result<()> {
    let trials = read_list(dir)?;
    anyhow::ensure!(
        claims::are_kept(dir),
        "no engine was to run the trials of {0}: `adaptbench run PLAN --out {0} --on other` writes what they need, or the same command as before \
         without --on runs them here",
        dir.display()
    );
    let on_record = store::ids_on_record(dir)?;
    let ready = ready(&trials, &on_record);
    for id in &ready {
        say(id);
    }
    let left = trials
        .iter()
        .filter(|trial| !on_record.contains(&trial.id))
        .count();
    let waiting = left - ready.len();
    if waiting > 0 {
        tell(format!(
            "note: {waiting} more use the choice of a search among these, and can begin when it has ended: list again then"
        ));
    }
    Ok(())
}

/// Those that are not on record and whose search has ended.
fn ready<'a>(trials: &'a [Listed], on_record: &HashSet<String>) -> Vec<&'a str> {
    let can_begin = |trial: &&Listed| {
        let search = trial.search.as_ref();
        !on_record.contains(&trial.id) && search.is_none_or(|search| on_record.contains(search))
    };
    let ready = trials.iter().filter(can_begin);
    ready.map(|trial| trial.id.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trial_is_listed_when_the_search_that_it_uses_is_on_record() {
        let listed = |id: &str, search: Option<&str>| Listed {
            id: id.to_owned(),
            search: search.map(str::to_owned),
        };
        let trials = [
            listed("a0", None),
            listed("b0", None),
            listed("a1", Some("a0")),
            listed("b1", Some("b0")),
        ];
        let on_record = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect();
        assert_eq!(ready(&trials, &on_record(&[])), ["a0", "b0"]);
        assert_eq!(ready(&trials, &on_record(&["b0"])), ["a0", "b1"]);
        assert_eq!(ready(&trials, &on_record(&["a0", "b0", "a1"])), ["b1"]);
    }
}
