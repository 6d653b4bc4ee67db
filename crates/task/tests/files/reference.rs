//! The same rows as Python's csv, json, pandas and pyarrow read. The fixtures are written by `scripts/reference_tables.py`.

use std::collections::HashSet;

use crate::common::directory;
use serde_json::Value;
use task::{TaskError, TaskErrorKind, Texts, read_texts};

fn fixture() -> Value {
    serde_json::from_str(include_str!("../fixtures/tables.json")).expect("JSON")
}

fn read(file: &str, content: &str) -> Result<Texts, TaskError> {
    let dir = directory(&[(file, content)]);
    read_texts(&dir.path().join(file))
}

fn string(value: &Value) -> &str {
    value.as_str().expect("a string")
}

/// Readings that differ on purpose, where Python takes what is no table, no JSON, or nested deeper than 128.
const STRICTER: [&str; 3] = ["single quotes", "nan", "depth"];

#[test]
fn csv_and_tsv_are_read_as_python_reads_or_writes_them() {
    let fixture = fixture();
    let cases = fixture["cases"].as_array().expect("cases").iter();
    let mut compared = 0;
    for case in cases.filter(|case| case.get("strict").is_some()) {
        let name = string(&case["name"]);
        let ours = read(string(&case["file"]), string(&case["content"]));
        let Some(rows) = case["strict"]
            .as_array()
            .filter(|_| !STRICTER.contains(&name))
        else {
            let kind = ours.map(|_| ()).map_err(|error| error.kind);
            assert!(
                matches!(
                    kind,
                    Err(TaskErrorKind::Malformed | TaskErrorKind::RaggedRow)
                ),
                "{name}: {kind:?}"
            );
            continue;
        };
        let ours = ours.unwrap_or_else(|error| panic!("{name}: {error}")).rows;
        let ours: Vec<(String, String)> = ours
            .into_iter()
            .map(|row| (row.text, row.label.unwrap_or_default()))
            .collect();
        let theirs: Vec<(String, String)> = rows
            .iter()
            .map(|row| {
                (
                    string(&row[0]).to_owned(),
                    string(&row[1]).trim().to_owned(),
                )
            })
            .collect();
        assert_eq!(ours, theirs, "{name}");
        compared += 1;
    }
    assert!(compared >= 16, "{compared}");
}

#[test]
fn json_labels_are_told_apart_as_python_does() {
    let fixture = fixture();
    let cases = fixture["cases"].as_array().expect("cases").iter();
    for case in cases.filter(|case| case.get("distinct_labels").is_some()) {
        let name = string(&case["name"]);
        let ours = read("x.jsonl", string(&case["content"]));
        match case["distinct_labels"]
            .as_u64()
            .filter(|_| !STRICTER.contains(&name))
        {
            Some(labels) => {
                let rows = ours.unwrap_or_else(|error| panic!("{name}: {error}")).rows;
                let distinct: HashSet<_> = rows.into_iter().map(|row| row.label).collect();
                assert_eq!(distinct.len() as u64, labels, "{name}");
            }
            None => assert_eq!(
                ours.map(|_| ()).map_err(|error| error.kind),
                Err(TaskErrorKind::Malformed),
                "{name}"
            ),
        }
    }
}

#[test]
fn parquet_labels_of_every_type_are_read_or_refused_by_name() {
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tables");
    for case in fixture()["parquet"].as_array().expect("cases") {
        let name = string(&case["name"]);
        let ours = read_texts(&directory.join(format!("{name}.parquet")));
        let Some(labels) = case["labels"].as_array() else {
            let error = ours.map(|_| ()).expect_err(name);
            assert_eq!(error.kind, TaskErrorKind::WrongType, "{error}");
            assert!(error.found.contains("`label`"), "{error}");
            continue;
        };
        let rows = ours.unwrap_or_else(|error| panic!("{name}: {error}")).rows;
        let texts: Vec<&str> = rows.iter().map(|row| row.text.as_str()).collect();
        assert_eq!(texts, ["a fine film", "a fine book", "", "zwölf"], "{name}");
        let ours: Vec<Option<&str>> = rows.iter().map(|row| row.label.as_deref()).collect();
        let theirs: Vec<Option<&str>> = labels.iter().map(Value::as_str).collect();
        assert_eq!(ours, theirs, "{name}");
    }
}
