//! What the parent must know of a device and a model and may not find out itself: whether they work, and for which methods.

use crate::panics;
use crate::registry::{Methods, find};
use crate::run::job::{self, Answer, Question, Started};
use crate::sources::devices;
use anyhow::{Context, bail};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::Read;
use std::path::Path;
use std::process::Stdio;

/// The child: reads a [`Question`] from stdin, writes an [`Answer`] as a line of JSON to stdout.
///
/// # Errors
/// A device that is not there, or a model that cannot be used.
pub(crate) fn main(methods: Methods) -> anyhow::Result<()> {
    let question: Question = job::receive()?;
    devices::allow();
    let device = devices::open(&question.device)?;
    let mut answer = Answer::default();
    if let Some(dir) = &question.model_dir {
        let base = transformer::load(dir, &device)?;
        for name in &question.methods {
            if let Some(reason) = find(methods, name)?.not_applicable(&base) {
                answer.not_applicable.push((name.clone(), reason));
            }
        }
        answer.warnings = base.warnings;
    }
    println!("{}", serde_json::to_string(&answer)?);
    Ok(())
}

/// Asks such a child.
///
/// # Errors
/// What the child says is wrong with the device or the model.
pub(crate) fn ask(
    device: &str,
    model_dir: Option<&Path>,
    methods: Vec<String>,
) -> anyhow::Result<Answer> {
    let question = Question {
        device: device.to_owned(),
        model_dir: model_dir.map(Path::to_owned),
        methods,
    };
    ask_child("probe", &question)
}

/// Starts this program with a hidden command, hands it `question`, and reads the answer from its last line.
///
/// # Errors
/// What the child says is wrong.
pub(crate) fn ask_child<T: DeserializeOwned>(
    command: &str,
    question: &impl Serialize,
) -> anyhow::Result<T> {
    let Started {
        mut child,
        lifeline,
    } = job::start(command, question, Stdio::piped(), Stdio::piped())
        .context("cannot start a child process")?;
    let mut stderr = child.stderr.take().expect("stderr is piped");
    let said = std::thread::spawn(move || {
        let mut text = Vec::new();
        let _ = stderr.read_to_end(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    });
    let mut answer = String::new();
    child
        .stdout
        .take()
        .expect("stdout is piped")
        .read_to_string(&mut answer)
        .context("reading from a child process")?;
    let status = child.wait().context("waiting for a child process")?;
    drop(lifeline);
    let said = said.join().unwrap_or_default();
    if !status.success() {
        bail!("{}", reason(&said, &status.to_string()));
    }
    let line = answer.lines().last().unwrap_or_default();
    serde_json::from_str(line).with_context(|| format!("a child process answered {line:?}"))
}

/// Why a child ended: its error, of however many lines, or what it said last.
fn reason(said: &str, status: &str) -> String {
    const MARK: &str = "error: ";
    let last = said.rfind(&format!("\n{MARK}")).map(|at| at + 1);
    let error = last.or_else(|| said.starts_with(MARK).then_some(0));
    match error {
        Some(at) => said[at + MARK.len()..].trim_end().to_owned(),
        None => match panics::last_message(said.lines()) {
            Some(message) => format!("{status}; its last message: {message}"),
            None => status.to_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::reason;

    #[test]
    fn the_reason_of_a_child_is_its_error_or_its_panic_and_never_the_note_on_backtraces() {
        let error = "warning: odd\nerror: no device:\n  it is not there\n";
        assert_eq!(reason(error, "exit 2"), "no device:\n  it is not there");
        assert_eq!(reason("error: one line\n", "exit 2"), "one line");
        let panic = "thread 'main' (7) panicked at src/x.rs:3:5:\nrow 7 of a table of 3\n\
                     note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace\n";
        assert_eq!(
            reason(panic, "exit 101"),
            "exit 101; its last message: row 7 of a table of 3"
        );
        assert_eq!(reason("", "signal: 9 (SIGKILL)"), "signal: 9 (SIGKILL)");
    }
}
