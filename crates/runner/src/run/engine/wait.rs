//! `run --on slurm`: hands over what is not on record, then waits for it, or leaves; the same command continues either way. How a job without a
//! record ended is Slurm's to say: its limits become outcomes, its losses attempts, and the trial is handed over again.

mod settle;

use crate::registry::Methods;
use crate::run::engine::arrays::Arrays;
use crate::run::engine::claims;
use crate::run::engine::files;
use crate::run::engine::slurm::{self, Queued};
use crate::run::engine::submit::Submitter;
use crate::run::sweep::Sweep;
use crate::terminal::say;
use anyhow::Context;
use record::{Outcome, store};
use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

/// How a wait has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// Everything is on record.
    Done,
    /// Jobs go on by themselves.
    Detached,
    /// Some were taken away, and nothing else waits or runs.
    Cancelled,
}

/// So often a trial is handed over again in one wait.
const MOST_LOST: usize = 3;
/// Between two looks at the queue.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(20);

/// A run on a cluster, as this process sees it.
struct Cluster<'s, 'a> {
    sweep: &'s mut Sweep<'a>,
    arrays: Arrays,
    submitter: Submitter,
    /// Trials that are not on record and have not been given up.
    waiting: BTreeSet<usize>,
    /// Of those whose job has ended without a record to be seen: since when.
    unseen: HashMap<usize, Instant>,
    /// Not before then.
    later: HashMap<usize, Instant>,
    /// Attempts of this wait that came to nothing.
    lost: HashMap<usize, usize>,
    cancelled: usize,
    /// Why nothing more can be written, in Slurm's words.
    full: Option<String>,
}

/// Runs what is not on record on Slurm.
///
/// # Errors
/// A Slurm that cannot be asked at the beginning, or refuses a job; a disk that cannot be written.
pub(crate) fn run_on_slurm(methods: Methods, sweep: &mut Sweep<'_>) -> anyhow::Result<Left> {
    let waiting: BTreeSet<usize> = sweep.standing.waiting().into_iter().collect();
    if waiting.is_empty() {
        sweep.close()?;
        return Ok(Left::Done);
    }
    let dir = &sweep.run.dir.path;
    claims::keep(dir)?;
    let mut cluster = Cluster {
        arrays: Arrays::open(dir)?,
        submitter: Submitter::new(methods, sweep.run),
        waiting,
        unseen: HashMap::new(),
        later: HashMap::new(),
        lost: HashMap::new(),
        cancelled: 0,
        full: None,
        sweep,
    };
    let left = cluster.work_off();
    cluster.sweep.close()?;
    left
}

impl Cluster<'_, '_> {
    fn work_off(&mut self) -> anyhow::Result<Left> {
        self.clear_failed()?;
        let queue = slurm::queue(&self.arrays.prefix).context(
            "--on slurm asks Slurm on this machine, which has to be one that submits jobs",
        )?;
        let mut active = self.look(queue, true)?;
        self.submit(&mut active)?;
        if self.sweep.run.arguments.detach {
            return self.leave(active.len());
        }
        let mut pause = SHORTEST;
        let mut is_said = false;
        while !self.waiting.is_empty() {
            thread::sleep(pause);
            let asked = Instant::now();
            let queue = match slurm::queue(&self.arrays.prefix) {
                Ok(queue) => queue,
                Err(error) => {
                    if !is_said {
                        let line = format!("Slurm does not answer ({error:#}); asking on");
                        self.sweep.progress.line(&line);
                        is_said = true;
                    }
                    pause = LONGEST;
                    continue;
                }
            };
            let cost = asked.elapsed() * 20;
            let before = (self.waiting.len(), active.len());
            active = self.look(queue, false)?;
            self.submit(&mut active)?;
            self.sweep.tables.poll()?;
            let is_quiet = before == (self.waiting.len(), active.len());
            let next = if is_quiet { pause * 3 / 2 } else { SHORTEST };
            pause = next.max(cost).clamp(SHORTEST, LONGEST);
        }
        self.end()
    }

    /// Trials that did not finish and are to be tried again: their records go.
    fn clear_failed(&mut self) -> anyhow::Result<()> {
        if !self.sweep.run.arguments.retry_failed {
            return Ok(());
        }
        let dir = &self.sweep.run.dir.path;
        for &place in &self.waiting {
            let id = &self.sweep.run.trials[place].id;
            let record = store::read_record(dir, id)?;
            if record.is_some_and(|record| record.outcome != Outcome::Finished) {
                let trial = store::trial_dir(dir, id);
                fs::remove_dir_all(&trial)
                    .with_context(|| format!("cannot clear {}", trial.display()))?;
                self.arrays.deal_with(id)?;
            }
        }
        Ok(())
    }

    /// Takes in what has ended. Returns the arrays of the trials that wait or run, by their places.
    fn look(
        &mut self,
        queue: Vec<Queued>,
        is_first: bool,
    ) -> anyhow::Result<HashMap<usize, String>> {
        let run = self.sweep.run;
        let mut tasks: HashMap<String, Queued> = HashMap::new();
        let mut running = 0;
        for queued in queue {
            let Some(id) = self.arrays.trial_of(&queued) else {
                continue;
            };
            running += usize::from(queued.state == "RUNNING");
            if queued.is_active() {
                tasks.insert(id, queued);
            }
        }
        self.sweep.progress.set_at_once(running.max(1));
        self.sweep.progress.message(format!(
            "{running} trials run, {} wait for Slurm",
            tasks.len() - running.min(tasks.len())
        ));
        let mut active = HashMap::new();
        for place in self.waiting.clone() {
            let id = &run.trials[place].id;
            if let Some(queued) = tasks.get(id) {
                let array = queued.job.split('_').next().unwrap_or_default();
                active.insert(place, array.to_owned());
                continue;
            }
            if let Some(record) = store::read_record(&run.dir.path, id)? {
                self.recorded(place, &record)?;
                continue;
            }
            self.judge(place, is_first)?;
        }
        Ok(active)
    }

    /// Hands over what is neither on record nor in the queue.
    fn submit(&mut self, active: &mut HashMap<usize, String>) -> anyhow::Result<()> {
        let now = Instant::now();
        let is_due = |place: &usize| {
            !active.contains_key(place)
                && !self.unseen.contains_key(place)
                && self.later.get(place).is_none_or(|then| *then <= now)
        };
        let places: Vec<usize> = self.waiting.iter().copied().filter(is_due).collect();
        if places.is_empty() {
            return Ok(());
        }
        let sweep = &mut *self.sweep;
        let arrays = self.submitter.submit(
            sweep.run,
            &sweep.standing,
            &mut self.arrays,
            &places,
            active,
        )?;
        for &place in &places {
            self.later.remove(&place);
            if let Some(handed) = self.arrays.latest(&sweep.run.trials[place].id) {
                active.insert(place, handed.array().to_owned());
            }
        }
        let unit = if arrays == 1 { "array" } else { "arrays" };
        sweep.progress.line(&format!(
            "{} trials are handed to Slurm in {arrays} {unit}",
            places.len()
        ));
        Ok(())
    }

    /// Says how to come back.
    fn leave(&self, jobs: usize) -> anyhow::Result<Left> {
        let here = self.sweep.run.dir.path.display();
        say(format!(
            "{jobs} trials wait or run in Slurm: `adaptbench status {here}` says how far they are; the same command with --out {here} takes in what \
             has ended, hands over what was lost, and makes the report"
        ));
        Ok(Left::Detached)
    }

    fn end(&self) -> anyhow::Result<Left> {
        if let Some(reason) = &self.full {
            let reason = format!("{MOST_LOST} machines one after the other: {reason}");
            return Err(io::Error::new(io::ErrorKind::StorageFull, reason).into());
        }
        if self.cancelled == 0 {
            let attempts = files::jobs_dir(&self.sweep.run.dir.path).join("attempts");
            // Empty but for what a machine left that died.
            let _ = fs::remove_dir(attempts);
            return Ok(Left::Done);
        }
        self.sweep.progress.line(&format!(
            "{} trials were taken out of Slurm (scancel) and are not on record; the same command hands them over again",
            self.cancelled
        ));
        Ok(Left::Cancelled)
    }
}
