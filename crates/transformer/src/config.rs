//! From `config.json` to a [`Shape`]: what all families share. Each family reads its own fields in a file of its own; names and defaults
//! are those of `transformers`. What would change the arithmetic and is not implemented is refused by name ([`known`]), and so is a value
//! out of its range ([`fields`]).

mod albert;
mod bert;
mod deberta;
mod distilbert;
mod electra;
mod fields;
mod gemma;
mod gpt2;
mod gpt_neox;
mod gte;
mod known;
mod layers;
mod llama;
mod mistral;
mod modernbert;
mod mpnet;
mod nearest;
mod nomic;
mod notes;
mod olmo2;
mod opt;
mod phi3;
mod python;
mod qwen;
mod rotary;
mod smollm3;

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::load::LoadError;
use crate::shape::{
    Architecture, ClassifierSettings, LayerKind, NormKind, NormOrder, QueryKeyNorm, ScoreBias,
    Shape,
};
use ops::Activation;

/// Every `model_type` that is read, and the family that it is read as.
const FAMILIES: [(&str, Architecture); 27] = [
    ("bert", Architecture::Bert),
    ("distilbert", Architecture::DistilBert),
    ("roberta", Architecture::Roberta),
    ("xlm-roberta", Architecture::Roberta),
    ("camembert", Architecture::Roberta),
    ("electra", Architecture::Electra),
    ("mpnet", Architecture::Mpnet),
    ("albert", Architecture::Albert),
    ("deberta-v2", Architecture::DebertaV2),
    ("modernbert", Architecture::ModernBert),
    ("modernbert-decoder", Architecture::ModernBertDecoder),
    ("eurobert", Architecture::EuroBert),
    ("new", Architecture::GteNew),
    ("gte", Architecture::GteNew),
    ("nomic_bert", Architecture::NomicBert),
    ("gpt2", Architecture::Gpt2),
    ("gpt_neox", Architecture::GptNeoX),
    ("opt", Architecture::Opt),
    ("llama", Architecture::Llama),
    ("mistral", Architecture::Mistral),
    ("qwen2", Architecture::Qwen2),
    ("qwen3", Architecture::Qwen3),
    ("phi3", Architecture::Phi3),
    ("olmo2", Architecture::Olmo2),
    ("smollm3", Architecture::SmolLm3),
    ("gemma2", Architecture::Gemma2),
    ("gemma3_text", Architecture::Gemma3),
];

/// Every `model_type` that is read.
pub const MODEL_TYPES: [&str; FAMILIES.len()] = {
    let mut types = [""; FAMILIES.len()];
    let mut at = 0;
    while at < types.len() {
        types[at] = FAMILIES[at].0;
        at += 1;
    }
    types
};

/// No model is deeper; a description of each layer is kept.
const MOST_LAYERS: u64 = 1 << 16;

/// A parsed `config.json`.
pub(crate) struct Config {
    file: PathBuf,
    fields: Map<String, Value>,
    /// The fields that were asked for: tests know by them what is read.
    #[cfg(test)]
    asked: std::cell::RefCell<std::collections::BTreeSet<String>>,
}

/// The names of the sizes that every family has, where they are not those of most.
struct Sizes {
    hidden: &'static str,
    layers: &'static str,
    heads: &'static str,
    intermediate: &'static str,
    /// Four times the width where the file does not say.
    intermediate_is_optional: bool,
}

const USUAL_SIZES: Sizes = Sizes {
    hidden: "hidden_size",
    layers: "num_hidden_layers",
    heads: "num_attention_heads",
    intermediate: "intermediate_size",
    intermediate_is_optional: false,
};

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
            Ok(fields) => Ok(Config::from_fields(file, fields)),
            Err(source) => Err(LoadError::Json { file, source }),
        }
    }

    /// From the fields of a config.json; `file` is where they come from.
    pub(crate) fn from_fields(file: PathBuf, fields: Map<String, Value>) -> Config {
        Config::new(file, fields).with_own_names()
    }

    fn new(file: PathBuf, fields: Map<String, Value>) -> Config {
        Config {
            file,
            fields,
            #[cfg(test)]
            asked: Default::default(),
        }
    }

    pub(crate) fn shape(&self) -> Result<Shape, LoadError> {
        let architecture = self.architecture()?;
        self.refuse_what_is_not_implemented(architecture)?;
        match architecture {
            Architecture::Bert => self.bert(),
            Architecture::Roberta => self.roberta(),
            Architecture::DistilBert => self.distilbert(),
            Architecture::Electra => self.electra(),
            Architecture::Mpnet => self.mpnet(),
            Architecture::Albert => self.albert(),
            Architecture::DebertaV2 => self.deberta_v2(),
            Architecture::ModernBert => self.modernbert(),
            Architecture::ModernBertDecoder => self.modernbert_decoder(),
            Architecture::EuroBert => self.eurobert(),
            Architecture::GteNew => self.gte_new(),
            Architecture::NomicBert => self.nomic_bert(),
            Architecture::Gpt2 => self.gpt2(),
            Architecture::GptNeoX => self.gpt_neox(),
            Architecture::Opt => self.opt(),
            Architecture::Llama => self.llama(),
            Architecture::Mistral => self.mistral(),
            Architecture::Qwen2 => self.qwen2(),
            Architecture::Qwen3 => self.qwen3(),
            Architecture::Phi3 => self.phi3(),
            Architecture::Olmo2 => self.olmo2(),
            Architecture::SmolLm3 => self.smollm3(),
            Architecture::Gemma2 => self.gemma2(),
            Architecture::Gemma3 => self.gemma3(),
        }
    }

    fn architecture(&self) -> Result<Architecture, LoadError> {
        let model_type = self.text("model_type", None)?;
        let family = FAMILIES.iter().find(|(name, _)| *name == model_type);
        match family {
            Some((_, architecture)) => Ok(*architecture),
            None => Err(LoadError::UnsupportedModel {
                file: self.file.clone(),
                nearest: nearest::hint(&model_type),
                found: model_type,
                supported: MODEL_TYPES.join(", "),
            }),
        }
    }

    /// An encoder with norms behind the residuals, biases everywhere, no positions and no dropout: what a family has otherwise it sets.
    fn plain(
        &self,
        architecture: Architecture,
        sizes: &Sizes,
        max_length: usize,
    ) -> Result<Shape, LoadError> {
        let hidden = self.count(sizes.hidden)?;
        let heads = self.count(sizes.heads)?;
        let head_dim = self.whole_heads(hidden, heads, sizes.hidden, sizes.heads)?;
        self.plain_of(architecture, sizes, max_length, head_dim)
    }

    /// The same with heads of any width.
    fn plain_of(
        &self,
        architecture: Architecture,
        sizes: &Sizes,
        max_length: usize,
        head_dim: usize,
    ) -> Result<Shape, LoadError> {
        let hidden = self.count(sizes.hidden)?;
        let heads = self.count(sizes.heads)?;
        let layers = self.count_to(sizes.layers, MOST_LAYERS)?;
        let intermediate = if sizes.intermediate_is_optional {
            self.count_or(sizes.intermediate, 4 * hidden)?
        } else {
            self.count(sizes.intermediate)?
        };
        Ok(Shape {
            architecture,
            vocab: self.count("vocab_size")?,
            hidden,
            embedding: hidden,
            embedding_projection: false,
            embedding_scale: None,
            embedding_norm: false,
            layers,
            kinds: vec![LayerKind::default(); layers],
            blocks: layers,
            heads,
            kv_heads: heads,
            head_dim,
            intermediate,
            max_length,
            token_types: 0,
            causal: false,
            positions: None,
            rotations: Vec::new(),
            score_bias: ScoreBias::None,
            query_key_norm: QueryKeyNorm::None,
            score_scale: 1.0 / (head_dim as f64).sqrt(),
            scale_by_inverse_layer: false,
            score_cap: None,
            logit_cap: None,
            norm: NormKind::Layer,
            norm_order: NormOrder::Post,
            skips_first_norm: false,
            parallel: false,
            final_norm: false,
            norm_epsilon: 1e-12,
            activation: Activation::GeluErf,
            gated: false,
            query_key_value_bias: true,
            attention_out_bias: true,
            feed_forward_up_bias: true,
            feed_forward_down_bias: true,
            attention_dropout: 0.0,
            hidden_dropout: 0.0,
            initializer_range: self.deviation_or("initializer_range", 0.02)?,
            pad_id: self.id_in_table("pad_token_id")?,
            tied_embeddings: self.flag_or("tie_word_embeddings", true)?,
            classifier: ClassifierSettings::default(),
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
