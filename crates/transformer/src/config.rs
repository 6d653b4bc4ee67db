//! From `config.json` to a [`Shape`]. Names and defaults are those of `transformers`; what would change the arithmetic and is not
//! implemented is refused by name.

mod fields;

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::load::LoadError;
use crate::shape::{Architecture, NormKind, NormOrder, Positions, Shape};
use ops::Activation;

/// Every `model_type` that is read.
pub const MODEL_TYPES: [&str; 7] = [
    "bert",
    "distilbert",
    "roberta",
    "xlm-roberta",
    "camembert",
    "gpt2",
    "llama",
];

/// A parsed `config.json`.
pub(crate) struct Config {
    file: PathBuf,
    fields: Map<String, Value>,
}

impl Config {
    pub(crate) fn read(dir: &Path) -> Result<Config, LoadError> {
        let file = dir.join("config.json");
        if !file.is_file() {
            let dir = dir.to_path_buf();
            return Err(LoadError::NoConfig { dir });
        }
        match std::fs::read_to_string(&file) {
            Ok(text) => Config::parse(file, &text),
            Err(source) => Err(LoadError::Read { file, source }),
        }
    }

    pub(crate) fn parse(file: PathBuf, text: &str) -> Result<Config, LoadError> {
        match serde_json::from_str(text) {
            Ok(fields) => Ok(Config { file, fields }),
            Err(source) => Err(LoadError::Json { file, source }),
        }
    }

    pub(crate) fn shape(&self) -> Result<Shape, LoadError> {
        let model_type = self.text("model_type", None)?;
        let shape = match model_type.as_str() {
            "bert" => self.bert(Architecture::Bert)?,
            "roberta" | "xlm-roberta" | "camembert" => self.bert(Architecture::Roberta)?,
            "distilbert" => self.distilbert()?,
            "gpt2" => self.gpt2()?,
            "llama" => self.llama()?,
            _ => {
                return Err(LoadError::UnsupportedModel {
                    file: self.file.clone(),
                    found: model_type,
                    supported: MODEL_TYPES.join(", "),
                });
            }
        };
        self.refuse_pruned_heads()?;
        Ok(shape)
    }

    fn bert(&self, architecture: Architecture) -> Result<Shape, LoadError> {
        self.refuse_unless_absent_or("position_embedding_type", &Value::from("absolute"))?;
        self.refuse_unless_absent_or("is_decoder", &Value::from(false))?;
        self.refuse_unless_absent_or("add_cross_attention", &Value::from(false))?;
        let hidden = self.count("hidden_size")?;
        let heads = self.count("num_attention_heads")?;
        let rows = self.count_or("max_position_embeddings", 512)?;
        let pad_id = self.id("pad_token_id")?;
        let (offset, types) = match architecture {
            // RoBERTa counts positions from the padding id + 1; fairseq kept one table for both.
            Architecture::Roberta => (pad_id.unwrap_or(1) as usize + 1, 1),
            _ => (0, 2),
        };
        Ok(Shape {
            architecture,
            vocab: self.count("vocab_size")?,
            hidden,
            layers: self.count("num_hidden_layers")?,
            heads,
            kv_heads: heads,
            head_dim: self.whole_heads(hidden, heads, "hidden_size", "num_attention_heads")?,
            intermediate: self.count("intermediate_size")?,
            max_length: rows.saturating_sub(offset),
            token_types: self.count_or("type_vocab_size", types)?,
            causal: false,
            positions: Positions::Learned { rows, offset },
            norm: NormKind::Layer,
            norm_order: NormOrder::Post,
            norm_epsilon: self.number_or("layer_norm_eps", 1e-12)?,
            activation: self.activation("hidden_act", "gelu")?,
            gated: false,
            attention_bias: true,
            feed_forward_bias: true,
            scale_by_inverse_layer: false,
            scale_scores: true,
            attention_dropout: self.number_or("attention_probs_dropout_prob", 0.1)?,
            hidden_dropout: self.number_or("hidden_dropout_prob", 0.1)?,
            initializer_range: self.number_or("initializer_range", 0.02)?,
            pad_id,
            tied_embeddings: self.flag_or("tie_word_embeddings", true)?,
        })
    }

    fn distilbert(&self) -> Result<Shape, LoadError> {
        let hidden = self.count("dim")?;
        let heads = self.count("n_heads")?;
        let rows = self.count_or("max_position_embeddings", 512)?;
        Ok(Shape {
            architecture: Architecture::DistilBert,
            vocab: self.count("vocab_size")?,
            hidden,
            layers: self.count("n_layers")?,
            heads,
            kv_heads: heads,
            head_dim: self.whole_heads(hidden, heads, "dim", "n_heads")?,
            intermediate: self.count("hidden_dim")?,
            max_length: rows,
            token_types: 0,
            causal: false,
            positions: Positions::Learned { rows, offset: 0 },
            norm: NormKind::Layer,
            norm_order: NormOrder::Post,
            norm_epsilon: 1e-12, // Fixed in the reference code, not a field of the configuration.
            activation: self.activation("activation", "gelu")?,
            gated: false,
            attention_bias: true,
            feed_forward_bias: true,
            scale_by_inverse_layer: false,
            scale_scores: true,
            attention_dropout: self.number_or("attention_dropout", 0.1)?,
            hidden_dropout: self.number_or("dropout", 0.1)?,
            initializer_range: self.number_or("initializer_range", 0.02)?,
            pad_id: self.id("pad_token_id")?,
            tied_embeddings: self.flag_or("tie_word_embeddings", true)?,
        })
    }

    fn gpt2(&self) -> Result<Shape, LoadError> {
        self.refuse_unless_absent_or("add_cross_attention", &Value::from(false))?;
        let hidden = self.count("n_embd")?;
        let heads = self.count("n_head")?;
        let rows = self.count_or("n_positions", 1024)?;
        Ok(Shape {
            architecture: Architecture::Gpt2,
            vocab: self.count("vocab_size")?,
            hidden,
            layers: self.count("n_layer")?,
            heads,
            kv_heads: heads,
            head_dim: self.whole_heads(hidden, heads, "n_embd", "n_head")?,
            intermediate: self.count_or("n_inner", 4 * hidden)?,
            max_length: rows,
            token_types: 0,
            causal: true,
            positions: Positions::Learned { rows, offset: 0 },
            norm: NormKind::Layer,
            norm_order: NormOrder::Pre,
            norm_epsilon: self.number_or("layer_norm_epsilon", 1e-5)?,
            activation: self.activation("activation_function", "gelu_new")?,
            gated: false,
            attention_bias: true,
            feed_forward_bias: true,
            scale_by_inverse_layer: self.flag_or("scale_attn_by_inverse_layer_idx", false)?,
            scale_scores: self.flag_or("scale_attn_weights", true)?,
            attention_dropout: self.number_or("attn_pdrop", 0.1)?,
            hidden_dropout: self.number_or("resid_pdrop", 0.1)?,
            initializer_range: self.number_or("initializer_range", 0.02)?,
            pad_id: self.id("pad_token_id")?,
            tied_embeddings: self.flag_or("tie_word_embeddings", true)?,
        })
    }

    fn llama(&self) -> Result<Shape, LoadError> {
        let hidden = self.count("hidden_size")?;
        let heads = self.count("num_attention_heads")?;
        let kv_heads = self.count_or("num_key_value_heads", heads)?;
        self.whole_heads(
            heads,
            kv_heads,
            "num_attention_heads",
            "num_key_value_heads",
        )?;
        let head_dim = match self.present("head_dim") {
            Some(_) => self.count("head_dim")?,
            None => self.whole_heads(hidden, heads, "hidden_size", "num_attention_heads")?,
        };
        let max_length = self.count_or("max_position_embeddings", 2048)?;
        Ok(Shape {
            architecture: Architecture::Llama,
            vocab: self.count("vocab_size")?,
            hidden,
            layers: self.count("num_hidden_layers")?,
            heads,
            kv_heads,
            head_dim,
            intermediate: self.count("intermediate_size")?,
            max_length,
            token_types: 0,
            causal: true,
            positions: Positions::Rotary {
                inverse_frequencies: self.inverse_frequencies(head_dim, max_length)?,
            },
            norm: NormKind::Rms,
            norm_order: NormOrder::Pre,
            norm_epsilon: self.number_or("rms_norm_eps", 1e-6)?,
            activation: self.activation("hidden_act", "silu")?,
            gated: true,
            attention_bias: self.flag_or("attention_bias", false)?,
            feed_forward_bias: self.flag_or("mlp_bias", false)?,
            scale_by_inverse_layer: false,
            scale_scores: true,
            attention_dropout: self.number_or("attention_dropout", 0.0)?,
            hidden_dropout: 0.0,
            initializer_range: self.number_or("initializer_range", 0.02)?,
            pad_id: self.id("pad_token_id")?,
            tied_embeddings: self.flag_or("tie_word_embeddings", false)?,
        })
    }

    /// θ^(-2i/d), rescaled as `rope_scaling` (older files) or `rope_parameters` (newer ones) says.
    fn inverse_frequencies(
        &self,
        head_dim: usize,
        max_length: usize,
    ) -> Result<Vec<f64>, LoadError> {
        if head_dim % 2 == 1 {
            return Err(self.field("head_dim", "an even number"));
        }
        self.refuse_unless_absent_or("partial_rotary_factor", &Value::from(1.0))?;
        let (key, scaling) = match self.object("rope_parameters")? {
            Some(fields) => ("rope_parameters", fields),
            None => (
                "rope_scaling",
                self.object("rope_scaling")?.unwrap_or_default(),
            ),
        };
        let inner = Config {
            file: self.file.clone(),
            fields: scaling,
        };
        inner.refuse_unless_absent_or("partial_rotary_factor", &Value::from(1.0))?;
        let theta = inner.number_or("rope_theta", self.number_or("rope_theta", 10_000.0)?)?;
        let pairs = (0..head_dim / 2).map(|i| theta.powf(-2.0 * i as f64 / head_dim as f64));

        let name = inner.text("type", Some("default"))?;
        let name = inner.text("rope_type", Some(&name))?;
        match name.as_str() {
            "default" => Ok(pairs.collect()),
            "linear" => {
                let factor = inner.number("factor")?;
                Ok(pairs.map(|frequency| frequency / factor).collect())
            }
            "llama3" => {
                let scale = Llama3Scaling {
                    factor: inner.number("factor")?,
                    low: inner.number("low_freq_factor")?,
                    high: inner.number("high_freq_factor")?,
                    length: inner
                        .number_or("original_max_position_embeddings", max_length as f64)?,
                };
                Ok(pairs.map(|frequency| scale.apply(frequency)).collect())
            }
            _ => Err(LoadError::UnsupportedSetting {
                file: self.file.clone(),
                key: key.to_owned(),
                found: format!("\"{name}\""),
                reason: "supported types are default, linear and llama3".to_owned(),
            }),
        }
    }

    fn activation(&self, key: &str, default: &str) -> Result<Activation, LoadError> {
        let name = self.text(key, Some(default))?;
        match name.as_str() {
            "gelu" | "gelu_python" => Ok(Activation::GeluErf),
            "gelu_new" | "gelu_pytorch_tanh" | "gelu_fast" => Ok(Activation::GeluTanh),
            "silu" | "swish" => Ok(Activation::Silu),
            "relu" => Ok(Activation::Relu),
            "tanh" => Ok(Activation::Tanh),
            _ => Err(LoadError::UnsupportedSetting {
                file: self.file.clone(),
                key: key.to_owned(),
                found: format!("\"{name}\""),
                reason: "supported are gelu, gelu_new, gelu_pytorch_tanh, gelu_fast, silu, swish, \
                         relu and tanh"
                    .to_owned(),
            }),
        }
    }
}

/// Llama 3.1's stretching of long wavelengths, as `_compute_llama3_parameters` in `transformers`.
struct Llama3Scaling {
    factor: f64,
    low: f64,
    high: f64,
    length: f64,
}

impl Llama3Scaling {
    fn apply(&self, frequency: f64) -> f64 {
        let turns = self.length * frequency / (2.0 * std::f64::consts::PI); // Full turns over the original window.
        if turns < self.low {
            frequency / self.factor
        } else if turns > self.high {
            frequency
        } else {
            let smooth = (turns - self.low) / (self.high - self.low);
            (1.0 - smooth) * frequency / self.factor + smooth * frequency
        }
    }
}
