//! What can go wrong before and during pretraining.

use std::path::PathBuf;
use thiserror::Error;

/// Why there is no pretrained model.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PretrainError {
    /// A file that cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A corpus too small to train on.
    #[error(
        "{what} holds {found} tokens, expected at least {needed}: one batch; give more text, or a smaller --batch or --length"
    )]
    TooSmall {
        /// Which part.
        what: &'static str,
        /// Its tokens.
        found: usize,
        /// Tokens of a batch.
        needed: usize,
    },
    /// Settings that exclude each other.
    #[error("{0}")]
    Settings(String),
    /// The directory holds another pretraining.
    #[error("{} holds a pretraining with other settings ({differs}); give the same ones to continue it, or another --out", dir.display())]
    OtherSettings {
        /// The directory.
        dir: PathBuf,
        /// The first setting that differs, with both values.
        differs: String,
    },
    /// The tokenizer could not be trained or used.
    #[error("the tokenizer: {0}")]
    Tokenizer(Box<dyn std::error::Error + Send + Sync>),
    /// A teacher that cannot be learnt from as it was asked for.
    #[error("the teacher {}: {reason}", path.display())]
    Teacher {
        /// Its directory or file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// A model directory that cannot be read.
    #[error(transparent)]
    Load(#[from] transformer::LoadError),
    /// A task whose texts are to be left out and cannot be read.
    #[error(transparent)]
    Task(#[from] task::TaskError),
    /// Weights that cannot be written.
    #[error(transparent)]
    Save(#[from] transformer::SaveError),
    /// A checkpoint whose optimiser state cannot be used.
    #[error("{}: {reason}; remove this checkpoint to continue from the one before it", file.display())]
    Optimizer {
        /// The file.
        file: PathBuf,
        /// Why.
        reason: String,
    },
    /// The loss or its gradient is no number any more.
    #[error("{0}; try a smaller --learning-rate")]
    Diverged(#[from] training::Diverged),
}

impl PretrainError {
    pub(crate) fn file(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::File { path, source }
    }
}
