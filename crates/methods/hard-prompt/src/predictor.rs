//! A pretrained model with a prompt around its inputs.

use crate::config::HardPrompt;
use crate::layout::{Layout, Row};
use crate::model::Model;
use crate::prompt::Prompt;
use crate::verbalizer::Verbalizer;
use adapt::{
    Budget, FitError, Footprint, Logits, PredictError, Predictor, SaveError, SavedInfo, write_info,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use task::Example;

/// A fitted prompt.
pub(crate) struct Fitted {
    pub(crate) model: Model,
    pub(crate) config: HardPrompt,
    pub(crate) prompt: Prompt,
    pub(crate) classes: Vec<String>,
    pub(crate) budget: Budget,
    layout: Layout,
    verbalizer: Verbalizer,
    /// What the search did; empty after loading.
    pub(crate) trace: BTreeMap<String, Value>,
}

impl Fitted {
    /// # Errors
    /// A template or label words that do not fit the model.
    pub(crate) fn new(
        model: Model,
        config: HardPrompt,
        prompt: Prompt,
        classes: Vec<String>,
        budget: Budget,
    ) -> Result<Self, FitError> {
        let layout = Layout::new(
            &prompt.template,
            prompt.pairs,
            prompt.trigger.len(),
            &model,
            budget.max_length.get(),
        )?;
        let verbalizer = Verbalizer::new(
            &prompt.words,
            &classes,
            &layout.label_lead,
            &model,
            config.scale,
        )?;
        Ok(Self {
            model,
            config,
            prompt,
            classes,
            budget,
            layout,
            verbalizer,
            trace: BTreeMap::new(),
        })
    }
}

impl Predictor for Fitted {
    fn class_logits(&self, examples: &[Example]) -> Result<Vec<Logits>, PredictError> {
        let texts = self.layout.texts(&self.model, examples)?;
        let rows: Vec<Row> = texts
            .iter()
            .map(|texts| self.layout.row(texts, &self.prompt.trigger))
            .collect();
        Ok(self
            .model
            .all_scores(&rows, &self.verbalizer, self.budget.eval_batch.get()))
    }

    fn footprint(&self) -> Footprint {
        Footprint {
            trainable_params: 0,
            added_params: 0,
            total_params: self.model.params(),
            stored_bytes: self.prompt.to_json().len() as u64,
            acts_from: None,
            trains_backbone_weights: false,
            extra_tokens: self.layout.extra_tokens() as f64,
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

    fn details(&self) -> BTreeMap<String, Value> {
        let mut details = self.trace.clone();
        details.insert("mode".to_owned(), json!(self.prompt.mode));
        details.insert("template".to_owned(), json!(self.prompt.template));
        details.insert("label_words".to_owned(), json!(self.prompt.words));
        if !self.prompt.trigger.is_empty() {
            details.insert("trigger".to_owned(), json!(self.prompt.trigger));
            details.insert("trigger_text".to_owned(), json!(self.prompt.trigger_text));
        }
        details
    }
}
