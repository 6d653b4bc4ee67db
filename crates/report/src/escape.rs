//! Text from outside (names of models and tasks, labels, notes, errors) in tables and pages: one line, and no markup.

/// `text` on one line: a space for every run of line breaks and tabs, a mark for every other character that steers a terminal or turns the
/// direction of writing.
pub(crate) fn one_line(text: &str) -> String {
    let steers = |c: char| {
        let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        c.is_control() || turns
    };
    let breaks = |c: char| matches!(c, '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}');
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if breaks(c) && line.ends_with(' ') => {}
            c if breaks(c) => line.push(' '),
            c if steers(c) => line.push('\u{fffd}'),
            c => line.push(c),
        }
    }
    line
}

/// `text` in HTML, between tags and in attributes.
pub(crate) fn html(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe += "&amp;",
            '<' => safe += "&lt;",
            '>' => safe += "&gt;",
            '"' => safe += "&quot;",
            '\'' => safe += "&#39;",
            c => safe.push(c),
        }
    }
    safe
}

/// `text` in a line or a table's cell of Markdown. An underscore between letters is no emphasis and stays.
pub(crate) fn markdown(text: &str) -> String {
    let line = one_line(text);
    let mut safe = String::with_capacity(line.len());
    let mut before = ' ';
    let mut rest = line.chars().peekable();
    while let Some(c) = rest.next() {
        let after = rest.peek().copied().unwrap_or(' ');
        match c {
            '<' => safe += "&lt;",
            '&' if after.is_alphanumeric() || after == '#' => safe += "&amp;",
            '\\' | '|' | '`' | '*' | '[' | ']' | '~' => safe.extend(['\\', c]),
            '_' if !(before.is_alphanumeric() && after.is_alphanumeric()) => safe += "\\_",
            c => safe.push(c),
        }
        before = c;
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_from_outside_cannot_become_markup() {
        assert_eq!(
            html("<a href=\"x\">'&"),
            "&lt;a href=&quot;x&quot;&gt;&#39;&amp;"
        );
        assert_eq!(markdown("<script>|x"), "&lt;script>\\|x");
        assert_eq!(
            markdown("[a](b) *c* `d` _e_ &lt;"),
            "\\[a\\](b) \\*c\\* \\`d\\` \\_e\\_ &amp;lt;"
        );
        assert_eq!(
            markdown("a\\|b"),
            "a\\\\\\|b",
            "no backslash undoes another"
        );
        for plain in [
            "all-MiniLM-L6_v2",
            "learning_rate 1e-3 & more",
            "x = 3 > 2 (95 %)",
        ] {
            assert_eq!(markdown(plain), plain);
        }
    }

    #[test]
    fn a_line_stays_one_line_and_steers_no_terminal() {
        assert_eq!(one_line("a\r\nb\tc"), "a b c");
        assert_eq!(one_line("\u{1b}[2Jx\u{202e}y"), "\u{fffd}[2Jx\u{fffd}y");
        assert_eq!(one_line("naïve 模型"), "naïve 模型");
    }
}
