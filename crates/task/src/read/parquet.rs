//! Parquet: string columns for texts, strings or integers for labels. Files written by `datasets` name the classes of their integers.

use std::sync::Arc;

use bytes::Bytes;
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use parquet::schema::types::Type;
use serde_json::Value;

use super::columns::Columns;
use super::{Labels, Raw, Table, checked_label, checked_text};
use crate::card::names_in_feature;
use crate::error::{Place, TaskError, TaskErrorKind};

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

fn read_columns(file: &str, bytes: &[u8], labels: Labels) -> Result<Table, TaskError> {
    let damaged = |error: ParquetError| damaged(file, error.to_string());
    let reader = SerializedFileReader::new(Bytes::copy_from_slice(bytes)).map_err(damaged)?;
    let schema = reader.metadata().file_metadata().schema();
    let names: Vec<String> = schema
        .get_fields()
        .iter()
        .map(|field| field.name().to_owned())
        .collect();
    let columns = Columns::find(file, &names, labels)?;
    let mut table = columns.table(file, &names);
    table.class_names = declared_names(&reader, &table.label_column);

    let used = [Some(columns.text), columns.second, columns.label];
    let wanted: Vec<usize> = used.into_iter().flatten().collect();
    let fields = wanted
        .iter()
        .map(|&index| Arc::clone(&schema.get_fields()[index]))
        .collect();
    let projection = Type::group_type_builder(schema.name())
        .with_fields(fields)
        .build()
        .map_err(damaged)?;
    let rows = reader.get_row_iter(Some(projection)).map_err(damaged)?;
    for (row, record) in (0..).zip(rows) {
        let place = Place::Row(row);
        let record = record.map_err(|error| damaged(error).at(place))?;
        let field = |index: usize| {
            let mut fields = record.get_column_iter();
            let found = fields.find(|(name, _)| **name == names[index]);
            found.map_or(&Field::Null, |(_, field)| field)
        };
        let string = |index: usize| text_of(file, place, &names[index], field(index));
        let label = columns
            .label
            .map(|index| label_of(file, place, &names[index], field(index)));
        table.rows.push(Raw {
            place,
            shard: None,
            text: string(columns.text)?,
            second: columns.second.map(string).transpose()?,
            label: checked_label(file, place, label.transpose()?.flatten().as_deref(), labels)?,
        });
    }
    Ok(table)
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

fn text_of(file: &str, place: Place, name: &str, field: &Field) -> Result<String, TaskError> {
    match field {
        Field::Str(text) => checked_text(file, place, text),
        Field::Bytes(bytes) => match bytes.as_utf8() {
            Ok(text) => checked_text(file, place, text),
            Err(error) => {
                let found = format!("`{name}`: {error}");
                Err(TaskError::new(
                    TaskErrorKind::NotUtf8,
                    file,
                    found,
                    "UTF-8",
                    "write the column as UTF-8 strings",
                )
                .at(place))
            }
        },
        other => Err(wrong_type(file, place, name, other)),
    }
}

fn label_of(
    file: &str,
    place: Place,
    name: &str,
    field: &Field,
) -> Result<Option<String>, TaskError> {
    Ok(match field {
        Field::Null => None,
        Field::Bool(label) => Some(label.to_string()),
        Field::Byte(label) => Some(label.to_string()),
        Field::Short(label) => Some(label.to_string()),
        Field::Int(label) => Some(label.to_string()),
        Field::Long(label) => Some(label.to_string()),
        Field::UByte(label) => Some(label.to_string()),
        Field::UShort(label) => Some(label.to_string()),
        Field::UInt(label) => Some(label.to_string()),
        Field::ULong(label) => Some(label.to_string()),
        Field::Float(label) => Some(format!("{label:?}")), // 1.0, not 1: pandas has made floats of integers
        Field::Double(label) => Some(format!("{label:?}")),
        text => Some(text_of(file, place, name, text)?),
    })
}

fn wrong_type(file: &str, place: Place, name: &str, field: &Field) -> TaskError {
    let found = match field {
        Field::Null => format!("`{name}` without a value"),
        _ => format!(
            "`{name}`: {}",
            crate::error::shortened(&field.to_string(), 40)
        ),
    };
    let fix = "write texts as strings, and labels as strings or integers";
    TaskError::new(TaskErrorKind::WrongType, file, found, "a string", fix).at(place)
}
