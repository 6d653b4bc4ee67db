//! From text to token ids, as the checkpoint's own tokenizer does it.

mod files;
mod lower_case;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;
use thiserror::Error;
use tokenizers::{Encoding, TruncationDirection, TruncationParams, TruncationStrategy};

use crate::config::Config;
use crate::shape::Shape;
use files::SpecialTokens;

/// A checkpoint's tokenizer. Cheap to clone.
#[derive(Clone)]
pub struct Tokenizer {
    inner: Arc<tokenizers::Tokenizer>,
    special: SpecialTokens,
    truncation: TruncationDirection,
    /// Rows of the model's embedding.
    vocab: usize,
    files: Vec<PathBuf>,
    warnings: Vec<String>,
}

/// One text (or pair) as token ids, special tokens included.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Encoded {
    /// Token ids.
    pub ids: Vec<u32>,
    /// Token types: 0, or 1 for the second text of a pair where the model tells them apart.
    pub types: Vec<u32>,
    /// How many tokens of the text did not fit.
    pub truncated_tokens: usize,
}

/// A tokenizer that cannot be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TokenizerError {
    /// None of the files that are known.
    #[error("{} holds no tokenizer.json{hint}", dir.display())]
    Missing {
        /// The model directory.
        dir: PathBuf,
        /// What else could be there, or what was found.
        hint: String,
    },
    /// There, and not readable.
    #[error("{} is not a tokenizer: {source}; fetch it again, or write it anew with `save_pretrained` of transformers", file.display())]
    Broken {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// A text that cannot be encoded.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TokenizeError {
    /// No room for the text beside the special tokens.
    #[error("a maximum length of {max_length} tokens leaves no room for a text beside {special} special tokens; allow at least {}", special + 1)]
    NoRoom {
        /// The maximum asked for.
        max_length: usize,
        /// Special tokens added to each text.
        special: usize,
    },
    /// Tokenizer and weights do not belong together.
    #[error(
        "the tokenizer gives id {id} (\"{token}\"), and the model has embeddings for {vocab} ids; are tokenizer.json and model.safetensors of the same model?"
    )]
    NotInModel {
        /// The id.
        id: u32,
        /// Its text.
        token: String,
        /// Rows of the embedding.
        vocab: usize,
    },
    /// The tokenizer itself gave up.
    #[error("the tokenizer cannot encode \"{text}\": {source}")]
    Failed {
        /// Beginning of the text.
        text: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Tokenizer {
    pub(crate) fn read(
        dir: &Path,
        shape: &Shape,
        config: &Config,
    ) -> Result<Tokenizer, crate::LoadError> {
        let read = files::read(dir, shape.architecture)?;
        let mut inner = read.tokenizer;
        // Some checkpoints carry a fixed truncation or padding; both are ours to decide.
        let broken = |source| TokenizerError::Broken {
            file: read.files[0].clone(),
            source,
        };
        inner.with_truncation(None).map_err(broken)?;
        inner.with_padding(None);
        let special = SpecialTokens::resolve(&inner, &read.settings, config)?;
        let count = inner.get_vocab_size(true);
        let mut warnings = Vec::new();
        if count > shape.vocab {
            warnings.push(format!(
                "the tokenizer knows {count} tokens, the model has embeddings for {}; a text that needs one of the others is refused",
                shape.vocab
            ));
        }
        Ok(Tokenizer {
            inner: Arc::new(inner),
            special,
            truncation: read.settings.truncation_side(),
            vocab: shape.vocab,
            files: read.files,
            warnings,
        })
    }

    /// Encodes texts and pairs with the checkpoint's special tokens, in parallel. What exceeds `max_length` tokens is cut off,
    /// from the longer text of a pair first, and counted. Where a model has no special tokens, an empty text becomes its
    /// beginning-of-text (else end-of-text, else padding) token: no row is without a token.
    ///
    /// # Errors
    /// If `max_length` leaves no room, or the tokenizer gives ids that the model does not have.
    pub fn encode(
        &self,
        texts: &[(&str, Option<&str>)],
        max_length: usize,
    ) -> Result<Vec<Encoded>, TokenizeError> {
        let texts = texts.par_iter();
        texts
            .map(|&(a, b)| self.encode_one(a, b, max_length))
            .collect()
    }

    fn encode_one(
        &self,
        a: &str,
        b: Option<&str>,
        max_length: usize,
    ) -> Result<Encoded, TokenizeError> {
        let special = self.special_count(b.is_some());
        if max_length <= special {
            return Err(TokenizeError::NoRoom {
                max_length,
                special,
            });
        }
        let failed = |source| failed(a, source);
        let first = self.inner.encode_fast(a, false).map_err(failed)?;
        let second = b.map(|b| self.inner.encode_fast(b, false));
        let second = second.transpose().map_err(failed)?;
        let before = count(&first, second.as_ref());
        let cut = TruncationParams {
            direction: self.truncation,
            max_length: max_length - special,
            strategy: TruncationStrategy::LongestFirst,
            stride: 0,
        };
        let (first, second) =
            tokenizers::truncate_encodings(first, second, &cut).map_err(failed)?;
        let truncated_tokens = before - count(&first, second.as_ref());
        let encoding = self
            .inner
            .post_process(first, second, true)
            .map_err(failed)?;
        let mut encoded = Encoded {
            ids: encoding.get_ids().to_vec(),
            types: encoding.get_type_ids().to_vec(),
            truncated_tokens,
        };
        if encoded.ids.is_empty() {
            encoded
                .ids
                .push(self.bos_id().or(self.eos_id()).unwrap_or(self.pad_id()));
            encoded.types.push(0);
        }
        match encoded.ids.iter().find(|&&id| id as usize >= self.vocab) {
            None => Ok(encoded),
            Some(&id) => Err(TokenizeError::NotInModel {
                id,
                token: self.token(id).unwrap_or_default(),
                vocab: self.vocab,
            }),
        }
    }

    /// Token ids of a piece of text, without special tokens: label words, parts of prompts.
    ///
    /// # Errors
    /// If the tokenizer cannot encode the text: it has no token for unknown words.
    pub fn encode_plain(&self, text: &str) -> Result<Vec<u32>, TokenizeError> {
        match self.inner.encode_fast(text, false) {
            Ok(encoding) => Ok(encoding.get_ids().to_vec()),
            Err(source) => Err(failed(text, source)),
        }
    }

    /// The text of token ids.
    pub fn decode(&self, ids: &[u32], skip_special_tokens: bool) -> String {
        let text = self.inner.decode(ids, skip_special_tokens);
        text.unwrap_or_default()
    }

    /// How many special tokens a text (or a pair) gets.
    pub fn special_count(&self, pair: bool) -> usize {
        let processor = self.inner.get_post_processor();
        processor.map_or(0, |processor| {
            tokenizers::PostProcessor::added_tokens(processor, pair)
        })
    }

    /// One token as the tokenizer spells it.
    pub fn token(&self, id: u32) -> Option<String> {
        self.inner.id_to_token(id)
    }

    /// The id of a token as the tokenizer spells it.
    pub fn id(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
    }

    /// Number of ids the model has embeddings for.
    pub fn vocab(&self) -> usize {
        self.vocab
    }

    /// What padding is filled with: the padding token, else the end-of-text token, else 0. The mask makes it immaterial.
    pub fn pad_id(&self) -> u32 {
        self.special.pad.or(self.special.eos).unwrap_or(0)
    }

    /// The masked word of cloze tasks.
    pub fn mask_id(&self) -> Option<u32> {
        self.special.mask
    }

    /// Beginning of text.
    pub fn bos_id(&self) -> Option<u32> {
        self.special.bos
    }

    /// End of text.
    pub fn eos_id(&self) -> Option<u32> {
        self.special.eos
    }

    /// Stands in front of a text in BERT and its kin.
    pub fn cls_id(&self) -> Option<u32> {
        self.special.cls
    }

    /// Ends each text in BERT and its kin.
    pub fn sep_id(&self) -> Option<u32> {
        self.special.sep
    }

    /// Stands for what the vocabulary does not know.
    pub fn unk_id(&self) -> Option<u32> {
        self.special.unk
    }

    /// Whether the id is of a token with a function.
    pub(crate) fn is_special(&self, id: u32) -> bool {
        let SpecialTokens {
            pad,
            mask,
            bos,
            eos,
            cls,
            sep,
            unk,
        } = self.special;
        [pad, mask, bos, eos, cls, sep, unk].contains(&Some(id))
    }

    /// Files it was read from.
    pub(crate) fn files(&self) -> &[PathBuf] {
        &self.files
    }

    pub(crate) fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut out = f.debug_struct("Tokenizer");
        out.field("files", &self.files).field("vocab", &self.vocab);
        out.finish_non_exhaustive()
    }
}

fn failed(text: &str, source: tokenizers::Error) -> TokenizeError {
    TokenizeError::Failed {
        text: text.chars().take(60).collect(),
        source,
    }
}

fn count(first: &Encoding, second: Option<&Encoding>) -> usize {
    first.len() + second.map_or(0, Encoding::len)
}
