//! What a fitted plan keeps: label words, templates, demonstrations. Written as `prompt.json` beside the adapter's description; the
//! demonstrations' texts are in it, because a prediction needs them. Records get row numbers only.

use crate::config::Mode;
use adapt::{LoadAdapterError, SaveError};
use serde::{Deserialize, Serialize};
use std::path::Path;
use task::Example;

/// The file's name.
pub(crate) const PROMPT_FILE: &str = "prompt.json";

/// Everything that stands around a query.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Prompt {
    /// How the model is asked; never `auto`.
    pub(crate) mode: Mode,
    /// Two texts a query.
    pub(crate) pairs: bool,
    /// One a class.
    pub(crate) words: Vec<String>,
    /// Templates in use.
    pub(crate) templates: Vec<String>,
    /// Demonstrations of one prompt.
    pub(crate) shots: usize,
    /// Labelled examples that the members point into; with retrieval, all that can be retrieved.
    pub(crate) pool: Vec<Demonstration>,
    /// What is averaged over.
    pub(crate) members: Vec<Member>,
    /// Longest prompt in tokens.
    pub(crate) window: usize,
    /// Prompt tokens beyond the query's own, as measured on the validation split.
    pub(crate) extra_tokens: f64,
}

/// A labelled example.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Demonstration {
    pub(crate) row: u64,
    pub(crate) text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) second: Option<String>,
    pub(crate) label: usize,
}

impl Demonstration {
    pub(crate) fn texts(&self) -> (&str, Option<&str>) {
        (&self.text, self.second.as_deref())
    }
}

impl From<&Example> for Demonstration {
    fn from(example: &Example) -> Self {
        Self {
            row: example.row,
            text: example.text.clone(),
            second: example.second.clone(),
            label: example.label,
        }
    }
}

/// One prompt of the ensemble.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Member {
    /// Index into the templates.
    pub(crate) template: usize,
    /// Which draw.
    pub(crate) draw: usize,
    /// Which order of it.
    pub(crate) order: usize,
    /// Indices into the pool, in the order they stand; empty with retrieval.
    pub(crate) demonstrations: Vec<usize>,
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
    /// A file that is missing, or is not a prompt for `classes` classes.
    pub(crate) fn read(dir: &Path, classes: usize) -> Result<Self, LoadAdapterError> {
        let path = dir.join(PROMPT_FILE);
        let name = path.display().to_string();
        let text = std::fs::read_to_string(&path).map_err(|source| LoadAdapterError::Read {
            path: name.clone(),
            source,
        })?;
        let malformed = |reason: String| LoadAdapterError::Malformed { path: name, reason };
        let prompt: Self = match serde_json::from_str(&text) {
            Ok(prompt) => prompt,
            Err(error) => return Err(malformed(error.to_string())),
        };
        if prompt.words.len() != classes {
            return Err(malformed(format!(
                "{} label words, expected one for each of {classes} classes",
                prompt.words.len()
            )));
        }
        let shown = prompt
            .members
            .iter()
            .flat_map(|member| &member.demonstrations);
        let sound = shown
            .max()
            .is_none_or(|&largest| largest < prompt.pool.len())
            && prompt
                .pool
                .iter()
                .all(|demonstration| demonstration.label < classes)
            && prompt.members.iter().all(|member| {
                prompt.mode == Mode::Similarity || member.template < prompt.templates.len()
            })
            && !prompt.members.is_empty()
            && prompt.mode != Mode::Auto;
        match sound {
            true => Ok(prompt),
            false => Err(malformed(
                "it points to a template, demonstration or class that it does not hold".to_owned(),
            )),
        }
    }
}
