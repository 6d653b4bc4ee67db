//! Comma-separated values, RFC 4180: a header, quoted fields may hold commas, quotes (doubled) and line breaks.

use std::borrow::Cow;
use std::collections::HashSet;

use super::columns::{Columns, missing_header, ragged};
use super::records::{Fault, FaultKind, Record, Records};
use super::text::decode;
use super::{Labels, Table, base_name};
use crate::error::{Place, TaskError, TaskErrorKind, shortened};

pub(super) fn read(file: &str, bytes: &[u8], labels: Labels) -> Result<Table, TaskError> {
    read_records(file, decode(file, bytes)?, b',', labels)
}

/// The rows of a text of quoted fields.
pub(super) fn read_records(
    file: &str,
    text: &str,
    separator: u8,
    labels: Labels,
) -> Result<Table, TaskError> {
    let mut records = Records::new(text, separator);
    let names = match records.next() {
        None => Vec::new(),
        Some(Ok(header)) => owned(header.fields),
        Some(Err(fault)) => return Err(header_fault(file, text, &fault)),
    };
    let columns = Columns::find(file, &names, labels)
        .map_err(|error| missing_header(error, &names, first_rows(text, separator)))?;
    let mut table = columns.table(file, &names);
    let mut spanning = Vec::new();
    for record in records.by_ref() {
        let record = record.map_err(|fault| malformed(file, &names, &fault))?;
        if record.fields.len() != names.len() {
            let fix = "put texts with commas in double quotes, and double the quotes inside them";
            return Err(ragged(file, record.line, record.fields.len(), &names, fix));
        }
        if record.raw.contains(['\n', '\r']) {
            spanning.push((table.rows.len(), record.line, record.raw));
        }
        let field = |index: usize| &*record.fields[index];
        let place = Place::Line(record.line);
        table.rows.push(columns.row(place, field));
    }
    refuse_swallowed_rows(&table, &columns, names.len(), separator, &spanning)?;
    if let Some((_, line, _)) = spanning.first() {
        table.notes.push(format!(
            "{}: {} of {} records span lines (line breaks in quotes, the first in line {line}): rows are counted by records, not by lines",
            base_name(file),
            spanning.len(),
            table.rows.len()
        ));
    }
    if names.len() == 1 && records.blank_lines > 0 {
        table.notes.push(format!(
            "{}: {} blank lines are no rows; an empty text is written \"\"",
            base_name(file),
            records.blank_lines
        ));
    }
    Ok(table)
}

fn owned(fields: Vec<Cow<'_, str>>) -> Vec<String> {
    fields.into_iter().map(Cow::into_owned).collect()
}

/// The fields of the first rows, to see whether the header is one of them.
fn first_rows(text: &str, separator: u8) -> Vec<Vec<String>> {
    let rows = Records::new(text, separator).skip(1).take(100);
    rows.filter_map(Result::ok)
        .map(|record: Record<'_>| owned(record.fields))
        .collect()
}

fn malformed(file: &str, names: &[String], fault: &Fault) -> TaskError {
    let column = match names.get(fault.field) {
        Some(name) => format!("column `{}`", shortened(name.trim(), 40)),
        None => format!("field {}", fault.field + 1),
    };
    let place = format!("{column}, character {}", fault.column);
    let (found, expected, fix) = match &fault.kind {
        FaultKind::AfterQuote(next) => (
            format!(
                "a quote that opens a field ({place}) and `{next}` after the quote that closes it"
            ),
            "a separator or the end of the line after a closing quote (RFC 4180)",
            "put the whole field in double quotes and double the quotes inside it",
        ),
        FaultKind::Unclosed => (
            format!("a quote ({place}) that is not closed before the end of the file"),
            "quoted fields that end in a quote (RFC 4180)",
            "close it, and double the quotes inside quoted fields",
        ),
        FaultKind::CarriageReturn => (
            format!("a carriage return inside a field ({place})"),
            "fields with line breaks in double quotes",
            "put the field in double quotes, or end all lines alike",
        ),
    };
    let error = TaskError::new(TaskErrorKind::Malformed, file, found, expected, fix);
    error.at(Place::Line(fault.line))
}

/// A header with a fault: most often quoted names with another separator between them.
fn header_fault(file: &str, text: &str, fault: &Fault) -> TaskError {
    if let FaultKind::AfterQuote(';' | '\t' | '|') = fault.kind {
        let line = super::text::lines(text).next().unwrap_or("");
        let names = [line.replace('"', "")];
        if let Err(error) = Columns::find(file, &names, Labels::Required) {
            return error;
        }
    }
    malformed(file, &[], fault)
}

/// A quote that opens a field of one row and meets the quote of a later row takes in the rows between. The record is well formed; it gives
/// itself away by lines that are rows of their own, with labels that occur elsewhere.
fn refuse_swallowed_rows(
    table: &Table,
    columns: &Columns,
    width: usize,
    separator: u8,
    spanning: &[(usize, u64, &str)],
) -> Result<(), TaskError> {
    let Some(label_column) = columns.label else {
        return Ok(());
    };
    let is_spanning: HashSet<usize> = spanning.iter().map(|(row, ..)| *row).collect();
    let labels_of_others: HashSet<&str> = (0..)
        .zip(&table.rows)
        .filter(|(row, _)| !is_spanning.contains(row))
        .filter_map(|(_, row)| Some(row.label.as_ref()?.text()))
        .collect();
    let is_row = |line: &str| {
        let fields: Vec<&str> = line.split(char::from(separator)).collect();
        let label = |fields: &[&str]| labels_of_others.contains(fields[label_column].trim());
        fields.len() == width && label(&fields)
    };
    let swallows = |(_, _, raw): &&(usize, u64, &str)| super::text::lines(raw).all(is_row);
    let Some((_, line, raw)) = spanning.iter().find(swallows) else {
        return Ok(());
    };
    let lines = super::text::lines(raw).count();
    Err(TaskError::new(
        TaskErrorKind::Malformed,
        &table.file,
        format!("a quoted field over {lines} lines, each of which is a row by itself"),
        "quotes around whole fields (RFC 4180)",
        "put the whole field in double quotes and double the quotes inside it; if the text is meant to have these lines, write .jsonl",
    )
    .at(Place::Line(*line)))
}
