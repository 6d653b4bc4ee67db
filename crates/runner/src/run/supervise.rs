//! One trial under watch: its process is started and followed by its log, and its end becomes a record, whatever it was.

use crate::run::job::{self, Job, Started};
use crate::run::log::{Log, record_of_unfinished};
use anyhow::Context;
use measure::watch::{Sample, watch};
use record::{TrialRecord, store};
use std::fs::{self, File};
use std::io;
use std::process::Stdio;
use std::time::Duration;

/// Runs a trial in a child process, at most `limit` long, and returns its record, which lies beside its other files under the job's run
/// directory. `on_poll` hears many times a second how it is, and in which phase.
///
/// # Errors
/// A directory that cannot be written, by the child either; a process that cannot be started.
pub(crate) fn supervise(
    job: &Job,
    limit: Option<Duration>,
    mut on_poll: impl FnMut(&Sample, Option<&str>),
) -> anyhow::Result<TrialRecord> {
    let trial_dir = store::trial_dir(&job.run_dir, &job.trial_id);
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
    let (stdout, stderr) = (Stdio::from(log.try_clone()?), Stdio::from(log));
    let Started {
        mut child,
        lifeline,
    } = job::start("child", job, stdout, stderr).context("cannot start a child process")?;
    let mut log = Log::new(&log_path)?;
    let ended = watch(&mut child, limit, |sample| {
        log.poll(sample.memory.peak_bytes);
        on_poll(sample, log.phase());
    })
    .context("cannot wait for a child process")?;
    drop(lifeline);
    log.poll(None);
    match store::read_record(&job.run_dir, &job.trial_id)? {
        Some(record) => Ok(record),
        None if ended.status.code() == Some(crate::NOT_WRITTEN.into()) => {
            let message = log
                .last_message()
                .unwrap_or_else(|| "no reason known".to_owned());
            let reason = message.trim_start_matches("error: ").to_owned();
            Err(io::Error::new(io::ErrorKind::StorageFull, reason).into())
        }
        None => {
            let record = record_of_unfinished(job, &ended, &log);
            store::write_record(&job.run_dir, &record)?;
            Ok(record)
        }
    }
}
