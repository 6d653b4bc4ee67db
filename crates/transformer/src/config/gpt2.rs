//! GPT-2.

use super::known::{Only, only};
use super::{Config, Sizes};
use crate::load::LoadError;
use crate::shape::{Architecture, LearnedPositions, NormOrder, Shape};

/// Of every decoder. null switches the causal mask off too.
pub(super) const CAUSAL: Only = only("is_causal", &["true"], "only true is");

pub(super) const ONLY: &[Only] = &[
    only("add_cross_attention", &["null", "false"], "only false is"),
    CAUSAL,
];

pub(super) const SECOND_NAMES: &[(&str, &str)] = &[
    ("hidden_size", "n_embd"),
    ("max_position_embeddings", "n_positions"),
    ("num_attention_heads", "n_head"),
    ("num_hidden_layers", "n_layer"),
];

const SIZES: Sizes = Sizes {
    hidden: "n_embd",
    layers: "n_layer",
    heads: "n_head",
    intermediate: "n_inner",
    intermediate_is_optional: true,
};

impl Config {
    pub(super) fn gpt2(&self) -> Result<Shape, LoadError> {
        let rows = self.count_or("n_positions", 1024)?;
        let plain = self.plain(Architecture::Gpt2, &SIZES, rows)?;
        Ok(Shape {
            causal: true,
            positions: Some(LearnedPositions {
                rows,
                offset: 0,
                counts_words: false,
            }),
            score_scale: if self.flag_or("scale_attn_weights", true)? {
                plain.score_scale
            } else {
                1.0
            },
            scale_by_inverse_layer: self.flag_or("scale_attn_by_inverse_layer_idx", false)?,
            norm_order: NormOrder::Pre,
            final_norm: true,
            norm_epsilon: self.epsilon_or("layer_norm_epsilon", 1e-5)?,
            activation: self.activation("activation_function", "gelu_new")?,
            attention_dropout: self.probability_or("attn_pdrop", 0.1)?,
            hidden_dropout: self.probability_or("resid_pdrop", 0.1)?,
            ..plain
        })
    }
}
