//! DistilBERT: BERT without token types, under names of its own.

use super::bert::NOT_CAUSAL;
use super::known::Only;
use super::{Config, Sizes};
use crate::load::LoadError;
use crate::shape::{Architecture, LearnedPositions, Shape};

pub(super) const ONLY: &[Only] = &[NOT_CAUSAL];

pub(super) const SECOND_NAMES: &[(&str, &str)] = &[
    ("hidden_size", "dim"),
    ("num_attention_heads", "n_heads"),
    ("num_hidden_layers", "n_layers"),
];

const SIZES: Sizes = Sizes {
    hidden: "dim",
    layers: "n_layers",
    heads: "n_heads",
    intermediate: "hidden_dim",
    intermediate_is_optional: false,
};

impl Config {
    pub(super) fn distilbert(&self) -> Result<Shape, LoadError> {
        let rows = self.count_or("max_position_embeddings", 512)?;
        Ok(Shape {
            embedding_norm: true,
            positions: Some(LearnedPositions {
                rows,
                offset: 0,
                counts_words: false,
            }),
            norm_epsilon: 1e-12, // Fixed in the reference code, not a field of the configuration.
            activation: self.activation("activation", "gelu")?,
            attention_dropout: self.probability_or("attention_dropout", 0.1)?,
            hidden_dropout: self.probability_or("dropout", 0.1)?,
            ..self.plain(Architecture::DistilBert, &SIZES, rows)?
        })
    }
}
