//! Files of a few bytes that claim much: each is refused before memory is taken.

use std::io::Write;
use std::sync::Arc;

use bytes::Bytes;
use flate2::write::GzEncoder;
use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use super::bounds::{self, Refusal};
use super::pages;
use super::read;
use crate::error::TaskErrorKind;
use crate::read::Labels;

/// A sound file of `rows` equal texts with label 1, in a dictionary and runs.
fn repeated(text: &str, rows: usize, compression: Compression) -> Vec<u8> {
    groups(text, rows, 1, compression)
}

/// The same in so many row groups of `rows` each.
fn groups(text: &str, rows: usize, groups: usize, compression: Compression) -> Vec<u8> {
    let schema = "message task { required binary text (UTF8); required int64 label; }";
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let properties = WriterProperties::builder()
        .set_compression(compression)
        .build();
    let mut bytes = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut bytes, schema, Arc::new(properties)).unwrap();
    for _ in 0..groups {
        let mut group = writer.next_row_group().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        let texts = vec![ByteArray::from(text); rows];
        column
            .typed::<ByteArrayType>()
            .write_batch(&texts, None, None)
            .unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        column
            .typed::<Int64Type>()
            .write_batch(&vec![1; rows], None, None)
            .unwrap();
        column.close().unwrap();
        group.close().unwrap();
    }
    writer.close().unwrap();
    bytes
}

fn refusal(bytes: &[u8]) -> (TaskErrorKind, String) {
    match read("train.parquet", bytes, Labels::Required) {
        Ok(table) => panic!("{} rows", table.rows.len()),
        Err(error) => (error.kind, error.to_string()),
    }
}

/// A field of the compact protocol, its distance to the one before it given.
fn field(step: u8, kind: u8, value: &[u8]) -> Vec<u8> {
    [&[step << 4 | kind], value].concat()
}

fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

fn zigzag(number: i64) -> Vec<u8> {
    varint(((number << 1) ^ (number >> 63)) as u64)
}

/// The head of a data page.
fn head(kind: i64, unpacked: i64, packed: i64, values: i64) -> Vec<u8> {
    let numbers = [kind, unpacked, packed].map(|number| field(1, 5, &zigzag(number)));
    let part = [
        field(1, 5, &zigzag(values)),
        field(1, 5, &zigzag(0)),
        vec![0],
    ]
    .concat();
    let part = match kind {
        2 => field(4, 12, &part),
        _ => field(2, 12, &part),
    };
    [numbers.concat(), part, vec![0]].concat()
}

#[test]
fn a_small_file_of_many_rows_is_refused_by_number() {
    let bytes = repeated("a", 3_000_000, Compression::SNAPPY);
    assert!(bytes.len() < 20_000, "{}", bytes.len());
    let (kind, message) = refusal(&bytes);
    assert_eq!(kind, TaskErrorKind::TooLarge);
    assert!(
        message.contains("train.parquet") && message.contains("3000000 rows"),
        "{message}"
    );
    let sound = repeated("a fine film", 100_000, Compression::SNAPPY);
    let table = read("train.parquet", &sound, Labels::Required).unwrap();
    assert_eq!(
        (table.rows.len(), table.rows[99_999].text.as_str()),
        (100_000, "a fine film")
    );
}

#[test]
fn one_long_text_on_many_rows_is_refused_by_its_length() {
    let bytes = repeated(&"long ".repeat(20_000), 2_000, Compression::SNAPPY);
    let (kind, message) = refusal(&bytes);
    assert_eq!(kind, TaskErrorKind::TooLarge, "{message}");
    assert!(message.contains("bytes of text"), "{message}");
    let (kind, message) = refusal(&groups(
        &"long ".repeat(2_000),
        1_000,
        10,
        Compression::SNAPPY,
    ));
    assert_eq!(kind, TaskErrorKind::TooLarge, "{message}");
    assert!(message.contains("bytes of text"), "{message}");
}

#[test]
fn heads_of_pages_that_claim_too_much_are_refused() {
    let (page, length) = bounds::page_head(&head(0, 100, 60, 7)).unwrap();
    assert_eq!((page.unpacked, page.packed, page.values), (100, 60, 7));
    assert_eq!(length, head(0, 100, 60, 7).len());
    let (page, _) = bounds::page_head(&head(2, 100, 60, 1 << 31)).unwrap();
    assert_eq!(page.values, 1 << 31);
    // Statistics of 2^40 bytes, a number that is marked as text, and structures nested a thousand deep.
    let long = [
        &field(1, 5, &zigzag(0))[..],
        &field(8, 8, &[0x80, 0x80, 0x80, 0x80, 0x80, 0x20]),
        &[0],
    ]
    .concat();
    let marked = [&field(1, 8, &zigzag(0))[..], &[0]].concat();
    let deep = [field(9, 12, &[0x1c; 1000]), vec![0; 1001]].concat();
    for bytes in [&long[..], &marked, &deep, &[], &[0x15]] {
        assert!(bounds::page_head(bytes).is_none());
    }
}

#[test]
fn a_page_that_unzips_to_more_than_it_says_is_found_out() {
    let mut zip = GzEncoder::new(Vec::new(), flate2::Compression::best());
    zip.write_all(&vec![0; 1 << 20]).unwrap();
    let page = zip.finish().unwrap();
    assert!(page.len() < 2000);
    assert!(bounds::unzips_to_more(&page, 1000));
    assert!(!bounds::unzips_to_more(&page, 1 << 20));
}

#[test]
fn columns_nested_without_end_are_refused() {
    let element = [field(4, 8, b"\x01a"), field(1, 5, &zigzag(1)), vec![0]].concat();
    let schema = |depth: u16| {
        let size = [depth as u8 & 0x7f | 0x80, (depth >> 7) as u8];
        let list = [&[0xfc], &size[..], &element.repeat(depth.into())].concat();
        let footer = [field(1, 5, &zigzag(1)), field(1, 9, &list), vec![0]].concat();
        let length = (footer.len() as u32).to_le_bytes();
        [b"PAR1", &footer[..], &length, b"PAR1"].concat()
    };
    let refused = bounds::check_schema(&schema(3000));
    assert!(matches!(refused, Err(Refusal::TooLarge(..))), "{refused:?}");
    assert!(bounds::check_schema(&schema(20)).is_ok());
    assert_eq!(refusal(&schema(3000)).0, TaskErrorKind::TooLarge);
}

#[test]
fn a_group_of_more_columns_than_there_are_is_refused_before_memory_is_taken_for_it() {
    let file = |children: i64| {
        let root = [
            field(4, 8, b"\x01a"),
            field(1, 5, &zigzag(children)),
            vec![0],
        ]
        .concat();
        let leaf = [field(1, 5, &zigzag(0)), field(3, 8, b"\x01b"), vec![0]].concat();
        let list = [&[0x2c][..], &root, &leaf].concat();
        let footer = [field(1, 5, &zigzag(1)), field(1, 9, &list), vec![0]].concat();
        let length = (footer.len() as u32).to_le_bytes();
        [b"PAR1", &footer[..], &length, b"PAR1"].concat()
    };
    assert!(bounds::check_schema(&file(1)).is_ok());
    let refused = bounds::check_schema(&file(1 << 29));
    assert!(matches!(refused, Err(Refusal::TooLarge(..))), "{refused:?}");
}

#[test]
fn lists_of_lengths_are_counted_before_they_are_read() {
    let list = |count: u64| -> Vec<u8> {
        let numbers = [128, 4, count].map(varint);
        [&numbers.concat()[..], &zigzag(3), &zigzag(0), &[0; 4]].concat()
    };
    let fits = |bytes: Vec<u8>, lists| pages::deltas_fit(&Bytes::from(bytes), 0, lists, 10);
    assert!(fits(list(10), 1).is_some());
    assert!(fits(list(11), 1).is_none());
    assert!(fits([list(10), list(10)].concat(), 2).is_some());
    assert!(fits([list(10), list(1 << 40)].concat(), 2).is_none());
    assert!(fits(Vec::new(), 1).is_none());
}
