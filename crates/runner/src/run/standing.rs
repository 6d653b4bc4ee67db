//! What is known of each trial of a run while it lasts: little, so that a hundred thousand of them fit. The records hold the rest.

use crate::plan::matrix::Planned;
use crate::run::job::Searched;
use crate::run::searches::Searches;
use record::{Outcome, StoreError, TrialRecord, store};
use std::io;
use std::path::Path;
use std::thread;

/// By the trials' places.
pub(crate) struct Standing {
    kept: Vec<Option<Kept>>,
    /// Whose searches others use.
    used: Vec<bool>,
}

/// Of a trial that is on record.
struct Kept {
    outcome: Outcome,
    /// Whether its times are worth a second attempt.
    is_disturbed: bool,
    /// Whether it had one.
    was_timed_again: bool,
    /// What it found for others.
    searched: Option<Searched>,
}

/// Trials by how they ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ends {
    pub(crate) finished: usize,
    pub(crate) failed: usize,
    /// Of those that finished.
    pub(crate) disturbed: usize,
    /// Of those that are disturbed.
    pub(crate) timed_again: usize,
}

/// Records are read so many at once.
const AT_ONCE: usize = 256;
/// No thread is worth its start for fewer.
const FEWEST: usize = 16;

impl Standing {
    /// Of `trials`, nothing known.
    pub(crate) fn new(trials: &[Planned], searches: &Searches) -> Self {
        Self {
            kept: trials.iter().map(|_| None).collect(),
            used: searches.used(),
        }
    }

    /// Takes what is on record in `dir`, handing each record that counts to `each`. Trials that did not finish count as not run where they are
    /// to be tried again.
    ///
    /// # Errors
    /// A record that cannot be read; what `each` says.
    pub(crate) fn read(
        &mut self,
        dir: &Path,
        trials: &[Planned],
        retry_failed: bool,
        each: &mut dyn FnMut(&TrialRecord) -> io::Result<()>,
    ) -> anyhow::Result<()> {
        for (number, some) in trials.chunks(AT_ONCE).enumerate() {
            let ids: Vec<&str> = some.iter().map(|trial| trial.id.as_str()).collect();
            for (at, record) in records(dir, &ids)?.into_iter().enumerate() {
                let counts =
                    |record: &TrialRecord| record.outcome == Outcome::Finished || !retry_failed;
                if let Some(record) = record.filter(counts) {
                    self.keep(number * AT_ONCE + at, &record);
                    each(&record)?;
                }
            }
        }
        Ok(())
    }

    /// A trial is on record now, or has another record than before.
    pub(crate) fn keep(&mut self, place: usize, record: &TrialRecord) {
        let finished = record.outcome == Outcome::Finished;
        self.kept[place] = Some(Kept {
            outcome: record.outcome,
            // What a server takes is no matter of neighbours here, and asking it again would cost again.
            is_disturbed: finished && record.calls.is_none() && record.has_disturbed_times(),
            was_timed_again: record.details.contains_key("retimed"),
            searched: (finished && self.used[place])
                .then(|| Searched::by(record))
                .flatten(),
        });
    }

    /// Places of the trials that are not on record.
    pub(crate) fn waiting(&self) -> Vec<usize> {
        let all = 0..self.kept.len();
        all.filter(|&place| self.kept[place].is_none()).collect()
    }

    /// Whether a trial is on record.
    pub(crate) fn is_on_record(&self, place: usize) -> bool {
        self.kept[place].is_some()
    }

    /// Places of the trials whose times others disturbed.
    pub(crate) fn disturbed(&self) -> Vec<usize> {
        let is_disturbed = |kept: &Kept| kept.is_disturbed;
        let all = 0..self.kept.len();
        all.filter(|&place| self.kept[place].as_ref().is_some_and(is_disturbed))
            .collect()
    }

    /// What the search of the trial at `place` found, if it came to its end.
    pub(crate) fn searched(&self, place: usize) -> Option<Searched> {
        self.kept[place].as_ref()?.searched.clone()
    }

    /// How all have ended.
    pub(crate) fn ends(&self) -> Ends {
        let mut ends = Ends::default();
        for kept in self.kept.iter().flatten() {
            if kept.outcome == Outcome::Finished {
                ends.finished += 1;
            } else {
                ends.failed += 1;
            }
            ends.disturbed += usize::from(kept.is_disturbed);
            ends.timed_again += usize::from(kept.is_disturbed && kept.was_timed_again);
        }
        ends
    }
}

/// The records of `ids`, by threads that end with it: a parent that waits for trials has none of its own.
fn records(dir: &Path, ids: &[&str]) -> anyhow::Result<Vec<Option<TrialRecord>>> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let each = ids.len().div_ceil(threads).max(FEWEST);
    let read = |ids: &[&str]| -> Result<Vec<_>, StoreError> {
        ids.iter().map(|id| store::read_record(dir, id)).collect()
    };
    let read = &read;
    let parts = thread::scope(|scope| {
        let parts: Vec<_> = ids
            .chunks(each)
            .map(|part| scope.spawn(move || read(part)))
            .collect();
        let parts = parts
            .into_iter()
            .map(|part| part.join().expect("reading does not panic"));
        parts.collect::<Result<Vec<_>, StoreError>>()
    });
    Ok(parts?.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use record::{TrialBudget, TrialSpec};
    use serde_json::json;

    #[test]
    fn what_is_on_record_is_kept_and_failures_are_run_again_where_that_is_asked() {
        let dir = tempfile::tempdir().unwrap();
        let spec = |seed| TrialSpec {
            seed,
            budget: TrialBudget {
                tune: 2,
                ..TrialBudget::default()
            },
            ..TrialSpec::default()
        };
        let planned = |seed| Planned {
            id: format!("t{seed}"),
            spec: spec(seed),
        };
        let trials: Vec<Planned> = (0..4).map(planned).collect();
        for (seed, outcome) in [(0, Outcome::Finished), (2, Outcome::Crashed)] {
            let mut record = TrialRecord::unmeasured(format!("t{seed}"), spec(seed), outcome);
            record
                .details
                .insert("tune".into(), json!({"best": {"rank": 5}}));
            record.disturbed = Some(true);
            store::write_record(dir.path(), &record).unwrap();
        }
        let read = |retry_failed| {
            let mut standing = Standing::new(&trials, &Searches::of(&trials));
            let mut seen = Vec::new();
            let mut each = |record: &TrialRecord| {
                seen.push(record.trial_id.clone());
                Ok(())
            };
            standing
                .read(dir.path(), &trials, retry_failed, &mut each)
                .unwrap();
            (standing, seen)
        };
        let (standing, seen) = read(false);
        assert_eq!(seen, ["t0", "t2"]);
        assert_eq!(standing.waiting(), [1, 3]);
        assert_eq!(standing.searched(0).unwrap().best, json!({"rank": 5}));
        assert_eq!(standing.searched(2), None, "nobody uses it");
        let ends = Ends {
            finished: 1,
            failed: 1,
            disturbed: 1,
            timed_again: 0,
        };
        assert_eq!((standing.ends(), standing.disturbed()), (ends, vec![0]));
        let (standing, seen) = read(true);
        assert_eq!(
            (standing.waiting(), seen),
            (vec![1, 2, 3], vec!["t0".to_owned()])
        );
    }
}
