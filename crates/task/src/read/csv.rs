//! Comma-separated values, RFC 4180: a header, quoted fields may hold commas, quotes (doubled) and line breaks.

use super::columns::{Columns, ragged};
use super::text::decode;
use super::{Labels, Table};
use crate::error::{Place, TaskError, TaskErrorKind};

pub(super) fn read(file: &str, bytes: &[u8], labels: Labels) -> Result<Table, TaskError> {
    let text = decode(file, bytes)?;
    let malformed = |error: csv::Error| {
        TaskError::new(
            TaskErrorKind::Malformed,
            file,
            error.to_string(),
            "CSV as in RFC 4180",
            "write the file anew",
        )
    };
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .from_reader(text.as_bytes());
    let names: Vec<String> = reader
        .headers()
        .map_err(malformed)?
        .iter()
        .map(str::to_owned)
        .collect();
    let columns = Columns::find(file, &names, labels)?;
    let mut table = columns.table(file, &names);
    let mut last = (0, 0); // line and byte where the last record starts
    for record in reader.into_records() {
        let record = record.map_err(malformed)?;
        let (line, byte) = record
            .position()
            .map_or((0, 0), |at| (at.line(), at.byte() as usize));
        last = (line, byte);
        if record.len() != names.len() {
            open_quote(file, text, last)?;
            let fix = "put texts with commas in double quotes, and double the quotes inside them";
            return Err(ragged(file, line, record.len(), &names, fix));
        }
        let field = |index| &record[index];
        table
            .rows
            .push(columns.row(file, Place::Line(line), field, labels)?);
    }
    open_quote(file, text, last)?;
    Ok(table)
}

/// A quote that is never closed swallows the rest of the file into the last record: refuse it rather than lose rows silently.
fn open_quote(file: &str, text: &str, (line, byte): (u64, usize)) -> Result<(), TaskError> {
    let record = text[byte..].trim_end();
    if record.contains('\n') && record.matches('"').count() % 2 == 1 {
        return Err(TaskError::new(
            TaskErrorKind::Malformed,
            file,
            "a quote that is not closed before the end of the file",
            "quoted fields that end in a quote",
            "close it, and double the quotes inside quoted fields",
        )
        .at(Place::Line(line)));
    }
    Ok(())
}
