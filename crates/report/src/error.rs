//! What can be wrong with a report. Every message names the file and what to do about it.

use record::StoreError;
use std::path::PathBuf;

/// Why a run could not be read or a report not written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// A file of the run or of its report could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
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
