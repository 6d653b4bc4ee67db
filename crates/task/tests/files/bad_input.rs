//! Every fault of the files is refused with its place, what was found, what was expected and what to do.

use crate::common::{directory, parquet_bytes};
use task::{Place, TaskError, TaskErrorKind as Kind, from_bytes, load, read_texts};

const GOOD: &[u8] = b"text\tlabel\na fine film\tgood\na dull film\tbad\n";

/// The error of a task whose file `name` is `bytes` and whose other splits are good.
fn refused(name: &str, bytes: &[u8]) -> TaskError {
    let split = name.split('.').next().expect("a name");
    let mut files: Vec<(&str, &[u8])> = vec![(name, bytes)];
    for (other, file) in [
        ("train", "train.tsv"),
        ("validation", "validation.tsv"),
        ("test", "test.tsv"),
    ] {
        if other != split {
            files.push((file, GOOD));
        }
    }
    from_bytes("films", &files).expect_err(name)
}

#[track_caller]
fn check(error: &TaskError, kind: Kind, place: Place, words: &[&str]) {
    let message = error.to_string();
    assert_eq!((error.kind, error.place), (kind, place), "{message}");
    assert!(message.contains("found ") && message.contains(", expected ") && !error.fix.is_empty());
    for word in words {
        assert!(message.contains(word), "`{word}` is not in: {message}");
    }
}

#[test]
fn empty_files_and_files_without_rows() {
    for name in ["train.tsv", "train.csv", "train.jsonl", "train.parquet"] {
        check(
            &refused(name, b""),
            Kind::EmptyFile,
            Place::File,
            &["films/train", "an empty file"],
        );
    }
    check(
        &refused("test.tsv", b"text\tlabel\n"),
        Kind::NoRows,
        Place::File,
        &["films/test.tsv", "no rows"],
    );
    check(
        &refused("test.csv", b"text,label\r\n"),
        Kind::NoRows,
        Place::File,
        &["no rows"],
    );
    check(
        &refused("test.parquet", &parquet_bytes(&[])),
        Kind::NoRows,
        Place::File,
        &["no rows"],
    );
    check(
        &refused("test.jsonl", b"\n\n"),
        Kind::EmptyFile,
        Place::File,
        &["only blank lines"],
    );
}

#[test]
fn one_class() {
    let error = refused("train.tsv", b"text\tlabel\na\tgood\nb\tgood\nc\tgood\n");
    check(
        &error,
        Kind::OneClass,
        Place::File,
        &[
            "films/train.tsv",
            "one class, `good`, on all 3 rows",
            "two classes",
        ],
    );
}

#[test]
fn a_label_of_test_that_train_does_not_have() {
    let error = refused("test.tsv", b"text\tlabel\nx\tgood\ny\tgod\n");
    check(
        &error,
        Kind::UnknownLabel,
        Place::Line(3),
        &[
            "films/test.tsv, line 3",
            "`god`",
            "`bad`, `good`",
            "did you mean `good`?",
        ],
    );
    let error = refused("validation.csv", b"text,label\n\"two\nlines\",good\ny,7\n");
    check(&error, Kind::UnknownLabel, Place::Line(4), &["label `7`"]);
    let files: [(&str, &[u8]); 3] = [
        ("train.tsv", b"text\tlabel\na\t0\nb\t3\n"),
        ("test.tsv", GOOD),
        ("labels.txt", b"x\ny\nz\n"),
    ];
    let error = from_bytes("t", &files).expect_err("3 of 0..2");
    check(
        &error,
        Kind::UnknownLabel,
        Place::Line(3),
        &["t/train.tsv", "label `3`", "`x`, `y`, `z`"],
    );
}

#[test]
fn a_fault_in_the_second_shard_names_that_shard() {
    let files: [(&str, &[u8]); 5] = [
        ("train-00000-of-00002.tsv", GOOD),
        ("train-00001-of-00002.tsv", b"text\tlabel\nx\tugly\n"),
        ("dev.tsv", GOOD),
        ("test.tsv", GOOD),
        ("labels.txt", b"bad\ngood\n"),
    ];
    let error = from_bytes("t", &files).expect_err("ugly");
    check(
        &error,
        Kind::UnknownLabel,
        Place::Line(2),
        &["t/train-00001-of-00002.tsv, line 2", "`ugly`"],
    );
}

#[test]
fn ragged_rows() {
    let error = refused("train.tsv", b"text\tlabel\na\tgood\nb\tc\tbad\n");
    check(
        &error,
        Kind::RaggedRow,
        Place::Line(3),
        &["line 3", "3 fields", "2 (`text`, `label`)", "tab"],
    );
    let error = refused("train.tsv", b"text\tlabel\nno tab here\nb\tbad\n");
    check(&error, Kind::RaggedRow, Place::Line(2), &["found 1 field,"]);
    let error = refused("train.csv", b"text,label\n\"a\nb\",good\nc, d,bad\n");
    check(
        &error,
        Kind::RaggedRow,
        Place::Line(4),
        &["3 fields", "double quotes"],
    );
}

#[test]
fn a_quote_that_is_never_closed_loses_no_rows_silently() {
    let error = refused("train.csv", b"text,label\na,good\n\"b,bad\nc,good\nd,bad\n");
    check(
        &error,
        Kind::Malformed,
        Place::Line(3),
        &["line 3", "not closed"],
    );
    let error = refused("train.csv", b"label,text\ngood,a\nbad,\"b\ngood,c\nbad,d\n");
    check(&error, Kind::Malformed, Place::Line(3), &["not closed"]);
    // A lone quote inside an unquoted field is no fault.
    let files: [(&str, &[u8]); 3] = [
        ("train.csv", b"text,label\na,bad\na 5\" disk,good\n"),
        ("dev.tsv", GOOD),
        ("test.tsv", GOOD),
    ];
    assert_eq!(
        from_bytes("t", &files).expect("a task").train.examples[1].text,
        "a 5\" disk"
    );
}

#[test]
fn not_utf8() {
    let error = refused("test.tsv", b"\xef\xbb\xbftext\tlabel\ncaf\xe9\tgood\n");
    check(
        &error,
        Kind::NotUtf8,
        Place::Byte {
            offset: 17,
            line: 2,
        },
        &["byte 17 (line 2)", "0xe9", "UTF-8", "iconv"],
    );
    let utf16: Vec<u8> = "\u{feff}text,label\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    check(
        &refused("train.csv", &utf16),
        Kind::NotUtf8,
        Place::File,
        &["UTF-16"],
    );
    let error = refused("train.jsonl", b"{\"text\": \"\xff\", \"label\": 1}\n");
    check(
        &error,
        Kind::NotUtf8,
        Place::Byte {
            offset: 10,
            line: 1,
        },
        &[],
    );
}

#[test]
fn nul_bytes() {
    let error = refused("train.tsv", b"text\tlabel\na\0b\tgood\n");
    check(
        &error,
        Kind::Nul,
        Place::Byte {
            offset: 12,
            line: 2,
        },
        &["NUL"],
    );
    check(
        &refused("train.jsonl", b"{\"text\": \"a\\u0000\", \"label\": 1}"),
        Kind::Nul,
        Place::Line(1),
        &["NUL"],
    );
    check(
        &refused("train.parquet", &parquet_bytes(&[("a", 0), ("\0", 1)])),
        Kind::Nul,
        Place::Row(1),
        &["row 1"],
    );
}

#[test]
fn missing_and_ambiguous_columns() {
    let error = refused("train.csv", b"txt,lable\na,good\n");
    check(
        &error,
        Kind::MissingColumn,
        Place::File,
        &["`txt`, `lable`", "`text`", "rename `txt` to `text`"],
    );
    let error = refused("train.tsv", b"a fine film\tgood\na dull film\tbad\n");
    check(
        &error,
        Kind::MissingColumn,
        Place::File,
        &["`a fine film`, `good`", "first line"],
    );
    check(
        &refused("train.csv", b"text,score\na,1\n"),
        Kind::MissingColumn,
        Place::File,
        &["a column `label`"],
    );
    check(
        &refused("test.csv", b"text\na\n"),
        Kind::MissingColumn,
        Place::File,
        &["films/test.csv"],
    );
    let error = refused("train.csv", b"review,sentence,label\na,b,good\n");
    check(
        &error,
        Kind::AmbiguousColumn,
        Place::File,
        &["`sentence`, `review`"],
    );
    let error = refused(
        "train.jsonl",
        b"{\"text\": \"a\", \"label\": 1}\n{\"txt\": \"a\", \"label\": 1}\n",
    );
    check(
        &error,
        Kind::MissingColumn,
        Place::Line(2),
        &["`txt`", "key `text`"],
    );
}

#[test]
fn rows_without_a_label() {
    check(
        &refused("train.tsv", b"text\tlabel\na\tgood\nb\t \n"),
        Kind::MissingLabel,
        Place::Line(3),
        &["no label"],
    );
    check(
        &refused("train.jsonl", b"{\"text\": \"a\", \"label\": null}"),
        Kind::MissingLabel,
        Place::Line(1),
        &[],
    );
    check(
        &refused("train.parquet", &parquet_bytes(&[("a", 0), ("b", -9)])),
        Kind::MissingLabel,
        Place::Row(1),
        &[],
    );
}

#[test]
fn malformed_json_and_parquet() {
    let error = refused(
        "train.jsonl",
        b"{\"text\": \"a\", \"label\": 1}\n{\"text\": \"b\", \"label\": 0\n",
    );
    check(
        &error,
        Kind::Malformed,
        Place::Line(2),
        &["line 2", "EOF", "one JSON object a line"],
    );
    check(
        &refused("train.jsonl", b"[{\"text\": \"a\"}]"),
        Kind::Malformed,
        Place::Line(1),
        &["without brackets"],
    );
    check(
        &refused("train.jsonl", b"{\"text\": 5, \"label\": 1}"),
        Kind::WrongType,
        Place::Line(1),
        &["`text`: 5", "a string"],
    );
    check(
        &refused("train.jsonl", b"{\"text\": \"a\", \"label\": [1]}"),
        Kind::WrongType,
        Place::Line(1),
        &["`label`: [1]"],
    );
    let whole = parquet_bytes(&[("a", 0), ("b", 1)]);
    for cut in [3, whole.len() / 2, whole.len() - 1] {
        check(
            &refused("train.parquet", &whole[..cut]),
            Kind::Malformed,
            Place::File,
            &["a Parquet file"],
        );
    }
}

#[test]
fn damaged_parquet_never_panics() {
    let whole = include_bytes!("../fixtures/parquet/class_label.parquet");
    for at in 0..whole.len() {
        let mut damaged = whole.to_vec();
        damaged[at] ^= 0x55;
        let files: [(&str, &[u8]); 3] = [
            ("train.parquet", &damaged),
            ("dev.tsv", GOOD),
            ("test.tsv", GOOD),
        ];
        let _ = from_bytes("t", &files); // some damage is in fields that nothing reads
    }
}

#[test]
fn single_texts_beside_pairs() {
    let error = refused("test.tsv", b"text_a\ttext_b\tlabel\na\tb\tgood\n");
    check(
        &error,
        Kind::MixedPairs,
        Place::File,
        &[
            "films/test.tsv",
            "pairs of texts",
            "single texts, as in films/train.tsv",
        ],
    );
}

#[test]
fn labels_files() {
    let with = |labels: &[u8]| {
        let files: [(&str, &[u8]); 4] = [
            ("train.tsv", GOOD),
            ("dev.tsv", GOOD),
            ("test.tsv", GOOD),
            ("labels.txt", labels),
        ];
        from_bytes("t", &files).expect_err("labels.txt")
    };
    check(
        &with(b"good\nbad\ngood\n"),
        Kind::BadLabelsFile,
        Place::Line(3),
        &["`good` a second time"],
    );
    check(
        &with(b"good\tFine.\nbad\n"),
        Kind::BadLabelsFile,
        Place::File,
        &["1 of 2 lines"],
    );
    check(
        &with(b"good\n"),
        Kind::BadLabelsFile,
        Place::File,
        &["two class names"],
    );
    check(
        &with(b"fine\nbad\n"),
        Kind::UnknownLabel,
        Place::Line(2),
        &["t/train.tsv", "`good`", "`fine`, `bad`"],
    );
}

#[test]
fn directories() {
    let empty = directory::<&[u8]>(&[]);
    check(
        &load(empty.path()).expect_err("empty"),
        Kind::EmptyDirectory,
        Place::File,
        &["found nothing", "train.tsv"],
    );
    let missing = load(&empty.path().join("nowhere")).expect_err("missing");
    check(
        &missing,
        Kind::Unreadable,
        Place::File,
        &["nowhere", "no such directory", "check the path"],
    );
    let other = directory(&[("notes.md", GOOD), ("Training.tsv", GOOD)]);
    check(
        &load(other.path()).expect_err("other"),
        Kind::EmptyDirectory,
        Place::File,
        &["`Training.tsv`, `notes.md`"],
    );
    let twice = directory(&[("train.tsv", GOOD), ("train.csv", GOOD), ("test.tsv", GOOD)]);
    check(
        &load(twice.path()).expect_err("twice"),
        Kind::DuplicateSplit,
        Place::File,
        &["`train.csv`, `train.tsv`", "one train file"],
    );
    let names = directory(&[
        ("train.tsv", GOOD),
        ("dev.tsv", GOOD),
        ("valid.tsv", GOOD),
        ("test.tsv", GOOD),
    ]);
    check(
        &load(names.path()).expect_err("names"),
        Kind::DuplicateSplit,
        Place::File,
        &["`dev.tsv`, `valid.tsv`"],
    );
    let format = directory(&[("train.json", GOOD), ("test.tsv", GOOD)]);
    check(
        &load(format.path()).expect_err("format"),
        Kind::UnknownFormat,
        Place::File,
        &["`train.json`", ".jsonl"],
    );
    let path = twice.path().join("train.xlsx");
    crate::common::write(&path, GOOD);
    check(
        &read_texts(&path).expect_err("format"),
        Kind::UnknownFormat,
        Place::File,
        &["train.xlsx", "`.xlsx`", ".txt"],
    );
    check(
        &read_texts(&twice.path().join("no.txt")).expect_err("missing"),
        Kind::Unreadable,
        Place::File,
        &["no.txt"],
    );
}

#[test]
fn too_few_examples_to_draw_validation_from() {
    let files: [(&str, &[u8]); 2] = [
        ("train.tsv", b"text\tlabel\na\t0\nb\t1\n"),
        ("test.tsv", b"text\tlabel\nc\t0\n"),
    ];
    let error = from_bytes("t", &files).expect_err("two examples");
    check(
        &error,
        Kind::TooFewExamples,
        Place::File,
        &["2 examples and no validation file", "add a validation file"],
    );
}
