//! Gemma 2 and 3: Llama with norms on both sides of each sub-layer, embeddings times √hidden, and windows in most layers. Gemma 2 has caps
//! on scores and logits; Gemma 3 norms of queries and keys, and a rotation for each kind of layer. EmbeddingGemma sees both ways.

use super::Config;
use super::gpt2::CAUSAL;
use super::known::{Only, only};
use super::llama::{DEFAULTS, Defaults, WHOLE_ROTATION};
use super::rotary::{ByKind, WHOLE_HEADS};
use crate::load::LoadError;
use crate::shape::{Architecture, NormOrder, QueryKeyNorm, Shape};

pub(super) const ONLY_GEMMA2: &[Only] = &[
    CAUSAL,
    WHOLE_ROTATION,
    only(
        "use_bidirectional_attention",
        &["null", "false"],
        "only false is",
    ),
];

pub(super) const ONLY_GEMMA3: &[Only] = &[
    CAUSAL,
    WHOLE_ROTATION,
    only("attn_logit_softcapping", &["null"], "only null is"),
];

const GEMMA: Defaults = Defaults {
    kv_heads: Some(4),
    head_dim: Some(256),
    max_length: 8192,
    tied: true,
    ..DEFAULTS
};

impl Config {
    pub(super) fn gemma2(&self) -> Result<Shape, LoadError> {
        let block = self.gemma(Architecture::Gemma2, &GEMMA)?;
        let rotation = self.rotation(&block, &WHOLE_HEADS)?;
        let reach = self.causal_reach("sliding_window", Some(4096))?;
        let sliding = self.sliding_layers(block.layers, |layer| layer.is_multiple_of(2))?;
        Ok(Shape {
            kinds: self.kinds(&sliding, reach, 0)?,
            rotations: vec![rotation],
            score_cap: self.nullable_positive("attn_logit_softcapping", Some(50.0))?,
            logit_cap: self.nullable_positive("final_logit_softcapping", Some(30.0))?,
            ..block
        })
    }

    pub(super) fn gemma3(&self) -> Result<Shape, LoadError> {
        let defaults = Defaults {
            max_length: 131_072,
            ..GEMMA
        };
        let block = self.gemma(Architecture::Gemma3, &defaults)?;
        let rotations = self.rotations_by_kind(
            &block,
            &ByKind {
                full: ("rope_theta", 1_000_000.0),
                sliding: ("rope_local_base_freq", 10_000.0),
                scales_sliding: false,
            },
        )?;
        let both_ways = self.flag_or("use_bidirectional_attention", false)?;
        let window = self.nullable_count("sliding_window", Some(4096))?;
        let reach = window.map(|window| if both_ways { window / 2 } else { window - 1 });
        let every = self.count_or("sliding_window_pattern", 6)?;
        let is_local = |layer: usize| !(layer + 1).is_multiple_of(every);
        let sliding = self.sliding_layers(block.layers, is_local)?;
        Ok(Shape {
            causal: !both_ways,
            kinds: self.kinds(&sliding, reach, 1)?,
            rotations,
            query_key_norm: QueryKeyNorm::Head,
            logit_cap: self.nullable_positive("final_logit_softcapping", None)?,
            ..block
        })
    }

    fn gemma(&self, architecture: Architecture, defaults: &Defaults) -> Result<Shape, LoadError> {
        let block = self.llama_kin(architecture, defaults)?;
        let bias = self.flag_or("attention_bias", false)?;
        let scalar = self.positive_or("query_pre_attn_scalar", 256.0)?;
        Ok(Shape {
            embedding_scale: Some((block.hidden as f64).sqrt()),
            score_scale: 1.0 / scalar.sqrt(),
            norm_order: NormOrder::Both,
            activation: self.activation("hidden_activation", "gelu_pytorch_tanh")?,
            query_key_value_bias: bias,
            attention_out_bias: bias,
            ..block
        })
    }
}
