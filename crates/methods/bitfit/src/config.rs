//! Settings of BitFit and of LayerNorm tuning, and which of the backbone's parameters each trains.

use adapt::{Attach, Change, FitError, Frozen, Peft};
use burn::module::ParamGroup;
use serde::{Deserialize, Serialize};
use transformer::{Depth, NormKind, NormOrder, Shape};

/// BitFit's settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BitFit {
    /// Peak learning rate.
    pub learning_rate: f64,
}

impl Default for BitFit {
    fn default() -> Self {
        Self {
            learning_rate: 1e-3,
        }
    }
}

impl Peft for BitFit {
    type Adaptation = Frozen;

    fn name(&self) -> &'static str {
        "bitfit"
    }

    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn attach(&self, to: &mut Attach<'_>) -> Result<Frozen, FitError> {
        if bias_params(to.shape) == 0 {
            return Err(FitError::NotApplicable(
                "bitfit: the model has no bias terms".to_owned(),
            ));
        }
        Ok(Frozen::new())
    }

    fn train_in_backbone(&self, _shape: &Shape) -> Option<ParamGroup> {
        Some(ParamGroup::from_regex(r"(^|\.)bias$").expect("a valid pattern"))
    }

    fn acts_from(&self, shape: &Shape) -> Depth {
        norms_act_from(shape)
    }

    fn trainable_params(&self, shape: &Shape) -> u64 {
        bias_params(shape)
    }
}

/// LayerNorm tuning's settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerNorm {
    /// Peak learning rate.
    pub learning_rate: f64,
}

impl Default for LayerNorm {
    fn default() -> Self {
        Self {
            learning_rate: 1e-3,
        }
    }
}

impl Peft for LayerNorm {
    type Adaptation = Frozen;

    fn name(&self) -> &'static str {
        "layer-norm"
    }

    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn attach(&self, _to: &mut Attach<'_>) -> Result<Frozen, FitError> {
        Ok(Frozen::new())
    }

    fn train_in_backbone(&self, _shape: &Shape) -> Option<ParamGroup> {
        Some(ParamGroup::from_regex(r"norm\.(weight|bias)$").expect("a valid pattern"))
    }

    fn acts_from(&self, shape: &Shape) -> Depth {
        norms_act_from(shape)
    }

    fn trainable_params(&self, shape: &Shape) -> u64 {
        let vectors = match shape.norm {
            NormKind::Layer => 2,
            NormKind::Rms => 1,
        };
        // Two norms a block, and one above the embeddings (post-norm) or after the last block (pre-norm).
        ((2 * shape.layers + 1) * vectors * shape.hidden) as u64
    }

    fn change(&self, _adaptation: &Frozen) -> Option<Change> {
        Some(Change::Norms)
    }
}

/// The norm above the embeddings trains in post-norm models.
fn norms_act_from(shape: &Shape) -> Depth {
    match shape.norm_order {
        NormOrder::Post => Depth::Embeddings,
        NormOrder::Pre => Depth::Block(0),
    }
}

/// All bias terms, those of the norms included.
pub(crate) fn bias_params(shape: &Shape) -> u64 {
    let (h, f, q, kv) = (
        shape.hidden,
        shape.intermediate,
        shape.query_width(),
        shape.key_value_width(),
    );
    let attention = if shape.attention_bias {
        q + 2 * kv + h
    } else {
        0
    };
    let ups = if shape.gated { 2 } else { 1 };
    let feed_forward = if shape.feed_forward_bias {
        ups * f + h
    } else {
        0
    };
    let norm = if shape.norm == NormKind::Layer { h } else { 0 };
    (shape.layers * (attention + feed_forward + 2 * norm) + norm) as u64
}
