//! Which part of a text each token stands for: what lets the tokens of two tokenizers be compared.

use std::ops::Range;

use super::{Encoded, TokenizeError, Tokenizer, failed, guard};

/// A text as token ids, special tokens included, and the bytes of the text that each token stands for.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Spanned {
    /// As [`Tokenizer::encode`] gives it.
    pub encoded: Encoded,
    /// One a token; `None` for special tokens and for what stands for no character.
    pub spans: Vec<Option<Range<usize>>>,
}

impl Tokenizer {
    /// Encodes one text as [`encode`](Tokenizer::encode) does, and says which bytes of it each token stands for.
    ///
    /// # Errors
    /// As [`encode`](Tokenizer::encode).
    pub fn encode_with_spans(
        &self,
        text: &str,
        max_length: usize,
    ) -> Result<Spanned, TokenizeError> {
        let special = self.special_count(false);
        if max_length <= special {
            return Err(TokenizeError::NoRoom {
                max_length,
                special,
            });
        }
        let (room, side) = (max_length - special, self.truncation);
        let encoding = guard::caught(|| {
            let mut encoding = self.inner.encode(text, false)?;
            let count = encoding.len();
            encoding.truncate(room, 0, side);
            let truncated = count - encoding.len();
            let encoding = self.inner.post_process(encoding, None, true)?;
            Ok((encoding, truncated))
        });
        let (encoding, truncated_tokens) = encoding.map_err(|source| failed(text, source))?;
        let special = encoding.get_special_tokens_mask();
        let spans = encoding.get_offsets().iter().zip(special);
        let spans = spans.map(|(&(from, to), &special)| {
            (special == 0 && from < to).then_some(from..to) // Special tokens stand at 0..0.
        });
        let mut found = Spanned {
            spans: spans.collect(),
            encoded: Encoded {
                ids: encoding.get_ids().to_vec(),
                types: encoding.get_type_ids().to_vec(),
                truncated_tokens,
            },
        };
        if !self.types {
            found.encoded.types.fill(0);
        }
        if found.encoded.ids.is_empty() {
            let alone = self.bos_id().or(self.eos_id()).unwrap_or(self.pad_id());
            found.encoded.ids.push(alone);
            found.encoded.types.push(0);
            found.spans.push(None);
        }
        self.check_in_model(&found.encoded.ids)?;
        Ok(found)
    }
}
