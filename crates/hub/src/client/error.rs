//! Why a Hub gave no file.

use std::io;
use std::path::PathBuf;

use crate::name::OutsideName;

/// Why a Hub gave no file.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// No answer, or one that refuses.
    #[error("{0}")]
    RequestError(#[from] Box<ureq::Error>),
    /// An answer without what it must have.
    #[error("{url} answered without the header {header}; check that it is a Hub (HF_ENDPOINT)")]
    MissingHeader {
        /// What was asked for.
        url: String,
        /// The header.
        header: &'static str,
    },
    /// An answer that makes no sense.
    #[error("{url} answered {found}, expected {expected}; check that it is a Hub (HF_ENDPOINT)")]
    Answer {
        /// What was asked for.
        url: String,
        /// What stands there.
        found: String,
        /// What should.
        expected: &'static str,
    },
    /// A name, etag or commit that leads out of the cache.
    #[error("{0}")]
    Outside(#[from] OutsideName),
    /// A token with characters that no header can carry.
    #[error(
        "HF_TOKEN holds characters that no request can carry, expected letters, digits and underscores; copy it anew"
    )]
    Token,
    /// Writing into the cache failed, or the answer stopped.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Another process fetches the file.
    #[error("another process is fetching {}; wait for it, or remove the file if there is none", .0.display())]
    Locked(PathBuf),
}
