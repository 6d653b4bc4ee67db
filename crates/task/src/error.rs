//! What is wrong with a task's files: where, what was found, what was expected, what to do.

use std::fmt;

/// A task that can't be read. Displays as `file, place: found …, expected …; what to do`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}{place}: found {found}, expected {expected}; {fix}")]
pub struct TaskError {
    /// The kind of fault, for callers that tell them apart.
    pub kind: TaskErrorKind,
    /// File or directory at fault.
    pub file: String,
    /// Where in it.
    pub place: Place,
    /// What stands there.
    pub found: Box<str>,
    /// What should.
    pub expected: Box<str>,
    /// What to do about it.
    pub fix: Box<str>,
}

/// Where in a file a fault was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The file as a whole.
    File,
    /// A line, from 1, header included.
    Line(u64),
    /// A row, from 0: formats without lines (Parquet).
    Row(u64),
    /// A byte, from 0, and the line it stands on, from 1.
    Byte {
        /// Offset from the start of the file.
        offset: u64,
        /// Line, from 1.
        line: u64,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File => Ok(()),
            Self::Line(line) => write!(f, ", line {line}"),
            Self::Row(row) => write!(f, ", row {row}"),
            Self::Byte { offset, line } => write!(f, ", byte {offset} (line {line})"),
        }
    }
}

/// The kinds of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TaskErrorKind {
    /// The file or directory is not there or can't be opened.
    Unreadable,
    /// A directory without any task file.
    EmptyDirectory,
    /// A split that no rule can make up for.
    MissingSplit,
    /// Two files that could be the same split.
    DuplicateSplit,
    /// A file name that no reader is for.
    UnknownFormat,
    /// A file of no bytes.
    EmptyFile,
    /// A header (or schema) and no rows.
    NoRows,
    /// Text that is not UTF-8.
    NotUtf8,
    /// A NUL byte in text.
    Nul,
    /// A needed column is not there.
    MissingColumn,
    /// Several columns could be the one needed.
    AmbiguousColumn,
    /// A row with another number of fields than the header.
    RaggedRow,
    /// A row that its format's reader can't take: bad JSON, an open quote, a damaged Parquet file.
    Malformed,
    /// A value of another type than a text or a label.
    WrongType,
    /// A row without a label.
    MissingLabel,
    /// Single texts in one split and pairs in another.
    MixedPairs,
    /// Fewer than two classes in train.
    OneClass,
    /// A label that train or `labels.txt` does not have.
    UnknownLabel,
    /// A `labels.txt` with repeated or half-described names.
    BadLabelsFile,
    /// More than is read: bytes, rows, classes, or what a file unpacks to.
    TooLarge,
    /// Too few training examples to draw a validation split from.
    TooFewExamples,
}

impl TaskError {
    /// An error about `file` as a whole; see [`TaskError::at`].
    pub(crate) fn new(
        kind: TaskErrorKind,
        file: impl Into<String>,
        found: impl Into<Box<str>>,
        expected: impl Into<Box<str>>,
        fix: impl Into<Box<str>>,
    ) -> Self {
        Self {
            kind,
            file: file.into(),
            place: Place::File,
            found: found.into(),
            expected: expected.into(),
            fix: fix.into(),
        }
    }

    /// The same error, at a place.
    pub(crate) fn at(mut self, place: Place) -> Self {
        self.place = place;
        self
    }
}

/// At most `limit` names, quoted, and how many more there are: for messages.
pub(crate) fn listed<S: AsRef<str>>(names: &[S], limit: usize) -> String {
    if names.is_empty() {
        return "nothing".to_owned();
    }
    let shown: Vec<String> = names
        .iter()
        .take(limit)
        .map(|name| format!("`{}`", shortened(name.as_ref(), 60)))
        .collect();
    let more = names.len().saturating_sub(limit);
    match more {
        0 => shown.join(", "),
        _ => format!("{} and {more} more", shown.join(", ")),
    }
}

/// `text` cut after `limit` characters.
pub(crate) fn shortened(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}
