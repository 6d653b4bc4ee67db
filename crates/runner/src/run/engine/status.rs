//! `status DIR`: how far a run is, whoever runs its trials.

use crate::run::engine::arrays::Arrays;
use crate::run::engine::files::{Listed, jobs_dir, read_list};
use crate::run::engine::{claims, slurm};
use crate::terminal::say;
use record::{Outcome, store};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// Says it; the exit code is 0 when every trial is on record.
///
/// # Errors
/// A directory that holds no run, a record that cannot be read.
pub(crate) fn show(dir: &Path) -> anyhow::Result<u8> {
    let trials = read_list(dir)?;
    let (ended, left) = ended(dir, &trials)?;
    let of = |n: usize, what: &str| format!("{n} {what}");
    let mut parts: Vec<String> = ended
        .iter()
        .map(|(outcome, n)| of(*n, &outcome.replace('_', " ")))
        .collect();
    parts.push(of(left.len(), "to come"));
    say(format!("{} trials: {}", trials.len(), parts.join(", ")));
    if left.is_empty() {
        say(format!(
            "`adaptbench report {}` makes the report",
            dir.display()
        ));
        return Ok(crate::FINISHED);
    }
    let in_slurm = in_slurm(dir);
    let mut others: Vec<String> = Vec::new();
    let mut lost = 0;
    if claims::are_kept(dir) {
        let outside = left.iter().filter(|id| !in_slurm.contains_key(**id));
        for id in outside {
            match claims::by(dir, id) {
                Some(claim) => others.push(format!("{id}: {}", claim.who())),
                None => lost += usize::from(!claims::attempts(dir, id).is_empty()),
            }
        }
    }
    let mut states: BTreeMap<&str, usize> = BTreeMap::new();
    for id in &left {
        if let Some(state) = in_slurm.get(*id) {
            *states.entry(state).or_default() += 1;
        }
    }
    for (state, n) in states {
        say(format!("in Slurm, {state}: {n}"));
    }
    for other in &others {
        say(format!("under way: {other}"));
    }
    if lost > 0 {
        say(format!(
            "attempts at {lost} of them came to nothing; they run again with the command that began the run"
        ));
    }
    if others.is_empty() && in_slurm.is_empty() {
        say(
            "no engine has any of them as far as can be told: the command that began the run, with the same --out, continues it",
        );
    }
    Ok(crate::NOT_NOW)
}

/// Trials by outcome, and those that have none.
fn ended<'a>(
    dir: &Path,
    trials: &'a [Listed],
) -> anyhow::Result<(BTreeMap<&'static str, usize>, Vec<&'a str>)> {
    let mut ended = BTreeMap::new();
    let mut left = Vec::new();
    for some in trials.chunks(AT_ONCE) {
        let ids: Vec<&str> = some.iter().map(|trial| trial.id.as_str()).collect();
        for (id, record) in ids.iter().zip(store::read_records(dir, &ids)?) {
            match record.map(|record| record.outcome) {
                Some(outcome) => *ended.entry(Outcome::as_str(outcome)).or_default() += 1,
                None => left.push(*id),
            }
        }
    }
    Ok((ended, left))
}

/// Records are read so many at once.
const AT_ONCE: usize = 256;

/// States of the trials that Slurm has, where it can be asked.
fn in_slurm(dir: &Path) -> HashMap<String, String> {
    if !jobs_dir(dir).join("arrays").is_dir() {
        return HashMap::new();
    }
    let Ok(mut arrays) = Arrays::open(dir) else {
        return HashMap::new();
    };
    let queue = slurm::queue(&arrays.prefix).unwrap_or_default();
    let active = queue.into_iter().filter(slurm::Queued::is_active);
    let of_trials = active.filter_map(|task| Some((arrays.trial_of(&task)?, task.state)));
    of_trials.collect()
}
