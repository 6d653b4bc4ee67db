//! Phi-3 and 3.5: Llama with fused maps, a part of each head that may go without rotation, and other angles for long texts.

use super::Config;
use super::gpt2::CAUSAL;
use super::known::Only;
use super::llama::{DEFAULTS, Defaults};
use super::rotary::{Part, Rotary, WHOLE_HEADS};
use crate::load::LoadError;
use crate::shape::{Architecture, Shape};

pub(super) const ONLY: &[Only] = &[CAUSAL];

const ROTARY: Rotary = Rotary {
    part: Some(Part {
        key: "partial_rotary_factor",
        default: 1.0,
    }),
    // As early files and `transformers` have it.
    longrope_too: &["su", "yarn"],
    kinds: &["default", "longrope"],
    original_length: Some(4096),
    ..WHOLE_HEADS
};

impl Config {
    pub(super) fn phi3(&self) -> Result<Shape, LoadError> {
        let defaults = Defaults {
            max_length: 4096,
            epsilon: 1e-5,
            ..DEFAULTS
        };
        let block = self.llama_kin(Architecture::Phi3, &defaults)?;
        let rotation = self.rotation(&block, &ROTARY)?;
        let reach = self.causal_reach("sliding_window", None)?;
        Ok(Shape {
            kinds: self.all_alike(block.layers, reach)?,
            rotations: vec![rotation],
            hidden_dropout: self.probability_or("resid_pdrop", 0.0)?,
            ..block
        })
    }
}
