//! Text out of somebody else's files on its way to a terminal, a page or a table.

use std::borrow::Cow;

/// `text` with what a terminal or a reader would act on instead of showing it spelled out, as `\u{1b}`: control characters (of which line
/// ends and tabs stay) and those that turn the direction of writing, by which a text shows as another.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(is_acted_on) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_acted_on(c) {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

fn is_acted_on(c: char) -> bool {
    let turns = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let ends_line = matches!(c, '\u{2028}' | '\u{2029}');
    turns || ends_line || (c.is_control() && !matches!(c, '\n' | '\t'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_acts_on_is_spelled_out_and_all_else_stays() {
        for (text, shown) in [
            ("\u{1b}[31mred", "\\u{1b}[31mred"),
            ("bell\u{7}", "bell\\u{7}"),
            ("over\rwritten", "over\\u{d}written"),
            ("\u{9b}2J", "\\u{9b}2J"),
            ("\u{7f}", "\\u{7f}"),
            ("\u{202e}txt.exe", "\\u{202e}txt.exe"),
        ] {
            assert_eq!(printable(text), shown);
        }
        let plain = "a\tb\nz\u{fc}rich \u{2248} \u{65e5}\u{672c} \u{1f600} \u{5e9}\u{5dc}";
        assert!(matches!(printable(plain), Cow::Borrowed(same) if same == plain));
    }
}
