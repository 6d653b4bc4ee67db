//! Files of texts: TSV, CSV, JSON Lines, Parquet and plain lines, each to the same rows.

mod columns;
mod csv;
mod jsonl;
mod parquet;
mod plain;
mod records;
mod signature;
mod text;
mod tsv;

use std::path::Path;
use std::sync::Arc;

use crate::error::{Place, TaskError, TaskErrorKind};
use crate::label::Label;
use crate::source::read_file;

pub(crate) use signature::advice;
pub(crate) use text::{decode, lines};

/// One text, or pair of texts, to compute features of or to predict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextRow {
    /// Row in the file, from 0, without the header.
    pub row: u64,
    /// The text, or the first of a pair.
    pub text: String,
    /// The second text of a pair.
    pub second: Option<String>,
    /// The label as the file writes it, where it has one.
    pub label: Option<String>,
}

/// The rows of one split, in order.
pub(crate) struct Table {
    /// File (the first shard), for messages.
    pub(crate) file: String,
    pub(crate) pairs: bool,
    pub(crate) rows: Vec<Raw>,
    /// Name of the column that labels were read from; empty where there is none.
    pub(crate) label_column: String,
    /// Class names that the file itself declares for its integer labels.
    pub(crate) class_names: Option<Vec<String>>,
    /// What a reader of results must know of how the file was read.
    pub(crate) notes: Vec<String>,
}

pub(crate) struct Raw {
    pub(crate) place: Place,
    /// The file, where it is not the table's own.
    pub(crate) shard: Option<Arc<str>>,
    pub(crate) text: String,
    pub(crate) second: Option<String>,
    pub(crate) label: Option<Label>,
}

impl Table {
    /// Adds the rows of the next shard.
    pub(crate) fn append(&mut self, next: Self) {
        let shard: Arc<str> = next.file.into();
        self.rows.extend(next.rows.into_iter().map(|row| Raw {
            shard: Some(Arc::clone(&shard)),
            ..row
        }));
        self.notes.extend(next.notes);
    }
}

/// Whether a file must have a column of labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Labels {
    Required,
    Optional,
}

/// The texts of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Texts {
    /// In file order.
    pub rows: Vec<TextRow>,
    /// What a reader of results must know of how the file was read: records that span lines, quotes that were undone.
    pub notes: Vec<String>,
}

/// Reads the texts of `path`, in file order: one text a line (`.txt`), or a `.tsv`, `.csv`, `.jsonl` or `.parquet` file with the columns of a
/// task, the label column optional.
///
/// # Errors
/// A [`TaskError`], as [`load`](crate::load).
pub fn read_texts(path: &Path) -> Result<Texts, TaskError> {
    let file = path.display().to_string();
    let table = read_table(&file, &read_file(path)?, Labels::Optional)?;
    let row = |(row, raw): (u64, Raw)| TextRow {
        row,
        text: raw.text,
        second: raw.second,
        label: raw.label.map(|label| label.text().to_owned()),
    };
    Ok(Texts {
        rows: (0..).zip(table.rows).map(row).collect(),
        notes: table.notes,
    })
}

/// Reads a file by its ending, in upper or lower case.
pub(crate) fn read_table(file: &str, bytes: &[u8], labels: Labels) -> Result<Table, TaskError> {
    let ending = file.rsplit_once('.').map_or("", |(_, ending)| ending);
    let ending = ending.to_lowercase();
    let read = match (ending.as_str(), labels) {
        ("tsv", _) => tsv::read,
        ("csv", _) => csv::read,
        ("jsonl", _) => jsonl::read,
        ("parquet", _) => parquet::read,
        ("txt", Labels::Optional) => plain::read,
        _ => {
            return Err(TaskError::new(
                TaskErrorKind::UnknownFormat,
                file,
                format!("a file ending in `.{ending}`"),
                match labels {
                    Labels::Required => ".tsv, .csv, .jsonl or .parquet",
                    Labels::Optional => ".txt (one text a line), .tsv, .csv, .jsonl or .parquet",
                },
                signature::advice(&ending),
            ));
        }
    };
    if bytes.is_empty() {
        return Err(TaskError::new(
            TaskErrorKind::EmptyFile,
            file,
            "an empty file",
            "texts",
            "write the file anew",
        ));
    }
    signature::refuse_other_formats(file, &ending, bytes)?;
    let table = read(file, bytes, labels)?;
    if table.rows.is_empty() {
        return Err(TaskError::new(
            TaskErrorKind::NoRows,
            file,
            "no rows",
            "one text or more after the header",
            "add texts, or remove the file",
        ));
    }
    Ok(table)
}

/// A text from a format that can hide NUL in an escape or a binary page.
fn checked_text(file: &str, place: Place, text: &str) -> Result<String, TaskError> {
    if text.contains('\0') {
        return Err(text::nul(file).at(place));
    }
    Ok(text.to_owned())
}

/// The name of a file without the directory, for notes, which go into results.
fn base_name(file: &str) -> &str {
    file.rsplit('/').next().unwrap_or(file)
}
