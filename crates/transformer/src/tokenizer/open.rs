//! A tokenizer from the files of a folder, or from what another file holds of them.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::pieces::Cuts;
use super::special::{self, SpecialTokens};
use super::{Tokenizer, build, files, guard};
use crate::config::Config;
use crate::load::LoadError;
use crate::shape::{Architecture, Shape};

impl Tokenizer {
    /// The tokenizer of a folder, as transformers reads it.
    pub(crate) fn read(dir: &Path, shape: &Shape, config: &Config) -> Result<Tokenizer, LoadError> {
        let roberta = shape.architecture == Architecture::Roberta;
        Tokenizer::of(build::read(dir, roberta, config)?, shape, config)
    }

    /// The tokenizer that `json` describes in the words of tokenizer.json, as it is written, and `settings` in those of
    /// tokenizer_config.json; `file` is where both are from.
    pub(crate) fn from_json(
        file: &Path,
        json: String,
        settings: Map<String, Value>,
        shape: &Shape,
        config: &Config,
    ) -> Result<Tokenizer, LoadError> {
        Tokenizer::of(build::read_json(file, json, settings)?, shape, config)
    }

    fn of(read: build::Read, shape: &Shape, config: &Config) -> Result<Tokenizer, LoadError> {
        let mut inner = read.tokenizer;
        let file = &read.files[0];
        let broken = |source| files::broken(file, source);
        // Some checkpoints carry a fixed truncation or padding; both are ours to decide.
        inner.with_truncation(None).map_err(broken)?;
        inner.with_padding(None);
        let split = read.settings.flag("split_special_tokens")?;
        inner.set_encode_special_tokens(split == Some(true));
        special::check_around(&inner, shape, file)?;
        let count = inner.get_vocab_size(true);
        let mut warnings = read.notes;
        if count > shape.vocab {
            warnings.push(format!(
                "the tokenizer knows {count} tokens, the model has embeddings for {}; a text that needs one of the others is refused",
                shape.vocab
            ));
        }
        let special =
            SpecialTokens::resolve(&inner, &read.functions, config, shape.vocab, &mut warnings)?;
        let tells_apart = tells_pairs_apart(&inner);
        Ok(Tokenizer {
            cuts: Cuts::of(&inner, &read.normalizer, &read.pre_tokenizer, &read.model),
            inner: Arc::new(inner),
            special,
            truncation: read.truncation,
            types: read.types,
            types_unlisted: read.types_unlisted && shape.token_types > 1 && tells_apart,
            vocab: shape.vocab,
            files: read.files,
            warnings,
        })
    }
}

/// Whether the second text of a pair has another token type than the first.
fn tells_pairs_apart(tokenizer: &tokenizers::Tokenizer) -> bool {
    let pair = guard::caught(|| tokenizer.encode_fast(("a", "a"), true));
    pair.is_ok_and(|pair| pair.get_type_ids().iter().any(|id| *id != 0))
}
