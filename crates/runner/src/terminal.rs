//! The border to the terminal: what is said on stdout and stderr, and how wide it may be. Text of others (names of files, classes, messages of
//! a Hub, a child's last words) comes to a person by these functions only, so that none of it acts on the terminal.

use console::{Term, measure_text_width};
use files::printable;
use std::env;
use std::fmt::Display;
use std::io::{self, Write};

/// A line, or several, on stdout.
pub(crate) fn say(text: impl Display) {
    println!("{}", printable(&text.to_string()));
}

/// A line, or several, on stderr. Whoever has closed it does not want to know; that is no reason to end.
pub(crate) fn tell(text: impl Display) {
    let _ = writeln!(io::stderr(), "{}", printable(&text.to_string()));
}

/// Columns of a listing: the terminal's, or those that COLUMNS says, or as many as fit any.
pub(crate) fn width() -> usize {
    let terminal = Term::stdout();
    let of_terminal = terminal.is_term().then(|| usize::from(terminal.size().1));
    let stated = || env::var("COLUMNS").ok()?.parse().ok();
    of_terminal
        .filter(|width| *width > 0)
        .or_else(stated)
        .unwrap_or(80)
        .max(NARROWEST)
}

/// No listing is narrower: its words would be cut.
const NARROWEST: usize = 40;

/// `text` in lines of at most `width` columns, broken between words; the lines after the first begin with `indent`. A longer word has a line of
/// its own.
pub(crate) fn wrapped(text: &str, width: usize, indent: &str) -> String {
    let mut lines = String::new();
    let mut used = 0;
    for word in text.split_inclusive(' ') {
        let length = measure_text_width(word.trim_end());
        if used > 0 && used + length > width {
            lines.truncate(lines.trim_end().len());
            lines.push('\n');
            lines.push_str(indent);
            used = measure_text_width(indent);
        }
        lines.push_str(word);
        used += measure_text_width(word);
    }
    lines
}

/// Columns of text side by side within `width`, two spaces apart. Where they are wider together, the widest are broken between words.
pub(crate) fn table(header: &[&str], rows: &[Vec<String>], width: usize) -> String {
    let header: Vec<String> = header.iter().map(|name| (*name).to_owned()).collect();
    let all: Vec<&Vec<String>> = std::iter::once(&header).chain(rows).collect();
    let widths = fitted(&all, width);
    let mut text = String::new();
    for row in all {
        let cells: Vec<Vec<String>> = row
            .iter()
            .zip(&widths)
            .map(|(cell, &width)| cell_lines(cell, width))
            .collect();
        for line in 0..cells.iter().map(Vec::len).max().unwrap_or(0) {
            let parts = cells.iter().zip(&widths).map(|(lines, &width)| {
                let part = lines.get(line).map_or("", String::as_str);
                let room = width.saturating_sub(measure_text_width(part));
                format!("{part}{}", " ".repeat(room))
            });
            text.push_str(parts.collect::<Vec<_>>().join("  ").trim_end());
            text.push('\n');
        }
    }
    text
}

/// The columns' widths: as their cells are, the widest taken down by one until all fit. The first, which holds the names, goes last.
fn fitted(rows: &[&Vec<String>], width: usize) -> Vec<usize> {
    let columns = rows.first().map_or(0, |row| row.len());
    let of = |place: usize| rows.iter().map(move |row| measure_text_width(&row[place]));
    let mut widths: Vec<usize> = (0..columns)
        .map(|place| of(place).max().unwrap_or(0))
        .collect();
    let gaps = 2 * columns.saturating_sub(1);
    while widths.iter().sum::<usize>() + gaps > width {
        let wide = (0..columns).filter(|&place| widths[place] > NARROWEST_CELL);
        let Some(widest) = wide.max_by_key(|&place| (place > 0, widths[place])) else {
            break;
        };
        widths[widest] -= 1;
    }
    widths
}

/// A column is not taken down further.
const NARROWEST_CELL: usize = 8;

/// A cell's lines, each within `width`: broken between words, and within a word that is longer alone.
fn cell_lines(cell: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for line in wrapped(cell, width, "").lines() {
        let mut rest = String::new();
        for c in line.chars() {
            if measure_text_width(&rest) + measure_text_width(c.encode_utf8(&mut [0; 4])) > width {
                lines.push(std::mem::take(&mut rest));
            }
            rest.push(c);
        }
        lines.push(rest);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_is_broken_between_words() {
        let prose = "\u{2248} best: cannot be told apart";
        assert_eq!(
            wrapped(prose, 14, ""),
            "\u{2248} best: cannot\nbe told apart"
        );
        assert_eq!(
            wrapped(prose, 16, "  "),
            "\u{2248} best: cannot\n  be told apart"
        );
        assert_eq!(
            wrapped("averylongword of it", 5, ""),
            "averylongword\nof it"
        );
    }

    #[test]
    fn a_table_fits_and_loses_nothing() {
        let words = "one two three four five six seven eight nine ten eleven twelve thirteen";
        let rows = vec![
            vec![
                "soft-prompt".to_owned(),
                words.to_owned(),
                words.to_uppercase(),
            ],
            vec!["ia3".to_owned(), "x".repeat(90), "short".to_owned()],
        ];
        for width in [40, 60, 80, 400] {
            let text = table(&["name", "definition", "note"], &rows, width);
            let widest = text.lines().map(measure_text_width).max().unwrap();
            assert!(widest <= width, "{width}: {widest}\n{text}");
            for word in words.split(' ').chain(["soft-prompt", "ia3", "THIRTEEN"]) {
                assert!(text.contains(word), "{word} is lost\n{text}");
            }
            assert_eq!(text.matches('x').count(), 90 + text.matches("six").count());
        }
        let wide = table(&["name", "definition", "note"], &rows, 400);
        assert_eq!(wide.lines().count(), 3, "{wide}");
    }

    #[test]
    fn a_narrow_column_stays_whole_beside_a_wide_one() {
        let rows = vec![vec!["support-intents".to_owned(), "word ".repeat(40)]];
        let text = table(&["name", "summary"], &rows, 60);
        assert!(
            text.lines()
                .nth(1)
                .unwrap()
                .starts_with("support-intents  word"),
            "{text}"
        );
    }
}
