//! ALBERT: BERT with layers that share weights, and embeddings of a width of their own that are always projected.

use super::Config;
use super::bert::NOT_CAUSAL;
use super::known::{Only, only};
use crate::load::LoadError;
use crate::shape::{Architecture, Shape};

pub(super) const ONLY: &[Only] = &[
    NOT_CAUSAL,
    only("inner_group_num", &["null", "1"], "only 1 is"),
];

impl Config {
    pub(super) fn albert(&self) -> Result<Shape, LoadError> {
        let plain = self.bert_kin(Architecture::Albert)?;
        let groups = self.count_or("num_hidden_groups", 1)?;
        if !plain.layers.is_multiple_of(groups) {
            let expected = format!("a divisor of num_hidden_layers ({})", plain.layers);
            return Err(self.field("num_hidden_groups", &expected));
        }
        Ok(Shape {
            embedding: self.count_or("embedding_size", 128)?,
            embedding_projection: true,
            blocks: groups,
            token_types: self.count_or("type_vocab_size", 2)?,
            activation: self.activation("hidden_act", "gelu_new")?,
            attention_dropout: self.probability_or("attention_probs_dropout_prob", 0.0)?,
            hidden_dropout: self.probability_or("hidden_dropout_prob", 0.0)?,
            ..plain
        })
    }
}
