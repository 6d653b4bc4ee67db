//! JSON as Python's `json` module writes it: with `NaN`, `Infinity` and `-Infinity`, which the standard does not have.

use std::borrow::Cow;

/// The same text with these three as strings. A field that is read refuses them then with its name; one that is not may hold them.
pub(super) fn to_json(text: &str) -> Cow<'_, str> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text); // Some editors' mark of UTF-8.
    if !text.contains("NaN") && !text.contains("Infinity") {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let taken = match next {
            '"' => string_length(rest),
            _ => word(rest).map_or(next.len_utf8(), str::len),
        };
        let (piece, after) = rest.split_at(taken);
        if next != '"' && word(piece).is_some() {
            out.extend(["\"", piece, "\""]);
        } else {
            out.push_str(piece);
        }
        rest = after;
    }
    Cow::Owned(out)
}

/// One of the three at the beginning of a text.
fn word(text: &str) -> Option<&'static str> {
    let words = ["NaN", "Infinity", "-Infinity"];
    words.into_iter().find(|word| text.starts_with(word))
}

/// Bytes of a quoted string, with its quotes; all of the text where the last one is missing.
fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            b'"' if !escaped => return at + 1,
            b'\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_python_become_strings_and_strings_stay() {
        for (text, expected) in [
            (
                r#"{"a": NaN, "b": [Infinity,-Infinity]}"#,
                r#"{"a": "NaN", "b": ["Infinity","-Infinity"]}"#,
            ),
            (
                r#"{"NaN": "a \"NaN\" \\", "é": NaN}"#,
                r#"{"NaN": "a \"NaN\" \\", "é": "NaN"}"#,
            ),
            (
                r#"{"a": -1, "b": "Infinity"}"#,
                r#"{"a": -1, "b": "Infinity"}"#,
            ),
            ("{\"a\": \"NaN", "{\"a\": \"NaN"),
            ("\u{feff}{}", "{}"),
        ] {
            assert_eq!(to_json(text), expected);
        }
    }
}
