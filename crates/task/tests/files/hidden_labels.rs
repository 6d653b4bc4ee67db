//! A test split whose labels are hidden says so and what to do, however they are hidden.

use crate::common::parquet_bytes;
use task::{Task, TaskError, TaskErrorKind as Kind, from_bytes, notes_of_draw, notes_of_leaks};

const GOOD: &[u8] = b"text\tlabel\na fine film\tgood\na dull film\tbad\n";

fn with(name: &str, bytes: &[u8]) -> Result<Task, TaskError> {
    let mut files: Vec<(&str, &[u8])> = vec![("train.tsv", GOOD), (name, bytes)];
    if !name.starts_with("validation") {
        files.push(("validation.tsv", b"text\tlabel\nx\tgood\ny\tbad\n"));
    }
    from_bytes("films", &files)
}

#[test]
fn every_way_to_hide_labels_is_named_with_the_way_on() {
    let null = parquet_bytes(&[("a", -9), ("b", -9)]);
    let cases: [(&str, &[u8], Kind); 9] = [
        (
            "test.tsv",
            b"index\tsentence\n0\ta\n1\tb\n",
            Kind::MissingColumn,
        ),
        ("test.csv", b"text\na\n", Kind::MissingColumn),
        ("test.tsv", b"text\tlabel\na\t\nb\t\n", Kind::MissingLabel),
        (
            "test.jsonl",
            b"{\"text\": \"a\", \"label\": null}\n{\"text\": \"b\"}\n",
            Kind::MissingLabel,
        ),
        ("test.parquet", &null, Kind::MissingLabel),
        ("test.tsv", b"text\tlabel\na\t?\n", Kind::UnknownLabel),
        (
            "test.csv",
            b"text,label\na,hidden\nb,hidden\n",
            Kind::UnknownLabel,
        ),
        (
            "test.jsonl",
            b"{\"text\": \"a\", \"label\": -100}\n{\"text\": \"b\", \"label\": -100}\n",
            Kind::UnknownLabel,
        ),
        (
            "test.csv",
            b"text,label\na,nan\nb,nan\n",
            Kind::UnknownLabel,
        ),
    ];
    for (name, bytes, kind) in cases {
        let error = with(name, bytes).expect_err(name);
        assert_eq!(error.kind, kind, "{error}");
        let message = error.to_string();
        assert!(message.contains(&format!("films/{name}")), "{message}");
        assert!(
            message.contains("hidden")
                && message.contains("leave the file out")
                && message.contains("serves as test"),
            "{message}"
        );
    }
    let error = with("validation.csv", b"text\na\n").expect_err("validation");
    assert!(error.to_string().contains("drawn from train"), "{error}");
}

#[test]
fn a_few_missing_or_unknown_labels_are_faults_of_their_rows() {
    let error = with("test.tsv", b"text\tlabel\na\tgood\nb\t\nc\t\n").expect_err("some");
    assert!(
        error
            .to_string()
            .contains("line 3: found no label on 2 rows of 3"),
        "{error}"
    );
    let error = with("test.tsv", b"text\tlabel\na\tgood\nb\t?\n").expect_err("one");
    assert!(
        error.to_string().contains("line 3: found label `?`"),
        "{error}"
    );
    let error = with("test.tsv", b"text\tlabel\na\tgod\n").expect_err("a slip");
    assert!(
        error.to_string().contains("did you mean `good`?"),
        "{error}"
    );
}

#[test]
fn one_class_in_test_and_test_that_is_train_are_noted() {
    let one = with("test.tsv", b"text\tlabel\na\tgood\nb\tgood\n").unwrap();
    let noted = |task: &Task, words: &str| task.notes.iter().any(|note| note.contains(words));
    assert!(
        noted(&one, "all 2 examples of test have the label `good`"),
        "{:?}",
        one.notes
    );
    let same = with("test.tsv", GOOD).unwrap();
    assert!(
        noted(
            &same,
            "leak: 2 of 2 texts of test also occur in train: test measures nothing that train does not"
        ),
        "{:?}",
        same.notes
    );
}

#[test]
fn a_draw_says_which_classes_it_lacks_and_limited_splits_which_texts_leak() {
    let rows: String = (0..77)
        .map(|i| format!("text {i}\tclass {i:02}\n"))
        .collect();
    let split = format!("text\tlabel\n{rows}");
    let task = from_bytes(
        "t",
        &[
            ("train.tsv", split.as_bytes()),
            ("dev.tsv", GOOD_77),
            ("test.tsv", GOOD_77),
        ],
    )
    .unwrap();
    let drawn = task::few_shot(&task.train, 50, 77, 1);
    let notes = notes_of_draw(&drawn, &task.classes);
    assert!(
        notes.len() == 1
            && notes[0].starts_with(
                "27 of 77 classes have no training example among 50: they cannot be learnt (`class "
            ),
        "{notes:?}"
    );
    assert!(notes_of_draw(&task.train, &task.classes).is_empty());
    let drawn = task::few_shot(&task.train, 76, 77, 1);
    assert!(
        notes_of_draw(&drawn, &task.classes)[0]
            .starts_with("1 of 77 classes has no training example")
    );

    let leaks = notes_of_leaks(&task.train, &task.validation, &task.test);
    assert!(
        leaks[0].starts_with("leak: 1 of 2 texts of validation also occur in train"),
        "{leaks:?}"
    );
    let few = task::sample(&task.test, 1, 3);
    let leaks = notes_of_leaks(&drawn, &task.validation, &few);
    assert!(
        leaks
            .iter()
            .any(|note| note.starts_with("leak: 1 of 1 texts of test also occur in validation")),
        "{leaks:?}"
    );
}

const GOOD_77: &[u8] = b"text\tlabel\ntext 3\tclass 03\nother\tclass 04\n";
