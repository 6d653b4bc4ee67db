//! Long texts are tokenized a piece at a time, so that a line of many megabytes takes the memory of one piece and of the ids
//! that are kept.
//!
//! A text is cut only where the tokens of the pieces are those of the whole: at a single space between two letters or digits,
//! and only where every step of the tokenizer ends there too, which is read off them in `cuts.rs`.

use std::collections::VecDeque;

use tokenizers::{NormalizedString, Normalizer};

/// Texts up to here are tokenized as a whole. Tests cut more often.
const PIECE_BYTES: usize = if cfg!(test) { 100 } else { 64 << 10 };
/// The longest text that is tokenized as a whole where it cannot be cut. It takes about 160 bytes a byte.
pub(super) const UNCUT_BYTES: usize = 4 << 20;

/// Where a text can be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cuts {
    /// In front of a space.
    BeforeSpace,
    /// At a space that belongs to neither piece: the normalizer puts one in front of each.
    AtSpace,
    /// Nowhere, and why.
    Nowhere(&'static str),
}

/// Which ids are kept; all are counted.
#[derive(Clone, Copy, Debug)]
pub(super) enum Keep {
    All,
    First(usize),
    Last(usize),
}

impl Cuts {
    /// Tokenizes `text` with `tokens`, a piece at a time. Returns the ids to keep and how many there are.
    pub(super) fn run<E>(
        self,
        text: &str,
        keep: Keep,
        normalizer: Option<&impl Normalizer>,
        mut tokens: impl FnMut(&str) -> Result<Vec<u32>, E>,
        too_long: impl Fn(usize, &'static str) -> E,
    ) -> Result<(Vec<u32>, usize), E> {
        let mut kept = Kept::new(keep);
        let mut rest = text;
        while rest.len() > PIECE_BYTES {
            let cut = self.find(rest, normalizer);
            if cut.is_none() && rest.len() > UNCUT_BYTES {
                let reason = match self {
                    Cuts::Nowhere(reason) => reason,
                    _ => "no space stands between two words there",
                };
                return Err(too_long(rest.len(), reason));
            }
            let Some(cut) = cut else { break };
            kept.add(tokens(&rest[..cut])?);
            rest = &rest[cut..];
            if self == Cuts::AtSpace {
                rest = &rest[1..];
            }
        }
        kept.add(tokens(rest)?);
        Ok((kept.ids.into(), kept.count))
    }

    /// The last place within a piece, else the first behind it.
    fn find(self, text: &str, normalizer: Option<&impl Normalizer>) -> Option<usize> {
        if let Cuts::Nowhere(_) = self {
            return None;
        }
        let middle = text.floor_char_boundary(PIECE_BYTES);
        let end = text.floor_char_boundary(UNCUT_BYTES);
        let fits = |at: &usize| {
            let (before, after) = (
                text[..*at].chars().next_back(),
                text[at + 1..].chars().next(),
            );
            let word = |c: Option<char>| c.filter(|c| c.is_alphanumeric());
            let ends = word(before).zip(word(after));
            ends.is_some_and(|(a, b)| stays(a, normalizer) && stays(b, normalizer))
        };
        let mut back = text[..middle].rmatch_indices(' ').map(|(at, _)| at);
        let mut forth = text[middle..end]
            .match_indices(' ')
            .map(|(at, _)| middle + at);
        back.find(fits).or_else(|| forth.find(fits))
    }
}

/// Whether a character is still there and no space when it is normalized.
fn stays(c: char, normalizer: Option<&impl Normalizer>) -> bool {
    let mut text = NormalizedString::from(c.to_string());
    if normalizer.is_some_and(|normalizer| normalizer.normalize(&mut text).is_err()) {
        return false;
    }
    let solid = |c: Option<char>| c.is_some_and(|c| !c.is_whitespace());
    solid(text.get().chars().next()) && solid(text.get().chars().next_back())
}

struct Kept {
    keep: Keep,
    ids: VecDeque<u32>,
    count: usize,
}

impl Kept {
    fn new(keep: Keep) -> Kept {
        let ids = VecDeque::new();
        Kept {
            keep,
            ids,
            count: 0,
        }
    }

    fn add(&mut self, ids: Vec<u32>) {
        self.count += ids.len();
        match self.keep {
            Keep::All => self.ids.extend(ids),
            Keep::First(most) => {
                let room = most.saturating_sub(self.ids.len());
                self.ids.extend(ids.into_iter().take(room));
            }
            Keep::Last(most) => {
                self.ids.extend(ids);
                let over = self.ids.len().saturating_sub(most);
                self.ids.drain(..over);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_and_last_ids_are_kept_and_all_are_counted() {
        let parts = [vec![1, 2, 3], vec![], vec![4, 5], vec![6]];
        for (keep, expected) in [
            (Keep::All, vec![1, 2, 3, 4, 5, 6]),
            (Keep::First(4), vec![1, 2, 3, 4]),
            (Keep::Last(4), vec![3, 4, 5, 6]),
            (Keep::First(9), vec![1, 2, 3, 4, 5, 6]),
            (Keep::Last(0), vec![]),
        ] {
            let mut kept = Kept::new(keep);
            parts.iter().for_each(|part| kept.add(part.clone()));
            assert_eq!((Vec::from(kept.ids), kept.count), (expected, 6), "{keep:?}");
        }
    }
}
