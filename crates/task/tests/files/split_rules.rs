//! The declared rules for missing splits, and the notes that tell of them and of leaks.

use task::{Task, TaskErrorKind, from_bytes};

fn rows(n: usize, classes: usize, prefix: &str) -> Vec<u8> {
    let rows: String = (0..n)
        .map(|i| format!("{prefix} {i}\tclass {}\n", (i * i + i / 7) % classes))
        .collect();
    format!("text\tlabel\n{rows}").into_bytes()
}

fn task(files: &[(&str, Vec<u8>)]) -> Task {
    let files: Vec<(&str, &[u8])> = files
        .iter()
        .map(|(name, bytes)| (*name, bytes.as_slice()))
        .collect();
    from_bytes("t", &files).expect("a task")
}

fn noted(task: &Task, words: &str) -> bool {
    task.notes.iter().any(|note| note.contains(words))
}

#[test]
fn validation_is_drawn_from_train_and_noted() {
    let files = [
        ("train.tsv", rows(200, 3, "train")),
        ("test.tsv", rows(30, 3, "test")),
    ];
    let first = task(&files);
    assert_eq!(
        (first.train.len(), first.validation.len(), first.test.len()),
        (170, 30, 30)
    );
    assert!(
        noted(
            &first,
            "30 of 200 training examples drawn as validation (15 %, stratified, seed 13)"
        ),
        "{:?}",
        first.notes
    );
    for example in &first.validation {
        assert_eq!(
            example.text,
            format!("train {}", example.row),
            "rows are those of the training file"
        );
    }
    assert_eq!(
        first.validation,
        task(&files).validation,
        "the split belongs to the task"
    );
}

#[test]
fn validation_becomes_the_test_where_there_is_none() {
    let held_out = rows(40, 3, "held out");
    let task = task(&[
        ("train.tsv", rows(200, 3, "train")),
        ("validation.tsv", held_out),
    ]);
    assert_eq!(
        (task.train.len(), task.validation.len(), task.test.len()),
        (170, 30, 40)
    );
    assert!(
        task.test
            .iter()
            .all(|example| example.text.starts_with("held out"))
    );
    assert!(
        task.validation
            .iter()
            .all(|example| example.text.starts_with("train"))
    );
    assert!(noted(&task, "validation is the test"), "{:?}", task.notes);
}

#[test]
fn a_test_with_hidden_labels_is_not_used() {
    let split: &[u8] = b"text\tlabel\na\t0\nb\t1\nc\t1\nd\t0\n";
    let hidden = b"text\tlabel\ne\t-1\nf\t-1\n".to_vec();
    let files = [
        ("train.tsv", split.to_vec()),
        ("dev.tsv", rows_of("gh")),
        ("test.tsv", hidden),
    ];
    let task = task(&files);
    assert_eq!(task.test.texts(), [("g", None), ("h", None)]);
    assert!(
        noted(&task, "labels of test are all -1"),
        "{:?}",
        task.notes
    );
}

fn rows_of(texts: &str) -> Vec<u8> {
    let rows: String = texts.chars().map(|text| format!("{text}\t1\n")).collect();
    format!("text\tlabel\n{rows}").into_bytes()
}

#[test]
fn nothing_stands_in_for_a_test() {
    let train = rows(50, 2, "train");
    let error = from_bytes("t", &[("train.tsv", &train)]).expect_err("no test");
    assert_eq!(error.kind, TaskErrorKind::MissingSplit);
    assert!(error.to_string().contains("test.tsv"), "{error}");
    let error =
        from_bytes("t", &[("test.tsv", &train), ("dev.tsv", &train)]).expect_err("no train");
    assert_eq!(
        (error.kind, error.to_string().contains("train.tsv")),
        (TaskErrorKind::MissingSplit, true)
    );
}

#[test]
fn repeats_contradictions_and_leaks_are_counted() {
    let task = task(&[
        (
            "train.tsv",
            b"text\tlabel\na\t0\na\t1\nb\t1\nb\t1\nc\t0\n \t0\n".to_vec(),
        ),
        ("dev.tsv", b"text\tlabel\nb\t1\nx\t0\n".to_vec()),
        (
            "test.tsv",
            b"text\tlabel\na\t0\nc\t0\nx\t0\ny\t1\n\t1\n".to_vec(),
        ),
        ("labels.txt", b"0\n1\n2\n".to_vec()),
    ]);
    for words in [
        "1 of 6 texts of train are empty",
        "1 of 5 texts of test are empty",
        "2 of 6 training examples repeat an earlier text",
        "1 of 4 training texts have more than one label",
        "leak: 1 of 2 texts of validation also occur in train",
        "leak: 2 of 5 texts of test also occur in train",
        "leak: 1 of 5 texts of test also occur in validation",
        "no training example of 1 of 3 classes: `2`",
    ] {
        assert!(
            noted(&task, words),
            "{words} is not among {:#?}",
            task.notes
        );
    }
    assert_eq!(task.notes.len(), 8);
}
