//! Gemma 2, Gemma 3 and EmbeddingGemma.

use serde_json::{Value, json};

use super::{Fields, Keys, layers};
use crate::gguf::value;
use crate::load::LoadError;

impl Keys<'_> {
    /// Every second layer sees a window.
    pub(super) fn gemma2(&self) -> Result<Value, LoadError> {
        let own = json!({
            "hidden_activation": "gelu_pytorch_tanh",
            "query_pre_attn_scalar": self.scaled_by(46)?,
            "attn_logit_softcapping": self.number("attn_logit_softcapping")?,
            "final_logit_softcapping": self.number("final_logit_softcapping")?,
            "sliding_window": self.needed_count("attention.sliding_window")?,
            "attention_bias": false,
        });
        self.decoder("gemma2", own)
    }

    /// Of six layers five see a window, and rotate by a base of their own.
    pub(super) fn gemma3(&self, fields: &Fields, both_ways: bool) -> Result<Value, LoadError> {
        let kinds = self.gemma3_kinds(fields)?;
        let local = self.number("rope.freq_base_swa")?.unwrap_or(10_000.0);
        let own = json!({
            "hidden_activation": "gelu_pytorch_tanh",
            "query_pre_attn_scalar": self.scaled_by(62)?,
            "attn_logit_softcapping": null,
            "final_logit_softcapping": self.number("final_logit_softcapping")?,
            "sliding_window": self.needed_count("attention.sliding_window")?,
            "layer_types": kinds,
            "use_bidirectional_attention": both_ways,
            "attention_bias": false,
            "rope_parameters": {
                "full_attention": self.rotation_with(1_000_000.0)?,
                "sliding_attention": {"rope_type": "default", "rope_theta": local},
            },
        });
        self.decoder("gemma3_text", own)
    }

    fn gemma3_kinds(&self, fields: &Fields) -> Result<Vec<&'static str>, LoadError> {
        let key = self.key("attention.sliding_window_pattern");
        let kind = |window: bool| {
            if window {
                "sliding_attention"
            } else {
                "full_attention"
            }
        };
        let every = match self.gguf.metadata().get(&key) {
            Some(value::Value::Flags(windows)) => {
                return Ok(windows.iter().map(|window| kind(*window)).collect());
            }
            Some(_) => self.gguf.metadata().count(&key)?.unwrap_or(0),
            None => 6,
        };
        Ok(layers(fields)
            .map(|layer| kind(every == 0 || (layer + 1) % every != 0))
            .collect())
    }

    /// What queries are divided by the root of: the width of a head, but in Gemma's largest models, which llama.cpp tells by their
    /// number of layers, the width of the model over the number of heads.
    fn scaled_by(&self, largest: u64) -> Result<u64, LoadError> {
        let width = self.head_width()?;
        let width = self.needed("attention.key_length", width)?;
        let heads = self.needed_count("attention.head_count")?;
        let is_largest = self.needed_count("block_count")? == largest && heads > 0;
        if is_largest {
            Ok(self.needed_count("embedding_length")? / heads)
        } else {
            Ok(width)
        }
    }
}
