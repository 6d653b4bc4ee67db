//! Reading documents in Markdown: what was typed and what was generated, the figures in it and where they come from, links and anchors.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const UNITS: [&str; 25] = [
    "%", "s", "ms", "µs", "min", "h", "second", "seconds", "minute", "minutes", "hour", "hours",
    "B", "KiB", "MiB", "GiB", "KB", "MB", "GB", "GFLOP", "points", "point", "times", "x", "×",
];

/// The workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A file of the workspace.
pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// Paths of the Markdown files directly in a directory, relative to the root.
pub(crate) fn markdown_in(dir: &str) -> Vec<String> {
    let entries = fs::read_dir(root().join(dir)).unwrap_or_else(|e| panic!("{dir}: {e}"));
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".md"))
        .map(|name| format!("{dir}/{name}"))
        .collect();
    names.sort();
    names
}

/// README.md and the chapters.
pub(crate) fn documentation() -> Vec<String> {
    [vec!["README.md".to_owned()], markdown_in("docs/src")].concat()
}

/// A file's lines with their numbers, those of fenced blocks left out.
fn unfenced(text: &str) -> Vec<(usize, &str)> {
    let mut fenced = false;
    let numbered = text.lines().zip(1..).map(|(line, number)| (number, line));
    numbered
        .filter(|(_, line)| {
            let fence = line.trim_start().starts_with("```");
            fenced ^= fence;
            !fenced && !fence
        })
        .collect()
}

/// The generated blocks of a file: name and lines.
pub(crate) fn generated(text: &str) -> Vec<(&str, Vec<&str>)> {
    let mut blocks: Vec<(&str, Vec<&str>)> = Vec::new();
    let mut open = false;
    for (_, line) in unfenced(text) {
        if let Some(name) = line.strip_prefix("<!-- results:") {
            blocks.push((name.trim_end_matches(" -->"), Vec::new()));
            open = true;
        } else if line.starts_with("<!-- /results:") {
            open = false;
        } else if open {
            blocks.last_mut().unwrap().1.push(line);
        }
    }
    blocks
}

/// The lines that people wrote: neither fenced nor generated.
fn typed(text: &str) -> Vec<(usize, &str)> {
    let mut open = false;
    let lines = unfenced(text).into_iter();
    lines
        .filter(|(_, line)| {
            open |= line.starts_with("<!-- results:");
            let kept = !open;
            open &= !line.starts_with("<!-- /results:");
            kept
        })
        .collect()
}

/// `line` with everything between `open` and the next `close` replaced by a blank.
fn without(line: &str, open: &str, close: &str) -> String {
    let mut kept = String::new();
    let mut rest = line;
    while let Some(start) = rest.find(open) {
        let inner = start + open.len();
        let Some(end) = rest[inner..].find(close) else {
            break;
        };
        kept.push_str(&rest[..start]);
        kept.push(' ');
        rest = &rest[inner + end + close.len()..];
    }
    kept + rest
}

/// Every number of a text with what follows it, thousands' commas removed. Parts of names (GPT-2, x86-64, 16x128) and versions are none.
fn numbers(text: &str) -> Vec<(String, &str)> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = text[at..].find(|c: char| c.is_ascii_digit()) {
        let start = at + start;
        let rest = &text[start..];
        let mut end = rest
            .find(|c: char| !(c.is_ascii_digit() || ".,".contains(c)))
            .unwrap_or(rest.len());
        if rest[end..].starts_with("e-") {
            let exponent = &rest[end + 2..];
            end += 2 + exponent
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(exponent.len());
        }
        let number = rest[..end].trim_end_matches(['.', ',']);
        let mut before = text[..start].chars().rev();
        let part_of_name = match (before.next(), before.next()) {
            (Some('-' | '_' | '/'), Some(c)) => c.is_alphanumeric(),
            (Some(c), _) => c.is_alphanumeric(),
            _ => false,
        };
        let version = number.matches('.').count() > 1;
        if !part_of_name && !version {
            found.push((number.replace(',', ""), &text[start + number.len()..]));
        }
        at = start + end;
    }
    found
}

/// The figures of a piece of prose.
pub(crate) fn figures(prose: &str) -> Vec<String> {
    let bare = without(&without(prose, "`", "`"), "](", ")");
    numbers(&bare)
        .into_iter()
        .filter(|(number, rest)| {
            let after = rest.trim_start();
            let word = after
                .find(|c: char| !c.is_alphabetic())
                .unwrap_or(after.len());
            let unit = if after[word..].starts_with(|c: char| c.is_ascii_digit()) {
                "" // 16x128
            } else if word == 0 {
                after.chars().next().map_or("", |c| &after[..c.len_utf8()])
            } else {
                &after[..word]
            };
            number.contains('.') || number.contains("e-") || UNITS.contains(&unit)
        })
        .map(|(number, _)| number)
        .collect()
}

/// A line in pieces: prose, and the source that the comment behind it names.
fn sourced(line: &str) -> Vec<(String, Option<&str>)> {
    let mut pieces = Vec::new();
    let mut rest = line;
    while let Some((prose, tail)) = rest.split_once("<!-- from: ") {
        let (source, after) = tail.split_once(" -->").expect("an unclosed comment");
        pieces.push((prose.to_owned(), Some(source)));
        rest = after;
    }
    pieces.push((without(rest, "<!--", "-->"), None));
    pieces
}

/// A text without what stands in brackets, and what stands there: the bounds of intervals and ranges.
fn around_brackets(text: &str) -> (String, String) {
    let (mut outside, mut inside) = (String::new(), String::new());
    let mut depth = 0;
    for c in text.chars() {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            _ => {}
        }
        let to = if depth > 0 { &mut inside } else { &mut outside };
        to.push(c);
    }
    (outside, inside)
}

/// The numbers of the line that `PATH#PART & PART` names, with the bounds of intervals or without.
///
/// # Errors
/// No such file, or not exactly one such line.
fn source_numbers(source: &str, with_bounds: bool) -> Result<BTreeSet<String>, String> {
    let (path, key) = source
        .split_once('#')
        .ok_or("expected PATH#PART of a line")?;
    if path == "README.md" || path.starts_with("docs/") {
        return Err(format!("{path} is documentation, not a record"));
    }
    let text = fs::read_to_string(root().join(path)).map_err(|e| format!("{path}: {e}"))?;
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| key.split(" & ").all(|part| line.contains(part)))
        .collect();
    match lines[..] {
        // Cells of a table for programs, signs aside.
        [line] if path.ends_with(".csv") => Ok(line
            .split(',')
            .filter(|cell| cell.parse::<f64>().is_ok())
            .map(|cell| cell.trim_start_matches('-').to_owned())
            .collect()),
        [line] => {
            // The bounds of an interval are no figures of their own.
            let line = if with_bounds {
                line.to_owned()
            } else {
                without(&without(line, "(", ")"), "[", "]")
            };
            Ok(numbers(&line)
                .into_iter()
                .map(|(number, _)| number)
                .collect())
        }
        _ => Err(format!(
            "{} lines of {path} hold \"{key}\", expected one",
            lines.len()
        )),
    }
}

/// What is wrong with the typed figures of a text.
pub(crate) fn figure_faults(path: &str, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for (number, line) in typed(text) {
        for (prose, source) in sourced(line) {
            if source.is_none() && !figures(&prose).is_empty() {
                let why = "no source; name one behind it: <!-- from: PATH#PART -->";
                faults.push(format!("{path}:{number}: {:?}: {why}", figures(&prose)));
            }
            let Some(source) = source else { continue };
            let (outside, inside) = around_brackets(&prose);
            for (prose, bounds) in [(outside, false), (inside, true)] {
                let found = figures(&prose);
                if bounds && found.is_empty() {
                    continue;
                }
                match source_numbers(source, bounds) {
                    Err(why) => faults.push(format!("{path}:{number}: {found:?}: {why}")),
                    Ok(known) => {
                        let is_wrong =
                            |figure: &&String| !is_among(figure, &known, source.contains(".csv#"));
                        faults.extend(found.iter().filter(is_wrong).map(|figure| {
                            format!("{path}:{number}: {figure} is not among its source's {known:?}")
                        }));
                    }
                }
            }
        }
    }
    faults
}

/// Whether a figure is one of these numbers, or one of them rounded to as many decimals as it has where they have all digits.
fn is_among(figure: &str, known: &BTreeSet<String>, all_digits: bool) -> bool {
    let decimals = figure.split_once('.').map_or(0, |(_, after)| after.len());
    let rounds_to_it = |number: &String| {
        let value: Option<f64> = number.parse().ok();
        value.is_some_and(|value| format!("{value:.decimals$}") == figure)
    };
    known.contains(figure) || all_digits && known.iter().any(rounds_to_it)
}

/// A heading's anchor, as GitHub and mdBook make it.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    text.chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

/// What is wrong with the links of a file.
pub(crate) fn link_faults(path: &str) -> Vec<String> {
    let text = read(path);
    let mut faults = Vec::new();
    for (number, line) in unfenced(&text) {
        for part in without(line, "`", "`").split("](").skip(1) {
            let target = part.split(')').next().unwrap_or_default();
            if target.contains("://") || target.contains("::") {
                continue;
            }
            let (file, wanted) = target.split_once('#').unwrap_or((target, ""));
            let full = match file {
                "" => root().join(path),
                file => root().join(path).parent().unwrap().join(file),
            };
            let has = |text: String| {
                unfenced(&text)
                    .iter()
                    .any(|(_, line)| line.starts_with('#') && anchor(line) == wanted)
            };
            if !full.exists() || !wanted.is_empty() && !fs::read_to_string(&full).is_ok_and(has) {
                faults.push(format!("{path}:{number}: {target} leads nowhere"));
            }
        }
    }
    faults
}
