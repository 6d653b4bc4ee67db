//! GPT-NeoX and Pythia: a part of each head is rotated; attention and feed-forward run side by side.

use super::gpt2::CAUSAL;
use super::known::Only;
use super::llama::rotated;
use super::rotary::{Part, Rotary, WHOLE_HEADS};
use super::{Config, USUAL_SIZES};
use crate::load::LoadError;
use crate::shape::{Architecture, NormOrder, Shape};

pub(super) const ONLY: &[Only] = &[CAUSAL];

const ROTARY: Rotary = Rotary {
    theta_keys: &["rotary_emb_base"],
    part: Some(Part {
        key: "rotary_pct",
        default: 0.25,
    }),
    ..WHOLE_HEADS
};

impl Config {
    pub(super) fn gpt_neox(&self) -> Result<Shape, LoadError> {
        let max_length = self.count_or("max_position_embeddings", 2048)?;
        let plain = self.plain(Architecture::GptNeoX, &USUAL_SIZES, max_length)?;
        self.must_be("head_dim", plain.head_dim)?;
        let rotation = self.rotation(&plain, &ROTARY)?;
        let bias = self.flag_or("attention_bias", true)?;
        Ok(Shape {
            causal: true,
            norm_order: NormOrder::Pre,
            parallel: self.flag_or("use_parallel_residual", true)?,
            final_norm: true,
            norm_epsilon: self.epsilon_or("layer_norm_eps", 1e-5)?,
            activation: self.activation("hidden_act", "gelu")?,
            query_key_value_bias: bias,
            attention_out_bias: bias,
            attention_dropout: self.probability_or("attention_dropout", 0.0)?,
            hidden_dropout: self.probability_or("hidden_dropout", 0.0)?,
            tied_embeddings: self.flag_or("tie_word_embeddings", false)?,
            ..rotated(plain, rotation)
        })
    }
}
