//! BERT, and RoBERTa, which counts its positions from the padding id.

use super::known::{Only, only};
use super::{Config, USUAL_SIZES};
use crate::load::LoadError;
use crate::shape::{Architecture, LearnedPositions, Shape};

pub(super) const ONLY: &[Only] = &[
    ABSOLUTE_POSITIONS,
    only("is_decoder", &["null", "false"], "only false is"),
    only("add_cross_attention", &["null", "false"], "only false is"),
    NOT_CAUSAL,
];

pub(super) const NOT_CAUSAL: Only = only("is_causal", &["null", "false"], "only false is");

const ABSOLUTE_POSITIONS: Only = only(
    "position_embedding_type",
    &["null", "\"absolute\""],
    "only \"absolute\" is",
);

impl Config {
    pub(super) fn bert(&self) -> Result<Shape, LoadError> {
        let plain = self.bert_kin(Architecture::Bert)?;
        Ok(Shape {
            token_types: self.count_or("type_vocab_size", 2)?,
            ..plain
        })
    }

    pub(super) fn roberta(&self) -> Result<Shape, LoadError> {
        let plain = self.bert_kin(Architecture::Roberta)?;
        // Counted from the padding id + 1; fairseq kept one table for both.
        let offset = self.counted_from()? + 1;
        let from = "pad_token_id + 1";
        Ok(Shape {
            token_types: self.count_or("type_vocab_size", 2)?,
            ..self.counting_words(plain, offset, from)?
        })
    }

    /// What BERT, RoBERTa, ELECTRA, MPNet, ALBERT and DeBERTa share.
    pub(super) fn bert_kin(&self, architecture: Architecture) -> Result<Shape, LoadError> {
        let rows = self.count_or("max_position_embeddings", 512)?;
        Ok(Shape {
            embedding_norm: true,
            positions: Some(LearnedPositions {
                rows,
                offset: 0,
                counts_words: false,
            }),
            norm_epsilon: self.epsilon_or("layer_norm_eps", 1e-12)?,
            activation: self.activation("hidden_act", "gelu")?,
            attention_dropout: self.probability_or("attention_probs_dropout_prob", 0.1)?,
            hidden_dropout: self.probability_or("hidden_dropout_prob", 0.1)?,
            ..self.plain(architecture, &USUAL_SIZES, rows)?
        })
    }

    /// With positions over the ids other than padding, from row `offset` on.
    pub(super) fn counting_words(
        &self,
        shape: Shape,
        offset: usize,
        from: &str,
    ) -> Result<Shape, LoadError> {
        let rows = shape.max_length;
        if rows <= offset {
            let expected = format!("more than {offset}, since positions begin at {from}");
            return Err(self.field("max_position_embeddings", &expected));
        }
        Ok(Shape {
            max_length: rows - offset,
            positions: Some(LearnedPositions {
                rows,
                offset,
                counts_words: true,
            }),
            ..shape
        })
    }

    /// RoBERTa's padding id: -1 stands for none elsewhere, and positions can't be counted from it.
    fn counted_from(&self) -> Result<usize, LoadError> {
        match (self.present("pad_token_id"), self.id("pad_token_id")?) {
            (_, Some(id)) => Ok(id as usize),
            (None, None) => Ok(1),
            (Some(_), None) => Err(self.field("pad_token_id", "the id that positions count from")),
        }
    }
}
