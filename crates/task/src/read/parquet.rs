//! Parquet: string columns for texts, strings, integers or other numbers for labels. Files written by `datasets` name the classes of their
//! integers. Flat columns only, read row group by row group after [`bounds`] has looked at what they unpack to.

mod bounds;
#[cfg(test)]
mod tests;
mod thrift;

use bytes::Bytes;
use parquet::basic::{ConvertedType, Encoding, LogicalType, Repetition, Type as Physical};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl, get_column_reader};
use parquet::data_type::DataType;
use parquet::errors::ParquetError;
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::reader::{FileReader, RowGroupReader, SerializedFileReader};
use parquet::schema::types::{ColumnDescPtr, ColumnDescriptor, SchemaDescriptor};
use serde_json::Value;

use super::columns::Columns;
use super::jsonl::too_large;
use super::{Labels, Raw, Table, checked_text};
use crate::card::names_in_feature;
use crate::error::{Place, TaskError, TaskErrorKind};
use crate::label::Label;
use bounds::{Bounds, CheckedPages, Refusal};

/// Rows decoded at a time.
const BATCH: usize = 1024;

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
}

fn read_columns(file: &str, bytes: &[u8], labels: Labels) -> Result<Table, TaskError> {
    let bounds = Bounds::of(bytes.len());
    let source = Source {
        file,
        bytes,
        bounds,
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
    let mut all = 0_u64;
    for group in groups {
        let Ok(rows) = u64::try_from(group.num_rows()) else {
            return Err(refused(Refusal::Damaged("a row group of negative size")));
        };
        all = all.saturating_add(rows);
        bounds::too_many(all, source.bounds.rows, "rows").map_err(refused)?;
        for &column in used {
            let column = group.column(column);
            bounds::check_column(source.bytes, column, rows, source.bounds).map_err(refused)?;
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
    let texts = texts(source, group, text, first)?;
    let seconds = second
        .map(|second| self::texts(source, group, second, first))
        .transpose()?;
    let labels = label
        .map(|label| self::labels(source, group, label, first))
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

fn wrong_type(file: &str, name: &str, holds: &str, expected: &str) -> TaskError {
    TaskError::new(
        TaskErrorKind::WrongType,
        file,
        format!("{holds} in the column `{name}`"),
        expected,
        "write texts as strings, and labels as strings or integers",
    )
}

/// The place among the columns of values of a top-level column; one that holds lists or structures is refused.
fn flat_column(file: &str, schema: &SchemaDescriptor, index: usize) -> Result<usize, TaskError> {
    let field = &schema.root_schema().get_fields()[index];
    let info = field.get_basic_info();
    let repeated = info.has_repetition() && info.repetition() == Repetition::REPEATED;
    let holds = match info.converted_type() {
        ConvertedType::LIST => "lists",
        ConvertedType::MAP | ConvertedType::MAP_KEY_VALUE => "maps",
        _ if repeated => "lists",
        _ if field.is_group() => "structures",
        _ => {
            let leaf =
                (0..schema.num_columns()).find(|&leaf| schema.get_column_root_idx(leaf) == index);
            return leaf.ok_or_else(|| damaged(file, "a column without values"));
        }
    };
    Err(wrong_type(file, field.name(), holds, "one value a row"))
}

/// What a column holds, in words, where that is neither a string nor a number.
fn special(column: &ColumnDescriptor) -> Option<&'static str> {
    match (column.converted_type(), column.logical_type_ref()) {
        (_, Some(LogicalType::Unknown)) => Some("no values"),
        (_, Some(LogicalType::Timestamp { .. })) => Some("times of day and date"),
        (_, Some(LogicalType::Time { .. })) => Some("times of day"),
        (_, Some(LogicalType::Uuid)) => Some("UUIDs"),
        (_, Some(LogicalType::Float16)) => Some("numbers of 16 bits"),
        (ConvertedType::DATE, _) => Some("dates"),
        (ConvertedType::TIME_MILLIS | ConvertedType::TIME_MICROS, _) => Some("times of day"),
        (ConvertedType::TIMESTAMP_MILLIS | ConvertedType::TIMESTAMP_MICROS, _) => {
            Some("times of day and date")
        }
        (ConvertedType::INTERVAL, _) => Some("intervals of time"),
        (ConvertedType::BSON, _) => Some("BSON documents"),
        _ if column.physical_type() == Physical::INT96 => Some("times of day and date"),
        _ => None,
    }
}

fn is_text(file: &str, schema: &SchemaDescriptor, leaf: usize) -> Result<usize, TaskError> {
    let column = schema.column(leaf);
    let holds = match (special(&column), column.physical_type()) {
        (Some(holds), _) => holds,
        _ if column.converted_type() == ConvertedType::DECIMAL => "decimal numbers",
        (None, Physical::BYTE_ARRAY | Physical::FIXED_LEN_BYTE_ARRAY) => return Ok(leaf),
        (None, Physical::BOOLEAN) => "truth values",
        (None, Physical::INT32 | Physical::INT64 | Physical::INT96) => "integers",
        (None, Physical::FLOAT | Physical::DOUBLE) => "numbers",
    };
    Err(wrong_type(file, column.name(), holds, "strings"))
}

fn is_label(file: &str, schema: &SchemaDescriptor, leaf: usize) -> Result<usize, TaskError> {
    let column = schema.column(leaf);
    match special(&column) {
        None | Some("no values") => Ok(leaf),
        Some(holds) => Err(wrong_type(
            file,
            column.name(),
            holds,
            "strings or integers",
        )),
    }
}

/// A column of a row group whose pages are looked at before they are decoded, and how many rows may be read at a time.
fn open(
    source: Source<'_>,
    group: &dyn RowGroupReader,
    leaf: usize,
) -> Result<(ColumnReader, ColumnDescPtr, usize), TaskError> {
    let chunk = group.metadata().column(leaf);
    let has_prefixes = chunk
        .encodings()
        .any(|encoding| encoding == Encoding::DELTA_BYTE_ARRAY);
    let column = chunk.column_descr_ptr();
    let pages = group
        .get_column_page_reader(leaf)
        .map_err(|error| damaged(source.file, error.to_string()))?;
    let checked = CheckedPages {
        pages,
        has_levels: column.max_def_level() > 0,
        has_prefixes,
    };
    let reader = get_column_reader(column.clone(), Box::new(checked));
    Ok((reader, column, if has_prefixes { 1 } else { BATCH }))
}

/// Gives every value of a flat column to `take`, with its row.
fn each<T: DataType>(
    source: Source<'_>,
    mut reader: ColumnReaderImpl<T>,
    (first, rows, batch): (u64, u64, usize),
    optional: bool,
    mut take: impl FnMut(Place, Option<&T::T>) -> Result<(), TaskError>,
) -> Result<(), TaskError> {
    let (mut levels, mut values) = (Vec::new(), Vec::new());
    let mut row = first;
    while row < first + rows {
        levels.clear();
        values.clear();
        let failed =
            |error: ParquetError| damaged(source.file, error.to_string()).at(Place::Row(row));
        let most = batch.min((first + rows - row) as usize);
        let (records, ..) = reader
            .read_records(most, Some(&mut levels), None, &mut values)
            .map_err(failed)?;
        if records == 0 {
            return Err(damaged(source.file, "a column that ends early").at(Place::Row(row)));
        }
        let mut values = values.iter();
        for at in 0..records {
            let present = !optional || levels.get(at).is_some_and(|level| *level > 0);
            let value = if present { values.next() } else { None };
            take(Place::Row(row), value)?;
            row += 1;
        }
    }
    Ok(())
}

fn texts(
    source: Source<'_>,
    group: &dyn RowGroupReader,
    leaf: usize,
    first: u64,
) -> Result<Vec<String>, TaskError> {
    let (reader, column, batch) = open(source, group, leaf)?;
    let (name, optional) = (column.name(), column.max_def_level() > 0);
    let rows = (first, group.metadata().num_rows() as u64, batch);
    let mut texts = Vec::new();
    let mut length = 0_u64;
    let mut take = |place: Place, bytes: Option<&[u8]>| {
        let Some(bytes) = bytes else {
            let error = wrong_type(source.file, name, "no value", "a string on every row");
            return Err(error.at(place));
        };
        length += bytes.len() as u64;
        bounds::too_many(length, source.bounds.bytes, "bytes of text")
            .map_err(|refusal| refused(source.file, refusal).at(place))?;
        let text = utf8(source.file, place, name, bytes)?;
        texts.push(checked_text(source.file, place, text)?);
        Ok(())
    };
    match reader {
        ColumnReader::ByteArrayColumnReader(reader) => {
            each(source, reader, rows, optional, |place, value| {
                take(place, value.map(|value| value.data()))
            })?;
        }
        ColumnReader::FixedLenByteArrayColumnReader(reader) => {
            each(source, reader, rows, optional, |place, value| {
                take(place, value.map(|value| value.data()))
            })?;
        }
        _ => return Err(wrong_type(source.file, name, "numbers", "strings")),
    }
    Ok(texts)
}

fn utf8<'b>(file: &str, place: Place, name: &str, bytes: &'b [u8]) -> Result<&'b str, TaskError> {
    std::str::from_utf8(bytes).map_err(|error| {
        let found = format!("`{name}`: {error}");
        let fix = "write the column as UTF-8 strings";
        TaskError::new(TaskErrorKind::NotUtf8, file, found, "UTF-8", fix).at(place)
    })
}

fn labels(
    source: Source<'_>,
    group: &dyn RowGroupReader,
    leaf: usize,
    first: u64,
) -> Result<Vec<Option<Label>>, TaskError> {
    let (reader, column, batch) = open(source, group, leaf)?;
    let (name, optional) = (column.name(), column.max_def_level() > 0);
    let rows = (first, group.metadata().num_rows() as u64, batch);
    let is_decimal = column.converted_type() == ConvertedType::DECIMAL;
    let scale = if is_decimal { column.type_scale() } else { 0 };
    let is_unsigned = matches!(
        column.converted_type(),
        ConvertedType::UINT_8
            | ConvertedType::UINT_16
            | ConvertedType::UINT_32
            | ConvertedType::UINT_64
    );
    let integer = |number: i128| Some(Label::decimal(number, scale));
    let mut labels: Vec<Option<Label>> = Vec::new();
    let float = |place: Place, number: f64| {
        Label::float(number).map_err(|_| too_large(source.file, place, name, &number.to_string()))
    };
    let bytes = |place: Place, bytes: &[u8]| {
        if is_decimal {
            return big_endian(bytes)
                .map(|number| integer(number))
                .ok_or_else(|| {
                    too_large(source.file, place, name, "a decimal of more than 16 bytes")
                });
        }
        let text = utf8(source.file, place, name, bytes)?;
        checked_text(source.file, place, text).map(|text| Label::string(&text))
    };
    match reader {
        ColumnReader::BoolColumnReader(reader) => {
            each(source, reader, rows, optional, |_, value| {
                labels.push(value.map(|value| Label::truth(*value)));
                Ok(())
            })?
        }
        ColumnReader::Int32ColumnReader(reader) => {
            each(source, reader, rows, optional, |_, value| {
                let number = |value: &i32| match is_unsigned {
                    true => i128::from(value.cast_unsigned()),
                    false => i128::from(*value),
                };
                labels.push(value.and_then(|value| integer(number(value))));
                Ok(())
            })?
        }
        ColumnReader::Int64ColumnReader(reader) => {
            each(source, reader, rows, optional, |_, value| {
                let number = |value: &i64| match is_unsigned {
                    true => i128::from(value.cast_unsigned()),
                    false => i128::from(*value),
                };
                labels.push(value.and_then(|value| integer(number(value))));
                Ok(())
            })?
        }
        ColumnReader::FloatColumnReader(reader) => {
            each(source, reader, rows, optional, |place, value| {
                // 0.1 of 32 bits is the class 0.1, not 0.10000000149.
                let number = |value: &f32| value.to_string().parse().unwrap_or(f64::from(*value));
                labels.push(value.map_or(Ok(None), |value| float(place, number(value)))?);
                Ok(())
            })?
        }
        ColumnReader::DoubleColumnReader(reader) => {
            each(source, reader, rows, optional, |place, value| {
                labels.push(value.map_or(Ok(None), |value| float(place, *value))?);
                Ok(())
            })?
        }
        ColumnReader::ByteArrayColumnReader(reader) => {
            each(source, reader, rows, optional, |place, value| {
                labels.push(value.map_or(Ok(None), |value| bytes(place, value.data()))?);
                Ok(())
            })?
        }
        ColumnReader::FixedLenByteArrayColumnReader(reader) => {
            each(source, reader, rows, optional, |place, value| {
                labels.push(value.map_or(Ok(None), |value| bytes(place, value.data()))?);
                Ok(())
            })?;
        }
        ColumnReader::Int96ColumnReader(_) => {
            return Err(wrong_type(
                source.file,
                name,
                "times",
                "strings or integers",
            ));
        }
    }
    Ok(labels)
}

/// A number of two's complement, of at most 16 bytes.
fn big_endian(bytes: &[u8]) -> Option<i128> {
    let (first, most) = (bytes.first()?, size_of::<i128>());
    let fill = if *first >= 0x80 { 0xff } else { 0 };
    let mut all = [fill; 16];
    all[most.checked_sub(bytes.len())?..].copy_from_slice(bytes);
    Some(i128::from_be_bytes(all))
}
