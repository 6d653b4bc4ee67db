//! Changes of files read line by line: TSV, CSV, JSON lines, labels, plain texts, word lists, plans.

use super::super::random::Draws;
use super::words::{KEYS, LONG, STRINGS};

/// What stands between fields, and what may.
const SEPARATORS: [&str; 9] = ["\t", ",", ";", "|", "\"", "\"\"", "=", ":", " "];
/// What cells and values may be.
const CELLS: [&str; 32] = [
    "",
    "\"",
    "\"\"",
    "\"a\"b",
    "NaN",
    "nan",
    "null",
    "-1",
    "0",
    "01",
    "1",
    "1.0",
    "+1",
    "2",
    "1e3",
    "99999999999999999999",
    "?",
    "true",
    "True",
    "label",
    "text",
    "text_a",
    "text_b",
    "sentence",
    "premise",
    "inf",
    "-0.0",
    "[1, 2]",
    "{}",
    "'",
    "2147483648",
    "1e308",
];

/// One to six changes; `other` is a file of the same kind to take lines of.
pub(crate) fn change(file: Vec<u8>, other: &[u8], draws: &mut Draws) -> Vec<u8> {
    let mut lines: Vec<Vec<u8>> = file
        .split_inclusive(|byte| *byte == b'\n')
        .map(<[u8]>::to_vec)
        .collect();
    for _ in 0..draws.size(6).max(1) {
        change_lines(&mut lines, other, draws);
    }
    lines.concat()
}

fn change_lines(lines: &mut Vec<Vec<u8>>, other: &[u8], draws: &mut Draws) {
    if lines.is_empty() {
        lines.push(b"text\tlabel\n".to_vec());
    }
    // The head of a table matters most.
    let at = if draws.happens(0.3) {
        0
    } else {
        draws.below(lines.len())
    };
    match draws.below(12) {
        0 => {
            lines.remove(at);
        }
        1 => {
            let line = lines[at].clone();
            let times = draws.size(20_000).min((1 << 20) / line.len().max(1));
            let times = times.max(1);
            lines.splice(at..at, std::iter::repeat_n(line, times));
        }
        2 => {
            let second = draws.below(lines.len());
            lines.swap(at, second);
        }
        3 => {
            let theirs: Vec<&[u8]> = other.split_inclusive(|byte| *byte == b'\n').collect();
            if !theirs.is_empty() {
                lines.insert(at, draws.one(&theirs).to_vec());
            }
        }
        4 => {
            let line = &mut lines[at];
            let from = draws.below(line.len());
            line.truncate(from);
        }
        5 => {
            for line in lines.iter_mut() {
                let end = *draws.one(&["\r\n", "\r", "\n"]);
                while line.last().is_some_and(|byte| b"\r\n".contains(byte)) {
                    line.pop();
                }
                line.extend(end.as_bytes());
            }
        }
        6 => {
            let long = draws.one(&LONG).repeat(draws.size(1_000_000));
            put(&mut lines[at], long.as_bytes(), draws);
        }
        7 => {
            let (from, to) = (*draws.one(&SEPARATORS), *draws.one(&SEPARATORS));
            let all = draws.happens(0.5);
            let changed = |line: &[u8]| match std::str::from_utf8(line) {
                Ok(line) => line.replace(from, to).into_bytes(),
                Err(_) => line.to_vec(),
            };
            if all {
                for line in lines.iter_mut() {
                    *line = changed(line);
                }
            } else {
                lines[at] = changed(&lines[at]);
            }
        }
        8 => {
            // Each row another value: as many classes as rows, or as many columns.
            let separator = *draws.one(&SEPARATORS);
            for number in 0..draws.size(30_000) {
                if draws.happens(0.5) {
                    lines.push(format!("word {number}{separator}class {number}\n").into_bytes());
                } else {
                    let piece = format!("{separator}{number}");
                    lines[0].extend(piece.as_bytes());
                }
            }
        }
        9 => {
            let words = [*draws.one(&KEYS), *draws.one(&STRINGS)];
            let word: &&str = draws.one(&words);
            put(&mut lines[at], word.as_bytes(), draws);
        }
        10 => change_cell(&mut lines[at], draws),
        _ => {
            let line = std::mem::take(&mut lines[at]);
            lines[at] = super::bytes::change(line, other, draws);
        }
    }
}

fn put(line: &mut Vec<u8>, piece: &[u8], draws: &mut Draws) {
    let at = draws.below(line.len());
    line.splice(at..at, piece.iter().copied());
}

/// Another value for one cell of a row, or for the value of a key.
fn change_cell(line: &mut Vec<u8>, draws: &mut Draws) {
    let separators: Vec<&str> = SEPARATORS
        .into_iter()
        .filter(|separator| {
            line.windows(separator.len())
                .any(|window| window == separator.as_bytes())
        })
        .collect();
    let Ok(text) = std::str::from_utf8(line) else {
        return;
    };
    if separators.is_empty() {
        *line = format!("{}\n", draws.one(&CELLS)).into_bytes();
        return;
    }
    let separator = *draws.one(&separators);
    let mut cells: Vec<&str> = text.trim_end().split(separator).collect();
    let at = draws.below(cells.len());
    let cell: &&str = draws.one(&CELLS);
    cells[at] = cell;
    *line = format!("{}\n", cells.join(separator)).into_bytes();
}
