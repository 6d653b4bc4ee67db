//! tokenizer.json without its words.

use std::path::PathBuf;

use serde::Deserialize;
use serde_json::Value;
use tokenizers::AddedToken;

use super::files::Vocabulary;
use super::values::added_token;
use super::{TokenizerError, files};

/// tokenizer.json and its parts.
pub(super) struct Json {
    pub(super) file: PathBuf,
    pub(super) text: String,
    pub(super) parts: Parts,
}

/// The parts without the words.
#[derive(Deserialize)]
pub(super) struct Parts {
    #[serde(default)]
    pub(super) truncation: Value,
    #[serde(default)]
    pub(super) padding: Value,
    #[serde(default)]
    pub(super) added_tokens: Vec<Value>,
    #[serde(default)]
    pub(super) normalizer: Value,
    #[serde(default)]
    pub(super) pre_tokenizer: Value,
    #[serde(default)]
    pub(super) post_processor: Value,
    pub(super) model: ModelSettings,
}

/// The settings of the part `model`.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ModelSettings {
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    pub(super) dropout: Option<f64>,
    pub(super) continuing_subword_prefix: Option<String>,
    pub(super) end_of_word_suffix: Option<String>,
    pub(super) max_input_chars_per_word: Option<u64>,
}

impl Json {
    pub(super) fn new(file: PathBuf, text: String) -> Result<Json, TokenizerError> {
        match serde_json::from_str(&text) {
            Ok(parts) => Ok(Json { file, text, parts }),
            Err(error) => Err(files::broken(&file, Box::new(error))),
        }
    }

    /// Its added tokens and their ids.
    pub(super) fn own_tokens(&self) -> Vec<(u32, AddedToken)> {
        let own = self.parts.added_tokens.iter().filter_map(|token| {
            let id = token.get("id")?.as_u64()?;
            Some((u32::try_from(id).ok()?, added_token(token)?))
        });
        own.collect()
    }

    /// Its words, and what SentencePiece compiled.
    pub(super) fn vocabulary(&self) -> Result<Vocabulary, TokenizerError> {
        #[derive(Deserialize)]
        struct File {
            model: Words,
        }
        #[derive(Deserialize)]
        struct Words {
            vocab: Value,
            #[serde(default)]
            merges: Value,
        }
        let read: Result<File, _> = serde_json::from_str(&self.text);
        let File { model } = read.map_err(|error| files::broken(&self.file, Box::new(error)))?;
        Ok(Vocabulary {
            words: model.vocab,
            merges: model.merges,
            charsmap: precompiled(&self.parts.normalizer),
            unknown: None,
            files: vec![self.file.clone()],
        })
    }
}

/// Of the normalizers of a file the one that SentencePiece compiled.
fn precompiled(normalizer: &Value) -> Value {
    let alone = std::slice::from_ref(normalizer);
    let all = normalizer.get("normalizers").and_then(Value::as_array);
    let mut all = all.map_or(alone, Vec::as_slice).iter();
    let found = all.find(|one| one.get("type").is_some_and(|kind| kind == "Precompiled"));
    found.cloned().unwrap_or(Value::Null)
}
