//! Regular files of bounded size, and no more memory than what they hold is worth.

use std::process::Command;
use std::time::Instant;

use crate::common::directory;
use task::{TaskErrorKind as Kind, from_bytes, load, read_texts};

const GOOD: &[u8] = b"text\tlabel\na fine film\tgood\na dull film\tbad\n";

#[test]
fn pipes_and_devices_are_refused_and_never_waited_for() {
    let dir = directory(&[("dev.tsv", GOOD), ("test.tsv", GOOD)]);
    let path = |name: &str| dir.path().join(name);
    std::os::unix::fs::symlink("/dev/zero", path("train.tsv")).unwrap();
    let error = load(dir.path()).unwrap_err();
    assert_eq!(error.kind, Kind::Unreadable, "{error}");
    assert!(
        error
            .to_string()
            .contains("train.tsv: found a device, expected a regular file"),
        "{error}"
    );
    for name in ["x.csv", "labels.txt", "README.md"] {
        assert!(
            Command::new("mkfifo")
                .arg(path(name))
                .status()
                .unwrap()
                .success()
        );
    }
    assert_eq!(
        read_texts(&path("x.csv")).unwrap_err().kind,
        Kind::Unreadable
    );
    std::fs::remove_file(path("train.tsv")).unwrap();
    std::fs::write(path("train.tsv"), GOOD).unwrap();
    let error = load(dir.path()).unwrap_err();
    assert!(
        error.to_string().contains("labels.txt") && error.to_string().contains("a pipe"),
        "{error}"
    );
    std::fs::remove_file(path("labels.txt")).unwrap();
    assert!(
        load(dir.path()).is_ok(),
        "a card that is a pipe is left out"
    );
}

#[test]
fn a_line_of_five_mebibytes_is_read() {
    let text = "word ".repeat(1 << 20);
    let quoted = format!("text,label\n\"{text}\"\"q\",good\nb,bad\n");
    let line = format!(
        "{{\"text\": \"{text}\", \"label\": \"good\"}}\n{{\"text\": \"b\", \"label\": \"bad\"}}\n"
    );
    for (name, content) in [("train.csv", quoted), ("train.jsonl", line)] {
        let task = from_bytes(
            "t",
            &[
                (name, content.as_bytes()),
                ("dev.tsv", GOOD),
                ("test.tsv", GOOD),
            ],
        )
        .unwrap();
        assert!(task.train.examples[0].text.len() >= 5 << 20);
    }
}

#[test]
fn many_classes_are_refused_by_number_and_many_columns_are_read_at_once() {
    let rows: String = (0..20_000)
        .map(|i| format!("text {i}\tclass {i}\n"))
        .collect();
    let split = format!("text\tlabel\n{rows}");
    let error =
        from_bytes("t", &[("train.tsv", split.as_bytes()), ("test.tsv", GOOD)]).unwrap_err();
    assert_eq!(error.kind, Kind::TooLarge, "{error}");
    assert!(
        error.to_string().contains("20000 classes") && error.to_string().contains("at most 10000"),
        "{error}"
    );
    let names: String = (0..50_000).map(|i| format!("class {i}\n")).collect();
    let files: [(&str, &[u8]); 3] = [
        ("train.tsv", GOOD),
        ("test.tsv", GOOD),
        ("labels.txt", names.as_bytes()),
    ];
    let begun = Instant::now();
    assert_eq!(from_bytes("t", &files).unwrap_err().kind, Kind::TooLarge);
    let columns: String = (0..200_000).map(|i| format!("column {i},")).collect();
    let commas = ",".repeat(200_000);
    let wide = format!("{columns}text,label\n{commas}a,good\n{commas}b,bad\n");
    let task = from_bytes(
        "t",
        &[
            ("train.csv", wide.as_bytes()),
            ("dev.tsv", GOOD),
            ("test.tsv", GOOD),
        ],
    )
    .unwrap();
    assert_eq!(task.train.texts(), [("a", None), ("b", None)]);
    assert!(begun.elapsed().as_secs() < 5, "{:?}", begun.elapsed());
}
