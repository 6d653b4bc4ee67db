//! Splits to measure on whose labels are missing or hidden, as benchmarks hide those of their test: what is said, and what is left out.

use crate::classes::Classes;
use crate::error::{TaskError, TaskErrorKind, listed};
use crate::label::Label;
use crate::read::{Labels, Table, read_table};
use crate::source::{File, SplitName};

/// What to do with a split to measure on whose labels are hidden, as benchmarks hide those of their test.
fn leave_out(split: SplitName) -> &'static str {
    match split {
        SplitName::Train => "label the rows, or remove them",
        SplitName::Validation => {
            "the labels are hidden, it seems: leave the file out, and a validation split is drawn from train"
        }
        SplitName::Test => {
            "the labels are hidden, it seems: leave the file out, and the validation file serves as test"
        }
    }
}

/// The error for a file that lacks a column; where it is only that of the labels, and of a split to measure on, they may be hidden.
pub(crate) fn without_label_column(
    file: &File<'_>,
    split: SplitName,
    error: TaskError,
) -> TaskError {
    let has_texts = || read_table(&file.shown, &file.bytes, Labels::Optional).is_ok();
    if error.kind != TaskErrorKind::MissingColumn || split == SplitName::Train || !has_texts() {
        return error;
    }
    let fix = format!("{}; or {}", error.fix, leave_out(split));
    TaskError {
        fix: fix.into(),
        ..error
    }
}

pub(crate) fn refuse_missing_labels(table: &Table, split: SplitName) -> Result<(), TaskError> {
    let missing = table.rows.iter().filter(|row| row.label.is_none()).count();
    let Some(first) = table.rows.iter().find(|row| row.label.is_none()) else {
        return Ok(());
    };
    if missing == table.rows.len() && split != SplitName::Train {
        return Err(TaskError::new(
            TaskErrorKind::MissingLabel,
            &table.file,
            format!("no label on any of {missing} rows"),
            "a class name or number on every row",
            leave_out(split),
        ));
    }
    let rows = if missing == 1 { "row" } else { "rows" };
    Err(TaskError::new(
        TaskErrorKind::MissingLabel,
        first.shard.as_deref().unwrap_or(&table.file),
        format!("no label on {missing} {rows} of {}", table.rows.len()),
        "a class name or number on every row",
        "label the rows or remove them",
    )
    .at(first.place))
}

/// One label on all rows which is none of the classes: how benchmarks write hidden labels where it is not −1.
pub(crate) fn refuse_hidden(
    table: &Table,
    split: SplitName,
    classes: &Classes,
) -> Result<(), TaskError> {
    let label = |row: &crate::read::Raw| row.label.clone();
    let Some(first) = table.rows.first().and_then(label) else {
        return Ok(());
    };
    let one_label = table
        .rows
        .iter()
        .all(|row| row.label.as_ref() == Some(&first));
    let hidden = first.says_none() || table.rows.len() > 1;
    if !one_label || !hidden || classes.index_of(&first).is_some() {
        return Ok(());
    }
    let names: Vec<&str> = classes.names.iter().map(String::as_str).collect();
    Err(TaskError::new(
        TaskErrorKind::UnknownLabel,
        &table.file,
        format!(
            "the label {} on all {} rows",
            first.quoted(),
            table.rows.len()
        ),
        format!("the labels {}", listed(&names, 8)),
        leave_out(split),
    ))
}

/// A split whose labels are all −1, as benchmarks hide those of their test, is no split to measure on.
pub(crate) fn visible(
    table: Option<Table>,
    split: SplitName,
    notes: &mut Vec<String>,
) -> Option<Table> {
    let table = table?;
    let is_hidden = |label: &Label| label.text() == "-1" || label.whole() == Some(-1);
    if table
        .rows
        .iter()
        .all(|row| row.label.as_ref().is_some_and(is_hidden))
    {
        notes.push(format!(
            "the labels of {} are all -1, that is hidden: not used",
            split.as_str()
        ));
        return None;
    }
    Some(table)
}
