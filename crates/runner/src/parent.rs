//! `run`: resolves a plan into trials, runs each in a child process, keeps every outcome as a record, and reports at the end.
//!
//! Whatever happens to a child, the sweep goes on; whatever happens to this process, at most the trial under way is lost.

use crate::cli::RunArgs;
use crate::job::{self, Job, PHASE_MARK, Started};
use crate::matrix::{self, Planned};
use crate::plan::{self, Plan};
use crate::progress::Progress;
use crate::registry::{Methods, find};
use crate::run_dir::{self, RunDir};
use crate::sources::{Model, TaskSource};
use crate::{devices, probe, sources, words};
use anyhow::{Context, ensure};
use measure::environment::BuildInfo;
use measure::watch::{Ended, watch};
use record::{MethodNote, Outcome, RunInfo, TrialRecord};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// Everything that was found before the first trial.
struct Found {
    models: BTreeMap<String, Model>,
    tasks: BTreeMap<String, (TaskSource, String)>,
    /// (method, model) that do not go together.
    excluded: Vec<(String, String)>,
}

/// Runs a plan and returns the exit code.
///
/// # Errors
/// Anything that keeps the run from being what was asked for, found out before the first trial; later only a disk that fails.
pub(crate) fn run(methods: Methods, arguments: &RunArgs) -> anyhow::Result<u8> {
    let plan = plan::resolve(methods, arguments)?;
    let found = find_all(methods, &plan)?;
    let info = describe(methods, &plan, &found)?;
    let trials = matrix::trials(&plan, &info.model_digests, &info.task_digests, |arm, model| {
        !found.excluded.iter().any(|(method, other)| *method == arm.method && other == model)
    });
    ensure!(!trials.is_empty(), "there is nothing to run: no method of the plan can be used with its models");
    let path = arguments.out.clone().unwrap_or_else(run_dir::fresh);
    let dir = run_dir::open(&path, &info)?;
    let records = sweep(&plan, &found, &dir, &trials, arguments)?;
    finish(&dir, &records)
}

fn find_all(methods: Methods, plan: &Plan) -> anyhow::Result<Found> {
    let mut found = Found { models: BTreeMap::new(), tasks: BTreeMap::new(), excluded: Vec::new() };
    for name in &plan.tasks {
        let (source, task) = sources::task(name)?;
        task.notes.iter().for_each(|note| eprintln!("note: {name}: {note}"));
        found.tasks.insert(name.clone(), (source, task.digest));
    }
    for name in &plan.models {
        found.models.insert(name.clone(), sources::model(name)?);
    }
    let mut with_model = Vec::new();
    for arm in &plan.arms {
        if find(methods, &arm.method)?.info().uses_model && !with_model.contains(&arm.method) {
            with_model.push(arm.method.clone());
        }
    }
    for device in &plan.devices {
        if with_model.is_empty() {
            probe::ask(device, None, Vec::new())?;
            continue;
        }
        for (name, model) in &found.models {
            let answer = probe::ask(device, Some(&model.dir), with_model.clone()).with_context(|| format!("the model \"{name}\""))?;
            answer.warnings.iter().for_each(|warning| eprintln!("warning: {name}: {warning}"));
            for (method, reason) in answer.not_applicable {
                let pair = (method, name.clone());
                if !found.excluded.contains(&pair) {
                    eprintln!("note: {} is left out with {name}: {reason}", pair.0);
                    found.excluded.push(pair);
                }
            }
        }
    }
    Ok(found)
}

fn describe(methods: Methods, plan: &Plan, found: &Found) -> anyhow::Result<RunInfo> {
    let text = |value: Option<&str>| value.map(str::to_owned);
    let build = BuildInfo {
        git_revision: text(option_env!("ADAPTBENCH_GIT_REVISION")),
        git_dirty: option_env!("ADAPTBENCH_GIT_DIRTY").and_then(|dirty| dirty.parse().ok()),
        rustc: text(option_env!("ADAPTBENCH_RUSTC")),
        cargo_lock_digest: text(option_env!("ADAPTBENCH_CARGO_LOCK_DIGEST")),
        burn_version: option_env!("ADAPTBENCH_BURN_VERSION").unwrap_or("unknown").to_owned(),
        profile: option_env!("ADAPTBENCH_PROFILE").unwrap_or("unknown").to_owned(),
        features: devices::compiled(),
    };
    let mut info = measure::environment::run_info(build, std::env::args().collect());
    info.model_digests = found.models.values().map(|model| (model.name.clone(), model.digest.clone())).collect();
    info.task_digests = found.tasks.iter().map(|(name, (_, digest))| (name.clone(), digest.clone())).collect();
    let used = methods.iter().map(|method| method.info()).filter(|method| plan.arms.iter().any(|arm| arm.method == method.name));
    info.methods = used
        .map(|method| MethodNote {
            name: method.name.to_owned(),
            definition: method.definition.to_owned(),
            paper: (!method.paper.is_empty()).then(|| method.paper.to_owned()),
        })
        .collect();
    info.plan = serde_json::to_value(plan)?;
    Ok(info)
}

/// Runs what is not on record yet; returns all records in the order of the trials.
fn sweep(plan: &Plan, found: &Found, dir: &RunDir, trials: &[Planned], arguments: &RunArgs) -> anyhow::Result<Vec<TrialRecord>> {
    let mut records = Vec::with_capacity(trials.len());
    let mut waiting = Vec::new();
    for trial in trials {
        match report::store::read_record(&dir.path, &trial.id)? {
            Some(record) if record.outcome == Outcome::Finished || !arguments.retry_failed => records.push(record),
            _ => waiting.push(trial),
        }
    }
    let mut progress = Progress::new(trials.len(), records.len());
    let here = dir.path.display();
    match (dir.continued, waiting.len()) {
        (true, n) => progress.line(&format!("continuing {here}: {} of {} trials are on record, {n} to run", records.len(), trials.len())),
        (false, n) => progress.line(&format!("{n} trials; results go to {here} (stop at any time; --out {here} and the same plan continue)")),
    }
    for place in 0..waiting.len() {
        let trial = waiting[place];
        progress.begin(&waiting[place..]);
        let started = Instant::now();
        let record = run_trial(plan, found, dir, trial, arguments.keep_adapters, &progress)?;
        progress.ended(&record, started.elapsed(), &waiting[place + 1..]);
        records.push(record);
        run_dir::write_tables(&dir.path, &records)?;
    }
    progress.close();
    let order = |record: &TrialRecord| trials.iter().position(|trial| trial.id == record.trial_id);
    records.sort_by_key(order);
    Ok(records)
}

fn run_trial(plan: &Plan, found: &Found, dir: &RunDir, trial: &Planned, keep_adapter: bool, progress: &Progress) -> anyhow::Result<TrialRecord> {
    let spec = &trial.spec;
    let trial_dir = report::store::trial_dir(&dir.path, &trial.id);
    if trial_dir.exists() {
        // What a killed or failed attempt left behind would otherwise pass for this one's.
        fs::remove_dir_all(&trial_dir).with_context(|| format!("cannot clear {}", trial_dir.display()))?;
    }
    fs::create_dir_all(&trial_dir).with_context(|| format!("cannot make {}", trial_dir.display()))?;
    let log_path = trial_dir.join("log.txt");
    let log = File::create(&log_path).with_context(|| format!("cannot write {}", log_path.display()))?;
    let job = Job {
        trial_id: trial.id.clone(),
        run_dir: dir.path.clone(),
        spec: spec.clone(),
        model_dir: found.models[&spec.model].dir.clone(),
        task: found.tasks[&spec.task].0.clone(),
        keep_adapter,
    };
    let (stdout, stderr) = (Stdio::from(log.try_clone()?), Stdio::from(log));
    let Started { mut child, lifeline } = job::start("trial", &job, stdout, stderr).context("cannot start a child process")?;
    let mut log = Log::new(&log_path)?;
    let limit = plan.time_limit_s.map(Duration::from_secs_f64);
    let ended = watch(&mut child, limit, |sample| {
        log.poll(sample.memory.peak_bytes);
        progress.tick(trial, sample, log.phase());
    })
    .context("cannot wait for a child process")?;
    drop(lifeline);
    log.poll(None);
    match report::store::read_record(&dir.path, &trial.id)? {
        Some(record) => Ok(record),
        None => {
            let record = record_of_the_dead(trial, &ended, &log);
            report::store::write_record(&dir.path, &record)?;
            Ok(record)
        }
    }
}

/// The record of a trial that could not write its own: its outcome, why, how long, and the memory it had reached.
fn record_of_the_dead(trial: &Planned, ended: &Ended, log: &Log) -> TrialRecord {
    let outcome = match ended.outcome(&log.text) {
        Outcome::Finished => Outcome::Failed,
        outcome => outcome,
    };
    let mut record = TrialRecord::unmeasured(trial.id.clone(), trial.spec.clone(), outcome);
    let last_words = log.text.lines().rev().find(|line| !line.trim().is_empty() && !line.starts_with(PHASE_MARK));
    let last_words = last_words.map(|line| format!("; its last words: {}", line.trim())).unwrap_or_default();
    record.error = Some(format!("{}{last_words}", ended.describe()));
    record.total_s = Some(ended.elapsed.as_secs_f64());
    let peak = |phases: &[&str]| log.peaks.iter().filter(|(phase, _)| phases.contains(&phase.as_str())).map(|(_, peak)| *peak).max();
    record.train_peak_rss_bytes = peak(&["prepare", "first step", "train"]);
    record.eval_peak_rss_bytes = peak(&["evaluate"]);
    if let Some(bytes) = ended.peak_rss_bytes {
        record.details.insert("peak_rss_bytes".to_owned(), bytes.into());
    }
    if let Some(phase) = log.phase() {
        record.details.insert("ended_in_phase".to_owned(), phase.into());
    }
    record
}

/// A child's log as it grows: its text, and the peak memory seen in each phase that it names.
struct Log {
    file: File,
    text: String,
    phase: Option<String>,
    peaks: Vec<(String, u64)>,
}

impl Log {
    fn new(path: &Path) -> anyhow::Result<Self> {
        let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Self { file, text: String::new(), phase: None, peaks: Vec::new() })
    }

    fn phase(&self) -> Option<&str> {
        self.phase.as_deref()
    }

    /// Counts a peak to the phase known so far, then reads on: at a boundary, a peak may be counted too early, never too late.
    fn poll(&mut self, peak: Option<u64>) {
        if let (Some(phase), Some(peak)) = (&self.phase, peak) {
            match self.peaks.iter_mut().find(|(known, _)| known == phase) {
                Some((_, largest)) => *largest = peak.max(*largest),
                None => self.peaks.push((phase.clone(), peak)),
            }
        }
        let mut bytes = Vec::new();
        let end = self.text.len() as u64;
        if self.file.seek(SeekFrom::Start(end)).is_err() || self.file.read_to_end(&mut bytes).is_err() {
            return;
        }
        // Whole lines only; what is cut is read again. Not UTF-8 would shift the place, so it is replaced byte by byte.
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let new: String = match std::str::from_utf8(&bytes[..whole]) {
            Ok(text) => text.to_owned(),
            Err(_) => bytes[..whole].iter().map(|byte| if byte.is_ascii() { char::from(*byte) } else { '?' }).collect(),
        };
        if let Some(phase) = new.lines().rev().find_map(|line| line.strip_prefix(PHASE_MARK)) {
            self.phase = Some(phase.to_owned());
        }
        self.text.push_str(&new);
    }
}

/// Derives tables and charts, prints the results and says where everything is.
fn finish(dir: &RunDir, records: &[TrialRecord]) -> anyhow::Result<u8> {
    run_dir::write_tables(&dir.path, records)?;
    let run = report::load_run(&dir.path)?;
    let written = report::write(&run, &dir.path)?;
    words::print_results(&run, &written);
    let failed = records.iter().filter(|record| record.outcome != Outcome::Finished).count();
    Ok(if failed == 0 { crate::FINISHED } else { crate::SOME_FAILED })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_log_gives_each_phase_its_own_peak_and_survives_broken_text() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log.txt");
        let mut out = File::create(&path).unwrap();
        let mut log = Log::new(&path).unwrap();
        log.poll(Some(900)); // before any phase
        out.write_all(b"phase: load\nhalf a li").unwrap();
        log.poll(Some(50));
        log.poll(Some(70));
        out.write_all(b"ne \xff\xfe\nphase: train\n").unwrap();
        log.poll(Some(80));
        log.poll(Some(30));
        log.poll(Some(40));
        assert_eq!(log.phase(), Some("train"));
        assert_eq!(log.peaks, [("load".to_owned(), 80), ("train".to_owned(), 40)]);
        out.write_all(b"memory allocation of 4 bytes failed\n").unwrap();
        log.poll(None);
        assert!(log.text.ends_with("half a line ??\nphase: train\nmemory allocation of 4 bytes failed\n"), "{}", log.text);
    }
}
