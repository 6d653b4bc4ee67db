//! Texts to token ids, once and in parallel.

use task::{Example, Split};
use transformer::{Encoded, TokenizeError, Tokenizer};

/// A split as token ids.
#[derive(Clone, Debug)]
pub struct EncodedSplit {
    /// Token ids of each example, in the split's order.
    pub encoded: Vec<Encoded>,
    /// Class of each example.
    pub labels: Vec<usize>,
    /// Examples that were longer than the limit and were cut.
    pub truncated: usize,
}

impl EncodedSplit {
    /// Length in tokens of each example.
    pub fn lengths(&self) -> Vec<usize> {
        self.encoded.iter().map(|e| e.ids.len()).collect()
    }
}

/// Takes the tokens `unread` off the end of each text; at least one token stays.
pub(crate) fn without_end(mut texts: Vec<Encoded>, unread: Option<u32>) -> Vec<Encoded> {
    let Some(unread) = unread else {
        return texts;
    };
    for text in &mut texts {
        let last = text.ids.iter().rposition(|id| *id != unread).unwrap_or(0);
        text.ids.truncate(last + 1);
        text.types.truncate(last + 1);
    }
    texts
}

/// Tokenises a split, every text cut to `max_length` tokens.
///
/// # Errors
/// A text that the tokenizer refuses.
pub fn encode_split(
    split: &Split,
    tokenizer: &Tokenizer,
    max_length: usize,
) -> Result<EncodedSplit, TokenizeError> {
    let encoded = encode_examples(&split.examples, tokenizer, max_length)?;
    let truncated = encoded.iter().filter(|e| e.truncated_tokens > 0).count();
    Ok(EncodedSplit {
        labels: split.examples.iter().map(|e| e.label).collect(),
        encoded,
        truncated,
    })
}

pub(crate) fn encode_examples(
    examples: &[Example],
    tokenizer: &Tokenizer,
    max_length: usize,
) -> Result<Vec<Encoded>, TokenizeError> {
    let texts: Vec<(&str, Option<&str>)> = examples
        .iter()
        .map(|e| (e.text.as_str(), e.second.as_deref()))
        .collect();
    tokenizer.encode(&texts, max_length)
}
