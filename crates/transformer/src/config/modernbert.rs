//! ModernBERT and its decoder: windows and a rotation of their own in most layers, a gate, norms before the sub-layers and behind the
//! embeddings, which the first layer takes as they are.

use super::bert::NOT_CAUSAL;
use super::gpt2::CAUSAL;
use super::known::{Only, only};
use super::llama::WHOLE_ROTATION;
use super::rotary::ByKind;
use super::{Config, USUAL_SIZES};
use crate::load::LoadError;
use crate::shape::{
    Architecture, ClassifierPooling, ClassifierSettings, NormKind, NormOrder, Shape,
};

pub(super) const ONLY: &[Only] = &[NOT_CAUSAL, WHOLE_ROTATION, DECODER_BIAS];

pub(super) const ONLY_DECODER: &[Only] = &[CAUSAL, WHOLE_ROTATION, DECODER_BIAS];

const DECODER_BIAS: Only = only(
    "decoder_bias",
    &["null", "true"],
    "its language head without a bias is not read",
);

impl Config {
    pub(super) fn modernbert(&self) -> Result<Shape, LoadError> {
        let plain = self.modernbert_kin(Architecture::ModernBert)?;
        // `sliding_window` is written by `transformers` as the half of `local_attention`, and wins there.
        let reach = self.local_attention()? / 2;
        let reach = self.size_or("sliding_window", reach)?;
        let pooling = self.classifier_pooling(ClassifierPooling::First)?;
        Ok(Shape {
            classifier: ClassifierSettings {
                pooling,
                ..plain.classifier
            },
            ..self.with_windows(plain, reach)?
        })
    }

    /// Its window counts the token itself, as those of decoders do.
    pub(super) fn modernbert_decoder(&self) -> Result<Shape, LoadError> {
        let plain = self.modernbert_kin(Architecture::ModernBertDecoder)?;
        let window = self.local_attention()? / 2;
        let window = self.count_or("sliding_window", window)?;
        let Some(reach) = window.checked_sub(1) else {
            return Err(self.field("local_attention", "at least 2"));
        };
        Ok(Shape {
            causal: true,
            ..self.with_windows(plain, reach)?
        })
    }

    fn local_attention(&self) -> Result<usize, LoadError> {
        let key = "local_attention";
        let window = self.nullable_count(key, Some(128))?;
        window.ok_or_else(|| self.field(key, "a whole number above 0"))
    }

    fn modernbert_kin(&self, architecture: Architecture) -> Result<Shape, LoadError> {
        let max_length = self.count_or("max_position_embeddings", 8192)?;
        let plain = self.plain(architecture, &USUAL_SIZES, max_length)?;
        self.must_be("head_dim", plain.head_dim)?;
        let bias = self.flag_or("attention_bias", false)?;
        let inner_bias = self.flag_or("mlp_bias", false)?;
        Ok(Shape {
            embedding_norm: true,
            norm: if self.flag_or("norm_bias", false)? {
                NormKind::Layer
            } else {
                NormKind::LayerWithoutBias
            },
            norm_order: NormOrder::Pre,
            skips_first_norm: true,
            final_norm: true,
            norm_epsilon: self.epsilon_or("norm_eps", 1e-5)?,
            activation: self.activation("hidden_activation", "gelu")?,
            gated: true,
            query_key_value_bias: bias,
            attention_out_bias: bias,
            feed_forward_up_bias: inner_bias,
            feed_forward_down_bias: inner_bias,
            attention_dropout: self.probability_or("attention_dropout", 0.0)?,
            hidden_dropout: self.probability_or("mlp_dropout", 0.0)?,
            classifier: ClassifierSettings {
                activation: Some(self.activation("classifier_activation", "gelu")?),
                bias: self.flag_or("classifier_bias", false)?,
                pooling: ClassifierPooling::First,
            },
            ..plain
        })
    }

    fn with_windows(&self, plain: Shape, reach: usize) -> Result<Shape, LoadError> {
        let rotations = self.rotations_by_kind(
            &plain,
            &ByKind {
                full: ("global_rope_theta", 160_000.0),
                sliding: ("local_rope_theta", 10_000.0),
                scales_sliding: true,
            },
        )?;
        let every = self.count_or("global_attn_every_n_layers", 3)?;
        let is_local = |layer: usize| !layer.is_multiple_of(every);
        let sliding = self.sliding_layers(plain.layers, is_local)?;
        Ok(Shape {
            kinds: self.kinds(&sliding, Some(reach), 1)?,
            rotations,
            ..plain
        })
    }
}
