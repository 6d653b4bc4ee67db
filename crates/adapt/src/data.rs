//! Texts to token ids, once and in parallel, and the small arithmetic on logits that everything shares.

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

/// Logarithms of the softmax probabilities, in f64.
pub fn log_softmax(logits: &[f32]) -> Vec<f64> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let shifted: Vec<f64> = logits
        .iter()
        .map(|&l| f64::from(l) - f64::from(largest))
        .collect();
    let log_sum = shifted.iter().map(|s| s.exp()).sum::<f64>().ln();
    shifted.into_iter().map(|s| s - log_sum).collect()
}

/// The class with the largest logit; the first of equals.
pub(crate) fn argmax(logits: &[f32]) -> usize {
    logits
        .iter()
        .enumerate()
        .fold(0, |best, (i, &l)| if l > logits[best] { i } else { best })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_probabilities_sum_to_one_even_for_huge_logits() {
        let probabilities: f64 = log_softmax(&[1000.0, 999.0, -1000.0])
            .iter()
            .map(|l| l.exp())
            .sum();
        assert!((probabilities - 1.0).abs() < 1e-12);
        assert_eq!(argmax(&[1.0, 3.0, 3.0, 2.0]), 1);
    }
}
