//! Names in upper case, endings without a reader, and files that are something else than their ending says.

use crate::common::directory;
use task::{TaskErrorKind as Kind, from_bytes, load, read_texts};

const GOOD: &[u8] = b"text\tlabel\na fine film\tgood\na dull film\tbad\n";
const OTHER: &[u8] = b"text\tlabel\nx\tgood\ny\tbad\n";

#[test]
fn upper_and_lower_case_are_one_in_names_of_files() {
    let names = [
        ["train.TSV", "dev.tsv", "test.tsv"],
        ["Train.Tsv", "VALIDATION.TSV", "Test.tsv"],
        ["TRAIN-00000-OF-00001.tsv", "Valid.tsv", "TEST.TSV"],
    ];
    for [train, validation, test] in names {
        let dir = directory(&[
            (train, GOOD),
            (validation, OTHER),
            (test, b"text\tlabel\nz\tgood\n"),
        ]);
        let task = load(dir.path()).unwrap_or_else(|error| panic!("{train}: {error}"));
        assert_eq!(task.test.examples[0].text, "z", "{test} is not passed over");
    }
    let dir = directory(&[
        ("train.tsv", GOOD),
        ("Train.tsv", GOOD),
        ("test.tsv", OTHER),
    ]);
    assert_eq!(load(dir.path()).unwrap_err().kind, Kind::DuplicateSplit);
    let dir = directory(&[("x.CSV", "text\na\n"), ("x.TXT", "a\nb\n")]);
    assert_eq!(read_texts(&dir.path().join("x.CSV")).unwrap().rows.len(), 1);
    assert_eq!(read_texts(&dir.path().join("x.TXT")).unwrap().rows.len(), 2);
}

#[test]
fn an_ending_without_a_reader_comes_with_the_way_to_one_that_has() {
    for (name, words) in [
        ("train.json", "jq -c '.[]'"),
        ("train.xlsx", "save the sheet as CSV"),
        ("train.CSV.gz", "gunzip"),
        ("train.txt", "name it .tsv"),
        ("train.arrow", "to_parquet"),
        ("train.zip", "unpack it"),
        ("train.v2.csv", "such as train.csv"),
        ("train.ndjson", "rename it to .jsonl"),
    ] {
        let dir = directory(&[(name, GOOD), ("dev.tsv", OTHER), ("test.tsv", OTHER)]);
        let error = load(dir.path()).expect_err(name);
        assert_eq!(error.kind, Kind::UnknownFormat, "{error}");
        assert!(
            error.to_string().contains(words),
            "`{words}` is not in: {error}"
        );
    }
}

#[test]
fn a_file_that_is_something_else_than_its_ending_says_is_named() {
    let cases: [(&str, &[u8], &str); 9] = [
        ("train.csv", b"\x1f\x8b\x08\0\0", "a gzip file"),
        ("train.csv", b"PK\x03\x04\x14\0", "a spreadsheet (.xlsx"),
        ("train.tsv", b"PAR1\x15\x04", "rename it to .parquet"),
        ("train.jsonl", b"<!DOCTYPE html>\n<html>", "a web page"),
        (
            "train.parquet",
            b"version https://git-lfs.github.com/spec/v1\noid",
            "git lfs pull",
        ),
        ("train.parquet", b"\n <html><head>", "a web page"),
        ("train.parquet", b"ARROW1\0\0", "an Arrow file"),
        ("labels.txt", b"a\0b\0\n", "NUL"),
        (
            "train.csv",
            b"t\0e\0x\0t\0,\0l\0a\0b\0e\0l\0\n\0a\0,\0b\0\n\0",
            "iconv -f UTF-16LE -t UTF-8",
        ),
    ];
    for (name, bytes, words) in cases {
        let mut files: Vec<(&str, &[u8])> =
            vec![(name, bytes), ("dev.tsv", OTHER), ("test.tsv", OTHER)];
        if !name.starts_with("train") {
            files.push(("train.tsv", GOOD));
        }
        let error = from_bytes("films", &files).expect_err(words);
        assert!(
            error.to_string().contains(words),
            "`{words}` is not in: {error}"
        );
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn lines_that_end_in_carriage_returns_are_lines() {
    let csv: &[u8] = b"text,label\ra fine film,good\r\"a\ndull, film\",bad\r";
    let tsv: &[u8] = b"text\tlabel\rx\tgood\ry\tbad\r";
    let jsonl: &[u8] =
        b"{\"text\": \"u\", \"label\": \"bad\"}\r{\"text\": \"v\", \"label\": \"good\"}\r";
    let files = [
        ("train.csv", csv),
        ("dev.tsv", tsv),
        ("test.jsonl", jsonl),
        ("labels.txt", b"good\rbad\r"),
    ];
    let task = from_bytes("films", &files).unwrap();
    assert_eq!(
        task.train.texts(),
        [("a fine film", None), ("a\ndull, film", None)]
    );
    assert_eq!(
        (task.validation.labels(), task.test.labels()),
        (vec![0, 1], vec![1, 0])
    );
    let dir = directory(&[("x.txt", "a\rb\r")]);
    assert_eq!(read_texts(&dir.path().join("x.txt")).unwrap().rows.len(), 2);
}
