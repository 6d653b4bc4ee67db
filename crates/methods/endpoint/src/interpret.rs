//! Which label an answer in words is.
//!
//! The rule: of a JSON object its `label`, else the answer; upper and lower case, underscores, and marks around it aside.
//! 1. Its first line is a label word, also behind `Label:`.
//! 2. One label word stands in it, whole, and no other; a word within a longer one that is there does not count.
//! 3. It was cut off, and what there is of it begins one label word and no other.
//!
//! Anything else is no label.

use serde::Serialize;
use serde_json::Value;

/// How a label was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum Manner {
    Exact,
    Within,
    Begun,
}

/// The class that an answer names. `is_cut`: whether it ended at its longest.
pub(crate) fn label_of(answer: &str, words: &[String], is_cut: bool) -> Option<(usize, Manner)> {
    let said = of_json(answer).unwrap_or_else(|| answer.to_owned());
    let words: Vec<String> = words.iter().map(plain).collect();
    let first = said.lines().find(|line| !plain(line).is_empty())?;
    let first = plain(first);
    let behind = first.strip_prefix("label").map(plain);
    let is = |said: &str| words.iter().position(|word| word == said);
    if let Some(class) = is(&first).or_else(|| is(&behind?)) {
        return Some((class, Manner::Exact));
    }
    if let Some(class) = within(&plain(&said), &words) {
        return Some((class, Manner::Within));
    }
    let begins = |word: &&String| word.starts_with(&first);
    let mut begun = words.iter().filter(begins);
    let only = begun.next().filter(|_| is_cut && begun.next().is_none())?;
    Some((is(only)?, Manner::Begun))
}

/// The label of an object such as `{"label": "good"}`.
fn of_json(answer: &str) -> Option<String> {
    let answer = answer.trim();
    let inner = answer.strip_prefix("```json").unwrap_or(answer);
    let inner = inner.trim_matches('`').trim();
    let object: Value = serde_json::from_str(inner).ok()?;
    let label = object.get("label")?.as_str()?;
    Some(label.to_owned())
}

/// Lower case, single spaces, no marks around.
fn plain(text: impl AsRef<str>) -> String {
    let words = text.as_ref().to_lowercase().replace('_', " ");
    let joined = words.split_whitespace().collect::<Vec<_>>().join(" ");
    let is_mark = |c: char| c.is_ascii_punctuation() || c.is_whitespace();
    joined.trim_matches(is_mark).to_owned()
}

/// The only class whose word stands in the text.
fn within(text: &str, words: &[String]) -> Option<usize> {
    let mut found: Vec<(usize, usize, usize)> = Vec::new(); // begin, end, class
    for (class, word) in words
        .iter()
        .enumerate()
        .filter(|(_, word)| !word.is_empty())
    {
        for (begin, _) in text.match_indices(word.as_str()) {
            let end = begin + word.len();
            let is_letter = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
            let is_whole = !is_letter(text[..begin].chars().next_back())
                && !is_letter(text[end..].chars().next());
            if is_whole {
                found.push((begin, end, class));
            }
        }
    }
    let is_part = |one: &(usize, usize, usize)| {
        let longer = |other: &(usize, usize, usize)| {
            other.0 <= one.0 && one.1 <= other.1 && other.1 - other.0 > one.1 - one.0
        };
        found.iter().any(longer)
    };
    let mut classes: Vec<usize> = found
        .iter()
        .filter(|one| !is_part(one))
        .map(|one| one.2)
        .collect();
    classes.dedup();
    match classes[..] {
        [class] => Some(class),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words() -> Vec<String> {
        ["good", "bad", "card", "card arrival"]
            .map(str::to_owned)
            .to_vec()
    }

    #[test]
    fn a_label_is_found_by_the_rule_and_nothing_else_is_one() {
        use Manner::{Begun, Exact, Within};
        for (answer, cut, expected) in [
            ("good", false, Some((0, Exact))),
            (" **Bad**.\n\nBecause it is dull.", false, Some((1, Exact))),
            ("Label: card_arrival", false, Some((3, Exact))),
            (r#"{"label": "Good"}"#, false, Some((0, Exact))),
            ("```json\n{\"label\":\"bad\"}\n```", false, Some((1, Exact))),
            ("The text is good, very good.", false, Some((0, Within))),
            ("about the card arrival", false, Some((3, Within))),
            ("good or bad", false, None),
            ("goodness", false, None),
            ("ba", true, Some((1, Begun))),
            ("ba", false, None),
            ("car", true, None),
            ("", true, None),
            ("...", true, None),
            ("I cannot help with that.", false, None),
            (r#"{"sentiment": "good"}"#, false, Some((0, Within))),
        ] {
            assert_eq!(label_of(answer, &words(), cut), expected, "{answer:?}");
        }
    }
}
