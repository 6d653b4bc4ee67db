//! DeBERTa-v2 and v3: BERT with disentangled attention; the scores are divided by √(d · (1 + its terms)), with or without it.

use super::Config;
use super::bert::NOT_CAUSAL;
use super::known::{Only, only};
use crate::load::LoadError;
use crate::shape::{Architecture, ClassifierSettings, ScoreBias, Shape};
use serde_json::Value;

pub(super) const ONLY: &[Only] = &[
    NOT_CAUSAL,
    only(
        "conv_kernel_size",
        &["null", "0"],
        "the convolution of the largest DeBERTa-v2 is not implemented",
    ),
    only(
        "tie_word_embeddings",
        &["true"],
        "the output matrix is always the word embedding",
    ),
];

/// Which terms `pos_att_type` names.
struct Terms {
    content_to_position: bool,
    position_to_content: bool,
}

impl Config {
    pub(super) fn deberta_v2(&self) -> Result<Shape, LoadError> {
        let plain = self.bert_kin(Architecture::DebertaV2)?;
        for (key, only) in [
            ("embedding_size", plain.hidden),
            ("attention_head_size", plain.head_dim),
            ("pooler_hidden_size", plain.hidden),
        ] {
            self.must_be(key, only)?;
        }
        let terms = self.terms()?;
        let count = usize::from(terms.content_to_position) + usize::from(terms.position_to_content);
        let is_relative = self.flag_or("relative_attention", false)?;
        let score_bias = if is_relative {
            self.disentangled(&plain, &terms)?
        } else {
            ScoreBias::None
        };
        let is_absolute = self.flag_or("position_biased_input", true)?;
        Ok(Shape {
            positions: plain.positions.filter(|_| is_absolute),
            token_types: self.size_or("type_vocab_size", 0)?,
            score_bias,
            score_scale: 1.0 / ((plain.head_dim * (1 + count)) as f64).sqrt(),
            norm_epsilon: self.epsilon_or("layer_norm_eps", 1e-7)?,
            classifier: ClassifierSettings {
                activation: Some(self.activation("pooler_hidden_act", "gelu")?),
                ..ClassifierSettings::default()
            },
            ..plain
        })
    }

    /// A list, or words between bars.
    fn terms(&self) -> Result<Terms, LoadError> {
        const EXPECTED: &str = "a list of \"c2p\" and \"p2c\"";
        let words: Vec<String> = match self.present("pos_att_type") {
            None => Vec::new(),
            Some(Value::String(text)) => {
                let words = text.split('|').map(|word| word.trim().to_lowercase());
                words.filter(|word| !word.is_empty()).collect()
            }
            Some(Value::Array(words)) => {
                let words = words.iter().map(|word| word.as_str().map(str::to_owned));
                let words: Option<_> = words.collect();
                words.ok_or_else(|| self.field("pos_att_type", EXPECTED))?
            }
            Some(_) => return Err(self.field("pos_att_type", EXPECTED)),
        };
        if words.iter().any(|word| word != "c2p" && word != "p2c") {
            return Err(self.field("pos_att_type", EXPECTED));
        }
        let has = |term: &str| words.iter().any(|word| word == term);
        Ok(Terms {
            content_to_position: has("c2p"),
            position_to_content: has("p2c"),
        })
    }

    fn disentangled(&self, plain: &Shape, terms: &Terms) -> Result<ScoreBias, LoadError> {
        if !(terms.content_to_position || terms.position_to_content) {
            return Err(self.field("pos_att_type", "\"c2p\", \"p2c\" or both"));
        }
        if !self.flag_or("share_att_key", false)? {
            return Err(self.field(
                "share_att_key",
                "true: maps of their own for distances are not implemented",
            ));
        }
        let farthest = match self.positive_integer("max_relative_positions")? {
            Some(farthest) => farthest,
            None => plain.max_length, // max_position_embeddings
        };
        let buckets = self.positive_integer("position_buckets")?;
        // Buckets grow with the logarithm of distance / (buckets / 2) up to farthest - 1.
        if buckets.is_some_and(|buckets| buckets < 2 || farthest.saturating_sub(1) <= buckets / 2) {
            let expected =
                format!("from 2 to less than 2 · ({farthest} - 1), the largest distance");
            return Err(self.field("position_buckets", &expected));
        }
        let norms = self.text("norm_rel_ebd", Some("none"))?.to_lowercase();
        let mut norms = norms.split('|').map(str::trim);
        let norm = match (norms.next(), norms.next()) {
            (Some("layer_norm"), None) => true,
            (Some("none"), None) => false,
            _ => return Err(self.field("norm_rel_ebd", "\"layer_norm\" or \"none\"")),
        };
        Ok(ScoreBias::Disentangled {
            span: buckets.unwrap_or(farthest),
            buckets,
            farthest,
            content_to_position: terms.content_to_position,
            position_to_content: terms.position_to_content,
            norm,
        })
    }
}
