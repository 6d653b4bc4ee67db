//! From text to token ids, as the checkpoint's own tokenizer does it.

mod added;
mod around;
mod base64;
mod build;
#[cfg(test)]
mod changes;
mod class;
mod cuts;
mod effects;
mod errors;
mod files;
mod guard;
mod limits;
#[cfg(test)]
mod long_texts;
mod lower_case;
pub(crate) mod merges;
mod open;
mod parts;
mod pieces;
mod rebuild;
#[cfg(test)]
mod reference;
mod sentencepiece;
mod settings;
mod spans;
mod special;
mod truncate;
mod values;
mod words;

use std::path::PathBuf;
use std::sync::Arc;

use rayon::prelude::*;
use tokenizers::{Encoding, TruncationDirection};

pub use errors::{TokenizeError, TokenizerError};
pub(crate) use files::TOKENIZER_FILES;
use pieces::{Cuts, Keep};
pub use spans::Spanned;
use special::SpecialTokens;
use truncate::{cut, longest_first};

/// A checkpoint's tokenizer. Cheap to clone.
#[derive(Clone)]
pub struct Tokenizer {
    inner: Arc<tokenizers::Tokenizer>,
    special: SpecialTokens,
    truncation: TruncationDirection,
    /// Where a long text can be cut.
    cuts: Cuts,
    /// Whether tokens have types; else all are 0.
    types: bool,
    /// Whether the second text of a pair has a type though no file lists types among the model's inputs.
    types_unlisted: bool,
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

impl Tokenizer {
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
        let room = max_length - special;
        let keep = match self.truncation {
            TruncationDirection::Right => Keep::First(room),
            TruncationDirection::Left => Keep::Last(room),
        };
        let (mut first, first_count) = self.plain(a, keep)?;
        let second = b.map(|b| self.plain(b, keep)).transpose()?;
        let (mut second, second_count) =
            second.map_or((None, 0), |(ids, count)| (Some(ids), count));
        let (first_kept, second_kept) = longest_first(first_count, second_count, room);
        cut(&mut first, first_kept, self.truncation);
        if let Some(second) = &mut second {
            cut(second, second_kept, self.truncation);
        }
        let encoding = guard::caught(|| {
            let second = second.map(encoding);
            self.inner.post_process(encoding(first), second, true)
        });
        let encoding = encoding.map_err(|source| failed(a, source))?;
        let mut encoded = Encoded {
            ids: encoding.get_ids().to_vec(),
            types: encoding.get_type_ids().to_vec(),
            truncated_tokens: first_count + second_count - first_kept - second_kept,
        };
        if !self.types {
            encoded.types.fill(0);
        }
        if encoded.ids.is_empty() {
            encoded
                .ids
                .push(self.bos_id().or(self.eos_id()).unwrap_or(self.pad_id()));
            encoded.types.push(0);
        }
        self.check_in_model(&encoded.ids)?;
        Ok(encoded)
    }

    fn check_in_model(&self, ids: &[u32]) -> Result<(), TokenizeError> {
        match ids.iter().find(|&&id| id as usize >= self.vocab) {
            None => Ok(()),
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
    /// If the tokenizer cannot encode the text: it has no token for unknown words; or gives ids that the model does not have.
    pub fn encode_plain(&self, text: &str) -> Result<Vec<u32>, TokenizeError> {
        let (ids, _) = self.plain(text, Keep::All)?;
        self.check_in_model(&ids)?;
        Ok(ids)
    }

    /// Token ids of one text without special tokens, and how many there are with those that are not kept.
    fn plain(&self, text: &str, keep: Keep) -> Result<(Vec<u32>, usize), TokenizeError> {
        let tokens = |piece: &str| {
            let encoding = guard::caught(|| self.inner.encode_fast(piece, false));
            let encoding = encoding.map_err(|source| failed(piece, source))?;
            Ok(encoding.get_ids().to_vec())
        };
        let too_long = |bytes, reason| TokenizeError::TooLong {
            text: text.chars().take(60).collect(),
            bytes,
            reason,
        };
        let normalizer = self.inner.get_normalizer();
        self.cuts.run(text, keep, normalizer, tokens, too_long)
    }

    /// The text of token ids.
    pub fn decode(&self, ids: &[u32], skip_special_tokens: bool) -> String {
        let text = guard::caught(|| self.inner.decode(ids, skip_special_tokens));
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

    /// What padding is filled with: the padding token, else the end-of-text token, else 0; an id that the model has. The mask
    /// makes it immaterial.
    pub fn pad_id(&self) -> u32 {
        self.special.pad
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

    /// Whether the id is of a token with a function. Padding is none that ends a text, and may be any id.
    pub(crate) fn is_special(&self, id: u32) -> bool {
        let SpecialTokens {
            pad: _,
            mask,
            bos,
            eos,
            cls,
            sep,
            unk,
        } = self.special;
        [mask, bos, eos, cls, sep, unk].contains(&Some(id))
    }

    /// Files it was read from.
    pub(crate) fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// What to say where pairs are read, if they are read otherwise than by transformers.
    pub fn note_on_pairs(&self) -> Option<&'static str> {
        self.types_unlisted.then_some(
            "the second texts of pairs get the token type that tokenizer.json says; transformers 5 gives none where tokenizer_config.json has no \"model_input_names\" with \"token_type_ids\"",
        )
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

/// Ids as the library's own type, for its post-processors.
fn encoding(ids: Vec<u32>) -> Encoding {
    let n = ids.len();
    Encoding::new(
        ids,
        vec![0; n],
        vec![String::new(); n],
        vec![None; n],
        vec![(0, 0); n],
        vec![0; n],
        vec![1; n],
        Vec::new(),
        Default::default(),
    )
}
