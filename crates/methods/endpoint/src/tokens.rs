//! Prompts as the token ids that the server's own tokenizer gives, put together piece by piece as `prompt::Pieces` does: a piece has the same
//! ids wherever it stands.

use crate::compose::{Composed, Piece};
use prompt::{Slot, Texts};
use remote::{AskError, Client};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Token ids before and after a label.
type BeforeAndAfter = (Vec<u32>, Vec<u32>);

/// The server's tokenizer.
#[derive(Debug)]
pub(crate) struct Tokenizer {
    model: String,
    newline: Vec<u32>,
    /// What the model wants in front of every text.
    before: Vec<u32>,
    /// How many tokens it wants around every text.
    special: usize,
    /// Pieces that were asked for.
    known: Mutex<HashMap<String, Vec<u32>>>,
}

impl Tokenizer {
    /// # Errors
    /// A server without a tokenizer.
    pub(crate) fn new(client: &Client, model: &str) -> Result<Self, AskError> {
        let probe = "a";
        let plain = ids(client, model, probe, false)?;
        let whole = ids(client, model, probe, true)?;
        let place = whole
            .windows(plain.len().max(1))
            .position(|window| window == plain);
        let before = whole[..place.unwrap_or(0)].to_vec();
        Ok(Self {
            model: model.to_owned(),
            newline: ids(client, model, "\n", false)?,
            special: whole.len().saturating_sub(plain.len()),
            before,
            known: Mutex::default(),
        })
    }

    /// Token ids of a prompt up to its label, and how many tokens of its last text were cut off. No text has more than `longest` tokens, special ones
    /// counted.
    ///
    /// # Errors
    /// No answer.
    pub(crate) fn prompt(
        &self,
        client: &Client,
        composed: &Composed,
        longest: usize,
    ) -> Result<(Vec<u32>, usize), AskError> {
        let room = longest.saturating_sub(self.special).max(1);
        let mut all = self.before.clone();
        if !composed.instruction.is_empty() {
            all.extend(self.first(client, &composed.instruction)?);
            all.extend(self.following(client, &composed.separator)?);
        }
        for shown in &composed.shown {
            let (before, after) = self
                .filled(client, (&shown.before, &shown.after), room, false)?
                .0;
            all.extend(before);
            all.extend(self.following(client, &shown.label)?);
            all.extend(after);
            all.extend(self.following(client, &composed.separator)?);
        }
        let begins = composed.instruction.is_empty() && composed.shown.is_empty();
        let ((query, _), lost) = self.filled(client, (&composed.query, &[]), room, begins)?;
        all.extend(query);
        Ok((all, lost))
    }

    /// Token ids of a label word with the spaces before it.
    ///
    /// # Errors
    /// No answer.
    pub(crate) fn label(&self, client: &Client, word: &str) -> Result<Vec<u32>, AskError> {
        self.following(client, word)
    }

    /// What stands before and after a label, and how many tokens were cut off.
    fn filled(
        &self,
        client: &Client,
        (before, after): (&[Piece], &[Piece]),
        room: usize,
        begins: bool,
    ) -> Result<(BeforeAndAfter, usize), AskError> {
        let mut pieces = Vec::new();
        let mut texts = Texts::default();
        for (place, piece) in before.iter().chain(after).enumerate() {
            let ids = if begins && place == 0 {
                self.first(client, &piece.text)?
            } else {
                self.following(client, &piece.text)?
            };
            match piece.slot {
                Some(Slot::First) => texts.first.clone_from(&ids),
                Some(Slot::Second) => texts.second.clone_from(&ids),
                _ => {}
            }
            pieces.push((piece.slot, ids));
        }
        texts.cut(room);
        let cut = |(slot, ids): (Option<Slot>, Vec<u32>)| match slot {
            Some(slot) => texts.of(slot).to_vec(),
            None => ids,
        };
        let after = pieces.split_off(before.len());
        let flat = |pieces: Vec<_>| pieces.into_iter().flat_map(cut).collect();
        Ok(((flat(pieces), flat(after)), texts.lost))
    }

    /// A piece at the beginning of a prompt.
    fn first(&self, client: &Client, text: &str) -> Result<Vec<u32>, AskError> {
        if let Some(known) = self.known().get(text) {
            return Ok(known.clone());
        }
        let found = ids(client, &self.model, text, false)?;
        self.known().insert(text.to_owned(), found.clone());
        Ok(found)
    }

    /// A piece that follows another: encoded behind a line break, whose ids are taken off again, as `prompt::Pieces` does and for its reasons.
    fn following(&self, client: &Client, text: &str) -> Result<Vec<u32>, AskError> {
        if text.is_empty() {
            return Ok(Vec::new());
        }
        let behind = self.first(client, &format!("\n{text}"))?;
        match behind.strip_prefix(self.newline.as_slice()) {
            Some(ids) if !self.newline.is_empty() => Ok(ids.to_vec()),
            _ => self.first(client, text),
        }
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<String, Vec<u32>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Token ids as the server's `/tokenize` gives them, which vLLM and others have beside the interface.
///
/// # Errors
/// No answer.
pub(crate) fn ids(
    client: &Client,
    model: &str,
    text: &str,
    special: bool,
) -> Result<Vec<u32>, AskError> {
    let body = json!({"model": model, "prompt": text, "add_special_tokens": special});
    client.fetch("tokenize", &body, |answer| {
        let ids = answer
            .get("tokens")
            .and_then(Value::as_array)
            .ok_or("it has no tokens")?;
        let id = |id: &Value| id.as_u64().and_then(|id| u32::try_from(id).ok());
        let ids: Option<Vec<u32>> = ids.iter().map(id).collect();
        ids.ok_or_else(|| "its tokens are no ids".to_owned())
    })
}

/// The first token of each; `None` where two are alike.
pub(crate) fn distinct_first(words: &[Vec<u32>]) -> Option<Vec<u32>> {
    let first: Option<Vec<u32>> = words.iter().map(|ids| ids.first().copied()).collect();
    let mut sorted = first.clone()?;
    sorted.sort_unstable();
    sorted.dedup();
    first.filter(|first| first.len() == sorted.len())
}
