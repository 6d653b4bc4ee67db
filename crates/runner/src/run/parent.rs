//! `run`: resolves a plan into trials, runs each in a child process, keeps every outcome as a record, and reports at the end.
//!
//! Whatever happens to a child, the sweep goes on; whatever happens to this process, at most the trial under way is lost.

use crate::cli::RunArgs;
use crate::plan::matrix::{self, Planned};
use crate::plan::{self, Plan};
use crate::registry::Methods;
use crate::run::dry_run;
use crate::run::found::{Found, describe, find_all};
use crate::run::job::{self, Job, Searched, Started};
use crate::run::log::{Log, record_of_unfinished};
use crate::run::progress::Progress;
use crate::run::retime;
use crate::run::run_dir::{self, RunDir};
use crate::run::spelling;
use crate::run::tables::Tables;
use crate::terminal::say;
use crate::words;
use anyhow::{Context, ensure};
use measure::watch::watch;
use record::{Outcome, TrialRecord, TrialSpec};
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// Runs a plan and returns the exit code.
///
/// # Errors
/// Anything that keeps the run from being what was asked for, found out before the first trial; later only a disk that fails.
pub(crate) fn run(methods: Methods, arguments: &RunArgs) -> anyhow::Result<u8> {
    let mut plan = plan::resolve(methods, arguments)?;
    let mut found = find_all(methods, &plan)?;
    let path = arguments.out.clone().unwrap_or_else(run_dir::fresh);
    spelling::as_recorded(&path, &mut plan, &mut found);
    let info = describe(methods, &plan, &found)?;
    let trials = matrix::trials(
        &plan,
        &info.model_digests,
        &info.task_digests,
        |arm, model| found.go_together(&arm.method, model),
    );
    ensure!(
        !trials.is_empty(),
        "there is nothing to run: no method of the plan can be used with its models"
    );
    if arguments.dry_run {
        run_dir::inspect(&path, &info, &trials)?;
        return dry_run::show(methods, &plan, &found, &trials, &path, arguments.json);
    }
    let dir = run_dir::open(&path, &info, &trials)?;
    let done =
        sweep(&plan, &found, &dir, &trials, arguments).and_then(|records| finish(&dir, &records));
    done.map_err(|error| match words::names_disk(&error) {
        true => error.context(format!(
            "stopped, because {} cannot be written any more; the trials that have ended are kept: make room, then give the same command \
             with --out {}",
            dir.path.display(),
            dir.path.display()
        )),
        false => error,
    })
}

/// Runs what is not on record yet; returns all records in the order of the trials.
fn sweep(
    plan: &Plan,
    found: &Found,
    dir: &RunDir,
    trials: &[Planned],
    arguments: &RunArgs,
) -> anyhow::Result<Vec<TrialRecord>> {
    let mut records = Vec::with_capacity(trials.len());
    let mut waiting = Vec::new();
    for trial in trials {
        match report::store::read_record(&dir.path, &trial.id)? {
            Some(record) if record.outcome == Outcome::Finished || !arguments.retry_failed => {
                records.push(record)
            }
            _ => waiting.push(trial),
        }
    }
    let tables = Tables::begin(&dir.path, &records)?;
    let mut progress = Progress::new(trials, records.len());
    for method in &plan.untuned {
        progress.line(&format!(
            "{method} runs at its paper's learning rate; the other methods at rates tuned for the bundled models (--tune N searches for all alike)"
        ));
    }
    let here = dir.path.display();
    match (dir.continued, waiting.len()) {
        (true, n) => progress.line(&format!("continuing {here}: {} of {} trials are on record, {n} to run", records.len(), trials.len())),
        (false, n) => progress.line(&format!("{n} trials; results go to {here} (stop at any time; --out {here} and the same plan continue)")),
    }
    for place in 0..waiting.len() {
        let trial = waiting[place];
        progress.begin(&waiting[place..]);
        let started = Instant::now();
        let searched = searched(trials, trial, &records);
        let attempt = Attempt {
            run_dir: &dir.path,
            searched,
            keep_adapter: arguments.keep_adapters,
            quick: arguments.quick,
        };
        let record = run_trial(plan, found, trial, attempt, &progress)?;
        progress.ended(&record, started.elapsed(), &waiting[place + 1..]);
        tables.add(&record)?;
        records.push(record);
    }
    if arguments.retime && dir.continued {
        retime::retime(
            dir,
            trials,
            &mut records,
            &progress,
            |place, trial, searched| {
                let attempt = Attempt {
                    run_dir: place,
                    searched,
                    keep_adapter: false,
                    quick: arguments.quick,
                };
                run_trial(plan, found, trial, attempt, &progress)
            },
        )?;
    }
    progress.close();
    let order = |record: &TrialRecord| trials.iter().position(|trial| trial.id == record.trial_id);
    records.sort_by_key(order);
    Ok(records)
}

/// What the first seed's trial of the same combination found, if it searched and came to its end. Settings are searched once and the other seeds
/// use them: the search costs as much as N seeds, and each seed's test examples are as unseen for the others' choice as for its own.
fn searched(trials: &[Planned], trial: &Planned, records: &[TrialRecord]) -> Option<Searched> {
    if trial.spec.budget.tune == 0 {
        return None;
    }
    let alike = |other: &Planned| {
        let seed = trial.spec.seed;
        // Copying a whole spec to compare it costs more than all else that the parent does for a trial.
        other.spec.method == trial.spec.method
            && TrialSpec {
                seed,
                ..other.spec.clone()
            } == trial.spec
    };
    let first = trials.iter().find(|other| alike(other))?;
    let record = records
        .iter()
        .find(|record| record.trial_id == first.id && record.outcome == Outcome::Finished)?;
    Searched::by(record)
}

/// How a trial is run, beside what it is.
struct Attempt<'a> {
    /// The directory under which it leaves its files: the run's, or one beside it.
    run_dir: &'a Path,
    /// What an earlier search found.
    searched: Option<Searched>,
    keep_adapter: bool,
    quick: bool,
}

fn run_trial(
    plan: &Plan,
    found: &Found,
    trial: &Planned,
    attempt: Attempt<'_>,
    progress: &Progress,
) -> anyhow::Result<TrialRecord> {
    let spec = &trial.spec;
    let run_dir = attempt.run_dir;
    let trial_dir = report::store::trial_dir(run_dir, &trial.id);
    if trial_dir.exists() {
        // What a killed or failed attempt left behind would otherwise pass for this one's.
        fs::remove_dir_all(&trial_dir)
            .with_context(|| format!("cannot clear {}", trial_dir.display()))?;
    }
    fs::create_dir_all(&trial_dir)
        .with_context(|| format!("cannot make {}", trial_dir.display()))?;
    let log_path = trial_dir.join("log.txt");
    let log =
        File::create(&log_path).with_context(|| format!("cannot write {}", log_path.display()))?;
    let job = Job {
        trial_id: trial.id.clone(),
        run_dir: run_dir.to_owned(),
        spec: spec.clone(),
        model_dir: found.models[&spec.model].dir.clone(),
        task: found.tasks[&spec.task].0.clone(),
        keep_adapter: attempt.keep_adapter,
        quick: attempt.quick,
        searched: attempt.searched,
    };
    let (stdout, stderr) = (Stdio::from(log.try_clone()?), Stdio::from(log));
    let Started {
        mut child,
        lifeline,
    } = job::start("trial", &job, stdout, stderr).context("cannot start a child process")?;
    let mut log = Log::new(&log_path)?;
    let limit = plan.time_limit_s.map(Duration::from_secs_f64);
    let ended = watch(&mut child, limit, |sample| {
        log.poll(sample.memory.peak_bytes);
        progress.tick(trial, sample, log.phase());
    })
    .context("cannot wait for a child process")?;
    drop(lifeline);
    log.poll(None);
    match report::store::read_record(run_dir, &trial.id)? {
        Some(record) => Ok(record),
        None if ended.status.code() == Some(crate::NOT_WRITTEN.into()) => {
            let message = log
                .last_message()
                .unwrap_or_else(|| "no reason known".to_owned());
            let reason = message.trim_start_matches("error: ").to_owned();
            Err(io::Error::new(io::ErrorKind::StorageFull, reason).into())
        }
        None => {
            let record = record_of_unfinished(trial, &ended, &log);
            report::store::write_record(run_dir, &record)?;
            Ok(record)
        }
    }
}

/// Derives tables and charts, prints the results and says where everything is.
fn finish(dir: &RunDir, records: &[TrialRecord]) -> anyhow::Result<u8> {
    let run = report::load_run(&dir.path)?;
    let written = report::write(&run, &dir.path)?;
    words::print_results(&run, &written);
    if let Some(advice) = retime::advice(&dir.path, records) {
        say(advice);
    }
    let failed = records
        .iter()
        .filter(|record| record.outcome != Outcome::Finished)
        .count();
    Ok(if failed == 0 {
        crate::FINISHED
    } else {
        crate::SOME_FAILED
    })
}
