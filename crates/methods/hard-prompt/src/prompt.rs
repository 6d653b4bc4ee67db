//! What a fitted prompt keeps, written as `prompt.json` beside the adapter's description.

use crate::model::Mode;
use adapt::{LoadAdapterError, SaveError};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The file's name.
const PROMPT_FILE: &str = "prompt.json";

/// Everything that stands around a text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Prompt {
    /// How the model is asked.
    pub(crate) mode: Mode,
    /// Two texts an example.
    pub(crate) pairs: bool,
    /// One a class.
    pub(crate) words: Vec<String>,
    /// With placeholders.
    pub(crate) template: String,
    /// Token ids of the trigger; empty for a written template.
    pub(crate) trigger: Vec<u32>,
    /// The same as text, to be read; the ids count.
    pub(crate) trigger_text: String,
}

impl Prompt {
    /// The file's text.
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a prompt serialises")
    }

    /// # Errors
    /// A file that cannot be written.
    pub(crate) fn write(&self, dir: &Path) -> Result<(), SaveError> {
        let path = dir.join(PROMPT_FILE);
        std::fs::write(&path, self.to_json()).map_err(|source| SaveError {
            path: path.display().to_string(),
            source,
        })
    }

    /// # Errors
    /// A file that is missing, or is not a prompt for `classes` classes and `vocab` tokens.
    pub(crate) fn read(dir: &Path, classes: usize, vocab: usize) -> Result<Self, LoadAdapterError> {
        let path = dir.join(PROMPT_FILE).display().to_string();
        let text = std::fs::read_to_string(&path).map_err(|source| LoadAdapterError::Read {
            path: path.clone(),
            source,
        })?;
        let malformed = |reason: String| LoadAdapterError::Malformed {
            path: path.clone(),
            reason,
        };
        let prompt: Self =
            serde_json::from_str(&text).map_err(|error| malformed(error.to_string()))?;
        if prompt.words.len() != classes {
            return Err(malformed(format!(
                "{} label words, expected one for each of {classes} classes",
                prompt.words.len()
            )));
        }
        match prompt
            .trigger
            .iter()
            .find(|&&token| token as usize >= vocab)
        {
            None => Ok(prompt),
            Some(token) => Err(malformed(format!(
                "trigger token {token}, and the model has {vocab}; was it searched on another one?"
            ))),
        }
    }
}
