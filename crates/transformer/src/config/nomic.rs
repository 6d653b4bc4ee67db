//! Nomic BERT: BERT that rotates, with a gate and without biases. The authors' files name the fields as GPT-2's do; `transformers` has
//! names of its own.

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
        "activation_function",
        &["null", "\"swiglu\""],
        "only \"swiglu\" is",
    ),
    only("causal", &["null", "false"], "only false is"),
    only("prenorm", &["null", "false"], "only false is"),
    only("parallel_block", &["null", "false"], "only false is"),
    only("use_rms_norm", &["null", "false"], "only false is"),
    only("qkv_proj_bias", &["null", "false"], "only false is"),
    only("mlp_fc1_bias", &["null", "false"], "only false is"),
    only("mlp_fc2_bias", &["null", "false"], "only false is"),
    only("scale_attn_weights", &["null", "true"], "only true is"),
    only("rotary_emb_fraction", &["null", "1"], "only 1.0 is"),
    only(
        "rotary_emb_interleaved",
        &["null", "false"],
        "only false is",
    ),
    only("rotary_emb_scale_base", &["null"], "only null is"),
    only(
        "rotary_scaling_factor",
        &["null"],
        "angles that follow the length of a text are not implemented",
    ),
];

/// Those of the authors; `transformers` does not read them.
pub(super) const SECOND_NAMES: &[(&str, &str)] = &[
    ("n_embd", "hidden_size"),
    ("n_layer", "num_hidden_layers"),
    ("n_head", "num_attention_heads"),
    ("n_inner", "intermediate_size"),
    ("n_positions", "max_position_embeddings"),
    ("layer_norm_epsilon", "layer_norm_eps"),
    ("attn_pdrop", "attention_probs_dropout_prob"),
    ("resid_pdrop", "hidden_dropout_prob"),
];

const ROTARY: Rotary = Rotary {
    theta: 1000.0,
    theta_keys: &["rope_theta", "rotary_emb_base"],
    ..WHOLE_HEADS
};

impl Config {
    pub(super) fn nomic_bert(&self) -> Result<Shape, LoadError> {
        let max_length = self.count_or("max_position_embeddings", 2048)?;
        let plain = self.plain(Architecture::NomicBert, &USUAL_SIZES, max_length)?;
        self.must_be("head_dim", plain.head_dim)?;
        let rotation = self.rotation(&plain, &ROTARY)?;
        Ok(Shape {
            embedding_norm: true,
            token_types: self.size_or("type_vocab_size", 2)?,
            norm_epsilon: self.epsilon_or("layer_norm_eps", 1e-12)?,
            activation: self.activation("hidden_act", "silu")?,
            gated: true,
            query_key_value_bias: false,
            attention_out_bias: false,
            feed_forward_up_bias: false,
            feed_forward_down_bias: false,
            attention_dropout: self.probability_or("attention_probs_dropout_prob", 0.0)?,
            hidden_dropout: self.probability_or("hidden_dropout_prob", 0.0)?,
            ..rotated(plain, rotation)
        })
    }
}
