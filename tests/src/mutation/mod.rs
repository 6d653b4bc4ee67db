//! `tests mutate`: sound files of every kind that the program reads, changed at random in thousands of ways, and read. No input may cause a
//! panic, a signal, a wait without end or more than 1 GiB of heap, and none that is accepted may give numbers that are none.
//!
//! ```text
//! tests mutate [--inputs 100000] [--first 0] [--reader NAME] [--seconds 10]    all readers, or one
//! tests mutate --reader NAME --first SEED --keep DIR                           one input: its files into DIR, and read within this process
//! ```
//!
//! An input is a reader's name and a number; the two repeat it.

mod change;
mod commands;
mod corpus;
mod input;
mod models;
mod parent;
mod planted;
mod random;
mod readers;
mod tally;
mod worker;

use anyhow::{Context, bail};
use corpus::Corpus;
use parent::Bounds;
use readers::{READERS, Reader};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Largest heap of an input.
const MOST_BYTES: u64 = 1 << 30;

struct Arguments {
    inputs: u64,
    first: u64,
    reader: Option<&'static Reader>,
    seconds: f64,
    keep: Option<PathBuf>,
    /// The corpus of the parent.
    worker: Option<PathBuf>,
}

/// Runs `tests mutate` with these arguments. Fails where something is found.
pub(crate) fn main(arguments: impl Iterator<Item = String>) -> ExitCode {
    match parse(arguments).and_then(run) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn parse(mut arguments: impl Iterator<Item = String>) -> anyhow::Result<Arguments> {
    let mut parsed = Arguments {
        inputs: 4000,
        first: 0,
        reader: None,
        seconds: 10.0,
        keep: None,
        worker: None,
    };
    while let Some(option) = arguments.next() {
        let value = arguments
            .next()
            .with_context(|| format!("{option} has no value"))?;
        match option.as_str() {
            "--inputs" => parsed.inputs = value.parse()?,
            "--first" => parsed.first = value.parse()?,
            "--seconds" => parsed.seconds = value.parse()?,
            "--keep" => parsed.keep = Some(value.into()),
            "--worker" => parsed.worker = Some(value.into()),
            "--reader" => {
                let found = readers::find(&value);
                let names: Vec<&str> = READERS.iter().map(|reader| reader.name).collect();
                parsed.reader =
                    Some(found.with_context(|| {
                        format!("no reader {value}; known: {}", names.join(", "))
                    })?);
            }
            other => bail!("unknown option {other}"),
        }
    }
    Ok(parsed)
}

/// Whether nothing was found.
fn run(arguments: Arguments) -> anyhow::Result<bool> {
    if let (Some(corpus), Some(reader)) = (&arguments.worker, arguments.reader) {
        return worker::serve(
            reader,
            &Corpus::at(corpus),
            arguments.first,
            arguments.inputs,
        )
        .map(|()| true);
    }
    let folder = tempfile::tempdir()?;
    let readers: Vec<&'static Reader> = match arguments.reader {
        Some(reader) => vec![reader],
        None => READERS.iter().collect(),
    };
    let corpus = Corpus::make(folder.path(), &readers).context("making the corpus")?;
    if let (Some(keep), Some(reader)) = (&arguments.keep, arguments.reader) {
        return keep_one(reader, &corpus, arguments.first, keep);
    }
    let share = |reader: &Reader| match arguments.reader {
        Some(_) => 100,
        None => reader.share as u64,
    };
    let wanted: Vec<(&'static Reader, u64)> = readers
        .into_iter()
        .map(|reader| (reader, (arguments.inputs * share(reader)).div_ceil(100)))
        .collect();
    let bounds = Bounds {
        seconds: arguments.seconds,
        bytes: MOST_BYTES,
    };
    let tally = parent::run(&wanted, arguments.first, folder.path(), bounds)?;
    println!("{tally}");
    Ok(tally.is_clean())
}

/// Lays the files of one input into `keep` and reads it, unguarded: a panic has its backtrace, a debugger its process.
fn keep_one(
    reader: &'static Reader,
    corpus: &Corpus,
    seed: u64,
    keep: &Path,
) -> anyhow::Result<bool> {
    let entries = reader.entries(corpus)?;
    let (input, entry) = reader.input(&entries, seed);
    worker::lay(&input, corpus, keep).with_context(|| keep.display().to_string())?;
    let changed = input.changes.join(", ");
    println!("changed in {entry}: {changed}; files in {}", keep.display());
    let out = tempfile::tempdir()?;
    let place = readers::Place {
        dir: keep,
        out: out.path(),
        entry,
        seed,
    };
    println!("{:?}", reader.read(corpus, &place));
    Ok(true)
}
