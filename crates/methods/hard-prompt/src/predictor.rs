//! A fitted prompt.

use crate::config::NAME;
use crate::layout::Layout;
use crate::prompt::{Asked, Trace};
use crate::scorer::all_class_scores;
use crate::verbalizer::Verbalizer;
use adapt::{FitError, Footprint, Logits, PredictError, Predictor, Reading, SaveError};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use task::Example;

/// A pretrained model with a prompt around its inputs.
pub(crate) struct Fitted {
    asked: Asked,
    layout: Layout,
    verbalizer: Verbalizer,
    /// What the search did; empty after loading.
    trace: Trace,
}

impl Fitted {
    /// # Errors
    /// A template or label words that do not fit the model.
    pub(crate) fn new(asked: Asked, trace: Trace) -> Result<Self, FitError> {
        let (model, prompt) = (&asked.model, &asked.prompt);
        let layout = Layout::new(
            &prompt.template,
            prompt.pairs,
            prompt.trigger.len(),
            model,
            asked.budget.max_length.get(),
        )?;
        let verbalizer = Verbalizer::new(
            &prompt.words,
            &asked.classes,
            &layout.label_lead,
            model,
            asked.config.scale,
        )?;
        Ok(Self {
            asked,
            layout,
            verbalizer,
            trace,
        })
    }
}

impl Predictor for Fitted {
    fn class_logits(&self, examples: &[Example]) -> Result<Vec<Logits>, PredictError> {
        let texts = self.layout.texts(examples)?;
        let rows = self.layout.rows(&texts, &self.asked.prompt.trigger);
        Ok(all_class_scores(
            &self.asked.model,
            &rows,
            &self.verbalizer,
            self.asked.budget.eval_batch.get(),
        ))
    }

    fn footprint(&self) -> Footprint {
        self.asked.footprint(self.layout.extra_tokens() as f64)
    }

    fn reading(&self, examples: &[Example]) -> Result<Option<Reading>, PredictError> {
        let texts = self.layout.texts(examples)?;
        Ok(Some(Reading::UpTo {
            tokens: self.layout.longest_text(&self.asked.model),
            cut: texts.iter().filter(|texts| texts.lost > 0).count(),
        }))
    }

    fn save(&self, dir: &Path) -> Result<(), SaveError> {
        self.asked.save(NAME, dir)
    }

    fn details(&self) -> BTreeMap<String, Value> {
        let prompt = &self.asked.prompt;
        let mut details = self.trace.clone();
        let mut insert = |name: &str, value: Value| details.insert(name.to_owned(), value);
        insert("mode", json!(prompt.mode));
        insert("template", json!(prompt.template));
        insert("label_words", json!(prompt.words));
        if !prompt.trigger.is_empty() {
            insert("trigger", json!(prompt.trigger));
            insert("trigger_text", json!(prompt.trigger_text));
        }
        details
    }
}
