//! Long texts are tokenized a piece at a time, so that a line of many megabytes takes the memory of one piece and of the ids
//! that are kept.
//!
//! A text is cut only where the tokens of the pieces are those of the whole: at a single space between two letters or digits,
//! and only where every step of the tokenizer ends there too. Which steps those are is [`Cuts::of`].

use std::collections::VecDeque;

use serde_json::Value;
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

/// Patterns that end a match in front of every single space: of GPT-2, of Llama 3 (and GPT-4), of Qwen 2.
const PATTERNS: [&str; 3] = [
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
];

impl Cuts {
    /// Reads it off the steps of a tokenizer, in the words of tokenizer.json.
    pub(super) fn of(
        tokenizer: &tokenizers::Tokenizer,
        normalizer: &Value,
        pre_tokenizer: &Value,
        model: &str,
    ) -> Cuts {
        let added = tokenizer.get_added_tokens_decoder();
        let ends_in_word = |text: &str| text.ends_with(char::is_alphanumeric);
        if added
            .values()
            .any(|t| word_then_space(&t.content) || t.rstrip && ends_in_word(&t.content))
        {
            return Cuts::Nowhere("an added token may reach over a space");
        }
        if !pre_tokenizer.is_null() {
            return match (
                steps(normalizer, "normalizers")
                    .iter()
                    .all(|step| is_local(step)),
                ends_at_space(pre_tokenizer),
            ) {
                (false, _) => Cuts::Nowhere("its normalizer may change a space"),
                (true, Ends::AtSpace) => Cuts::BeforeSpace,
                (true, Ends::AtWord(space)) if model == "BPE" && !joins(tokenizer, space) => {
                    Cuts::BeforeSpace
                }
                (true, _) => Cuts::Nowhere("its pre-tokenizer may join words"),
            };
        }
        let starts_in_word = |text: &str| text.starts_with(char::is_alphanumeric);
        let as_words = added
            .values()
            .any(|t| starts_in_word(&t.content) || ends_in_word(&t.content));
        match is_llamas(normalizer) && model == "BPE" && !as_words && !joins(tokenizer, '▁') {
            true => Cuts::AtSpace,
            false => Cuts::Nowhere("it has no pre-tokenizer"),
        }
    }

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

/// What the pre-tokenizer does at a single space between two words.
enum Ends {
    /// The word ends there.
    AtSpace,
    /// It only writes the space as this letter; the model sees the text as one word.
    AtWord(char),
    Unknown,
}

fn ends_at_space(pre_tokenizer: &Value) -> Ends {
    let flag = |step: &Value, key: &str| step.get(key).is_none_or(|value| value == true);
    let mut result = Ends::Unknown;
    for step in steps(pre_tokenizer, "pretokenizers") {
        let kind = step.get("type").and_then(Value::as_str).unwrap_or_default();
        let ends = match kind {
            "BertPreTokenizer" | "Whitespace" | "WhitespaceSplit" => Ends::AtSpace,
            "ByteLevel" if flag(step, "use_regex") => Ends::AtSpace,
            "ByteLevel" => Ends::AtWord('Ġ'),
            "Metaspace" => match step.get("replacement").and_then(Value::as_str) {
                Some("▁") if flag(step, "split") => Ends::AtSpace,
                Some("▁") => Ends::AtWord('▁'),
                _ => return Ends::Unknown,
            },
            "Split" => {
                let pattern = step.pointer("/pattern/Regex").and_then(Value::as_str);
                let known = pattern.is_some_and(|pattern| PATTERNS.contains(&pattern));
                match known && step.get("behavior").is_some_and(|how| how == "Isolated") {
                    true => Ends::AtSpace,
                    false => return Ends::Unknown,
                }
            }
            "Digits" | "Punctuation" => continue,
            _ => return Ends::Unknown,
        };
        if !matches!(result, Ends::AtSpace) {
            result = ends;
        }
    }
    result
}

/// The steps of a sequence, or the step itself; none where there is none.
fn steps<'a>(step: &'a Value, key: &str) -> Vec<&'a Value> {
    match step.get(key).and_then(Value::as_array) {
        Some(inner) => inner.iter().flat_map(|step| steps(step, key)).collect(),
        None if step.is_null() => Vec::new(),
        None => vec![step],
    }
}

/// Whether a normalizer works letter by letter, so that it does the same on both sides of a space.
fn is_local(step: &Value) -> bool {
    let kind = step.get("type").and_then(Value::as_str).unwrap_or_default();
    let letters = [
        "BertNormalizer",
        "Lowercase",
        "NFC",
        "NFD",
        "NFKC",
        "NFKD",
        "StripAccents",
        "Nmt",
        "Precompiled",
    ];
    let pattern = step.pointer("/pattern/String").and_then(Value::as_str);
    let apart = |text: &str| {
        !text.is_empty() && !text.contains([' ', '▁']) && !text.contains(char::is_alphanumeric)
    };
    let runs = step
        .pointer("/pattern/Regex")
        .is_some_and(|pattern| pattern == " {2,}");
    letters.contains(&kind) || kind == "Replace" && (pattern.is_some_and(apart) || runs)
}

/// Llama 2's normalizer: `▁` in front, and for every space.
fn is_llamas(normalizer: &Value) -> bool {
    match &steps(normalizer, "normalizers")[..] {
        [first, second] => {
            first.get("type").is_some_and(|kind| kind == "Prepend")
                && first.get("prepend").is_some_and(|text| text == "▁")
                && second.get("type").is_some_and(|kind| kind == "Replace")
                && second
                    .pointer("/pattern/String")
                    .is_some_and(|text| text == " ")
                && second.get("content").is_some_and(|text| text == "▁")
        }
        _ => false,
    }
}

/// Whether a token reaches from a word over the letter that stands for a space.
fn joins(tokenizer: &tokenizers::Tokenizer, space: char) -> bool {
    let reaches = |word: &String| {
        let mut letters = word.chars().peekable();
        std::iter::from_fn(|| Some((letters.next()?, letters.peek().copied())))
            .any(|(a, b)| a != space && b == Some(space))
    };
    let words = tokenizer.get_vocab(false);
    // Where the space itself is unknown, it would be fused with an unknown letter.
    words.keys().any(reaches) || !words.contains_key(&space.to_string())
}

fn word_then_space(text: &str) -> bool {
    let mut letters = text.chars().peekable();
    std::iter::from_fn(|| Some((letters.next()?, letters.peek().copied())))
        .any(|(a, b)| a.is_alphanumeric() && b == Some(' '))
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
