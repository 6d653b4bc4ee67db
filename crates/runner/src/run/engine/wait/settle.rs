//! What becomes of a trial whose job has ended.

use super::{Cluster, MOST_LOST};
use crate::run::engine::verdicts::{Judgement, Lost, in_words, judge, record_of};
use crate::run::engine::{attempt, claims, slurm};
use record::{Outcome, TrialRecord};
use std::time::{Duration, Instant};

/// How long a record may take to be seen that another machine has written.
const VISIBLE: Duration = Duration::from_secs(120);
/// Before a trial that another has is handed over again.
const PATIENCE: Duration = Duration::from_secs(30);

impl Cluster<'_, '_> {
    pub(super) fn recorded(&mut self, place: usize, record: &TrialRecord) -> anyhow::Result<()> {
        self.waiting.remove(&place);
        self.unseen.remove(&place);
        let seconds = record.total_s.unwrap_or(0.0).clamp(0.0, 1e9);
        self.sweep
            .ended(place, record, Duration::from_secs_f64(seconds))
    }

    /// Asks how the last job of a trial ended that has no record.
    pub(super) fn judge(&mut self, place: usize, is_first: bool) -> anyhow::Result<()> {
        let run = self.sweep.run;
        let id = &run.trials[place].id;
        let Some(job) = self.arrays.latest(id).map(|handed| handed.job.clone()) else {
            return Ok(());
        };
        let verdict = slurm::verdict(&job);
        let judgement = judge(verdict.as_ref());
        if judgement == Judgement::Recorded
            && self
                .unseen
                .entry(place)
                .or_insert_with(Instant::now)
                .elapsed()
                < VISIBLE
        {
            return Ok(());
        }
        self.unseen.remove(&place);
        self.arrays.deal_with(id)?;
        let word = verdict.as_ref().map(in_words);
        if let Some(word) = &word {
            claims::note_end(&run.dir.path, id, &job, word)?;
        }
        match judgement {
            Judgement::Outcome(outcome) => {
                let limit = verdict.as_ref().and_then(|verdict| {
                    let elapsed = verdict.elapsed.as_ref()?;
                    Some(format!(" after {elapsed} of {}", verdict.limit.as_ref()?))
                });
                let reason = format!(
                    "ended by Slurm: {}{}",
                    word.unwrap_or_default(),
                    limit.unwrap_or_default()
                );
                let record = record_of(run, place, outcome, &job, verdict.as_ref(), &reason);
                let record = attempt::record_for(&run.dir.path, &record)?;
                self.recorded(place, &record)
            }
            Judgement::Cancelled if is_first => Ok(()),
            Judgement::Cancelled => {
                self.cancelled += 1;
                self.waiting.remove(&place);
                Ok(())
            }
            Judgement::NotNow => {
                self.later.insert(place, Instant::now() + PATIENCE);
                Ok(())
            }
            Judgement::Recorded => {
                let ended = "its job ended well and left no record".to_owned();
                let lost = Lost {
                    ended,
                    node: None,
                    is_full: false,
                };
                self.lose(place, &job, lost)
            }
            Judgement::Lost(lost) => self.lose(place, &job, lost),
        }
    }

    /// An attempt has come to nothing: the trial runs again, elsewhere where the machine was at fault, and not for ever.
    fn lose(&mut self, place: usize, job: &str, lost: Lost) -> anyhow::Result<()> {
        let run = self.sweep.run;
        let times = self.lost.entry(place).or_insert(0);
        *times += 1;
        let label = self.sweep.progress.label(&run.trials[place].spec);
        self.sweep.progress.line(&format!(
            "{label}: job {job} came to nothing: {}",
            lost.ended
        ));
        if *times < MOST_LOST {
            if let Some(node) = lost.node {
                self.submitter
                    .avoided
                    .entry(place)
                    .or_default()
                    .insert(node);
            }
            return Ok(());
        }
        if lost.is_full {
            self.waiting.remove(&place);
            self.full = Some(lost.ended);
            return Ok(());
        }
        let reason = format!(
            "{MOST_LOST} attempts came to nothing, the last by {}; what its job said is in jobs/logs/{job}.txt",
            lost.ended
        );
        let verdict = slurm::verdict(job);
        let record = record_of(run, place, Outcome::Crashed, job, verdict.as_ref(), &reason);
        let record = attempt::record_for(&run.dir.path, &record)?;
        self.recorded(place, &record)
    }
}
