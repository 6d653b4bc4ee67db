//! Where a model is read from: a folder in Hugging Face layout, or one GGUF file.

use std::path::{Path, PathBuf};

use burn::tensor::Device;

use super::{Checkpoint, LoadError, instead};
use crate::config::Config;
use crate::digest::digest_files;
use crate::gguf::{self, Gguf};
use crate::sentence::SentenceFolder;
use crate::shape::Shape;
use crate::tokenizer::Tokenizer;

/// A model before anything but a GGUF file's head is read.
pub(super) enum Source {
    Folder(PathBuf),
    Gguf(Box<Gguf>),
}

impl Source {
    pub(super) fn open(path: &Path) -> Result<Source, LoadError> {
        match gguf::file_of(path) {
            Some(file) => Ok(Source::Gguf(Box::new(Gguf::open(&file)?))),
            None => Ok(Source::Folder(path.to_path_buf())),
        }
    }

    /// The folder, or the file.
    pub(super) fn path(&self) -> &Path {
        match self {
            Source::Folder(dir) => dir,
            Source::Gguf(gguf) => gguf.file(),
        }
    }

    pub(super) fn config(&self) -> Result<Config, LoadError> {
        match self {
            Source::Folder(dir) => Config::read(dir),
            Source::Gguf(gguf) => {
                let file = gguf.file().to_path_buf();
                Ok(Config::from_fields(file, gguf.config_fields()?))
            }
        }
    }

    pub(super) fn tokenizer(&self, shape: &Shape, config: &Config) -> Result<Tokenizer, LoadError> {
        match self {
            Source::Folder(dir) => Tokenizer::read(dir, shape, config),
            Source::Gguf(gguf) => {
                let (json, settings) = gguf.tokenizer()?;
                Tokenizer::from_json(gguf.file(), json, settings, shape, config)
            }
        }
    }

    pub(super) fn checkpoint(&self) -> Result<Checkpoint, LoadError> {
        match self {
            Source::Folder(dir) => Checkpoint::open(dir),
            Source::Gguf(gguf) => {
                let file = gguf.file().to_path_buf();
                Ok(Checkpoint::from_gguf(file, gguf.tensors()?))
            }
        }
    }

    /// What else is there, and how the weights are stored where that is not said elsewhere.
    pub(super) fn notes(&self) -> Vec<String> {
        match self {
            Source::Folder(dir) => instead::adapter_beside(dir).into_iter().collect(),
            Source::Gguf(gguf) => gguf.notes(),
        }
    }

    /// sha256 of the configuration; `weights` is that of the weights.
    pub(super) fn config_digest(&self, weights: &str) -> Result<String, LoadError> {
        match self {
            Source::Folder(dir) => digest_files(&[dir.join("config.json")]),
            Source::Gguf(_) => Ok(weights.to_owned()),
        }
    }

    /// As [`Source::config_digest`], of the tokenizer.
    pub(super) fn tokenizer_digest(
        &self,
        tokenizer: &Tokenizer,
        weights: &str,
    ) -> Result<String, LoadError> {
        match self {
            Source::Folder(_) => digest_files(tokenizer.files()),
            Source::Gguf(_) => Ok(weights.to_owned()),
        }
    }

    /// What sentence-transformers would make of the model's states; a GGUF file says it in a note only.
    pub(super) fn sentence(&self, hidden: usize, device: &Device) -> SentenceFolder {
        match self {
            Source::Folder(dir) => SentenceFolder::read(dir, hidden, device),
            Source::Gguf(_) => SentenceFolder::None,
        }
    }

    /// What the model is called.
    pub(super) fn name(&self) -> String {
        match self {
            Source::Folder(dir) => folder_name(dir),
            Source::Gguf(gguf) => gguf.name(),
        }
    }
}

/// The Hub id of a snapshot in the Hub's cache (`models--org--name/snapshots/<commit>`), else the directory's own name.
fn folder_name(dir: &Path) -> String {
    let dir: PathBuf = std::path::absolute(dir).unwrap_or_else(|_| dir.to_path_buf());
    let mut parts = dir
        .components()
        .rev()
        .map(|part| part.as_os_str().to_string_lossy());
    let own = parts.next().unwrap_or_default().into_owned();
    let is_snapshot = parts.next().is_some_and(|part| part == "snapshots");
    let repository = parts.next().filter(|_| is_snapshot);
    match repository
        .as_deref()
        .and_then(|name| name.strip_prefix("models--"))
    {
        Some(name) => name.replacen("--", "/", 1),
        None => own,
    }
}
