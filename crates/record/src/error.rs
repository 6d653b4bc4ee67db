//! What can be wrong with the files of a run. Every message names the file and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

/// Why a file of a run could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A file could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A file could not be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A file does not hold what its name promises.
    #[error("{} is broken: {reason}; delete the folder of this trial alone and repeat the run's command with the same --out, which runs what is missing", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// What was found and what was expected.
        reason: String,
    },
    /// `run.json` does not hold what it should.
    #[error("{} is broken: {reason}; the records beside it are whole, do not delete them: put a copy of run.json back, or take the broken one away and repeat the run's command with the same --out, which writes it anew and keeps every record", path.display())]
    BrokenRun {
        /// The file.
        path: PathBuf,
        /// What was found and what was expected.
        reason: String,
    },
    /// An archive of records does not hold what it should.
    #[error("{} is broken: {reason}; restore it, or make it again from the run with `adaptbench report RUN --compact DIR`", path.display())]
    BrokenArchive {
        /// The archive.
        path: PathBuf,
        /// What was found and what was expected.
        reason: String,
    },
    /// The layout is newer than this program.
    #[error("{} has layout {found}, this program reads up to {}; use the version that wrote it", path.display(), crate::SCHEMA)]
    Newer {
        /// The file.
        path: PathBuf,
        /// The layout found.
        found: u32,
    },
    /// Not a run directory.
    #[error("{} holds no run: expected run.json and a folder `trials` or {} in it; give the directory that `--out` named", path.display(), crate::archive::ARCHIVE)]
    NoRun {
        /// The directory.
        path: PathBuf,
    },
    /// Records in a folder and in an archive, of which one must be the older.
    #[error("{} holds its records twice, in `trials` and in {}; delete the one that is not wanted", path.display(), crate::archive::ARCHIVE)]
    TwoForms {
        /// The directory.
        path: PathBuf,
    },
}

impl StoreError {
    /// A file that could not be read.
    pub fn read(path: &Path, source: io::Error) -> Self {
        Self::Read {
            path: path.to_owned(),
            source,
        }
    }

    /// A file that could not be written.
    pub fn write(path: &Path, source: io::Error) -> Self {
        Self::Write {
            path: path.to_owned(),
            source,
        }
    }

    pub(crate) fn broken(path: &Path, reason: impl ToString) -> Self {
        Self::Broken {
            path: path.to_owned(),
            reason: reason.to_string(),
        }
    }

    pub(crate) fn broken_archive(path: &Path, reason: impl ToString) -> Self {
        Self::BrokenArchive {
            path: path.to_owned(),
            reason: reason.to_string(),
        }
    }
}
