//! `pretrain ..`: hands over to the program `pretrain`, which cargo puts beside this one.

use crate::sources::bundled;
use anyhow::{Context, ensure};
use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Becomes the program `pretrain` with these arguments; returns only where that fails.
///
/// # Errors
/// No such program beside this one, or one that cannot be started.
pub(crate) fn hand_over(arguments: &[OsString]) -> anyhow::Result<()> {
    let own = std::env::current_exe().context("where this program lies is not known")?;
    let program = own.with_file_name(format!("pretrain{}", std::env::consts::EXE_SUFFIX));
    ensure!(
        program.is_file(),
        "pretraining is a program of its own, and {} is not there; build and start it with: cargo run -p pretrain -- {}",
        program.display(),
        shown(arguments)
    );
    let error = Command::new(&program)
        .args(with_bundled_model(arguments)?)
        .exec();
    Err(error).with_context(|| format!("cannot start {}", program.display()))
}

fn shown(arguments: &[OsString]) -> String {
    let words: Vec<_> = arguments
        .iter()
        .map(|word| word.to_string_lossy())
        .collect();
    words.join(" ")
}

/// The arguments with the directory of a bundled model in place of its name after `--from` and `--teacher`: only this program holds the bundled ones.
fn with_bundled_model(arguments: &[OsString]) -> anyhow::Result<Vec<OsString>> {
    let mut given = arguments.to_vec();
    for option in ["--from", "--teacher"] {
        let place = given.iter().position(|word| word == OsStr::new(option));
        if let Some(model) = place.and_then(|at| given.get_mut(at + 1))
            && let Some(bundle) = bundled::models().find(|bundle| OsStr::new(bundle.name) == model)
        {
            *model = bundle.unpack()?.into_os_string();
        }
    }
    Ok(given)
}
