//! Llama, whose block most decoders have, and EuroBERT, which is Llama that sees both ways.

use super::bert::NOT_CAUSAL;
use super::gpt2::CAUSAL;
use super::known::{Only, only};
use super::rotary::WHOLE_HEADS;
use super::{Config, USUAL_SIZES};
use crate::load::LoadError;
use crate::shape::{
    Architecture, ClassifierPooling, ClassifierSettings, LayerKind, NormKind, NormOrder, Rotation,
    Shape,
};

pub(super) const ONLY: &[Only] = &[CAUSAL, WHOLE_ROTATION];

/// Of models that rotate whole heads.
pub(super) const WHOLE_ROTATION: Only =
    only("partial_rotary_factor", &["null", "1"], "only 1.0 is");

pub(super) const ONLY_EUROBERT: &[Only] = &[
    NOT_CAUSAL,
    WHOLE_ROTATION,
    only(
        "mlp_bias",
        &["null", "false"],
        "its language head would have a bias too, which is not read",
    ),
];

/// What a block of Llama's kind leaves open.
pub(super) struct Defaults {
    /// Heads of keys and values where the file does not say; else one for each of the queries.
    pub(super) kv_heads: Option<usize>,
    /// Width of a head where the file does not say; else that of the model by its heads.
    pub(super) head_dim: Option<usize>,
    pub(super) max_length: usize,
    pub(super) epsilon: f64,
    pub(super) tied: bool,
}

pub(super) const DEFAULTS: Defaults = Defaults {
    kv_heads: None,
    head_dim: None,
    max_length: 2048,
    epsilon: 1e-6,
    tied: false,
};

impl Config {
    pub(super) fn llama(&self) -> Result<Shape, LoadError> {
        let block = self.llama_kin(Architecture::Llama, &DEFAULTS)?;
        let rotation = self.rotation(&block, &WHOLE_HEADS)?;
        let bias = self.flag_or("attention_bias", false)?;
        let inner_bias = self.flag_or("mlp_bias", false)?;
        Ok(Shape {
            query_key_value_bias: bias,
            attention_out_bias: bias,
            feed_forward_up_bias: inner_bias,
            feed_forward_down_bias: inner_bias,
            ..rotated(block, rotation)
        })
    }

    pub(super) fn eurobert(&self) -> Result<Shape, LoadError> {
        let defaults = Defaults {
            max_length: 8192,
            epsilon: 1e-5,
            ..DEFAULTS
        };
        let block = self.llama_kin(Architecture::EuroBert, &defaults)?;
        let rotation = self.rotation(&block, &WHOLE_HEADS)?;
        let bias = self.flag_or("attention_bias", false)?;
        Ok(Shape {
            causal: false,
            query_key_value_bias: bias,
            attention_out_bias: bias,
            classifier: ClassifierSettings {
                pooling: self.classifier_pooling(ClassifierPooling::Late)?,
                ..ClassifierSettings::default()
            },
            ..rotated(block, rotation)
        })
    }

    /// A causal block with gate and root-mean-square norms, without biases and without rotation.
    pub(super) fn llama_kin(
        &self,
        architecture: Architecture,
        defaults: &Defaults,
    ) -> Result<Shape, LoadError> {
        let (hidden_key, heads_key) = ("hidden_size", "num_attention_heads");
        let max_length = self.count_or("max_position_embeddings", defaults.max_length)?;
        let heads = self.count(heads_key)?;
        let kv_heads = self.nullable_count("num_key_value_heads", defaults.kv_heads)?;
        let kv_heads = kv_heads.unwrap_or(heads);
        self.whole_heads(heads, kv_heads, heads_key, "num_key_value_heads")?;
        let head_dim = match (self.present("head_dim"), defaults.head_dim) {
            (Some(_), _) => self.count("head_dim")?,
            (None, Some(head_dim)) => head_dim,
            (None, None) => {
                let hidden = self.count(hidden_key)?;
                self.whole_heads(hidden, heads, hidden_key, heads_key)?
            }
        };
        Ok(Shape {
            kv_heads,
            causal: true,
            norm: NormKind::Rms,
            norm_order: NormOrder::Pre,
            final_norm: true,
            norm_epsilon: self.epsilon_or("rms_norm_eps", defaults.epsilon)?,
            activation: self.activation("hidden_act", "silu")?,
            gated: true,
            query_key_value_bias: false,
            attention_out_bias: false,
            feed_forward_up_bias: false,
            feed_forward_down_bias: false,
            attention_dropout: self.probability_or("attention_dropout", 0.0)?,
            tied_embeddings: self.flag_or("tie_word_embeddings", defaults.tied)?,
            ..self.plain_of(architecture, &USUAL_SIZES, max_length, head_dim)?
        })
    }

    /// `classifier_pooling`: what a classification head reads.
    pub(super) fn classifier_pooling(
        &self,
        default: ClassifierPooling,
    ) -> Result<ClassifierPooling, LoadError> {
        let key = "classifier_pooling";
        match self.present(key).map(|value| value.as_str()) {
            None => Ok(default),
            Some(Some("cls" | "bos")) => Ok(ClassifierPooling::First),
            Some(Some("mean")) => Ok(ClassifierPooling::Mean),
            Some(Some("late")) => Ok(ClassifierPooling::Late),
            Some(_) => Err(self.field(key, "\"cls\", \"bos\", \"mean\" or \"late\"")),
        }
    }
}

/// Every layer sees all and rotates alike.
pub(super) fn rotated(shape: Shape, rotation: Rotation) -> Shape {
    let kind = LayerKind {
        reach: None,
        rotation: Some(0),
    };
    Shape {
        kinds: vec![kind; shape.layers],
        rotations: vec![rotation],
        ..shape
    }
}
