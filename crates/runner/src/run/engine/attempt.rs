//! `trial DIR ID`: one attempt at a trial, as an engine's job makes it.
//!
//! It works in a directory of its own under `jobs/attempts` and moves its trial's folder into place by one rename, which fails where a record is
//! already: of two attempts at a trial, whatever happened between their machines, the first to end is on record, whole.

use crate::run::engine::claims::{self, Claim, Held, Taken};
use crate::run::engine::files::{TrialFile, jobs_dir, read_trial};
use crate::run::job::{Job, Searched};
use crate::run::paid;
use crate::run::supervise::supervise;
use crate::terminal::tell;
use crate::words;
use anyhow::{Context, bail};
use measure::watch::Sample;
use record::{Outcome, TrialRecord, store};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What came of an attempt.
#[derive(Debug)]
pub(crate) enum Came {
    /// The trial is on record by this attempt.
    Recorded(TrialRecord),
    /// It was before.
    WasRecorded(TrialRecord),
    /// Somebody else is at it.
    Theirs(Claim),
    /// The trial whose search it uses has not ended.
    Waits(String),
}

/// Runs trial `id` of the run in `dir` and returns the exit code.
///
/// # Errors
/// An id that is none of the run's; a disk that cannot be written.
pub(crate) fn main(dir: &Path, id: &str) -> anyhow::Result<u8> {
    let TrialFile {
        mut job,
        time_limit_s,
        search,
    } = read_trial(dir, id)?;
    if let Some(search) = search {
        match store::read_record(dir, &search)? {
            Some(record) => {
                let ended_well = record.outcome == Outcome::Finished;
                job.searched = ended_well.then(|| Searched::by(&record)).flatten();
            }
            None => return Ok(code(id, Came::Waits(search))),
        }
    }
    let limit = time_limit_s.map(Duration::from_secs_f64);
    attempt(dir, job, limit, |_, _| {}).map(|came| code(id, came))
}

/// The same for a parent that runs trials of such a run on its own machine.
///
/// # Errors
/// As [`main`]; a trial that somebody else is at.
pub(crate) fn here(
    dir: &Path,
    job: Job,
    limit: Option<Duration>,
    on_poll: impl FnMut(&Sample, Option<&str>),
) -> anyhow::Result<TrialRecord> {
    let id = job.trial_id.clone();
    match attempt(dir, job, limit, on_poll)? {
        Came::Recorded(record) | Came::WasRecorded(record) => Ok(record),
        Came::Theirs(claim) => bail!(
            "{} runs {id}; wait for it: `adaptbench status {}` says how far the run is",
            claim.who(),
            dir.display()
        ),
        Came::Waits(_) => unreachable!("its search is handed over with the job"),
    }
}

/// Says what came of an attempt, for the job's log.
fn code(id: &str, came: Came) -> u8 {
    match came {
        Came::Recorded(record) => {
            let error = record.error.map(|error| format!(": {error}"));
            tell(format!(
                "{id}: {}{}",
                record.outcome.as_str().replace('_', " "),
                error.unwrap_or_default()
            ));
            code_of(record.outcome)
        }
        Came::WasRecorded(record) => {
            tell(format!("{id}: it is on record already"));
            code_of(record.outcome)
        }
        Came::Theirs(claim) => {
            tell(format!("{id}: {} is at it", claim.who()));
            crate::NOT_NOW
        }
        Came::Waits(search) => {
            tell(format!(
                "{id}: it uses the search of {search}, which has not ended"
            ));
            crate::NOT_NOW
        }
    }
}

fn code_of(outcome: Outcome) -> u8 {
    if outcome == Outcome::Finished {
        crate::FINISHED
    } else {
        crate::SOME_FAILED
    }
}

fn attempt(
    dir: &Path,
    mut job: Job,
    limit: Option<Duration>,
    mut on_poll: impl FnMut(&Sample, Option<&str>),
) -> anyhow::Result<Came> {
    let id = job.trial_id.clone();
    if let Some(record) = store::read_record(dir, &id)? {
        return Ok(Came::WasRecorded(record));
    }
    let mut held = match claims::take(dir, &id)? {
        Taken::Ours(held) => held,
        Taken::Theirs(claim) => return Ok(Came::Theirs(claim)),
    };
    // Whoever had it before may have ended well since this process looked.
    if let Some(record) = store::read_record(dir, &id)? {
        claims::forget(dir, &id);
        return Ok(Came::WasRecorded(record));
    }
    let place = place_of(dir, &id, held.number);
    clear(&place)?;
    // An answer is paid for once, however many attempts and trials ask for it.
    job.answers_dir = Some(paid::answers_dir(dir));
    job.run_dir.clone_from(&place);
    job.attempts.clone_from(&held.earlier);
    let record = supervise(&job, limit, |sample, phase| {
        held.beat();
        on_poll(sample, phase);
    });
    match record.and_then(|record| publish(&place, dir, &record)) {
        Ok(record) => {
            claims::forget(dir, &id);
            clean(dir, &id, &held);
            Ok(Came::Recorded(record))
        }
        Err(error) => {
            let _ = clear(&place);
            held.give_up(&words::of_error(&error));
            Err(error)
        }
    }
}

/// Where attempt `number` works.
fn place_of(dir: &Path, id: &str, number: usize) -> PathBuf {
    jobs_dir(dir)
        .join("attempts")
        .join(format!("{id}.{number}"))
}

fn clear(place: &Path) -> anyhow::Result<()> {
    match fs::remove_dir_all(place) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot clear {}", place.display()))
        }
        _ => Ok(()),
    }
}

/// Takes away what this attempt and those before it have left.
fn clean(dir: &Path, id: &str, held: &Held) {
    for number in 1..=held.number {
        let _ = clear(&place_of(dir, id, number));
    }
}

/// Moves the trial's folder from `place` into the run, by one rename, and returns the record that is there then.
///
/// # Errors
/// A disk that cannot be written.
pub(crate) fn publish(
    place: &Path,
    dir: &Path,
    record: &TrialRecord,
) -> anyhow::Result<TrialRecord> {
    let id = &record.trial_id;
    let (from, to) = (store::trial_dir(place, id), store::trial_dir(dir, id));
    loop {
        match fs::rename(&from, &to) {
            Ok(()) => return Ok(record.clone()),
            Err(error) if is_taken(&error) => {
                if let Some(first) = store::read_record(dir, id)? {
                    tell(format!(
                        "{id}: another attempt was quicker, and is on record"
                    ));
                    return Ok(first);
                }
                // What a process on another machine left that was killed within a run of its own.
                let aside = place.join("left");
                clear(&aside)?;
                fs::rename(&to, &aside).with_context(|| format!("cannot move {}", to.display()))?;
            }
            Err(error) => {
                return Err(error).with_context(|| {
                    format!("cannot move {} to {}", from.display(), to.display())
                });
            }
        }
    }
}

/// Whether a rename found something in its way.
fn is_taken(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::AlreadyExists | io::ErrorKind::DirectoryNotEmpty
    )
}

/// Puts a record on record that no process of the trial could write.
///
/// # Errors
/// A disk that cannot be written.
pub(crate) fn record_for(dir: &Path, record: &TrialRecord) -> anyhow::Result<TrialRecord> {
    let id = &record.trial_id;
    let place = place_of(dir, id, 0);
    clear(&place)?;
    store::write_record(&place, record)?;
    let attempts = claims::attempts(dir, id).len();
    // What it said until then is worth more than nothing.
    let log = |place: &Path| store::trial_dir(place, id).join("log.txt");
    let _ = fs::rename(log(&place_of(dir, id, attempts)), log(&place));
    let on_record = publish(&place, dir, record)?;
    claims::forget(dir, id);
    for number in 0..=attempts {
        let _ = clear(&place_of(dir, id, number));
    }
    Ok(on_record)
}

#[cfg(test)]
mod tests {
    use super::*;
    use record::TrialSpec;

    fn record(outcome: Outcome) -> TrialRecord {
        TrialRecord::unmeasured("t".to_owned(), TrialSpec::default(), outcome)
    }

    #[test]
    fn the_first_attempt_to_end_is_on_record_whole() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("trials")).unwrap();
        let places = [1, 2].map(|number| place_of(dir.path(), "t", number));
        let outcomes = [Outcome::Finished, Outcome::Crashed];
        for (place, outcome) in places.iter().zip(outcomes) {
            store::write_record(place, &record(outcome)).unwrap();
            fs::write(
                store::trial_dir(place, "t").join("log.txt"),
                outcome.as_str(),
            )
            .unwrap();
        }
        for (place, outcome) in places.iter().zip(outcomes) {
            let on_record = publish(place, dir.path(), &record(outcome)).unwrap();
            assert_eq!(on_record.outcome, Outcome::Finished);
        }
        let log = store::trial_dir(dir.path(), "t").join("log.txt");
        assert_eq!(fs::read_to_string(log).unwrap(), "finished");
    }

    #[test]
    fn what_a_killed_process_left_gives_way_to_a_record() {
        let dir = tempfile::tempdir().unwrap();
        let left = store::trial_dir(dir.path(), "t");
        fs::create_dir_all(&left).unwrap();
        fs::write(left.join("log.txt"), "half").unwrap();
        claims::keep(dir.path()).unwrap();
        record_for(dir.path(), &record(Outcome::TimedOut)).unwrap();
        let found = store::read_record(dir.path(), "t").unwrap().unwrap();
        assert_eq!(found.outcome, Outcome::TimedOut);
        assert!(!left.join("log.txt").exists());
        let attempts = jobs_dir(dir.path()).join("attempts");
        assert_eq!(fs::read_dir(attempts).unwrap().count(), 0);
    }
}
