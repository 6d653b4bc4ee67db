//! Prompts are put together from token ids, not from text: a piece has the same ids wherever it stands, so that what several prompts have in
//! common is the same tokens.

use transformer::{TokenizeError, Tokenizer};

/// Token ids that the checkpoint puts around every text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// `[CLS]`, `<s>`, or nothing.
    pub before: Vec<u32>,
    /// `[SEP]`, `</s>`, or nothing.
    pub after: Vec<u32>,
}

impl Frame {
    /// Read off an encoded probe.
    ///
    /// # Errors
    /// If the tokenizer refuses the probe.
    pub fn of(tokenizer: &Tokenizer) -> Result<Frame, TokenizeError> {
        let probe = "a";
        let plain = tokenizer.encode_plain(probe)?;
        let whole = tokenizer
            .encode(&[(probe, None)], usize::MAX)?
            .swap_remove(0)
            .ids;
        let at = whole
            .windows(plain.len().max(1))
            .position(|window| window == plain)
            .unwrap_or(0);
        let after = whole.get(at + plain.len()..).unwrap_or_default();
        Ok(Frame {
            before: whole[..at].to_vec(),
            after: after.to_vec(),
        })
    }
}

/// Tokenises pieces of a prompt.
#[derive(Clone, Debug)]
pub struct Pieces {
    tokenizer: Tokenizer,
    newline: Vec<u32>,
}

impl Pieces {
    /// # Errors
    /// If the tokenizer refuses a line break.
    pub fn new(tokenizer: &Tokenizer) -> Result<Self, TokenizeError> {
        Ok(Self {
            newline: tokenizer.encode_plain("\n")?,
            tokenizer: tokenizer.clone(),
        })
    }

    /// A piece at the beginning of a prompt.
    ///
    /// # Errors
    /// If the tokenizer refuses it.
    pub fn first(&self, text: &str) -> Result<Vec<u32>, TokenizeError> {
        self.tokenizer.encode_plain(text)
    }

    /// A piece that follows another. Some tokenizers put a word boundary before whatever they are given, which is wrong in the middle of a
    /// text: the piece is encoded behind a line break, and the line break's ids are taken off again, where they stay apart.
    ///
    /// # Errors
    /// If the tokenizer refuses it.
    pub fn following(&self, text: &str) -> Result<Vec<u32>, TokenizeError> {
        if text.is_empty() {
            return Ok(Vec::new());
        }
        let behind = self.tokenizer.encode_plain(&format!("\n{text}"))?;
        match behind.strip_prefix(self.newline.as_slice()) {
            Some(ids) if !self.newline.is_empty() => Ok(ids.to_vec()),
            _ => self.tokenizer.encode_plain(text),
        }
    }
}
