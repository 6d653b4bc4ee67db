//! OLMo 2: Llama with norms behind the sub-layers instead of before them, and of all queries and all keys together.

use super::Config;
use super::gpt2::CAUSAL;
use super::known::Only;
use super::llama::{DEFAULTS, Defaults, WHOLE_ROTATION, rotated};
use super::rotary::WHOLE_HEADS;
use crate::load::LoadError;
use crate::shape::{Architecture, NormOrder, QueryKeyNorm, Shape};

pub(super) const ONLY: &[Only] = &[CAUSAL, WHOLE_ROTATION];

impl Config {
    pub(super) fn olmo2(&self) -> Result<Shape, LoadError> {
        let defaults = Defaults {
            epsilon: 1e-5,
            ..DEFAULTS
        };
        let block = self.llama_kin(Architecture::Olmo2, &defaults)?;
        let rotation = self.rotation(&block, &WHOLE_HEADS)?;
        let bias = self.flag_or("attention_bias", false)?;
        Ok(Shape {
            query_key_norm: QueryKeyNorm::Full,
            norm_order: NormOrder::Output,
            query_key_value_bias: bias,
            attention_out_bias: bias,
            ..rotated(block, rotation)
        })
    }
}
