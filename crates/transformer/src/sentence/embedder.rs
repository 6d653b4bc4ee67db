//! From texts to vectors: as the folder's sentence-transformers modules say, or plain pooled states.

use burn::tensor::Tensor;

use super::behind::Behind;
use super::{SentenceError, SentenceFolder, SentenceModules};
use crate::hooks::Embedded;
use crate::pooling::{Pooling, pool_behind};
use crate::shape::Shape;
use crate::tokenizer::{Encoded, Spanned, TokenizeError, Tokenizer};

/// How a model turns a text into a vector. It computes what `SentenceTransformer(folder).encode` does where the folder has modules.json
/// and no pooling was asked for; else the pooled states of the text as it is.
#[derive(Clone, Debug)]
pub struct Embedder {
    /// Of texts in lower case where the folder says so.
    tokenizer: Tokenizer,
    prompt: Option<Prompt>,
    pooling: Vec<Pooling>,
    behind: Vec<Behind>,
    hidden: usize,
    /// Longest text in tokens.
    max_length: usize,
    follows_folder: bool,
}

/// What stands before every text.
#[derive(Clone, Debug)]
struct Prompt {
    text: String,
    /// Its tokens, special ones left out.
    tokens: usize,
    /// Tokens at the beginning that are not pooled.
    not_pooled: usize,
}

impl Embedder {
    /// The pooling that was `given`, else what the folder says, else `otherwise`. A given pooling sets the folder's modules aside
    /// altogether: prompt, lower case and what stands behind the pooling. Texts are cut to `max_length` tokens.
    ///
    /// # Errors
    /// A folder whose modules are not followed, where no pooling was given.
    pub fn new(
        folder: &SentenceFolder,
        tokenizer: &Tokenizer,
        shape: &Shape,
        max_length: usize,
        given: Option<Pooling>,
        otherwise: Pooling,
    ) -> Result<Self, SentenceError> {
        let max_length = max_length.min(shape.max_length);
        let plain = |pooling| Self::plain(tokenizer, shape, max_length, pooling);
        match (given, folder) {
            (Some(pooling), _) => Ok(plain(pooling)),
            (None, SentenceFolder::None) => Ok(plain(otherwise)),
            (None, SentenceFolder::Refused(error)) => Err(error.clone()),
            (None, SentenceFolder::Modules(modules)) => {
                Self::following(modules, tokenizer, shape, max_length)
            }
        }
    }

    /// Pooled states, whatever the folder says.
    pub fn plain(
        tokenizer: &Tokenizer,
        shape: &Shape,
        max_length: usize,
        pooling: Pooling,
    ) -> Self {
        Self {
            tokenizer: tokenizer.clone(),
            prompt: None,
            pooling: vec![pooling],
            behind: Vec::new(),
            hidden: shape.hidden,
            max_length: max_length.min(shape.max_length),
            follows_folder: false,
        }
    }

    fn following(
        modules: &SentenceModules,
        tokenizer: &Tokenizer,
        shape: &Shape,
        max_length: usize,
    ) -> Result<Self, SentenceError> {
        let tokenizer = if modules.lower_case {
            tokenizer.lower_casing()
        } else {
            tokenizer.clone()
        };
        let prompt = match &modules.prompt {
            None => None,
            Some(text) => Some(
                Prompt::new(text, modules.include_prompt, &tokenizer, max_length).map_err(
                    |error| SentenceError::new(&modules.prompts_file, error.to_string()),
                )?,
            ),
        };
        Ok(Self {
            tokenizer,
            prompt,
            pooling: modules.pooling.clone(),
            behind: modules.behind.iter().map(Behind::valid).collect(),
            hidden: shape.hidden,
            max_length,
            follows_folder: true,
        })
    }

    /// Token ids of texts and pairs; a prompt stands before the (first) text.
    ///
    /// # Errors
    /// A text that the tokenizer refuses.
    pub fn encode(&self, texts: &[(&str, Option<&str>)]) -> Result<Vec<Encoded>, TokenizeError> {
        let Some(prompt) = &self.prompt else {
            return self.tokenizer.encode(texts, self.max_length);
        };
        let prompted: Vec<String> = texts
            .iter()
            .map(|(text, _)| format!("{}{text}", prompt.text))
            .collect();
        let texts: Vec<(&str, Option<&str>)> = prompted
            .iter()
            .zip(texts)
            .map(|(text, (_, second))| (text.as_str(), *second))
            .collect();
        self.tokenizer.encode(&texts, self.max_length)
    }

    /// Token ids of one text, a prompt before it, and the bytes of the text that each token stands for: none for the prompt's.
    ///
    /// # Errors
    /// A text that the tokenizer refuses.
    pub fn encode_with_spans(&self, text: &str) -> Result<Spanned, TokenizeError> {
        let Some(prompt) = &self.prompt else {
            return self.tokenizer.encode_with_spans(text, self.max_length);
        };
        let prompted = format!("{}{text}", prompt.text);
        let mut found = self
            .tokenizer
            .encode_with_spans(&prompted, self.max_length)?;
        let before = prompt.text.len();
        for span in &mut found.spans {
            *span = span.take().and_then(|span| {
                let own = span.start.max(before)..span.end;
                (!own.is_empty()).then(|| own.start - before..own.end - before)
            });
        }
        Ok(found)
    }

    /// Whether a text's vector points where the mean of all its tokens' states does.
    pub fn is_mean_of_states(&self) -> bool {
        let all_tokens = self
            .prompt
            .as_ref()
            .is_none_or(|prompt| prompt.not_pooled == 0);
        let mut behind = self.behind.iter();
        self.pooling == [Pooling::Mean]
            && all_tokens
            && behind.all(|step| matches!(step, Behind::Normalize))
    }

    /// States of tokens to the pooled vectors: `[b, t, hidden] -> [b, pooled_width]`.
    pub fn pool(&self, states: &Embedded) -> Tensor<2> {
        let skipped = self.prompt.as_ref().map_or(0, |prompt| prompt.not_pooled);
        let one = |&mode: &Pooling| pool_behind(states, skipped, mode);
        match &self.pooling[..] {
            [mode] => one(mode),
            modes => Tensor::cat(modes.iter().map(one).collect(), 1),
        }
    }

    /// The last block's states, final norm included, to the texts' vectors: `[b, t, hidden] -> [b, width]`.
    pub fn embed(&self, states: &Embedded) -> Tensor<2> {
        let pooled = self.pool(states);
        self.behind.iter().fold(pooled, |x, step| step.apply(x))
    }

    /// Values of a pooled vector.
    pub fn pooled_width(&self) -> usize {
        self.hidden * self.pooling.len()
    }

    /// Values of a text's vector.
    pub fn width(&self) -> usize {
        let pooled = self.pooled_width();
        self.behind
            .iter()
            .fold(pooled, |width, step| step.width(width))
    }

    /// Parameters of the modules behind the pooling.
    pub fn params(&self) -> usize {
        self.behind.iter().map(Behind::params).sum()
    }

    /// Tokens that the prompt adds to each text.
    pub fn prompt_tokens(&self) -> usize {
        self.prompt.as_ref().map_or(0, |prompt| prompt.tokens)
    }

    /// Longest text in tokens.
    pub fn max_length(&self) -> usize {
        self.max_length
    }

    /// What a batch is padded with.
    pub fn pad_id(&self) -> u32 {
        self.tokenizer.pad_id()
    }

    /// The pooling of plain states; `None` where the folder's modules are followed.
    pub fn plain_pooling(&self) -> Option<Pooling> {
        (!self.follows_folder).then(|| self.pooling[0])
    }
}

impl Prompt {
    fn new(
        text: &str,
        pooled: bool,
        tokenizer: &Tokenizer,
        max_length: usize,
    ) -> Result<Self, TokenizeError> {
        let encoded = tokenizer.encode(&[(text, None)], max_length)?.remove(0);
        let special = tokenizer.special_count(false);
        // As sentence-transformers counts: all up to a special token at the end.
        let ends_special = encoded
            .ids
            .last()
            .is_some_and(|&id| tokenizer.is_special(id));
        Ok(Self {
            text: text.to_owned(),
            tokens: encoded.ids.len().saturating_sub(special),
            not_pooled: if pooled {
                0
            } else {
                encoded.ids.len() - usize::from(ends_special)
            },
        })
    }
}
