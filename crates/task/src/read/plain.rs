//! Plain text: one text a line. An empty line is an empty text, so that outputs stay aligned with lines.

use super::text::{decode, lines};
use super::{Labels, Raw, Table};
use crate::error::{Place, TaskError};

pub(super) fn read(file: &str, bytes: &[u8], _labels: Labels) -> Result<Table, TaskError> {
    let row = |(line, text): (u64, &str)| Raw {
        place: Place::Line(line),
        shard: None,
        text: text.to_owned(),
        second: None,
        label: None,
    };
    Ok(Table {
        file: file.to_owned(),
        pairs: false,
        rows: (1..).zip(lines(decode(file, bytes)?)).map(row).collect(),
        label_column: String::new(),
        class_names: None,
        notes: Vec::new(),
    })
}
