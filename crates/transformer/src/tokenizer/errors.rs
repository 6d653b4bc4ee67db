//! What can be wrong with a tokenizer or a text.

use std::path::PathBuf;

use thiserror::Error;

use super::pieces::UNCUT_BYTES;

/// A tokenizer that cannot be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TokenizerError {
    /// None of the files that are known.
    #[error("{} holds no tokenizer.json{hint}", dir.display())]
    Missing {
        /// The model directory.
        dir: PathBuf,
        /// What else could be there, or what was found.
        hint: String,
    },
    /// A class that no file describes.
    #[error("\"tokenizer_class\": \"{class}\" in {} cuts texts into words by a program of its own, which is not run; choose a model with a tokenizer.json of another class", file.display())]
    Class {
        /// tokenizer_config.json or config.json.
        file: PathBuf,
        /// The class.
        class: String,
    },
    /// There, and not readable.
    #[error("{} is not a tokenizer: {source}; fetch it again, or write it anew with `save_pretrained` of transformers", file.display())]
    Broken {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// A text that cannot be encoded.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TokenizeError {
    /// No room for the text beside the special tokens.
    #[error("a maximum length of {max_length} tokens leaves no room for a text beside {special} special tokens; allow at least {}", special + 1)]
    NoRoom {
        /// The maximum asked for.
        max_length: usize,
        /// Special tokens added to each text.
        special: usize,
    },
    /// Tokenizer and weights do not belong together.
    #[error(
        "the tokenizer gives id {id} (\"{token}\"), and the model has embeddings for {vocab} ids; are tokenizer.json and model.safetensors of the same model?"
    )]
    NotInModel {
        /// The id.
        id: u32,
        /// Its text.
        token: String,
        /// Rows of the embedding.
        vocab: usize,
    },
    /// A text that would take too much memory.
    #[error("a text of {bytes} bytes (\"{text}..\") cannot be cut into pieces of at most {most} bytes for this tokenizer: {reason}; shorten it", most = UNCUT_BYTES)]
    TooLong {
        /// Beginning of the text.
        text: String,
        /// Bytes of it that cannot be cut.
        bytes: usize,
        /// Why not.
        reason: &'static str,
    },
    /// The tokenizer itself gave up.
    #[error("the tokenizer cannot encode \"{text}\": {source}")]
    Failed {
        /// Beginning of the text.
        text: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
