//! Settings of hard prompts. Defaults: Shin et al. 2020, §3 and their published code; templates: Gao et al. 2021, Schick & Schütze 2021.

use ::prompt::{LabelWords, Template, one_or_many};
use adapt::ConfigError;
use serde::{Deserialize, Serialize};
use std::num::NonZeroUsize;

/// How the words of the prompt are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Search {
    /// `Gradient`.
    Auto,
    /// The best of written templates and label words on the validation split.
    Templates,
    /// AutoPrompt: trigger tokens exchanged one at a time, guided by the gradient.
    Gradient,
}

/// What the search makes smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// −ln p of the right label words among the whole vocabulary, as Shin et al. do.
    Vocabulary,
    /// −ln p of the right class among the classes.
    Classes,
}

/// Settings of `hard-prompt`. README has the table of defaults and their origin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HardPrompt {
    /// How the words are found.
    pub search: Search,
    /// Most candidate evaluations; null: every template with every set of label words, or `steps` × (`candidates` + 1).
    pub budget: Option<NonZeroUsize>,
    /// Sets of label words; null: the class names, and in `templates` the task's descriptions too where it has them.
    pub label_words: Option<Vec<LabelWords>>,
    /// Tokens that are searched.
    pub trigger_tokens: NonZeroUsize,
    /// Exchanges tried.
    pub steps: NonZeroUsize,
    /// Tokens evaluated a step, the best by the first-order approximation.
    pub candidates: NonZeroUsize,
    /// Examples of a gradient, and as many others of an evaluation.
    pub batch: NonZeroUsize,
    /// Steps between scores of the validation split.
    pub validate_every: NonZeroUsize,
    /// What the gradient search makes smaller.
    pub loss: Loss,
    /// Where the trigger stands: `{text}`, `{trigger}`, `{label}`.
    pub trigger_template: String,
    /// The same for pairs: `{a}`, `{b}`, `{trigger}`, `{label}`.
    pub trigger_pair_template: String,
    /// Written templates to choose among: `{text}`, `{label}`.
    #[serde(deserialize_with = "one_or_many")]
    pub templates: Vec<String>,
    /// The same for pairs: `{a}`, `{b}`, `{label}`.
    #[serde(deserialize_with = "one_or_many")]
    pub pair_templates: Vec<String>,
    /// What a cosine is multiplied by, for models without a language head.
    pub scale: f64,
}

impl Default for HardPrompt {
    fn default() -> Self {
        let n = |n| NonZeroUsize::new(n).expect("not zero");
        let list = |templates: &[&str]| templates.iter().map(|&t| t.to_owned()).collect();
        Self {
            search: Search::Auto,
            budget: None,
            label_words: None,
            trigger_tokens: n(5),
            steps: n(30),
            candidates: n(10),
            batch: n(16),
            validate_every: n(10),
            loss: Loss::Vocabulary,
            trigger_template: "{text} {trigger} {label}.".to_owned(),
            trigger_pair_template: "{a} {b} {trigger} {label}.".to_owned(),
            templates: list(&[
                "{text} It was {label}.",
                "{text} All in all, it was {label}.",
                "{text} This is about {label}.",
                "Text: {text}\nLabel: {label}",
            ]),
            pair_templates: list(&[
                "First: {a}\nSecond: {b}\nLabel: {label}",
                "{a}\n{b}\nFirst and second are {label}.",
            ]),
            scale: 20.0,
        }
    }
}

impl HardPrompt {
    /// `auto` made definite.
    pub(crate) fn by_gradient(&self) -> bool {
        self.search != Search::Templates
    }

    /// The templates of this search for this kind of task.
    pub(crate) fn templates_for(&self, pairs: bool) -> Vec<String> {
        match (self.by_gradient(), pairs) {
            (true, false) => vec![self.trigger_template.clone()],
            (true, true) => vec![self.trigger_pair_template.clone()],
            (false, false) => self.templates.clone(),
            (false, true) => self.pair_templates.clone(),
        }
    }

    /// # Errors
    /// Templates that cannot be filled in, and values that leave nothing to search.
    pub(crate) fn check(&self, method: &str) -> Result<(), ConfigError> {
        let bad = |reason: String| {
            Err(ConfigError::BadValue {
                method: method.to_owned(),
                reason,
            })
        };
        let one = |template: &String| vec![template.clone()];
        for (setting, templates, pairs, trigger) in [
            ("templates", self.templates.clone(), false, false),
            ("pair_templates", self.pair_templates.clone(), true, false),
            ("trigger_template", one(&self.trigger_template), false, true),
            (
                "trigger_pair_template",
                one(&self.trigger_pair_template),
                true,
                true,
            ),
        ] {
            if templates.is_empty() {
                return bad(format!(
                    "{setting} is empty, expected at least one template"
                ));
            }
            for source in &templates {
                let read = match trigger {
                    true => Template::parse_with_trigger(source, pairs),
                    false => Template::parse(source, pairs),
                };
                if let Err(reason) = read {
                    return bad(format!("{setting}: {reason}"));
                }
            }
        }
        let sets = self.label_words.as_ref().map_or(1, Vec::len);
        if sets == 0 {
            return bad("label_words is an empty list, expected sets of label words".to_owned());
        }
        if self.by_gradient() && sets > 1 {
            return bad(format!(
                "label_words has {sets} sets and search \"gradient\" uses one; give one, or set search to \"templates\""
            ));
        }
        if self.by_gradient() && self.budget.is_some_and(|budget| budget.get() < 2) {
            return bad("budget is 1, and a step evaluates the trigger as it is and at least one candidate; set it to 2 or more".to_owned());
        }
        if !(self.scale.is_finite() && self.scale > 0.0) {
            return bad(format!(
                "scale is {}, expected a positive number",
                self.scale
            ));
        }
        Ok(())
    }
}
