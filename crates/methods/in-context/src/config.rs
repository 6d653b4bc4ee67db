//! Settings of in-context learning, and what is refused among them before a weight is read.

use ::prompt::{DEFAULT_SHOTS, LabelSource, LabelWords, Template, check_templates, one_or_many};
use adapt::{ConfigError, Described, Range, SettingDoc};
use serde::{Deserialize, Serialize};
use std::num::NonZeroUsize;

/// Name in the registry.
pub(crate) const NAME: &str = "in-context";

/// How a model is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// The first of the others that the model allows.
    Auto,
    /// The label words continue a prompt.
    Prompt,
    /// The label words fill masks.
    Cloze,
    /// Text and label words are compared as vectors.
    Similarity,
}

/// How the log-probabilities of a label word's tokens become one score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Score {
    /// Their sum: the word's log-probability.
    Sum,
    /// Their mean per token.
    Mean,
}

/// How the masks of a label word of several tokens are scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fill {
    /// All tokens masked; one forward pass for all label words of a length.
    AtOnce,
    /// Each token with those before it shown and those after it masked.
    LeftToRight,
}

/// What "nearest" means to retrieval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Retriever {
    /// Cosine of the same model's mean-pooled final hidden states.
    Hidden,
    /// Cosine of TF-IDF weights of the model's tokens; no forward pass.
    TfIdf,
}

/// Settings of `in-context`. README has the table of defaults and their origin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InContext {
    /// How the model is asked.
    pub mode: Mode,
    /// Demonstrations, all classes together; null: 8 in prompts, none in the other modes.
    pub shots: Option<usize>,
    /// Independent class-balanced draws of the demonstrations.
    pub draws: NonZeroUsize,
    /// Orders of each draw.
    pub orders: NonZeroUsize,
    /// For single texts; placeholders `{text}` and `{label}`.
    #[serde(deserialize_with = "one_or_many")]
    pub templates: Vec<String>,
    /// For pairs; placeholders `{a}`, `{b}` and `{label}`.
    #[serde(deserialize_with = "one_or_many")]
    pub pair_templates: Vec<String>,
    /// Stands once in front of everything.
    pub instruction: String,
    /// Between demonstrations, and after the instruction.
    pub separator: String,
    /// What stands for each class.
    pub label_words: LabelWords,
    /// Sum or mean over a label word's tokens.
    pub score: Score,
    /// How label words of several tokens fill masks.
    pub fill: Fill,
    /// Whether the answer to content-free inputs is divided out; not in `similarity`.
    pub calibrate: bool,
    /// The content-free inputs.
    #[serde(deserialize_with = "one_or_many")]
    pub content_free: Vec<String>,
    /// Whether each query gets its own nearest labelled examples as demonstrations.
    pub retrieval: bool,
    /// What "nearest" means.
    pub retriever: Retriever,
    /// What a cosine is multiplied by to become a logit, in `similarity`.
    pub scale: f64,
    /// Whether only the template with the best validation accuracy is kept.
    pub choose_template: bool,
    /// Longest prompt in tokens; null: what the model's positions allow.
    pub window: Option<NonZeroUsize>,
}

impl Described for InContext {
    const SETTINGS: &'static [SettingDoc] = &[
        SettingDoc::number("shots", Range::whole(0, 1 << 16)),
        SettingDoc::number("draws", Range::whole(1, 1 << 16)),
        SettingDoc::number("orders", Range::whole(1, 1 << 16)),
        SettingDoc::number("scale", ::prompt::SCALE),
        SettingDoc::number("window", Range::whole(1, 1 << 24)),
    ];
}

impl Default for InContext {
    fn default() -> Self {
        Self {
            mode: Mode::Auto,
            shots: None,
            draws: NonZeroUsize::MIN,
            orders: NonZeroUsize::MIN,
            templates: vec!["Text: {text}\nLabel: {label}".to_owned()],
            pair_templates: vec!["First: {a}\nSecond: {b}\nLabel: {label}".to_owned()],
            instruction: String::new(),
            separator: "\n\n".to_owned(),
            label_words: LabelWords::From(LabelSource::Names),
            score: Score::Sum,
            fill: Fill::AtOnce,
            calibrate: true,
            content_free: ["N/A", "", "[MASK]"].map(str::to_owned).to_vec(),
            retrieval: false,
            retriever: Retriever::Hidden,
            scale: 20.0,
            choose_template: false,
            window: None,
        }
    }
}

impl Mode {
    /// `None` for `auto`.
    pub(crate) fn given(self) -> Option<::prompt::Mode> {
        match self {
            Self::Auto => None,
            Self::Prompt => Some(::prompt::Mode::Prompt),
            Self::Cloze => Some(::prompt::Mode::Cloze),
            Self::Similarity => Some(::prompt::Mode::Similarity),
        }
    }
}

impl InContext {
    /// Demonstrations in this mode.
    pub(crate) fn shots_in(&self, mode: ::prompt::Mode) -> usize {
        let by_mode = if mode == ::prompt::Mode::Prompt || self.retrieval {
            DEFAULT_SHOTS
        } else {
            0
        };
        self.shots.unwrap_or(by_mode)
    }

    /// The templates for this kind of task.
    pub(crate) fn templates_for(&self, pairs: bool) -> &[String] {
        if pairs {
            &self.pair_templates
        } else {
            &self.templates
        }
    }

    /// # Errors
    /// Settings that contradict each other, and templates that cannot be filled in.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let checked = self
            .check_templates()
            .and_then(|()| self.check_demonstrations());
        checked.map_err(|reason| ConfigError::BadValue {
            method: NAME.to_owned(),
            reason,
        })
    }

    fn check_templates(&self) -> Result<(), String> {
        let check = |source: &str, pairs| {
            let template = Template::parse(source, pairs)?;
            match self.mode {
                Mode::Prompt => template.require_label_last(),
                _ => Ok(()),
            }
        };
        check_templates("templates", &self.templates, |source| check(source, false))?;
        check_templates("pair_templates", &self.pair_templates, |source| {
            check(source, true)
        })
    }

    fn check_demonstrations(&self) -> Result<(), String> {
        let several = self.draws.get() > 1 || self.orders.get() > 1;
        let refused = if several && self.shots == Some(0) {
            "draws and orders above 1 need demonstrations, and shots is 0; set shots to 1 or more, or draws and orders to 1"
        } else if several && self.retrieval {
            "retrieval gives every query its own demonstrations, nearest last; set draws and orders to 1"
        } else if self.orders.get() > 1 && self.mode == Mode::Similarity {
            "similarity averages over demonstrations, so their order has no effect; set orders to 1"
        } else if self.retrieval && self.shots == Some(0) {
            "retrieval needs demonstrations, and shots is 0; set shots to 1 or more"
        } else if self.calibrate && self.content_free.is_empty() {
            "calibrate needs at least one content-free input; give some, or set calibrate to false"
        } else {
            return Ok(());
        };
        Err(refused.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use adapt::parse_config;
    use serde_json::json;

    fn checked(settings: serde_json::Value) -> Result<InContext, ConfigError> {
        let config: InContext = parse_config(NAME, settings)?;
        config.check().map(|()| config)
    }

    #[test]
    fn the_defaults_are_accepted_and_explicit() {
        let config = checked(json!({})).unwrap();
        assert_eq!(config, InContext::default());
        assert_eq!(
            checked(serde_json::to_value(&config).unwrap()).unwrap(),
            config
        );
    }

    #[test]
    fn a_misspelt_setting_is_refused_with_the_nearest_one() {
        let error = checked(json!({"shot": 3})).unwrap_err().to_string();
        assert!(
            error.contains(r#"no setting "shot" (did you mean "shots"?)"#),
            "{error}"
        );
    }

    #[test]
    fn one_template_needs_no_brackets() {
        let config = checked(json!({"templates": "{text} = {label}"})).unwrap();
        assert_eq!(config.templates, ["{text} = {label}"]);
    }

    #[test]
    fn settings_that_contradict_each_other_are_refused() {
        for (settings, named) in [
            (json!({"retrieval": true, "draws": 2}), "retrieval"),
            (json!({"retrieval": true, "shots": 0}), "shots"),
            (json!({"shots": 0, "orders": 3}), "orders"),
            (json!({"mode": "similarity", "orders": 3}), "orders"),
            (json!({"templates": []}), "templates"),
            (json!({"templates": ["{texts} {label}"]}), "{texts}"),
            (
                json!({"mode": "prompt", "templates": ["{label}: {text}"]}),
                "{label}",
            ),
            (json!({"content_free": []}), "content-free"),
            (json!({"scale": 0.0}), "scale"),
            (json!({"mode": "prompts"}), "prompts"),
        ] {
            let error = checked(settings.clone()).unwrap_err().to_string();
            assert!(error.contains(named), "{settings}: {error}");
        }
    }
}
