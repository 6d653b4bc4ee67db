//! Why a GGUF file cannot be read as a model, with the next step.

use std::path::PathBuf;

use thiserror::Error;

use super::kind::Kind;

/// A GGUF file that cannot be read as it stands.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GgufError {
    /// No GGUF file, or one that contradicts itself.
    #[error("{} is not a GGUF file that can be read: {problem}; fetch it again", file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What is wrong, and where.
        problem: String,
    },
    /// Sound, and not read.
    #[error("{} {found}; {next}", file.display())]
    Unsupported {
        /// The file.
        file: PathBuf,
        /// What is not read.
        found: String,
        /// What to do.
        next: String,
    },
    /// A tensor in a number format that is not read.
    #[error("tensor \"{tensor}\" in {} is stored as {found}; read are {}: take the same model in one of them", file.display(), Kind::names())]
    Kind {
        /// Name in the file.
        tensor: String,
        /// The file.
        file: PathBuf,
        /// The format.
        found: String,
    },
    /// A tensor without a place in a model of its architecture.
    #[error("tensor \"{tensor}\" in {} has no place in a model of the architecture \"{architecture}\" as it is read here; {}", file.display(), FOLDER_INSTEAD)]
    Stranger {
        /// Name in the file.
        tensor: String,
        /// The file.
        file: PathBuf,
        /// By the metadata.
        architecture: String,
    },
}

/// What to do where a file says too little or something unknown.
pub(super) const FOLDER_INSTEAD: &str =
    "take the model's folder in Hugging Face layout, from which the file was made";
