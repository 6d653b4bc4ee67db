//! The trials of a run on this machine: one after the other, or side by side on cores of their own.

use crate::cli::RunArgs;
use crate::plan::Plan;
use crate::plan::matrix::Planned;
use crate::run::cores;
use crate::run::engine;
use crate::run::found::Found;
use crate::run::job::{Job, Searched};
use crate::run::progress::Progress;
use crate::run::ready::Ready;
use crate::run::retime;
use crate::run::run_dir::RunDir;
use crate::run::searches::Searches;
use crate::run::standing::Standing;
use crate::run::supervise::supervise;
use crate::run::tables::Tables;
use measure::watch::Sample;
use record::TrialRecord;
use std::path::Path;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

/// What a run is.
pub(crate) struct Run<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) found: &'a Found,
    pub(crate) dir: &'a RunDir,
    pub(crate) trials: &'a [Planned],
    pub(crate) searches: &'a Searches,
    pub(crate) arguments: &'a RunArgs,
}

impl Run<'_> {
    /// The trial at `place`, as its process is told of it.
    pub(crate) fn job(&self, place: usize, searched: Option<Searched>) -> Job {
        let trial = &self.trials[place];
        Job {
            trial_id: trial.id.clone(),
            run_dir: self.dir.path.clone(),
            spec: trial.spec.clone(),
            model_dir: self.found.models[&trial.spec.model].dir.clone(),
            task: self.found.tasks[&trial.spec.task].0.clone(),
            keep_adapter: self.arguments.keep_adapters,
            quick: self.arguments.quick,
            searched,
            attempts: Vec::new(),
            side_by_side: None,
            answers_dir: None,
        }
    }

    /// How long a trial may take.
    pub(crate) fn limit(&self) -> Option<Duration> {
        self.plan.time_limit_s.map(Duration::from_secs_f64)
    }

    fn attempt(
        &self,
        job: Job,
        on_poll: impl FnMut(&Sample, Option<&str>),
    ) -> anyhow::Result<TrialRecord> {
        if engine::claims::are_kept(&self.dir.path) {
            engine::attempt::here(&self.dir.path, job, self.limit(), on_poll)
        } else {
            supervise(&job, self.limit(), on_poll)
        }
    }
}

/// A run under way: what is known of its trials, what is shown, and its tables.
pub(crate) struct Sweep<'a> {
    pub(crate) run: &'a Run<'a>,
    pub(crate) standing: Standing,
    pub(crate) progress: Progress,
    pub(crate) tables: Tables,
}

impl<'a> Sweep<'a> {
    /// Takes up what is on record, `at_once` trials being run at a time from here on.
    ///
    /// # Errors
    /// A record that cannot be read, tables that cannot be written.
    pub(crate) fn open(run: &'a Run<'a>, at_once: usize) -> anyhow::Result<Self> {
        let dir = &run.dir.path;
        let mut standing = Standing::new(run.trials, run.searches);
        let tables = Tables::begin(dir, |each| {
            standing.read(dir, run.trials, run.arguments.retry_failed, each)
        })?;
        let waiting = standing.waiting();
        let progress = Progress::new(run.trials, &waiting, at_once);
        for method in &run.plan.untuned {
            progress.line(&format!(
                "{method} runs at its paper's learning rate; the other methods at rates tuned for the bundled models (--tune N searches for all alike)"
            ));
        }
        let (here, n, all) = (dir.display(), waiting.len(), run.trials.len());
        progress.line(&if run.dir.continued {
            format!("continuing {here}: {} of {all} trials are on record, {n} to run", all - n)
        } else {
            format!("{n} trials; results go to {here} (stop at any time; --out {here} and the same plan continue)")
        });
        Ok(Self {
            run,
            standing,
            progress,
            tables,
        })
    }

    /// Runs what is not on record on this machine.
    ///
    /// # Errors
    /// A disk that cannot be written any more, a process that cannot be started.
    pub(crate) fn run_here(&mut self, jobs: usize) -> anyhow::Result<()> {
        if jobs > 1 {
            self.side_by_side(jobs)?;
        } else {
            self.one_by_one()?;
        }
        if self.run.arguments.retime && self.run.dir.continued {
            self.retime()?;
        }
        self.close()
    }

    /// Everything has ended.
    ///
    /// # Errors
    /// Tables that cannot be written.
    pub(crate) fn close(&mut self) -> anyhow::Result<()> {
        self.progress.close();
        self.tables.append()
    }

    /// A trial has ended.
    ///
    /// # Errors
    /// Tables that cannot be written.
    pub(crate) fn ended(
        &mut self,
        place: usize,
        record: &TrialRecord,
        elapsed: Duration,
    ) -> anyhow::Result<()> {
        self.standing.keep(place, record);
        self.progress.ended(record, elapsed);
        self.tables.add(record)
    }

    fn job(&self, place: usize) -> Job {
        let search = self.run.searches.for_trial(place);
        let searched = search.and_then(|search| self.standing.searched(search));
        self.run.job(place, searched)
    }

    fn one_by_one(&mut self) -> anyhow::Result<()> {
        let mut ready = Ready::new(&self.standing.waiting(), self.run.searches);
        while let Some(place) = ready.next() {
            let spec = &self.run.trials[place].spec;
            self.progress.begin(spec);
            let started = Instant::now();
            let job = self.job(place);
            let (progress, tables) = (&self.progress, &mut self.tables);
            let record = self.run.attempt(job, |sample, phase| {
                progress.tick(spec, sample, phase);
                // A table that cannot be written now says so when the trial has ended.
                let _ = tables.poll();
            })?;
            self.ended(place, &record, started.elapsed())?;
            ready.ended(place);
        }
        Ok(())
    }

    fn side_by_side(&mut self, jobs: usize) -> anyhow::Result<()> {
        let mut ready = Ready::new(&self.standing.waiting(), self.run.searches);
        let shares = cores::shares(jobs)?;
        let run = self.run;
        thread::scope(|scope| -> anyhow::Result<()> {
            let (said, heard) = mpsc::channel();
            let mut hands = Vec::new();
            for (number, cores) in shares.into_iter().enumerate() {
                let (give, take) = mpsc::channel();
                let said = said.clone();
                scope.spawn(move || work(run, number, &cores, &take, &said));
                hands.push(give);
            }
            let mut idle: Vec<usize> = (0..jobs).rev().collect();
            loop {
                while let Some(&hand) = idle.last()
                    && let Some(place) = ready.next()
                {
                    let mut job = self.job(place);
                    job.side_by_side = Some(jobs as u64);
                    self.progress.begin(&job.spec);
                    hands[hand].send((place, job))?;
                    idle.pop();
                }
                if idle.len() == jobs {
                    return Ok(());
                }
                // What ends this early lets the trials under way come to their end: the channels close, and the scope waits.
                match heard.recv_timeout(Duration::from_secs(1)) {
                    Ok(Ended {
                        hand,
                        place,
                        elapsed,
                        record,
                    }) => {
                        idle.push(hand);
                        self.ended(place, &record?, elapsed)?;
                        ready.ended(place);
                    }
                    Err(RecvTimeoutError::Timeout) => self.tables.poll()?,
                    Err(RecvTimeoutError::Disconnected) => unreachable!("this thread has a sender"),
                }
            }
        })
    }

    fn retime(&mut self) -> anyhow::Result<()> {
        let (run, progress) = (self.run, &self.progress);
        let again = |beside: &Path, place: usize, searched: Option<Searched>| {
            let spec = &run.trials[place].spec;
            let job = Job {
                run_dir: beside.to_owned(),
                keep_adapter: false,
                ..run.job(place, searched)
            };
            supervise(&job, run.limit(), |sample, phase| {
                progress.tick(spec, sample, phase)
            })
        };
        retime::retime(
            &run.dir.path,
            run.trials,
            &mut self.standing,
            progress,
            again,
        )
    }
}

/// What a worker says of a trial.
struct Ended {
    hand: usize,
    place: usize,
    elapsed: Duration,
    record: anyhow::Result<TrialRecord>,
}

/// Runs trials on `cores` until no more come.
fn work(
    run: &Run<'_>,
    hand: usize,
    cores: &[usize],
    trials: &Receiver<(usize, Job)>,
    said: &Sender<Ended>,
) {
    for (place, job) in trials {
        let started = Instant::now();
        let record = cores::bind(cores).and_then(|()| run.attempt(job, |_, _| {}));
        let ended = Ended {
            hand,
            place,
            elapsed: started.elapsed(),
            record,
        };
        if said.send(ended).is_err() {
            return;
        }
    }
}
