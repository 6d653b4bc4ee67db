//! Settings of hard prompts. Defaults: Shin et al. 2020, §3 and their published code; templates: Gao et al. 2021, Schick & Schütze 2021.

use ::prompt::{LabelSource, LabelWords, Template, check_templates, label_words, one_or_many};
use adapt::{ConfigError, Described, FitError, Range, SettingDoc};
use serde::{Deserialize, Serialize};
use std::num::NonZeroUsize;

/// Name in the registry.
pub(crate) const NAME: &str = "hard-prompt";

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

impl Described for HardPrompt {
    const SETTINGS: &'static [SettingDoc] = &[
        SettingDoc::number("budget", Range::whole(1, 1 << 32)),
        SettingDoc::number("trigger_tokens", Range::whole(1, 1 << 16)),
        SettingDoc::number("steps", Range::whole(1, 1 << 32)),
        SettingDoc::number("candidates", Range::whole(1, 1 << 24)),
        SettingDoc::number("batch", Range::whole(1, 1 << 24)),
        SettingDoc::number("validate_every", Range::whole(1, 1 << 32)),
        SettingDoc::number("scale", ::prompt::SCALE),
    ];
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

    /// The sets of label words to use: one for the gradient search, all for the choice among templates.
    ///
    /// # Errors
    /// A class without a word, a word for no class, or descriptions that the task does not have.
    pub(crate) fn label_word_sets(
        &self,
        classes: &[String],
        descriptions: Option<&[String]>,
    ) -> Result<Vec<Vec<String>>, FitError> {
        let mut from = vec![LabelWords::From(LabelSource::Names)];
        match &self.label_words {
            Some(given) => from.clone_from(given),
            None if !self.by_gradient() && descriptions.is_some() => {
                from.push(LabelWords::From(LabelSource::Descriptions));
            }
            None => (),
        }
        let words = |from| label_words(from, classes, descriptions);
        let sets = from.iter().map(words).collect::<Result<_, _>>();
        sets.map_err(|reason| FitError::NotApplicable(format!("{NAME}.label_words: {reason}")))
    }

    /// # Errors
    /// Templates that cannot be filled in, and values that leave nothing to search.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let checked = self.check_templates().and_then(|()| self.check_search());
        checked.map_err(|reason| ConfigError::BadValue {
            method: NAME.to_owned(),
            reason,
        })
    }

    fn check_templates(&self) -> Result<(), String> {
        for (setting, templates, pairs) in [
            ("templates", &self.templates, false),
            ("pair_templates", &self.pair_templates, true),
        ] {
            let check = |source: &str| Template::parse(source, pairs).map(|_| ());
            check_templates(setting, templates, check)?;
        }
        for (setting, template, pairs) in [
            ("trigger_template", &self.trigger_template, false),
            ("trigger_pair_template", &self.trigger_pair_template, true),
        ] {
            let check = |source: &str| Template::parse_with_trigger(source, pairs).map(|_| ());
            check_templates(setting, std::slice::from_ref(template), check)?;
        }
        Ok(())
    }

    fn check_search(&self) -> Result<(), String> {
        let sets = self.label_words.as_ref().map_or(1, Vec::len);
        if sets == 0 {
            return Err("label_words is an empty list, expected sets of label words".to_owned());
        }
        if self.by_gradient() && sets > 1 {
            return Err(format!(
                "label_words has {sets} sets and search \"gradient\" uses one; give one, or set search to \"templates\""
            ));
        }
        if self.by_gradient() && self.budget.is_some_and(|budget| budget.get() < 2) {
            return Err("budget is 1, and a step evaluates the trigger as it is and at least one candidate; set it to 2 or more".to_owned());
        }
        Ok(())
    }
}
