//! Mistral: Llama with a window in every layer.

use super::Config;
use super::gpt2::CAUSAL;
use super::known::Only;
use super::llama::{DEFAULTS, Defaults, WHOLE_ROTATION};
use super::rotary::WHOLE_HEADS;
use crate::load::LoadError;
use crate::shape::{Architecture, Shape};

pub(super) const ONLY: &[Only] = &[CAUSAL, WHOLE_ROTATION];

impl Config {
    pub(super) fn mistral(&self) -> Result<Shape, LoadError> {
        let defaults = Defaults {
            kv_heads: Some(8),
            max_length: 4096 * 32,
            ..DEFAULTS
        };
        let block = self.llama_kin(Architecture::Mistral, &defaults)?;
        let rotation = self.rotation(&block, &WHOLE_HEADS)?;
        let reach = self.causal_reach("sliding_window", Some(4096))?;
        Ok(Shape {
            kinds: self.all_alike(block.layers, reach)?,
            rotations: vec![rotation],
            ..block
        })
    }
}
