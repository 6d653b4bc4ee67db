//! SmolLM3: Llama with layers that do not rotate.

use serde_json::Value;

use super::Config;
use super::gpt2::CAUSAL;
use super::known::Only;
use super::llama::{DEFAULTS, Defaults, WHOLE_ROTATION};
use super::rotary::{Rotary, WHOLE_HEADS};
use crate::load::LoadError;
use crate::shape::{Architecture, LayerKind, Shape};

pub(super) const ONLY: &[Only] = &[CAUSAL, WHOLE_ROTATION];

impl Config {
    pub(super) fn smollm3(&self) -> Result<Shape, LoadError> {
        let defaults = Defaults {
            kv_heads: Some(4),
            max_length: 32_768,
            tied: true,
            ..DEFAULTS
        };
        let block = self.llama_kin(Architecture::SmolLm3, &defaults)?;
        let rotary = Rotary {
            theta: 2_000_000.0,
            ..WHOLE_HEADS
        };
        let rotation = self.rotation(&block, &rotary)?;
        let rotates = self.rotating_layers(block.layers)?;
        let reach = self.causal_reach("sliding_window", None)?;
        let slides = self.flag_or("use_sliding_window", false)? && reach.is_some();
        let sliding = self.sliding_layers(block.layers, |layer| slides && !rotates[layer])?;
        let kinds = self.kinds(&sliding, reach, 0)?.into_iter().zip(rotates);
        let kinds = kinds.map(|(kind, rotates)| LayerKind {
            rotation: kind.rotation.filter(|_| rotates),
            ..kind
        });
        let bias = self.flag_or("attention_bias", false)?;
        let inner_bias = self.flag_or("mlp_bias", false)?;
        Ok(Shape {
            kinds: kinds.collect(),
            rotations: vec![rotation],
            query_key_value_bias: bias,
            attention_out_bias: bias,
            feed_forward_up_bias: inner_bias,
            feed_forward_down_bias: inner_bias,
            ..block
        })
    }

    /// `no_rope_layers` holds 1 for a layer that rotates, and may be longer than need be; without it every n-th layer does not.
    fn rotating_layers(&self, layers: usize) -> Result<Vec<bool>, LoadError> {
        let key = "no_rope_layers";
        let interval = self.count_or("no_rope_layer_interval", 4)?;
        let Some(marks) = self.present(key) else {
            return Ok((0..layers)
                .map(|layer| !(layer + 1).is_multiple_of(interval))
                .collect());
        };
        let rotates = |mark: &Value| mark.as_u64().filter(|&mark| mark <= 1);
        let marks = marks.as_array().filter(|marks| marks.len() >= layers);
        let marks: Option<Vec<u64>> =
            marks.and_then(|marks| marks[..layers].iter().map(rotates).collect());
        match marks {
            Some(marks) => Ok(marks.into_iter().map(|mark| mark == 1).collect()),
            None => Err(self.field(key, &format!("1 or 0 for each of {layers} layers"))),
        }
    }
}
