//! What can be wrong with a run directory. Every message names the file and what to do about it.

use std::path::{Path, PathBuf};

/// Why a run could not be read or a report not written.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A file could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file could not be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file does not hold what its name promises.
    #[error("{} is broken: {reason}; delete its folder and run the trial again", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// What was found and what was expected.
        reason: String,
    },
    /// The layout is newer than this program.
    #[error("{} has layout {found}, this program reads up to {}; use the version that wrote it", path.display(), record::SCHEMA)]
    Newer {
        /// The file.
        path: PathBuf,
        /// The layout found.
        found: u32,
    },
    /// Not a run directory.
    #[error("{} holds no run: expected run.json and a folder `trials` in it; give the directory that `--out` named", path.display())]
    NoRun {
        /// The directory.
        path: PathBuf,
    },
    /// The README has no place for the table.
    #[error("{} has no line `{marker}`; put the two lines `{marker}` and `{end}` where the table belongs", path.display())]
    NoMarker {
        /// The README.
        path: PathBuf,
        /// The opening marker.
        marker: String,
        /// The closing marker.
        end: String,
    },
    /// A chart could not be drawn.
    #[error("cannot draw {chart}: {reason}")]
    Plot {
        /// Its file name.
        chart: String,
        /// The drawing library's reason.
        reason: String,
    },
}

impl ReportError {
    pub(crate) fn read(path: &Path, source: std::io::Error) -> Self {
        Self::Read {
            path: path.to_owned(),
            source,
        }
    }

    pub(crate) fn write(path: &Path, source: std::io::Error) -> Self {
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
}
