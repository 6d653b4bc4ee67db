//! What a fit keeps: label words, templates, demonstrations. The demonstrations' texts are in it, because a prediction needs them. Records get
//! row numbers only.

use crate::config::{InContext, NAME};
use ::prompt::{AskedModel, Demonstration, Mode, PromptedModel, SavedPrompt};
use serde::{Deserialize, Serialize};

/// Everything that stands around a query.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Prompt {
    /// How the model is asked.
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

/// The model that is asked, the settings, and the prompt.
pub(crate) type Asked = PromptedModel<InContext, Prompt>;

/// A text, or a pair.
pub(crate) type TextPair<'a> = (&'a str, Option<&'a str>);

/// Log-probabilities, `[members][examples][classes]`.
pub(crate) type MemberScores = Vec<Vec<Vec<f64>>>;

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

impl Member {
    /// Which demonstrations stand before a query: its own where they are retrieved, else the member's.
    pub(crate) fn shown<'a>(
        &'a self,
        retrieved: Option<&'a [Vec<usize>]>,
        query: usize,
    ) -> &'a [usize] {
        match retrieved {
            Some(retrieved) => &retrieved[query],
            None => &self.demonstrations,
        }
    }
}

impl SavedPrompt for Prompt {
    fn mode(&self) -> Mode {
        self.mode
    }

    fn words(&self) -> &[String] {
        &self.words
    }

    fn check(&self, classes: usize, model: &AskedModel) -> Result<(), String> {
        require_mode(self.mode, model)?;
        let longest = model.shape.max_length;
        if !(1..=longest).contains(&self.window) {
            return Err(format!(
                "window is {}, expected 1 to {longest}, the model's positions",
                self.window
            ));
        }
        let held = |member: &Member| {
            let mut shown = member.demonstrations.iter();
            shown.all(|&index| index < self.pool.len())
                && (self.mode == Mode::Similarity || member.template < self.templates.len())
        };
        let labelled = |demonstration: &Demonstration| demonstration.label < classes;
        let sound = !self.members.is_empty()
            && self.members.iter().all(held)
            && self.pool.iter().all(labelled);
        match sound {
            true => Ok(()),
            false => Err(
                "it points to a template, demonstration or class that it does not hold".to_owned(),
            ),
        }
    }
}

/// # Errors
/// A mode that the model does not allow.
pub(crate) fn require_mode(mode: Mode, model: &AskedModel) -> Result<(), String> {
    if model.allows(mode) {
        return Ok(());
    }
    let (name, needs) = match mode {
        Mode::Prompt => ("prompt", "a causal language model with its output layer"),
        Mode::Cloze => (
            "cloze",
            "an encoder with a masked-language-model head and a mask token",
        ),
        Mode::Similarity => ("similarity", "any model"),
    };
    Err(format!(
        "{NAME}.mode {name} needs {needs}, which {} is not; use another mode, or auto",
        model.name
    ))
}
