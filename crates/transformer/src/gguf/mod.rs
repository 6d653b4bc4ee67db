//! Models in one file of llama.cpp's format: configuration and tokenizer are made of its metadata, in the words of config.json and
//! tokenizer.json, and its tensors get the names and the order of numbers that a Hugging Face checkpoint of the same model has. From
//! there on everything is as for a folder.

mod bytes;
mod config;
mod encoding;
mod error;
mod head;
mod kind;
mod names;
mod notes;
mod tokenizer;
mod value;

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

pub(crate) use encoding::{Encoding, read_values};
pub use error::GgufError;

use crate::load::LoadError;
use head::{Head, Place};
use value::Metadata;

/// The ending of such files' names.
const ENDING: &str = "gguf";
/// So many entries of a folder are looked through.
const FILES: usize = 10_000;

/// A GGUF file, its head read and checked.
#[derive(Clone, Debug)]
pub(crate) struct Gguf {
    file: PathBuf,
    head: Head,
}

/// A tensor under its name in a Hugging Face checkpoint.
#[derive(Clone, Debug)]
pub(crate) struct Tensor {
    pub(crate) name: String,
    /// Its name in the file.
    pub(crate) spelt: String,
    pub(crate) offset: u64,
    /// Dimensions that the checkpoint's tensor has.
    pub(crate) dims: Vec<usize>,
    pub(crate) encoding: Encoding,
}

/// The GGUF file that a path means: itself, or the one in a folder that is no model in Hugging Face layout.
pub(crate) fn file_of(path: &Path) -> Option<PathBuf> {
    if path.is_file() {
        let is_one = has_ending(path) || head::begins_as_gguf(path);
        return is_one.then(|| path.to_path_buf());
    }
    if path.join("config.json").symlink_metadata().is_ok() {
        return None;
    }
    let mut files = files_in(path).into_iter();
    files.next().filter(|_| files.next().is_none())
}

/// The GGUF files of a folder, sorted.
pub(crate) fn files_in(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let paths = entries.take(FILES).map(|entry| entry.path());
    let mut files: Vec<PathBuf> = paths
        .filter(|path| has_ending(path) && path.is_file())
        .collect();
    files.sort();
    files
}

/// The fields of the tokenizer_config.json that a GGUF model would have, its chat template among them; `None` for a model in another form.
///
/// # Errors
/// A file that cannot be read, or metadata that are not a tokenizer's.
pub fn gguf_tokenizer_settings(model: &Path) -> Result<Option<Map<String, Value>>, LoadError> {
    let Some(file) = file_of(model) else {
        return Ok(None);
    };
    let gguf = Gguf::open(&file)?;
    let (_, mut settings) = gguf.tokenizer()?;
    if let Some(template) = gguf.chat_template()? {
        settings.insert("chat_template".to_owned(), template.into());
    }
    Ok(Some(settings))
}

fn has_ending(path: &Path) -> bool {
    let ending = path.extension();
    ending.is_some_and(|ending| ending.eq_ignore_ascii_case(ENDING))
}

impl Gguf {
    pub(crate) fn open(file: &Path) -> Result<Gguf, LoadError> {
        let gguf = Gguf {
            file: file.to_path_buf(),
            head: head::read(file)?,
        };
        gguf.refuse_parts()?;
        Ok(gguf)
    }

    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// The fields of the config.json that the model would have.
    pub(crate) fn config_fields(&self) -> Result<Map<String, Value>, LoadError> {
        config::fields(self)
    }

    /// The tokenizer.json that the model would have, and the fields of its tokenizer_config.json.
    pub(crate) fn tokenizer(&self) -> Result<(String, Map<String, Value>), LoadError> {
        tokenizer::of(self)
    }

    /// How messages become a prompt, a template in Jinja, where the file has one.
    fn chat_template(&self) -> Result<Option<&str>, LoadError> {
        self.metadata().text("tokenizer.chat_template")
    }

    /// All tensors of the model, under the names of a checkpoint.
    pub(crate) fn tensors(&self) -> Result<Vec<Tensor>, LoadError> {
        names::tensors(self)
    }

    /// How the weights are stored, and what in the metadata is not followed; one sentence each.
    pub(crate) fn notes(&self) -> Vec<String> {
        notes::of(self)
    }

    /// The file's name without its ending.
    pub(crate) fn name(&self) -> String {
        let own = self.file.file_stem().unwrap_or_default();
        own.to_string_lossy().into_owned()
    }

    fn metadata(&self) -> &Metadata {
        &self.head.metadata
    }

    fn place(&self, name: &str) -> Option<&Place> {
        self.head.tensors.iter().find(|place| place.name == name)
    }

    fn architecture(&self) -> Result<&str, LoadError> {
        let key = "general.architecture";
        let named = self.metadata().text(key)?;
        named.ok_or_else(|| self.metadata().field(key, "the name of an architecture"))
    }

    fn unsupported(&self, found: impl Into<String>, next: impl Into<String>) -> LoadError {
        let error = GgufError::Unsupported {
            file: self.file.clone(),
            found: found.into(),
            next: next.into(),
        };
        error.into()
    }

    /// A model in several files, an adapter, or something else that is no model.
    fn refuse_parts(&self) -> Result<(), LoadError> {
        let parts = self.metadata().count("split.count")?.unwrap_or(0);
        if parts > 1 {
            return Err(self.unsupported(
                format!("is one of {parts} parts of a model"),
                "put them together with `llama-gguf-split --merge` of llama.cpp, and give the result",
            ));
        }
        match self.metadata().text("general.type")? {
            None | Some("model") => Ok(()),
            Some(other) => Err(self.unsupported(
                format!(
                    "holds no model (\"general.type\" is \"{}\")",
                    value::start_of(other)
                ),
                "give the file of the model itself",
            )),
        }
    }
}

#[cfg(test)]
mod tests;
