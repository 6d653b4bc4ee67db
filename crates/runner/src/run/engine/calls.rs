//! Commands of an engine: they are asked, and what they say is read.

use anyhow::{Context, bail};
use std::io::Write;
use std::process::{Command, Stdio};

/// What a command writes to stdout, `input` being its stdin.
///
/// # Errors
/// A command that is not there, or that fails, with what it says.
pub(super) fn ask(program: &str, arguments: &[String], input: &str) -> anyhow::Result<String> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {program}, a command of Slurm"))?;
    let mut stdin = child.stdin.take().expect("stdin is piped");
    // One that does not read it says why when it has ended.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let done = child.wait_with_output()?;
    if !done.status.success() {
        let said = String::from_utf8_lossy(&done.stderr);
        let said = said.trim();
        bail!(
            "{program} {}: {}",
            arguments.join(" "),
            if said.is_empty() {
                done.status.to_string()
            } else {
                said.to_owned()
            }
        );
    }
    Ok(String::from_utf8_lossy(&done.stdout).into_owned())
}
