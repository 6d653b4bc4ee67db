//! Settings of BitFit and of LayerNorm tuning, and which of the backbone's parameters each trains.

use adapt::{
    Attach, Change, FitError, Frozen, Hue, Level, Look, MethodInfo, Outline, Peft, Trained,
};
use burn::module::ParamGroup;
use transformer::{Depth, NormKind, NormOrder, Shape};

/// `bitfit` in the registry.
pub static BITFIT: Trained<Bitfit> = Trained::new();

adapt::settings! {
    /// BitFit's settings.
    pub struct Bitfit {
        /// Peak learning rate. Ben Zaken et al. 2022, §3: 1e-4 to 1e-3, far above full finetuning's.
        learning_rate: f64 = 1e-3 => adapt::Range::LEARNING_RATE,
    }
}

impl Peft for Bitfit {
    const INFO: MethodInfo = MethodInfo {
        name: "bitfit",
        definition: "Only the bias terms of the model are trained.",
        paper: "Ben Zaken et al. 2022, BitFit, arXiv:2106.10199",
        level: Level::Parameters,
        uses_model: true,
        look: Some(Look {
            hue: Hue::Sky,
            outline: Outline::Hexagon,
        }),
    };

    type Adaptation = Frozen;

    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn not_applicable(&self, shape: &Shape) -> Option<String> {
        (bias_params(shape) == 0).then(|| "the model has no bias terms".to_owned())
    }

    fn attach(&self, _to: &mut Attach<'_>) -> Result<Frozen, FitError> {
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

/// `layer-norm` in the registry.
pub static LAYER_NORM: Trained<LayerNorm> = Trained::new();

adapt::settings! {
    /// LayerNorm tuning's settings.
    pub struct LayerNorm {
        /// Peak learning rate. The same as BitFit's, which trains the same kind of vectors.
        learning_rate: f64 = 1e-3 => adapt::Range::LEARNING_RATE,
    }
}

impl Peft for LayerNorm {
    const INFO: MethodInfo = MethodInfo {
        name: "layer-norm",
        definition: "Only the gains and biases of the normalisation layers are trained.",
        paper: "Qi et al. 2022, LayerNorm tuning, arXiv:2211.08682; Zhao et al. 2023, arXiv:2312.11420",
        level: Level::Parameters,
        uses_model: true,
        look: Some(Look {
            hue: Hue::Sky,
            outline: Outline::Diamond,
        }),
    };

    type Adaptation = Frozen;

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
fn bias_params(shape: &Shape) -> u64 {
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
