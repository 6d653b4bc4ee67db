//! Which columns of a file are the texts and the label: the names of this program, else common names if only one reading is possible.

use super::{Labels, Raw, Table, checked_label};
use crate::error::{Place, TaskError, TaskErrorKind, listed};
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
        for (index, name) in folded.iter().enumerate() {
            if folded[..index].contains(name) && !name.is_empty() {
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
        }
    }

    /// One row of a format whose fields are strings.
    pub(super) fn row<'a>(
        &self,
        file: &str,
        place: Place,
        field: impl Fn(usize) -> &'a str,
        labels: Labels,
    ) -> Result<Raw, TaskError> {
        Ok(Raw {
            place,
            shard: None,
            text: field(self.text).to_owned(),
            second: self.second.map(|second| field(second).to_owned()),
            label: checked_label(file, place, self.label.map(field), labels)?,
        })
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
