//! Settings of the three rungs, and what each trains.

use crate::count::{block_params, embedding_params, final_norm_params};
use adapt::{Attach, FitError, Frozen, Peft};
use burn::module::ParamGroup;
use serde::{Deserialize, Serialize};
use std::num::NonZeroUsize;
use transformer::{Depth, Shape};

/// Finetuning I: the output layer alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// Peak learning rate.
    pub learning_rate: f64,
}

impl Default for Output {
    fn default() -> Self {
        Self {
            learning_rate: 5e-3,
        }
    }
}

impl Peft for Output {
    type Adaptation = Frozen;

    fn name(&self) -> &'static str {
        "finetune-output"
    }

    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn attach(&self, _to: &mut Attach<'_>) -> Result<Frozen, FitError> {
        Ok(Frozen::new())
    }

    fn acts_from(&self, _shape: &Shape) -> Depth {
        Depth::Head
    }

    fn trainable_params(&self, _shape: &Shape) -> u64 {
        0
    }
}

/// The last k blocks, the final norm and the output layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Last {
    /// Peak learning rate.
    pub learning_rate: f64,
    /// k; at most the model's number of blocks.
    pub blocks: NonZeroUsize,
}

impl Default for Last {
    fn default() -> Self {
        Self {
            learning_rate: 1e-4,
            blocks: NonZeroUsize::MIN,
        }
    }
}

impl Last {
    fn first(&self, shape: &Shape) -> usize {
        shape.layers.saturating_sub(self.blocks.get())
    }
}

impl Peft for Last {
    type Adaptation = Frozen;

    fn name(&self) -> &'static str {
        "finetune-last"
    }

    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn attach(&self, to: &mut Attach<'_>) -> Result<Frozen, FitError> {
        if self.blocks.get() > to.shape.layers {
            let (found, have) = (self.blocks, to.shape.layers);
            return Err(FitError::NotApplicable(format!(
                "finetune-last.blocks is {found}, the model has {have} blocks; use at most {have}, or finetune-all"
            )));
        }
        Ok(Frozen::new())
    }

    fn train_in_backbone(&self, shape: &Shape) -> Option<ParamGroup> {
        let blocks = (self.first(shape)..shape.layers).map(|i| format!(r"^blocks\.{i}\."));
        let patterns: Vec<String> = blocks.chain([r"^final_norm\.".to_owned()]).collect();
        Some(ParamGroup::from_any_regexes(patterns).expect("valid patterns"))
    }

    fn acts_from(&self, shape: &Shape) -> Depth {
        Depth::Block(self.first(shape))
    }

    fn trainable_params(&self, shape: &Shape) -> u64 {
        self.blocks.get() as u64 * block_params(shape) + final_norm_params(shape)
    }
}

/// Finetuning II: everything.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct All {
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Begin from random weights: the same model, task and training without the pretraining.
    pub from_scratch: bool,
}

impl Default for All {
    fn default() -> Self {
        Self {
            learning_rate: 5e-5,
            from_scratch: false,
        }
    }
}

impl Peft for All {
    type Adaptation = Frozen;

    fn name(&self) -> &'static str {
        "finetune-all"
    }

    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn attach(&self, _to: &mut Attach<'_>) -> Result<Frozen, FitError> {
        Ok(Frozen::new())
    }

    fn train_in_backbone(&self, _shape: &Shape) -> Option<ParamGroup> {
        Some(ParamGroup::from_regex("").expect("a valid pattern"))
    }

    fn acts_from(&self, _shape: &Shape) -> Depth {
        Depth::Embeddings
    }

    fn begins_from_scratch(&self) -> bool {
        self.from_scratch
    }

    fn identity_at_start(&self) -> bool {
        !self.from_scratch
    }

    fn trainable_params(&self, shape: &Shape) -> u64 {
        embedding_params(shape)
            + shape.layers as u64 * block_params(shape)
            + final_norm_params(shape)
    }
}
