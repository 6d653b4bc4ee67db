//! From `config.json` to a [`Shape`]. Names and defaults are those of `transformers`; what would change the arithmetic and is not
//! implemented is refused by name ([`known`]), and so is a value out of its range ([`fields`]).

mod fields;
mod known;
mod notes;
mod python;
mod rotary;

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
        // A link that leads nowhere is an error of its own.
        if file.symlink_metadata().is_err() {
            let dir = dir.to_path_buf();
            return Err(LoadError::NoConfig { dir });
        }
        match files::read_text(&file, files::SETTINGS_BYTES) {
            Ok(text) => Config::parse(file, &text),
            Err(source) => Err(LoadError::Read { file, source }),
        }
    }

    pub(crate) fn parse(file: PathBuf, text: &str) -> Result<Config, LoadError> {
        match serde_json::from_str(&python::to_json(text)) {
            Ok(fields) => Ok(Config { file, fields }.with_own_names()),
            Err(source) => Err(LoadError::Json { file, source }),
        }
    }

    pub(crate) fn shape(&self) -> Result<Shape, LoadError> {
        let architecture = self.architecture()?;
        self.refuse_what_is_not_implemented(architecture)?;
        match architecture {
            Architecture::Bert | Architecture::Roberta => self.bert(architecture),
            Architecture::DistilBert => self.distilbert(),
            Architecture::Gpt2 => self.gpt2(),
            Architecture::Llama => self.llama(),
        }
    }

    fn architecture(&self) -> Result<Architecture, LoadError> {
        let model_type = self.text("model_type", None)?;
        match model_type.as_str() {
            "bert" => Ok(Architecture::Bert),
            "roberta" | "xlm-roberta" | "camembert" => Ok(Architecture::Roberta),
            "distilbert" => Ok(Architecture::DistilBert),
            "gpt2" => Ok(Architecture::Gpt2),
            "llama" => Ok(Architecture::Llama),
            _ => Err(LoadError::UnsupportedModel {
                file: self.file.clone(),
                found: model_type,
                supported: MODEL_TYPES.join(", "),
            }),
        }
    }

    fn bert(&self, architecture: Architecture) -> Result<Shape, LoadError> {
        let hidden = self.count("hidden_size")?;
        let heads = self.count("num_attention_heads")?;
        let rows = self.count_or("max_position_embeddings", 512)?;
        let offset = match architecture {
            // RoBERTa counts positions from the padding id + 1; fairseq kept one table for both.
            Architecture::Roberta => self.counted_from()? + 1,
            _ => 0,
        };
        if rows <= offset {
            let expected = format!("more than {offset}, since positions begin at pad_token_id + 1");
            return Err(self.field("max_position_embeddings", &expected));
        }
        Ok(Shape {
            architecture,
            vocab: self.count("vocab_size")?,
            hidden,
            layers: self.count("num_hidden_layers")?,
            heads,
            kv_heads: heads,
            head_dim: self.whole_heads(hidden, heads, "hidden_size", "num_attention_heads")?,
            intermediate: self.count("intermediate_size")?,
            max_length: rows - offset,
            token_types: self.count_or("type_vocab_size", 2)?,
            causal: false,
            positions: Positions::Learned { rows, offset },
            norm: NormKind::Layer,
            norm_order: NormOrder::Post,
            norm_epsilon: self.epsilon_or("layer_norm_eps", 1e-12)?,
            activation: self.activation("hidden_act", "gelu")?,
            gated: false,
            attention_bias: true,
            feed_forward_bias: true,
            scale_by_inverse_layer: false,
            scale_scores: true,
            attention_dropout: self.probability_or("attention_probs_dropout_prob", 0.1)?,
            hidden_dropout: self.probability_or("hidden_dropout_prob", 0.1)?,
            initializer_range: self.deviation_or("initializer_range", 0.02)?,
            pad_id: self.id_in_table("pad_token_id")?,
            tied_embeddings: self.flag_or("tie_word_embeddings", true)?,
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
            attention_dropout: self.probability_or("attention_dropout", 0.1)?,
            hidden_dropout: self.probability_or("dropout", 0.1)?,
            initializer_range: self.deviation_or("initializer_range", 0.02)?,
            pad_id: self.id_in_table("pad_token_id")?,
            tied_embeddings: self.flag_or("tie_word_embeddings", true)?,
        })
    }

    fn gpt2(&self) -> Result<Shape, LoadError> {
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
            norm_epsilon: self.epsilon_or("layer_norm_epsilon", 1e-5)?,
            activation: self.activation("activation_function", "gelu_new")?,
            gated: false,
            attention_bias: true,
            feed_forward_bias: true,
            scale_by_inverse_layer: self.flag_or("scale_attn_by_inverse_layer_idx", false)?,
            scale_scores: self.flag_or("scale_attn_weights", true)?,
            attention_dropout: self.probability_or("attn_pdrop", 0.1)?,
            hidden_dropout: self.probability_or("resid_pdrop", 0.1)?,
            initializer_range: self.deviation_or("initializer_range", 0.02)?,
            pad_id: self.id_in_table("pad_token_id")?,
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
            norm_epsilon: self.epsilon_or("rms_norm_eps", 1e-6)?,
            activation: self.activation("hidden_act", "silu")?,
            gated: true,
            attention_bias: self.flag_or("attention_bias", false)?,
            feed_forward_bias: self.flag_or("mlp_bias", false)?,
            scale_by_inverse_layer: false,
            scale_scores: true,
            attention_dropout: self.probability_or("attention_dropout", 0.0)?,
            hidden_dropout: 0.0,
            initializer_range: self.deviation_or("initializer_range", 0.02)?,
            pad_id: self.id_in_table("pad_token_id")?,
            tied_embeddings: self.flag_or("tie_word_embeddings", false)?,
        })
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
