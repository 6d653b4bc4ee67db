//! What Slurm's word on a job means for its trial, which has no record.

use crate::run::engine::claims;
use crate::run::engine::slurm::Verdict;
use crate::run::sweep::Run;
use record::{Machine, Outcome, TrialRecord};

/// What is to be done about a trial without a record whose job has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// The job was the trial, and this is how it ended.
    Outcome(Outcome),
    /// Nothing is known of the trial: it is to run again.
    Lost(Lost),
    /// The job says that the trial is on record; a file system may show it a little later.
    Recorded,
    /// Another has the trial, or the search that it uses has not ended.
    NotNow,
    /// Somebody took the job away.
    Cancelled,
}

/// How an attempt came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lost {
    /// In Slurm's word.
    pub(super) ended: String,
    /// A machine to keep away from.
    pub(super) node: Option<String>,
    /// Whether the machine could not write.
    pub(super) is_full: bool,
}

/// Reads Slurm's word, or its silence.
pub(super) fn judge(verdict: Option<&Verdict>) -> Judgement {
    let Some(verdict) = verdict else {
        return Judgement::Lost(Lost {
            ended: "Slurm no longer knows how its job ended".to_owned(),
            node: None,
            is_full: false,
        });
    };
    let lost = |keeps_away: bool| {
        Judgement::Lost(Lost {
            ended: in_words(verdict),
            node: verdict.node.clone().filter(|_| keeps_away),
            is_full: verdict.code() == Some(crate::NOT_WRITTEN),
        })
    };
    match verdict.state.as_str() {
        "TIMEOUT" | "DEADLINE" => Judgement::Outcome(Outcome::TimedOut),
        "OUT_OF_MEMORY" => Judgement::Outcome(Outcome::OutOfMemory),
        "CANCELLED" => Judgement::Cancelled,
        "COMPLETED" => Judgement::Recorded,
        "NODE_FAIL" | "BOOT_FAIL" | "PREEMPTED" => lost(false),
        _ => match verdict.code() {
            Some(crate::FINISHED | crate::SOME_FAILED) => Judgement::Recorded,
            Some(crate::NOT_NOW) => Judgement::NotNow,
            // What fails here at once would fail for every trial that this machine is given.
            _ => lost(true),
        },
    }
}

/// `FAILED with exit code 74`, `NODE_FAIL`.
pub(super) fn in_words(verdict: &Verdict) -> String {
    match verdict.code() {
        Some(0) | None => verdict.state.clone(),
        Some(crate::NOT_WRITTEN) => format!("{}: the disk could not be written", verdict.state),
        Some(code) => format!("{} with exit code {code}", verdict.state),
    }
}

/// The record of a trial that its job `job` ended.
pub(super) fn record_of(
    run: &Run<'_>,
    place: usize,
    outcome: Outcome,
    job: &str,
    verdict: Option<&Verdict>,
    reason: &str,
) -> TrialRecord {
    let trial = &run.trials[place];
    let mut record = TrialRecord::unmeasured(trial.id.clone(), trial.spec.clone(), outcome);
    let node = verdict.and_then(|verdict| verdict.node.clone());
    let mut attempts = claims::attempts(&run.dir.path, &trial.id);
    let own = attempts
        .last()
        .filter(|last| last.job.as_deref() == Some(job))
        .cloned();
    if own.is_some() {
        attempts.pop();
    }
    record.attempts = attempts;
    record.machine = Some(Machine {
        host: own.and_then(|own| own.host),
        engine: Some("slurm".to_owned()),
        node: node.clone(),
        job: Some(job.to_owned()),
        ..Machine::default()
    });
    let on = node.map_or_else(String::new, |node| format!(" on {node}"));
    record.error = Some(format!("{reason}; Slurm's job {job}{on}"));
    record
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(state: &str, exit: &str) -> Verdict {
        Verdict {
            state: state.to_owned(),
            exit: exit.to_owned(),
            node: Some("n3".to_owned()),
            elapsed: None,
            limit: None,
        }
    }

    #[test]
    fn every_word_of_slurm_has_its_meaning() {
        let of = |state: &str, exit: &str| judge(Some(&verdict(state, exit)));
        assert_eq!(of("TIMEOUT", "0:15"), Judgement::Outcome(Outcome::TimedOut));
        assert_eq!(
            of("OUT_OF_MEMORY", "0:125"),
            Judgement::Outcome(Outcome::OutOfMemory)
        );
        assert_eq!(of("CANCELLED", "0:15"), Judgement::Cancelled);
        assert_eq!(of("COMPLETED", "0:0"), Judgement::Recorded);
        assert_eq!(of("FAILED", "1:0"), Judgement::Recorded);
        assert_eq!(of("FAILED", "75:0"), Judgement::NotNow);
        let lost = |state: &str, exit: &str| match of(state, exit) {
            Judgement::Lost(lost) => lost,
            other => panic!("{other:?}"),
        };
        for state in ["NODE_FAIL", "BOOT_FAIL", "PREEMPTED"] {
            let found = lost(state, "0:0");
            assert_eq!((found.ended.as_str(), found.node), (state, None));
        }
        let full = lost("FAILED", "74:0");
        assert!(
            full.is_full && full.node.as_deref() == Some("n3"),
            "{full:?}"
        );
        let no_program = lost("FAILED", "127:0");
        assert!(
            !no_program.is_full && no_program.ended.contains("127"),
            "{no_program:?}"
        );
        assert!(lost("FAILED", "0:9").node.is_some());
        let Judgement::Lost(silent) = judge(None) else {
            panic!("a job that nobody knows");
        };
        assert_eq!(silent.node, None);
    }
}
