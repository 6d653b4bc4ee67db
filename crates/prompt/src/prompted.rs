//! A pretrained model with a prompt around its inputs: what every fitted predictor that asks in words holds.

use crate::model::{AskedModel, Mode};
use crate::saved::{self, SavedPrompt};
use adapt::{Budget, Footprint, LoadAdapterError, SaveError, SavedInfo, write_info};
use serde::Serialize;
use std::path::Path;
use transformer::Pretrained;

/// A pretrained model with a method's settings `C` and the prompt `P` that it found.
pub struct PromptedModel<C, P> {
    /// The model that is asked.
    pub model: AskedModel,
    /// The method's settings.
    pub config: C,
    /// What stands around a text.
    pub prompt: P,
    /// Names of the classes, in the order of the logits.
    pub classes: Vec<String>,
    /// General settings.
    pub budget: Budget,
}

impl<C: Serialize, P: SavedPrompt> PromptedModel<C, P> {
    /// Reads back what [`PromptedModel::save`] wrote; `info` stands for the adapter's own description.
    ///
    /// # Errors
    /// A missing or malformed file, or a model that this prompt cannot be used with.
    pub fn load(
        config: C,
        dir: &Path,
        info: SavedInfo,
        base: Option<&Pretrained>,
    ) -> Result<Self, LoadAdapterError> {
        let base = base.ok_or(LoadAdapterError::NeedsModel)?;
        let SavedInfo {
            classes, budget, ..
        } = info;
        let model = AskedModel::frozen(base);
        let prompt = saved::read(dir, classes.len(), &model)?;
        Ok(Self {
            model,
            config,
            prompt,
            classes,
            budget,
        })
    }

    /// Writes the adapter's description and `prompt.json`.
    ///
    /// # Errors
    /// A directory or file that cannot be written.
    pub fn save(&self, method: &str, dir: &Path) -> Result<(), SaveError> {
        let info = SavedInfo {
            method: method.to_owned(),
            config: serde_json::to_value(&self.config).expect("a configuration serialises"),
            classes: self.classes.clone(),
            budget: self.budget.clone(),
            pooling: None,
            base_model: self.model.name.clone(),
            base_digest: Some(self.model.digest.clone()),
            pairs: None, // The prompt says so.
        };
        write_info(&info, dir)?;
        saved::write(&self.prompt, dir)
    }

    /// Nothing trains and nothing is added to the weights; `extra_tokens` a text is what the prompt costs.
    pub fn footprint(&self, extra_tokens: f64) -> Footprint {
        Footprint {
            trainable_params: 0,
            added_params: 0,
            total_params: self.model.params(self.mode()),
            stored_bytes: self.prompt.to_json().len() as u64,
            acts_from: None,
            trains_backbone_weights: false,
            extra_tokens,
            ..Footprint::default()
        }
    }

    /// How the model is asked.
    pub fn mode(&self) -> Mode {
        self.prompt.mode()
    }

    /// Most tokens of a text by itself: the general limit, or what the model's positions allow.
    pub fn max_length(&self) -> usize {
        self.budget
            .max_length
            .get()
            .min(self.model.shape.max_length)
    }

    /// Most tokens of the texts within a prompt.
    pub fn text_length(&self, pairs: bool) -> usize {
        self.model.text_length(self.max_length(), pairs)
    }

    /// Most padded tokens of one forward pass.
    pub fn batch_tokens(&self) -> usize {
        self.budget.eval_batch.get() * self.budget.max_length.get()
    }
}

/// An adapter folder whose files do not go together, or not with the model.
pub fn unusable(dir: &Path) -> impl FnOnce(adapt::FitError) -> LoadAdapterError {
    let path = dir.display().to_string();
    |error| LoadAdapterError::Malformed {
        path,
        reason: error.to_string(),
    }
}
