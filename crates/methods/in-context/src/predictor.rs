//! A fitted prompt.

use crate::config::{InContext, Mode};
use crate::counts::Counts;
use crate::model::Model;
use crate::prompt::Prompt;
use crate::scorer::{MemberScores, Scorer, Setup};
use crate::validation::average;
use adapt::{Budget, Footprint, Logits, PredictError, Predictor, SaveError, SavedInfo, write_info};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use task::Example;

/// A pretrained model with a prompt around its inputs.
pub(crate) struct Fitted {
    pub(crate) model: Model,
    pub(crate) config: InContext,
    pub(crate) prompt: Prompt,
    pub(crate) classes: Vec<String>,
    pub(crate) budget: Budget,
    pub(crate) scorer: Scorer,
    /// What did not fit, over everything predicted since the fit.
    pub(crate) counts: Mutex<Counts>,
    /// What the validation split said.
    pub(crate) validated: BTreeMap<String, Value>,
}

impl Fitted {
    /// # Errors
    /// A text that the tokenizer refuses, or a label word without tokens.
    pub(crate) fn new(
        model: Model,
        config: InContext,
        prompt: Prompt,
        classes: Vec<String>,
        budget: Budget,
    ) -> Result<Self, PredictError> {
        let scorer = Scorer::new(Setup {
            model: &model,
            config: &config,
            prompt: &prompt,
            budget: &budget,
        })?;
        let (counts, validated) = (Mutex::default(), BTreeMap::new());
        Ok(Self {
            model,
            config,
            prompt,
            classes,
            budget,
            scorer,
            counts,
            validated,
        })
    }

    /// # Errors
    /// As [`Scorer::score`].
    pub(crate) fn member_scores(
        &self,
        examples: &[Example],
        counts: &mut Counts,
    ) -> Result<MemberScores, PredictError> {
        let setup = Setup {
            model: &self.model,
            config: &self.config,
            prompt: &self.prompt,
            budget: &self.budget,
        };
        self.scorer.score(setup, examples, counts)
    }

    fn counts(&self) -> Counts {
        self.counts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Predictor for Fitted {
    fn class_logits(&self, examples: &[Example]) -> Result<Vec<Logits>, PredictError> {
        let mut counts = Counts::default();
        let scores = average(&self.member_scores(examples, &mut counts)?);
        self.counts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .add(&counts);
        Ok(scores
            .into_iter()
            .map(|row| row.into_iter().map(|log| log as f32).collect())
            .collect())
    }

    fn footprint(&self) -> Footprint {
        Footprint {
            trainable_params: 0,
            added_params: 0,
            total_params: self.model.params(self.prompt.mode != Mode::Similarity),
            stored_bytes: self.prompt.to_json().len() as u64,
            acts_from: None,
            trains_backbone_weights: false,
            extra_tokens: self
                .counts()
                .extra_tokens(self.prompt.members.len())
                .unwrap_or(self.prompt.extra_tokens),
        }
    }

    fn save(&self, dir: &Path) -> Result<(), SaveError> {
        let info = SavedInfo {
            method: crate::method::NAME.to_owned(),
            config: serde_json::to_value(&self.config).expect("a configuration serialises"),
            classes: self.classes.clone(),
            budget: self.budget.clone(),
            pooling: None,
            base_model: self.model.name.clone(),
            base_digest: None,
        };
        write_info(&info, dir)?;
        self.prompt.write(dir)
    }

    /// Row numbers of the training file, never texts.
    fn details(&self) -> BTreeMap<String, Value> {
        let prompt = &self.prompt;
        let mut details = self.validated.clone();
        let rows = |demonstrations: &[usize]| {
            demonstrations
                .iter()
                .map(|&i| prompt.pool[i].row)
                .collect::<Vec<_>>()
        };
        let members = prompt.members.iter().map(|member| {
            json!({
                "template": member.template, "draw": member.draw, "order": member.order,
                "demonstration_rows": rows(&member.demonstrations),
            })
        });
        details.insert("mode".to_owned(), json!(prompt.mode));
        details.insert("shots".to_owned(), json!(prompt.shots));
        details.insert("members".to_owned(), members.collect());
        details.insert("window_tokens".to_owned(), json!(prompt.window));
        if prompt.mode != Mode::Similarity {
            let labels = self.scorer.label_tokens();
            let distinct = labels.iter().collect::<HashSet<_>>().len();
            details.insert(
                "label_word_tokens".to_owned(),
                json!(labels.iter().map(Vec::len).collect::<Vec<_>>()),
            );
            details.insert(
                "label_words_with_the_tokens_of_another".to_owned(),
                json!(labels.len() - distinct),
            );
            details.insert("fitted_into_the_window".to_owned(), json!(self.counts()));
        }
        if self.config.retrieval {
            details.insert("retrieved_from".to_owned(), json!(prompt.pool.len()));
        }
        details
    }
}
