//! What the columns of a Parquet file hold, and which of that are texts and labels.

use parquet::basic::{ConvertedType, LogicalType, Repetition, Type as Physical};
use parquet::schema::types::{ColumnDescriptor, SchemaDescriptor};

use super::damaged;
use crate::error::{TaskError, TaskErrorKind};

pub(super) fn wrong_type(file: &str, name: &str, holds: &str, expected: &str) -> TaskError {
    TaskError::new(
        TaskErrorKind::WrongType,
        file,
        format!("{holds} in the column `{name}`"),
        expected,
        "write texts as strings, and labels as strings or integers",
    )
}

/// The place among the columns of values of a top-level column; one that holds lists or structures is refused.
pub(super) fn flat_column(
    file: &str,
    schema: &SchemaDescriptor,
    index: usize,
) -> Result<usize, TaskError> {
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

pub(super) fn is_text(
    file: &str,
    schema: &SchemaDescriptor,
    leaf: usize,
) -> Result<usize, TaskError> {
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

pub(super) fn is_label(
    file: &str,
    schema: &SchemaDescriptor,
    leaf: usize,
) -> Result<usize, TaskError> {
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
