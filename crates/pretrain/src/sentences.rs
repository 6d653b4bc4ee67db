//! Sentences of a paragraph, and the words by which two texts are the same.

use std::hash::{DefaultHasher, Hash, Hasher};

/// Sentences end with a full stop, a question or exclamation mark, and quotation marks behind it.
pub(crate) fn sentences(paragraph: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut from = 0;
    let mut ended = false;
    for (at, c) in paragraph.char_indices() {
        match c {
            '.' | '!' | '?' => ended = true,
            '"' | '\'' | '”' | '’' | ')' if ended => {}
            _ if c.is_whitespace() && ended => {
                found.push(paragraph[from..at].trim());
                from = at;
                ended = false;
            }
            _ => ended = false,
        }
    }
    found.push(paragraph[from..].trim());
    found.retain(|text| !text.is_empty());
    found
}

/// A number for each word, the same whatever its case and its apostrophes are; marks between words do not count.
pub(crate) fn normal_words(text: &str) -> Vec<u64> {
    let is_apostrophe = |c: char| c == '\'' || c == '’';
    text.split(|c: char| !c.is_alphanumeric() && !is_apostrophe(c))
        .filter(|word| word.contains(char::is_alphanumeric))
        .map(|word| {
            let mut hasher = DefaultHasher::new();
            let letters = word.chars().filter(|&c| !is_apostrophe(c));
            letters
                .flat_map(char::to_lowercase)
                .for_each(|c| c.hash(&mut hasher));
            hasher.finish()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_keep_their_quotation_marks() {
        assert_eq!(
            sentences("He came. \"Why?\" she said.  No answer"),
            ["He came.", "\"Why?\"", "she said.", "No answer"]
        );
    }

    #[test]
    fn case_marks_and_apostrophes_do_not_make_other_words() {
        let words = normal_words("It's Émile's: order no. 12!");
        assert_eq!(words, normal_words("its — ÉMILE’S (order) No 12"));
        assert_eq!(words.len(), 5);
        assert_ne!(words, normal_words("its Émile's order no 13"));
    }
}
