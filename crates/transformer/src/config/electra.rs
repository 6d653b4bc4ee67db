//! ELECTRA: BERT with embeddings of a width of their own. Discriminators and generators have one backbone.

use super::Config;
use crate::load::LoadError;
use crate::shape::{Architecture, Shape};

impl Config {
    pub(super) fn electra(&self) -> Result<Shape, LoadError> {
        let plain = self.bert_kin(Architecture::Electra)?;
        let embedding = self.count_or("embedding_size", 128)?;
        Ok(Shape {
            embedding,
            embedding_projection: embedding != plain.hidden,
            token_types: self.count_or("type_vocab_size", 2)?,
            ..plain
        })
    }
}
