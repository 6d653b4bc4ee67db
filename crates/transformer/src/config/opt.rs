//! OPT: GPT-2 with ReLU and positions from row 2 on; the smallest models but one normalise behind the residuals.

use super::gpt2::CAUSAL;
use super::known::{Only, only};
use super::{Config, Sizes, USUAL_SIZES};
use crate::load::LoadError;
use crate::shape::{Architecture, LearnedPositions, NormOrder, Shape};

pub(super) const ONLY: &[Only] = &[
    CAUSAL,
    only(
        "layer_norm_elementwise_affine",
        &["null", "true"],
        "only true is",
    ),
];

const SIZES: Sizes = Sizes {
    intermediate: "ffn_dim",
    ..USUAL_SIZES
};

impl Config {
    pub(super) fn opt(&self) -> Result<Shape, LoadError> {
        let max_length = self.count_or("max_position_embeddings", 2048)?;
        let plain = self.plain(Architecture::Opt, &SIZES, max_length)?;
        self.must_be("word_embed_proj_dim", plain.hidden)?;
        let norms_before = self.flag_or("do_layer_norm_before", true)?;
        let drops_last = self.flag_or("_remove_final_layer_norm", false)?;
        let bias = self.flag_or("enable_bias", true)?;
        Ok(Shape {
            causal: true,
            positions: Some(LearnedPositions {
                rows: max_length + 2,
                offset: 2,
                counts_words: false,
            }),
            norm_order: if norms_before {
                NormOrder::Pre
            } else {
                NormOrder::Post
            },
            final_norm: norms_before && !drops_last,
            norm_epsilon: 1e-5, // Fixed in the reference code, not a field of the configuration.
            activation: self.activation("activation_function", "relu")?,
            query_key_value_bias: bias,
            attention_out_bias: bias,
            feed_forward_up_bias: bias,
            feed_forward_down_bias: bias,
            attention_dropout: self.probability_or("attention_dropout", 0.0)?,
            hidden_dropout: self.probability_or("dropout", 0.1)?,
            initializer_range: self.deviation_or("init_std", 0.02)?,
            ..plain
        })
    }
}
