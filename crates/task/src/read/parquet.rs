//! Parquet: string columns for texts, strings, integers or other numbers for labels. Files written by `datasets` name the classes of their
//! integers. Flat columns only, read row group by row group after [`bounds`] has looked at what they unpack to.

mod bounds;
mod pages;
#[cfg(test)]
mod tests;
mod thrift;
mod types;
mod values;

use std::cell::Cell;

use bytes::Bytes;
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::reader::{FileReader, RowGroupReader, SerializedFileReader};
use serde_json::Value;

use super::columns::Columns;
use super::{Labels, Raw, Table};
use crate::card::names_in_feature;
use crate::error::{Place, TaskError, TaskErrorKind};
use bounds::{Bounds, Refusal};
use types::{flat_column, is_label, is_text};

pub(super) fn read(file: &str, bytes: &[u8], labels: Labels) -> Result<Table, TaskError> {
    // parquet 60 asserts on some damaged metadata ("column start and length should not be negative") instead of returning an error.
    std::panic::catch_unwind(|| read_columns(file, bytes, labels))
        .unwrap_or_else(|_| Err(damaged(file, "damaged metadata or pages")))
}

fn damaged(file: &str, found: impl Into<Box<str>>) -> TaskError {
    TaskError::new(
        TaskErrorKind::Malformed,
        file,
        found,
        "a Parquet file",
        "fetch or write the file anew (uncompressed, snappy, gzip or zstd)",
    )
}

fn refused(file: &str, refusal: Refusal) -> TaskError {
    match refusal {
        Refusal::Damaged(found) => damaged(file, found),
        Refusal::TooLarge(found, expected) => TaskError::new(
            TaskErrorKind::TooLarge,
            file,
            found,
            expected,
            "check where the file comes from; if it is sound, write it as .csv or .tsv",
        ),
    }
}

/// A file, for messages, and what it may be unpacked to.
#[derive(Clone, Copy)]
struct Source<'a> {
    file: &'a str,
    bytes: &'a [u8],
    bounds: Bounds,
    /// Bytes of text so far.
    texts: &'a Cell<u64>,
}

fn read_columns(file: &str, bytes: &[u8], labels: Labels) -> Result<Table, TaskError> {
    let bounds = Bounds::of(bytes.len());
    let source = Source {
        file,
        bytes,
        bounds,
        texts: &Cell::new(0),
    };
    bounds::check_schema(bytes).map_err(|refusal| refused(file, refusal))?;
    let reader = SerializedFileReader::new(Bytes::copy_from_slice(bytes))
        .map_err(|error| damaged(file, error.to_string()))?;
    let schema = reader.metadata().file_metadata().schema_descr();
    let fields = schema.root_schema().get_fields();
    let names: Vec<String> = fields.iter().map(|field| field.name().to_owned()).collect();
    let columns = Columns::find(file, &names, labels)?;
    let mut table = columns.table(file, &names);
    table.class_names = declared_names(&reader, &table.label_column);

    let text =
        flat_column(file, schema, columns.text).and_then(|leaf| is_text(file, schema, leaf))?;
    let second = columns.second.map(|second| {
        flat_column(file, schema, second).and_then(|leaf| is_text(file, schema, leaf))
    });
    let label = columns.label.map(|label| {
        flat_column(file, schema, label).and_then(|leaf| is_label(file, schema, leaf))
    });
    let (second, label) = (second.transpose()?, label.transpose()?);
    let used: Vec<usize> = [Some(text), second, label].into_iter().flatten().collect();
    check_groups(source, reader.metadata().row_groups(), &used)?;
    for group in 0..reader.num_row_groups() {
        let group = reader
            .get_row_group(group)
            .map_err(|error| damaged(file, error.to_string()))?;
        append_group(source, &*group, (text, second, label), &mut table)?;
    }
    Ok(table)
}

/// Looks at what every column used would unpack to, before any is.
fn check_groups(
    source: Source<'_>,
    groups: &[RowGroupMetaData],
    used: &[usize],
) -> Result<(), TaskError> {
    let refused = |refusal| refused(source.file, refusal);
    let (mut all, mut unpacked) = (0_u64, 0_u64);
    for group in groups {
        let Ok(rows) = u64::try_from(group.num_rows()) else {
            return Err(refused(Refusal::Damaged("a row group of negative size")));
        };
        all = all.saturating_add(rows);
        bounds::too_many(all, source.bounds.rows, "rows").map_err(refused)?;
        for &column in used {
            let column = group.column(column);
            bounds::check_column(source.bytes, column, rows, source.bounds, &mut unpacked)
                .map_err(refused)?;
        }
    }
    Ok(())
}

/// Adds the rows of a row group, given the places of the columns of texts, second texts and labels.
fn append_group(
    source: Source<'_>,
    group: &dyn RowGroupReader,
    (text, second, label): (usize, Option<usize>, Option<usize>),
    table: &mut Table,
) -> Result<(), TaskError> {
    let first = table.rows.len() as u64;
    let texts = values::texts(source, group, text, first)?;
    let seconds = second
        .map(|second| values::texts(source, group, second, first))
        .transpose()?;
    let labels = label
        .map(|label| values::labels(source, group, label, first))
        .transpose()?;
    let mut seconds = seconds.map(Vec::into_iter);
    let mut labels = labels.map(Vec::into_iter);
    for (row, text) in (first..).zip(texts) {
        table.rows.push(Raw {
            place: Place::Row(row),
            shard: None,
            text,
            second: seconds.as_mut().and_then(Iterator::next),
            label: labels.as_mut().and_then(Iterator::next).flatten(),
        });
    }
    Ok(())
}

/// The label feature in the metadata that `datasets` writes: `{"info": {"features": {"label": {"names": […], "_type": "ClassLabel"}}}}`.
fn declared_names(reader: &SerializedFileReader<Bytes>, label_column: &str) -> Option<Vec<String>> {
    let pairs = reader.metadata().file_metadata().key_value_metadata()?;
    let text = pairs
        .iter()
        .find(|pair| pair.key == "huggingface")?
        .value
        .as_ref()?;
    let value: Value = serde_json::from_str(text).ok()?;
    names_in_feature(&value["info"]["features"][label_column])
}
