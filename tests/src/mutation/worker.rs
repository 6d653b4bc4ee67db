//! The process that reads inputs, one after the other, and says before and after each what comes of it. It may die of any of them.

use super::corpus::Corpus;
use super::input::Input;
use super::readers::{Place, Reader, Verdict};
use measure::allocator;
use std::fs;
use std::io::{self, Write};
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;

/// Begins each line to the parent; readers print too.
pub(crate) const MARK: &str = "@mutation";

/// As much stack as a thread of the pool has, which is where commands run.
const STACK: usize = 2 << 20;

static LAST_PANIC: Mutex<String> = Mutex::new(String::new());

/// Reads `count` inputs from number `first` on.
///
/// # Errors
/// A folder that cannot be written.
pub(crate) fn serve(
    reader: &'static Reader,
    corpus: &Corpus,
    first: u64,
    count: u64,
) -> anyhow::Result<()> {
    panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        let message = info.payload_as_str().unwrap_or("a panic without a message");
        *LAST_PANIC
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner()) = format!("{message} at {place}");
    }));
    let entries = reader.entries(corpus)?;
    for seed in first..first + count {
        let (input, entry) = reader.input(&entries, seed);
        say(&format!(
            "begins {seed} {}",
            input.special().unwrap_or_default()
        ));
        let folder = tempfile::tempdir()?;
        let dir = folder.path().join("input");
        lay(&input, corpus, &dir)?;
        allocator::reset_peak();
        let before = allocator::live_bytes().unwrap_or(0);
        let started = Instant::now();
        let ended = one(reader, corpus, entry, seed, folder.path());
        let seconds = started.elapsed().as_secs_f64();
        let peak = allocator::peak_bytes().unwrap_or(0).saturating_sub(before);
        let (kind, words) = match ended {
            Ok(Verdict::Accepted) => ("accepted", String::new()),
            Ok(Verdict::Refused(words)) => ("refused", words),
            Ok(Verdict::NotFinite(words)) => ("not-finite", words),
            Err(words) => ("panic", words),
        };
        say(&format!(
            "ended {seed} {kind} {seconds} {peak} {}",
            serde_json::Value::from(words)
        ));
    }
    Ok(())
}

/// Reads an input, in a thread of its own.
fn one(
    reader: &'static Reader,
    corpus: &Corpus,
    entry: &str,
    seed: u64,
    folder: &Path,
) -> Result<Verdict, String> {
    let (dir, out) = (folder.join("input"), folder.join("out"));
    fs::create_dir(&out).expect("a new folder");
    std::thread::scope(|scope| {
        let read = || {
            let place = Place {
                dir: &dir,
                out: &out,
                entry,
                seed,
            };
            panic::catch_unwind(AssertUnwindSafe(|| reader.read(corpus, &place)))
        };
        let thread = std::thread::Builder::new()
            .stack_size(STACK)
            .spawn_scoped(scope, read)
            .expect("a thread");
        thread
            .join()
            .expect("panics are caught within")
            .map_err(|_| LAST_PANIC.lock().expect("not held").clone())
    })
}

/// Writes an input into a new folder.
///
/// # Errors
/// A folder that is there, or cannot be written.
pub(crate) fn lay(input: &Input, corpus: &Corpus, dir: &Path) -> io::Result<()> {
    fs::create_dir(dir)?;
    input.write(dir, &corpus.pipe())
}

fn say(line: &str) {
    let mut out = io::stdout().lock();
    // A reader may have left a line without its end.
    let _ = write!(out, "\n{MARK} {line}\n");
    let _ = out.flush();
}
