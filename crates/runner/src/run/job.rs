//! What parent and child say to each other: one line of JSON on the child's stdin, which then stays open as long as the parent lives; the
//! record in the run's directory; and phases in the log.

use crate::sources::{TaskSource, devices};
use crate::terminal::tell;
use measure::machine::machine;
use record::{Attempt, Machine, TrialRecord, TrialSpec};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::{BufRead, Read, Write};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;
use std::{env, io, thread};

/// One trial, as `adaptbench child` reads it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) trial_id: String,
    pub(crate) run_dir: PathBuf,
    pub(crate) spec: TrialSpec,
    pub(crate) model_dir: PathBuf,
    pub(crate) task: TaskSource,
    pub(crate) keep_adapter: bool,
    /// Whether a first look is enough: fewer predictions are timed.
    pub(crate) quick: bool,
    /// What an earlier seed's trial found for the same combination; `None` where this one is to search, if the plan searches.
    pub(crate) searched: Option<Searched>,
    /// Attempts before this one that left no record.
    #[serde(default)]
    pub(crate) attempts: Vec<Attempt>,
    /// How many trials run at the same time on this machine, where it is more than this one.
    #[serde(default)]
    pub(crate) side_by_side: Option<u64>,
    /// Where answers that are paid for are kept; `None`: in `run_dir`.
    #[serde(default)]
    pub(crate) answers_dir: Option<PathBuf>,
}

impl Job {
    /// Writes into a record of this job what belongs to it whatever came of it: where it ran, and the attempts before.
    pub(crate) fn sign(&self, record: &mut TrialRecord) {
        record.machine = Some(Machine {
            side_by_side: self.side_by_side,
            ..machine(devices::is_graphics(&self.spec.device))
        });
        record.attempts.clone_from(&self.attempts);
    }
}

/// The result of another trial's search.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Searched {
    pub(crate) trial_id: String,
    /// The configuration that it chose.
    pub(crate) best: serde_json::Value,
    /// For how many epochs; `None` where it chose none, as earlier versions did.
    pub(crate) epochs: Option<NonZeroUsize>,
}

impl Searched {
    /// What the search of a trial on record found, or what that trial had been given.
    pub(crate) fn by(record: &TrialRecord) -> Option<Self> {
        let tune = record.details.get("tune")?;
        let epochs = tune.get("epochs").and_then(serde_json::Value::as_u64);
        Some(Self {
            trial_id: record.trial_id.clone(),
            best: tune.get("best")?.clone(),
            epochs: epochs
                .and_then(|epochs| usize::try_from(epochs).ok())
                .and_then(NonZeroUsize::new),
        })
    }
}

/// What `adaptbench probe` is asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Question {
    pub(crate) device: String,
    /// `None` asks for the device alone.
    pub(crate) model_dir: Option<PathBuf>,
    /// Methods that will be used with the model.
    pub(crate) methods: Vec<String>,
}

/// What it answers on its last line of stdout.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Answer {
    /// What was odd about the model's files.
    pub(crate) warnings: Vec<String>,
    /// Why a method cannot be used with the model, by method.
    pub(crate) not_applicable: Vec<(String, String)>,
}

/// A started child and the end of its stdin: dropping it tells the child that nobody waits any more.
pub(crate) struct Started {
    pub(crate) child: Child,
    pub(crate) lifeline: ChildStdin,
}

/// Starts this program with a hidden command and hands it `message`.
///
/// # Errors
/// The system's.
pub(crate) fn start(
    command: &str,
    message: &impl Serialize,
    stdout: Stdio,
    stderr: Stdio,
) -> io::Result<Started> {
    let mut child = Command::new(env::current_exe()?);
    child
        .arg(command)
        .stdin(Stdio::piped())
        .stdout(stdout)
        .stderr(stderr);
    if env::var_os("MIMALLOC_PURGE_DELAY").is_none() {
        // Freed pages stay mapped for 5 s: a training step frees and takes the same ones again, and faulting them in anew costs more
        // than the arithmetic of small batches.
        child.env("MIMALLOC_PURGE_DELAY", "5000");
    }
    let mut child = child.spawn()?;
    let mut lifeline = child.stdin.take().expect("stdin is piped");
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    // A child that died at once breaks the pipe; how it died is told by its exit.
    match lifeline.write_all(&line).and_then(|()| lifeline.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(Started { child, lifeline }),
    }
}

/// The child's side of [`start`]: reads the message and from then on ends this process when the parent is gone, however it went.
///
/// # Errors
/// No line of JSON on stdin.
pub(crate) fn receive<T: DeserializeOwned>() -> anyhow::Result<T> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    let message = serde_json::from_str(&line)
        .map_err(|error| anyhow::anyhow!("this command is used by `run`; stdin: {error}"))?;
    thread::spawn(|| {
        let _ = io::stdin().lock().read_to_end(&mut Vec::new());
        tell("the parent process is gone: this trial ends");
        // Leaving takes no longer than this, whatever hangs at exit.
        thread::spawn(|| {
            thread::sleep(Duration::from_secs(2));
            std::process::abort()
        });
        std::process::exit(1)
    });
    Ok(message)
}

/// How the log says that a phase began.
pub(crate) const PHASE_MARK: &str = "phase: ";
