//! What a sentence-transformers folder can say that is not followed.

use std::path::{Path, PathBuf};

use thiserror::Error;

/// A file beside the checkpoint that is damaged, or asks for what is not implemented.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{}: {problem}", file.display())]
pub struct SentenceError {
    /// The file.
    pub file: PathBuf,
    /// What was found, and what is expected.
    pub problem: String,
}

impl SentenceError {
    pub(super) fn new(file: &Path, problem: impl Into<String>) -> Self {
        Self {
            file: file.to_path_buf(),
            problem: problem.into(),
        }
    }
}
