//! A fitted prompt.

use crate::config::{NAME, Retriever};
use crate::counts::Counts;
use crate::prompt::{Asked, MemberScores};
use crate::scorer::Scorer;
use crate::validation::average;
use ::prompt::Mode;
use adapt::{FitError, Footprint, Logits, PredictError, Predictor, Reading, SaveError};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use task::Example;

/// A pretrained model with a prompt around its inputs.
pub(crate) struct Fitted {
    pub(crate) asked: Asked,
    scorer: Scorer,
    /// What did not fit, over everything predicted since the fit.
    counts: Mutex<Counts>,
    /// What the validation split said.
    pub(crate) validated: BTreeMap<String, Value>,
}

impl Fitted {
    /// # Errors
    /// A text that the tokenizer refuses, or label words that the model cannot tell apart.
    pub(crate) fn new(asked: Asked) -> Result<Self, FitError> {
        Ok(Self {
            scorer: Scorer::new(&asked)?,
            asked,
            counts: Mutex::default(),
            validated: BTreeMap::new(),
        })
    }

    /// Whether texts are compared as vectors of the model.
    pub(crate) fn takes_vectors(&self) -> bool {
        let Asked { config, prompt, .. } = &self.asked;
        let retrieves = config.retrieval && config.retriever == Retriever::Hidden;
        retrieves || prompt.mode == Mode::Similarity
    }

    /// # Errors
    /// As [`Scorer::score`].
    pub(crate) fn member_scores(
        &self,
        examples: &[Example],
        counts: &mut Counts,
    ) -> Result<MemberScores, PredictError> {
        self.scorer.score(&self.asked, examples, counts)
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
        let prompt = &self.asked.prompt;
        let measured = self.counts().extra_tokens(prompt.members.len());
        self.asked
            .footprint(measured.unwrap_or(prompt.extra_tokens))
    }

    fn reading(&self, examples: &[Example]) -> Result<Option<Reading>, PredictError> {
        self.scorer.reading(&self.asked, examples).map(Some)
    }

    fn save(&self, dir: &Path) -> Result<(), SaveError> {
        self.asked.save(NAME, dir)
    }

    /// Row numbers of the training file, never texts.
    fn details(&self) -> BTreeMap<String, Value> {
        let prompt = &self.asked.prompt;
        let mut details = self.validated.clone();
        let mut insert = |name: &str, value: Value| details.insert(name.to_owned(), value);
        let row = |&place: &usize| prompt.pool[place].row;
        let members = prompt.members.iter().map(|member| {
            json!({
                "template": member.template, "draw": member.draw, "order": member.order,
                "demonstration_rows": member.demonstrations.iter().map(row).collect::<Vec<_>>(),
            })
        });
        insert("mode", json!(prompt.mode));
        insert("shots", json!(prompt.shots));
        insert("members", members.collect());
        insert("window_tokens", json!(prompt.window));
        if prompt.mode != Mode::Similarity {
            let labels = self.scorer.label_tokens().iter();
            let lengths = labels.map(Vec::len).collect::<Vec<_>>();
            insert("label_word_tokens", json!(lengths));
            insert("fitted_into_the_window", json!(self.counts()));
        }
        if self.asked.config.retrieval {
            insert("retrieved_from", json!(prompt.pool.len()));
        }
        details
    }
}
