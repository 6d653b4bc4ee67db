//! The values of a flat column of a Parquet file, as texts or labels.

use parquet::basic::{ConvertedType, Encoding};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl, get_column_reader};
use parquet::data_type::DataType;
use parquet::errors::ParquetError;
use parquet::file::reader::RowGroupReader;
use parquet::schema::types::ColumnDescPtr;

use super::bounds;
use super::pages::CheckedPages;
use super::types::wrong_type;
use super::{Source, damaged, refused};
use crate::error::{Place, TaskError, TaskErrorKind};
use crate::label::Label;
use crate::read::checked_text;
use crate::read::jsonl::too_large;

/// Rows decoded at a time.
const BATCH: usize = 1024;

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

pub(super) fn texts(
    source: Source<'_>,
    group: &dyn RowGroupReader,
    leaf: usize,
    first: u64,
) -> Result<Vec<String>, TaskError> {
    let (reader, column, batch) = open(source, group, leaf)?;
    let (name, optional) = (column.name(), column.max_def_level() > 0);
    let rows = (first, group.metadata().num_rows() as u64, batch);
    let mut texts = Vec::new();
    let mut take = |place: Place, bytes: Option<&[u8]>| {
        let Some(bytes) = bytes else {
            let error = wrong_type(source.file, name, "no value", "a string on every row");
            return Err(error.at(place));
        };
        let length = source.texts.get() + bytes.len() as u64;
        source.texts.set(length);
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

pub(super) fn labels(
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
            return big_endian(bytes).map(&integer).ok_or_else(|| {
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
