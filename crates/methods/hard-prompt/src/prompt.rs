//! What a fit keeps: template, label words, trigger.

use crate::config::HardPrompt;
use ::prompt::{AskedModel, Mode, PromptedModel, SavedPrompt};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

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
    /// The same as text, for the reader; the ids count.
    pub(crate) trigger_text: String,
}

/// The model that is asked, the settings, and the prompt.
pub(crate) type Asked = PromptedModel<HardPrompt, Prompt>;

/// What is recorded of a search, by name.
pub(crate) type Trace = BTreeMap<String, Value>;

impl SavedPrompt for Prompt {
    fn mode(&self) -> Mode {
        self.mode
    }

    fn words(&self) -> &[String] {
        &self.words
    }

    fn check(&self, _classes: usize, model: &AskedModel) -> Result<(), String> {
        let (mode, vocab) = (model.preferred_mode(), model.tokenizer.vocab());
        if mode != self.mode {
            return Err(format!(
                "searched with a model asked by {:?}, and {} is asked by {mode:?}",
                self.mode, model.name
            ));
        }
        let mut trigger = self.trigger.iter();
        match trigger.find(|&&token| token as usize >= vocab) {
            None => Ok(()),
            Some(token) => Err(format!(
                "trigger token {token}, and the model has {vocab}; was it searched on another one?"
            )),
        }
    }
}
