//! Who runs a trial. Attempt n at a trial begins by making the file `jobs/claims/<id>.<n>`, which only one process can; what a dead one leaves
//! expires when the engine says that its job has ended, when its process is gone from this machine, or when it has not been touched for
//! [`SILENCE`]. The files of a trial are its attempts so far, and go when its record is in place.

mod claim;

pub(crate) use claim::Claim;

use crate::run::engine::files::jobs_dir;
use anyhow::Context;
use record::Attempt;
use std::fs::{self, File};
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// After so long without a sign of life a claim that nobody can be asked about is over.
pub(crate) const SILENCE: Duration = Duration::from_secs(300);
/// Until a claim that was just made is seen.
const A_MOMENT: Duration = Duration::from_millis(200);
/// How often a process gives a sign of life.
const BEAT: Duration = Duration::from_secs(30);

/// What came of asking for a trial.
#[derive(Debug)]
pub(crate) enum Taken {
    Ours(Held),
    /// Somebody else runs it.
    Theirs(Claim),
}

/// A trial that is ours to run.
#[derive(Debug)]
pub(crate) struct Held {
    dir: PathBuf,
    id: String,
    /// Which attempt this is, counted from 1.
    pub(crate) number: usize,
    /// Those before it.
    pub(crate) earlier: Vec<Attempt>,
    file: File,
    text: Vec<u8>,
    beaten: Instant,
}

fn claims_dir(run_dir: &Path) -> PathBuf {
    jobs_dir(run_dir).join("claims")
}

/// Whether trials of this run are claimed: those of a run that was handed to an engine.
pub(crate) fn are_kept(run_dir: &Path) -> bool {
    claims_dir(run_dir).is_dir()
}

/// From here on trials of this run are claimed.
///
/// # Errors
/// A directory that cannot be made.
pub(crate) fn keep(run_dir: &Path) -> anyhow::Result<()> {
    let dir = claims_dir(run_dir);
    fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))
}

/// Asks for a trial.
///
/// # Errors
/// A directory that cannot be written.
pub(crate) fn take(run_dir: &Path, id: &str) -> anyhow::Result<Taken> {
    keep(run_dir)?;
    let dir = claims_dir(run_dir);
    let me = Claim::mine();
    loop {
        let made = made(&dir, id);
        if let Some((claim, age)) = made.last().map(|last| (&last.claim, last.age(&dir)))
            && !claim.is_over(&me, age)
        {
            return Ok(Taken::Theirs(claim.clone()));
        }
        let number = made.len() + 1;
        let path = dir.join(format!("{id}.{number}"));
        match claim(&path, &me) {
            Ok((file, text)) => {
                return Ok(Taken::Ours(Held {
                    earlier: as_attempts(&dir, id, &made),
                    dir,
                    id: id.to_owned(),
                    number,
                    file,
                    text,
                    beaten: Instant::now(),
                }));
            }
            // Somebody else was quicker.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                thread::sleep(A_MOMENT);
            }
            Err(error) => {
                return Err(error).with_context(|| format!("cannot write {}", path.display()));
            }
        }
    }
}

fn claim(path: &Path, me: &Claim) -> io::Result<(File, Vec<u8>)> {
    let mut file = File::options().write(true).create_new(true).open(path)?;
    let text = serde_json::to_vec(me)?;
    match file.write_all(&text) {
        Ok(()) => Ok((file, text)),
        Err(error) => {
            let _ = fs::remove_file(path);
            Err(error)
        }
    }
}

/// A claim that was made.
struct Made {
    path: PathBuf,
    claim: Claim,
}

impl Made {
    /// Since its last sign of life, by the clock of the file system.
    fn age(&self, dir: &Path) -> Duration {
        let touched = fs::metadata(&self.path).and_then(|found| found.modified());
        let now = tempfile::NamedTempFile::new_in(dir)
            .and_then(|file| file.as_file().metadata())
            .and_then(|found| found.modified());
        match (touched, now) {
            (Ok(touched), Ok(now)) => now.duration_since(touched).unwrap_or_default(),
            _ => Duration::ZERO,
        }
    }
}

/// All claims to a trial, in order. One that is being written is nobody's yet.
fn made(dir: &Path, id: &str) -> Vec<Made> {
    let paths = (1..).map(|number| dir.join(format!("{id}.{number}")));
    let read = |path: PathBuf| {
        let text = fs::read(&path).ok()?;
        let claim = serde_json::from_slice(&text).unwrap_or_default();
        Some(Made { path, claim })
    };
    paths.map_while(read).collect()
}

/// Who runs a trial, if anybody does.
pub(crate) fn by(run_dir: &Path, id: &str) -> Option<Claim> {
    let dir = claims_dir(run_dir);
    let last = made(&dir, id).pop()?;
    let age = last.age(&dir);
    (!last.claim.is_over(&Claim::mine(), age)).then_some(last.claim)
}

/// Attempts at a trial so far.
pub(crate) fn attempts(run_dir: &Path, id: &str) -> Vec<Attempt> {
    let dir = claims_dir(run_dir);
    as_attempts(&dir, id, &made(&dir, id))
}

fn as_attempts(dir: &Path, id: &str, made: &[Made]) -> Vec<Attempt> {
    let all = made.iter().zip(1..).map(|(made, number)| {
        let note = fs::read_to_string(note_path(dir, id, number));
        made.claim.attempt(note.ok())
    });
    all.collect()
}

/// Where the end of an attempt is noted.
fn note_path(dir: &Path, id: &str, number: usize) -> PathBuf {
    dir.join(format!("{id}.{number}.ended"))
}

/// Notes how the last attempt ended that `job` made at a trial.
///
/// # Errors
/// A directory that cannot be written.
pub(crate) fn note_end(run_dir: &Path, id: &str, job: &str, ended: &str) -> anyhow::Result<()> {
    let dir = claims_dir(run_dir);
    let of_job = |made: &Made| made.claim.job.as_deref() == Some(job);
    if let Some(before) = made(&dir, id).iter().rposition(of_job) {
        let note = note_path(&dir, id, before + 1);
        record::store::write_file(&note, ended.as_bytes())?;
    }
    Ok(())
}

/// Forgets the attempts at a trial whose record is in place.
pub(crate) fn forget(run_dir: &Path, id: &str) {
    let dir = claims_dir(run_dir);
    for (before, made) in made(&dir, id).iter().enumerate().rev() {
        let _ = fs::remove_file(note_path(&dir, id, before + 1));
        let _ = fs::remove_file(&made.path);
    }
}

impl Held {
    /// Gives a sign of life, if it is time for one.
    pub(crate) fn beat(&mut self) {
        if self.beaten.elapsed() < BEAT {
            return;
        }
        self.beaten = Instant::now();
        // The same bytes again: the file server's clock counts, not this machine's.
        let _ = self
            .file
            .rewind()
            .and_then(|()| self.file.write_all(&self.text));
    }

    /// Says that this attempt has come to nothing.
    pub(crate) fn give_up(&self, reason: &str) {
        let _ = fs::write(note_path(&self.dir, &self.id, self.number), reason);
    }
}

#[cfg(test)]
mod tests;
