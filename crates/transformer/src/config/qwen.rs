//! Qwen 2 and 2.5, Llama with biases of queries, keys and values; Qwen 3, with norms of queries and keys instead. Both may have windows in
//! the upper layers.

use super::Config;
use super::gpt2::CAUSAL;
use super::known::Only;
use super::llama::{DEFAULTS, Defaults, WHOLE_ROTATION};
use super::rotary::WHOLE_HEADS;
use crate::load::LoadError;
use crate::shape::{Architecture, QueryKeyNorm, Shape};

pub(super) const ONLY: &[Only] = &[CAUSAL, WHOLE_ROTATION];

const QWEN: Defaults = Defaults {
    kv_heads: Some(32),
    max_length: 32_768,
    ..DEFAULTS
};

impl Config {
    pub(super) fn qwen2(&self) -> Result<Shape, LoadError> {
        let block = self.qwen(Architecture::Qwen2, &QWEN)?;
        Ok(Shape {
            query_key_value_bias: true,
            ..block
        })
    }

    pub(super) fn qwen3(&self) -> Result<Shape, LoadError> {
        let defaults = Defaults {
            head_dim: Some(128),
            ..QWEN
        };
        let block = self.qwen(Architecture::Qwen3, &defaults)?;
        let bias = self.flag_or("attention_bias", false)?;
        Ok(Shape {
            query_key_norm: QueryKeyNorm::Head,
            query_key_value_bias: bias,
            attention_out_bias: bias,
            ..block
        })
    }

    fn qwen(&self, architecture: Architecture, defaults: &Defaults) -> Result<Shape, LoadError> {
        let block = self.llama_kin(architecture, defaults)?;
        let rotation = self.rotation(&block, &WHOLE_HEADS)?;
        let reach = self.causal_reach("sliding_window", Some(4096))?;
        let from = self.size_or("max_window_layers", 28)?;
        let slides = self.flag_or("use_sliding_window", false)?;
        let reach = reach.filter(|_| slides);
        let sliding =
            self.sliding_layers(block.layers, |layer| reach.is_some() && layer >= from)?;
        Ok(Shape {
            kinds: self.kinds(&sliding, reach, 0)?,
            rotations: vec![rotation],
            ..block
        })
    }
}
