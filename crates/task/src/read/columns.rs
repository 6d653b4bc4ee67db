//! Which columns of a file are the texts and the label: the names of this program, else common names if only one reading is possible.

use std::collections::HashSet;

use super::{Labels, Raw, Table};
use crate::error::{Place, TaskError, TaskErrorKind, listed, shortened};
use crate::label::Label;
use crate::nearest_name;

/// Other names of a single text.
const TEXTS: [&str; 11] = [
    "sentence",
    "content",
    "review",
    "document",
    "utterance",
    "message",
    "sms",
    "tweet",
    "query",
    "question",
    "texts",
];
/// Other names of a pair of texts.
const PAIRS: [(&str, &str); 8] = [
    ("sentence1", "sentence2"),
    ("sentence_1", "sentence_2"),
    ("sentence_a", "sentence_b"),
    ("text1", "text2"),
    ("premise", "hypothesis"),
    ("question1", "question2"),
    ("question", "sentence"),
    ("question", "passage"),
];
/// Other names of a label.
const LABELS: [&str; 7] = [
    "labels",
    "class",
    "category",
    "target",
    "intent",
    "sentiment",
    "gold_label",
];

/// Positions of the columns used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Columns {
    pub(super) text: usize,
    pub(super) second: Option<usize>,
    pub(super) label: Option<usize>,
}

impl Columns {
    /// Finds the columns among `names`; upper and lower case are one.
    pub(super) fn find(file: &str, names: &[String], labels: Labels) -> Result<Self, TaskError> {
        let folded: Vec<String> = names
            .iter()
            .map(|name| name.trim().to_lowercase())
            .collect();
        let mut earlier = HashSet::new();
        for name in &folded {
            if !earlier.insert(name) && !name.is_empty() {
                return Err(ambiguous(
                    file,
                    "each column once",
                    &[name.clone(), name.clone()],
                ));
            }
        }
        let (text, second) = find_texts(file, names, &folded)?;
        let label = find_label(file, names, &folded, labels)?;
        Ok(Self {
            text,
            second,
            label,
        })
    }

    /// An empty table with what these columns say.
    pub(super) fn table(&self, file: &str, names: &[String]) -> Table {
        Table {
            file: file.to_owned(),
            pairs: self.second.is_some(),
            rows: Vec::new(),
            label_column: self
                .label
                .map(|label| names[label].trim().to_owned())
                .unwrap_or_default(),
            class_names: None,
            notes: Vec::new(),
        }
    }

    /// One row of a format whose fields have no types.
    pub(super) fn row<'a>(&self, place: Place, field: impl Fn(usize) -> &'a str) -> Raw {
        Raw {
            place,
            shard: None,
            text: field(self.text).to_owned(),
            second: self.second.map(|second| field(second).to_owned()),
            label: self.label.and_then(|label| Label::field(field(label))),
        }
    }
}

fn find_texts(
    file: &str,
    names: &[String],
    folded: &[String],
) -> Result<(usize, Option<usize>), TaskError> {
    let position = |wanted: &str| folded.iter().position(|name| name == wanted);
    let pair = |(a, b): (&str, &str)| Some((position(a)?, Some(position(b)?)));
    let own: Vec<_> = [
        position("text").map(|text| (text, None)),
        pair(("text_a", "text_b")),
    ]
    .into_iter()
    .flatten()
    .collect();
    let candidates = if own.is_empty() {
        let pairs: Vec<_> = PAIRS.iter().filter_map(|names| pair(*names)).collect();
        let in_pair = |text: &usize| pairs.iter().any(|(a, b)| a == text || *b == Some(*text));
        let singles = TEXTS
            .iter()
            .filter_map(|name| position(name))
            .filter(|text| !in_pair(text));
        let singles: Vec<_> = singles.map(|text| (text, None)).collect();
        [pairs, singles].concat()
    } else {
        own
    };
    match candidates[..] {
        [one] => Ok(one),
        [] => Err(missing(
            file,
            names,
            "a column `text`, or `text_a` and `text_b`",
            &["text", "text_a", "text_b"],
        )),
        _ => {
            let say = |(a, b): &(usize, Option<usize>)| match b {
                Some(b) => format!("{} + {}", names[*a], names[*b]),
                None => names[*a].clone(),
            };
            let found: Vec<String> = candidates.iter().map(say).collect();
            Err(ambiguous(
                file,
                "one column `text`, or `text_a` and `text_b`",
                &found,
            ))
        }
    }
}

fn find_label(
    file: &str,
    names: &[String],
    folded: &[String],
    labels: Labels,
) -> Result<Option<usize>, TaskError> {
    let position = |wanted: &str| folded.iter().position(|name| name == wanted);
    if let Some(label) = position("label") {
        return Ok(Some(label));
    }
    let candidates: Vec<usize> = LABELS.iter().filter_map(|name| position(name)).collect();
    match (candidates.as_slice(), labels) {
        ([one], _) => Ok(Some(*one)),
        (_, Labels::Optional) => Ok(None),
        ([], _) => Err(missing(file, names, "a column `label`", &["label"])),
        (several, _) => {
            let found: Vec<&String> = several.iter().map(|&index| &names[index]).collect();
            Err(ambiguous(file, "one column `label`", &found))
        }
    }
}

fn missing(file: &str, names: &[String], expected: &str, wanted: &[&str]) -> TaskError {
    let found: Vec<&str> = names.iter().map(|name| name.trim()).collect();
    if let [one] = found[..]
        && let Some((separator, fix)) = other_separator(file, one)
    {
        return TaskError::new(
            TaskErrorKind::MissingColumn,
            file,
            format!(
                "one column, `{}`, with {separator} in its name",
                shortened(one, 60)
            ),
            expected,
            fix,
        );
    }
    let meant = wanted
        .iter()
        .find_map(|wanted| Some((nearest_name(wanted, &found)?, wanted)));
    let fix = match meant {
        Some((found, wanted)) => format!("rename `{found}` to `{wanted}` if that is it"),
        None => "name the columns in a first line: text,label or text_a,text_b,label".to_owned(),
    };
    TaskError::new(
        TaskErrorKind::MissingColumn,
        file,
        format!("the columns {}", listed(names, 12)),
        expected,
        fix,
    )
}

/// The separator that a header of one column shows to be meant, in words, and what to do about it.
fn other_separator(file: &str, header: &str) -> Option<(&'static str, String)> {
    let is_tsv = file.to_lowercase().ends_with(".tsv");
    let kind = if is_tsv { "tsv" } else { "csv" };
    let name = file.rsplit('/').next().unwrap_or(file);
    let rewrite = |separator: &str| {
        format!(
            "fields of a .{kind} file are separated by {}: write it anew, with pandas: read_csv(\"{name}\", sep=\"{separator}\").to_csv(\"{name}\", index=False{})",
            if is_tsv { "tabs" } else { "commas" },
            if is_tsv { ", sep=\"\\t\"" } else { "" },
        )
    };
    let rename = |ending: &str, what: &str| {
        format!("fields of a .{kind} file are separated by {what}: rename it to .{ending}")
    };
    match header
        .chars()
        .find(|c| matches!(c, ';' | '\t' | '|' | ','))?
    {
        ';' => Some(("semicolons", rewrite(";"))),
        '|' => Some(("vertical bars", rewrite("|"))),
        '\t' if !is_tsv => Some(("tabs", rename("tsv", "commas"))),
        ',' if is_tsv => Some(("commas", rename("csv", "tabs"))),
        _ => None,
    }
}

/// Says of a header without the columns needed that it is a row, where one of its fields stands in the same column of a later row.
pub(super) fn missing_header(
    error: TaskError,
    header: &[String],
    rows: Vec<Vec<String>>,
) -> TaskError {
    if error.kind != TaskErrorKind::MissingColumn || header.len() < 2 {
        return error;
    }
    let stands_below = |(column, name): &(usize, &String)| {
        let same = |row: &Vec<String>| row.len() == header.len() && row[*column] == **name;
        !name.trim().is_empty() && rows.iter().any(same)
    };
    match header.iter().enumerate().find(stands_below) {
        Some((_, field)) => TaskError {
            fix: format!(
                "the first line seems to be a row (`{}` stands in a later one too): put a line with the names of the columns before it, such as text and label",
                shortened(field.trim(), 40)
            )
            .into(),
            ..error
        },
        None => error,
    }
}

fn ambiguous<S: AsRef<str>>(file: &str, expected: &str, found: &[S]) -> TaskError {
    TaskError::new(
        TaskErrorKind::AmbiguousColumn,
        file,
        format!("the columns {}", listed(found, 12)),
        expected,
        "rename the ones that are meant, or remove the others",
    )
}

/// A row with another number of fields than the header.
pub(super) fn ragged(
    file: &str,
    line: u64,
    found: usize,
    names: &[String],
    fix: &str,
) -> TaskError {
    let plural = if found == 1 { "" } else { "s" };
    TaskError::new(
        TaskErrorKind::RaggedRow,
        file,
        format!("{found} field{plural}"),
        format!("{} ({})", names.len(), listed(names, 12)),
        fix,
    )
    .at(Place::Line(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(names: &[&str]) -> Result<(usize, Option<usize>, Option<usize>), TaskErrorKind> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        Columns::find("f", &names, Labels::Required)
            .map(|columns| (columns.text, columns.second, columns.label))
            .map_err(|error| error.kind)
    }

    #[test]
    fn own_names_win_and_common_ones_serve_where_only_one_reading_is_possible() {
        assert_eq!(find(&["label", "idx", "text"]), Ok((2, None, Some(0))));
        assert_eq!(
            find(&["text_a", "text_b", "label", "target"]),
            Ok((0, Some(1), Some(2)))
        );
        assert_eq!(find(&["Sentence", "Label"]), Ok((0, None, Some(1))));
        assert_eq!(
            find(&["idx", "premise", "hypothesis", "class"]),
            Ok((1, Some(2), Some(3)))
        );
        assert_eq!(
            find(&["question", "sentence", "label"]),
            Ok((0, Some(1), Some(2)))
        );
        assert_eq!(
            find(&["text", "label", "label_text"]),
            Ok((0, None, Some(1)))
        );
        assert_eq!(find(&["text", "review", "label"]), Ok((0, None, Some(2))));
    }

    #[test]
    fn two_possible_readings_are_refused() {
        let ambiguous = Err(TaskErrorKind::AmbiguousColumn);
        assert_eq!(find(&["sentence", "review", "label"]), ambiguous);
        assert_eq!(
            find(&["sentence1", "sentence2", "premise", "hypothesis", "label"]),
            ambiguous
        );
        assert_eq!(find(&["text", "text_a", "text_b", "label"]), ambiguous);
        assert_eq!(find(&["text", "class", "category"]), ambiguous);
        assert_eq!(find(&["text", "label", "text"]), ambiguous);
    }

    #[test]
    fn a_missing_column_names_what_was_found_and_what_was_probably_meant() {
        let names = ["texte".to_owned(), "label".to_owned()];
        let error = Columns::find("train.csv", &names, Labels::Required).expect_err("no text");
        assert_eq!(
            error.to_string(),
            "train.csv: found the columns `texte`, `label`, expected a column `text`, or `text_a` and `text_b`; rename `texte` to `text` if that is it"
        );
    }
}
