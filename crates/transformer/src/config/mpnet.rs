//! MPNet: BERT without token types, with positions counted over words and a score bias by the distance of two tokens. The reference code
//! fixes the padding id of the positions, the number of buckets and the largest distance; files repeat the first two.

use super::Config;
use super::bert::NOT_CAUSAL;
use super::known::{Only, only};
use crate::load::LoadError;
use crate::shape::{Architecture, ScoreBias, Shape};

pub(super) const ONLY: &[Only] = &[
    NOT_CAUSAL,
    only(
        "pad_token_id",
        &["null", "1"],
        "positions are counted from 1, so that padding must be 1",
    ),
    only(
        "relative_attention_num_buckets",
        &["null", "32"],
        "only 32 is",
    ),
];

impl Config {
    pub(super) fn mpnet(&self) -> Result<Shape, LoadError> {
        let plain = self.bert_kin(Architecture::Mpnet)?;
        Ok(Shape {
            score_bias: ScoreBias::Buckets {
                buckets: 32,
                farthest: 128,
            },
            ..self.counting_words(plain, 2, "2")?
        })
    }
}
