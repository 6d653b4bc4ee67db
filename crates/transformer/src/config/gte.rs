//! GTE v1.5: BERT that rotates, with a gate. `new` is the authors' name, `gte` that of `transformers`.

use super::bert::NOT_CAUSAL;
use super::known::{Only, only};
use super::llama::{WHOLE_ROTATION, rotated};
use super::rotary::{Rotary, WHOLE_HEADS};
use super::{Config, USUAL_SIZES};
use crate::load::LoadError;
use crate::shape::{Architecture, Shape};

pub(super) const ONLY: &[Only] = &[
    NOT_CAUSAL,
    WHOLE_ROTATION,
    only(
        "position_embedding_type",
        &["null", "\"rope\""],
        "only \"rope\" is",
    ),
    only(
        "layer_norm_type",
        &["null", "\"layer_norm\""],
        "only \"layer_norm\" is",
    ),
    only("pack_qkv", &["null", "true"], "only true is"),
    only("logn_attention_scale", &["null", "false"], "only false is"),
];

const ROTARY: Rotary = Rotary {
    theta: 160_000.0,
    kinds: &["default", "linear", "llama3", "yarn", "longrope", "ntk"],
    ..WHOLE_HEADS
};

impl Config {
    pub(super) fn gte_new(&self) -> Result<Shape, LoadError> {
        let max_length = self.count_or("max_position_embeddings", 8192)?;
        let plain = self.plain(Architecture::GteNew, &USUAL_SIZES, max_length)?;
        self.must_be("head_dim", plain.head_dim)?;
        let rotation = self.rotation(&plain, &ROTARY)?;
        Ok(Shape {
            embedding_norm: true,
            token_types: self.size_or("type_vocab_size", 1)?,
            norm_epsilon: self.epsilon_or("layer_norm_eps", 1e-12)?,
            activation: self.activation("hidden_act", "gelu")?,
            gated: true,
            feed_forward_up_bias: false,
            attention_dropout: self.probability_or("attention_probs_dropout_prob", 0.0)?,
            hidden_dropout: self.probability_or("hidden_dropout_prob", 0.1)?,
            ..rotated(plain, rotation)
        })
    }
}
