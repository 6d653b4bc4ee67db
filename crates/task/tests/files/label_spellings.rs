//! Strings are names and numbers are numbers; labels.txt and data sets count from 0.

use task::{Place, Task, TaskError, TaskErrorKind as Kind, from_bytes};

/// A task whose three splits are `bytes`, with `labels.txt` where it is not empty.
fn task(name: &str, bytes: &[u8], labels: &str) -> Result<Task, TaskError> {
    let ending = name.rsplit_once('.').expect("an ending").1;
    let files = ["train", "validation", "test"].map(|split| format!("{split}.{ending}"));
    let mut files: Vec<(&str, &[u8])> = files.iter().map(|name| (name.as_str(), bytes)).collect();
    if !labels.is_empty() {
        files.push(("labels.txt", labels.as_bytes()));
    }
    from_bytes("t", &files)
}

fn classes(name: &str, content: &str) -> Vec<String> {
    task(name, content.as_bytes(), "")
        .unwrap_or_else(|error| panic!("{error}"))
        .classes
}

fn noted(task: &Task, words: &str) -> bool {
    task.notes.iter().any(|note| note.contains(words))
}

#[test]
fn strings_of_json_and_parquet_are_names() {
    let lines = |labels: &[&str]| -> String {
        let line =
            |(i, label): (usize, &&str)| format!("{{\"text\": \"t {i}\", \"label\": {label}}}\n");
        labels.iter().enumerate().map(line).collect()
    };
    let spellings = ["\"01\"", "\"1\"", "\"001\"", "\"1.0\"", "\"+1\"", "\"2\""];
    let read = task("x.jsonl", lines(&spellings).as_bytes(), "").unwrap();
    assert_eq!(read.classes, ["+1", "001", "01", "1", "1.0", "2"]);
    assert_eq!(read.train.labels(), [2, 3, 1, 4, 0, 5]);
    assert!(
        noted(&read, "spell one number differently"),
        "{:?}",
        read.notes
    );
    assert_eq!(
        classes("x.jsonl", &lines(&["\"01\"", "\"1\"", "\"+1\""])),
        ["+1", "01", "1"]
    );
    assert_eq!(
        classes("x.jsonl", &lines(&["1", "1.0", "0", "-0.0"])),
        ["0", "1"]
    );
    assert_eq!(
        classes("x.jsonl", &lines(&["true", "false"])),
        ["false", "true"]
    );
    assert_eq!(
        classes("x.jsonl", &lines(&["\"10\"", "\"9\"", "\"2\""])),
        ["2", "9", "10"]
    );
    let mixed = task("x.jsonl", lines(&["1", "\"1\"", "0"]).as_bytes(), "").unwrap();
    assert_eq!(mixed.classes, ["0", "1"]);
    assert!(
        noted(&mixed, "\"1\" and 1 are one class"),
        "{:?}",
        mixed.notes
    );
    let file = include_bytes!("../fixtures/tables/strings.parquet");
    assert_eq!(
        task("x.parquet", file, "").unwrap().classes,
        ["+1", "01", "1", "1.0"]
    );
}

#[test]
fn a_column_of_csv_is_numbers_only_where_all_of_it_is_plainly_so() {
    assert_eq!(
        classes("x.csv", "text,label\na,1\nb,1.0\nc,0\n"),
        ["0", "1"]
    );
    assert_eq!(
        classes("x.csv", "text,label\na,1\nb,01\nc,0\n"),
        ["0", "01", "1"]
    );
    assert_eq!(
        classes("x.tsv", "text\tlabel\na\t1.0\nb\t2.0\nc\t3.1\n"),
        ["1.0", "2.0", "3.1"]
    );
    assert_eq!(
        classes("x.csv", "text,label\na,90210\nb,02134\n"),
        ["02134", "90210"]
    );
}

#[test]
fn numbers_that_others_round_to_are_refused() {
    for number in [
        "123456789012345678901234567890",
        "1e300",
        "9007199254740993.0",
    ] {
        let line = format!("{{\"text\": \"a\", \"label\": {number}}}\n");
        let error = task("x.jsonl", line.as_bytes(), "").expect_err(number);
        assert_eq!(
            (error.kind, error.place),
            (Kind::WrongType, Place::Line(1)),
            "{error}"
        );
        assert!(error.to_string().contains("as strings"), "{error}");
    }
    let wide = "{\"text\": \"a\", \"label\": 18446744073709551615}\n{\"text\": \"b\", \"label\": 18446744073709551614}\n";
    assert_eq!(
        classes("x.jsonl", wide),
        ["18446744073709551614", "18446744073709551615"]
    );
}

#[test]
fn a_missing_value_among_numbers_is_no_class() {
    let float = include_bytes!("../fixtures/tables/floats.parquet");
    let error = task("x.parquet", float, "").expect_err("NaN");
    assert_eq!(
        (error.kind, error.place),
        (Kind::MissingLabel, Place::Row(2)),
        "{error}"
    );
    for word in ["nan", "NaN", "None", "<NA>"] {
        let content = format!("text,label\na,1.0\nb,{word}\nc,0.0\n");
        let error = task("x.csv", content.as_bytes(), "").expect_err(word);
        assert_eq!(
            (error.kind, error.place),
            (Kind::MissingLabel, Place::Line(3)),
            "{error}"
        );
    }
    assert_eq!(classes("x.csv", "text,label\na,NA\nb,EU\n"), ["EU", "NA"]);
}

#[test]
fn labels_that_count_from_one_are_said_and_never_shifted() {
    let train = b"text\tlabel\na\t1\nb\t2\nc\t1\n";
    let error = task("x.tsv", train, "neg\npos\n").expect_err("2 of 2");
    assert_eq!(
        (error.kind, error.place),
        (Kind::UnknownLabel, Place::Line(3)),
        "{error}"
    );
    let message = error.to_string();
    assert!(
        message.contains("numbered from 0") && message.contains("subtract 1"),
        "{message}"
    );

    let gap = task("x.tsv", train, "neg\npos\nmixed\n").unwrap();
    assert_eq!(gap.train.labels(), [1, 2, 1]);
    assert!(
        noted(&gap, "check that they do not count from 1"),
        "{:?}",
        gap.notes
    );

    let error = task("x.tsv", train, "1 neg\n2 pos\n3 mixed\n").expect_err("numbered lines");
    assert_eq!(error.kind, Kind::BadLabelsFile, "{error}");
    assert!(error.to_string().contains("numbered from 1"), "{error}");

    let error = task("x.tsv", train, "01\n02\n").expect_err("spelled otherwise");
    assert_eq!(error.kind, Kind::BadLabelsFile, "{error}");
    assert!(error.to_string().contains("the name `01`"), "{error}");
    let years = task("x.tsv", b"text\tlabel\na\t0\nb\t1\n", "2020\n2021\n").unwrap();
    assert_eq!(years.train.labels(), [0, 1]);

    let beyond = task("x.tsv", b"text\tlabel\na\t0\nb\t7\n", "neg\npos\n").expect_err("7 of 2");
    assert!(
        beyond.to_string().contains("write 0 (`neg`) to 1 (`pos`)"),
        "{beyond}"
    );
    let below = task("x.tsv", b"text\tlabel\na\t0\nb\t-1\n", "neg\npos\n").expect_err("-1");
    assert_eq!(below.kind, Kind::UnknownLabel, "{below}");
}

#[test]
fn names_in_labels_txt_that_are_numbers_are_names() {
    let train = b"text\tlabel\na\t1.0\nb\t2.0\n";
    let read = task("x.tsv", train, "2\n1\n").unwrap();
    assert_eq!(
        (read.classes, read.train.labels()),
        (vec!["2".to_owned(), "1".to_owned()], vec![1, 0])
    );
}

#[test]
fn minus_one_beside_names_of_the_data_set_is_no_label() {
    let readme = "---\ndataset_info:\n  features:\n  - name: label\n    dtype:\n      class_label:\n        names:\n          '0': no\n          '1': yes\n---\n";
    let with_card = |labels: [i32; 3]| {
        let rows = labels.map(|label| format!("t{label}\t{label}\n")).concat();
        let split = format!("text\tlabel\n{rows}");
        let files = ["train.tsv", "dev.tsv", "test.tsv"].map(|name| (name, split.as_str()));
        let dir = crate::common::directory(&[&files[..], &[("README.md", readme)]].concat());
        task::load(dir.path())
    };
    assert_eq!(with_card([0, 1, 1]).unwrap().classes, ["no", "yes"]);
    let error = with_card([0, -1, 1]).expect_err("no label");
    assert_eq!(
        (error.kind, error.place),
        (Kind::MissingLabel, Place::Line(3)),
        "{error}"
    );
    let read = with_card([1, 2, 1]).unwrap();
    assert_eq!(read.classes, ["1", "2"]);
    assert!(noted(&read, "names are not used"), "{:?}", read.notes);
}
