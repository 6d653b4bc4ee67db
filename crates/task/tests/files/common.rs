//! Tasks written to temporary directories.

use std::path::Path;
use std::sync::Arc;

use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

/// A directory with these files; missing parents are made.
pub(crate) fn directory<C: AsRef<[u8]>>(files: &[(&str, C)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a temporary directory");
    for (name, content) in files {
        write(&dir.path().join(name), content.as_ref());
    }
    dir
}

pub(crate) fn write(path: &Path, content: &[u8]) {
    std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
    std::fs::write(path, content).expect("written");
}

/// A Parquet file of `text` and integer `label`; a label below −1 is null.
pub(crate) fn parquet_bytes(rows: &[(&str, i64)]) -> Vec<u8> {
    let schema = "message task { required binary text (UTF8); optional int64 label; }";
    let schema = Arc::new(parse_message_type(schema).expect("a schema"));
    let mut bytes = Vec::new();
    let properties = Arc::new(WriterProperties::default());
    let mut writer = SerializedFileWriter::new(&mut bytes, schema, properties).expect("a writer");
    let mut group = writer.next_row_group().expect("a row group");
    let texts: Vec<ByteArray> = rows
        .iter()
        .map(|(text, _)| ByteArray::from(*text))
        .collect();
    let mut column = group.next_column().expect("no error").expect("text");
    column
        .typed::<ByteArrayType>()
        .write_batch(&texts, None, None)
        .expect("written");
    column.close().expect("closed");
    let present: Vec<i64> = rows
        .iter()
        .map(|(_, label)| *label)
        .filter(|label| *label >= -1)
        .collect();
    let levels: Vec<i16> = rows
        .iter()
        .map(|(_, label)| i16::from(*label >= -1))
        .collect();
    let mut column = group.next_column().expect("no error").expect("label");
    column
        .typed::<Int64Type>()
        .write_batch(&present, Some(&levels), None)
        .expect("written");
    column.close().expect("closed");
    group.close().expect("closed");
    writer.close().expect("closed");
    bytes
}
