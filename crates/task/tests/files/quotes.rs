//! Quotes and separators: no row is lost or changed without a word.

use crate::common::directory;
use task::{Place, Task, TaskError, TaskErrorKind as Kind, from_bytes, read_texts};

const GOOD: &[u8] = b"text\tlabel\na fine film\tgood\na dull film\tbad\n";

fn train(name: &str, content: &str) -> Result<Task, TaskError> {
    from_bytes(
        "films",
        &[
            (name, content.as_bytes()),
            ("dev.tsv", GOOD),
            ("test.tsv", GOOD),
        ],
    )
}

#[track_caller]
fn refused(name: &str, content: &str, kind: Kind, place: Place, words: &[&str]) {
    let error = train(name, content).expect_err(content);
    let message = error.to_string();
    assert_eq!((error.kind, error.place), (kind, place), "{message}");
    for word in words {
        assert!(message.contains(word), "`{word}` is not in: {message}");
    }
    let dir = directory(&[(name, content)]);
    let predicted = read_texts(&dir.path().join(name)).expect_err(content);
    assert_eq!(
        (predicted.kind, predicted.place),
        (kind, place),
        "{predicted}"
    );
}

#[test]
fn text_after_a_closing_quote_is_refused_with_its_line_and_column() {
    let rows: String = (0..8).map(|i| format!("text {i},good\n")).collect();
    let content = format!("text,label\n\"Great\" said he,good\n{rows}\"Bad\" said she,bad\n{rows}");
    let words = [
        "line 2",
        "column `text`, character 1",
        "RFC 4180",
        "double the quotes",
    ];
    refused(
        "train.csv",
        &content,
        Kind::Malformed,
        Place::Line(2),
        &words,
    );
    let content = "label,text\ngood,a\nbad,\"b\"\"c\" d\n";
    refused(
        "train.csv",
        content,
        Kind::Malformed,
        Place::Line(3),
        &["column `text`, character 5"],
    );
    refused(
        "train.csv",
        "text,label\n\"a\" ,good\nb,bad\n",
        Kind::Malformed,
        Place::Line(2),
        &["` ` after"],
    );
    refused(
        "train.csv",
        "text,label\na,good\nb,\"bad\n",
        Kind::Malformed,
        Place::Line(3),
        &["not closed", "column `label`"],
    );
}

#[test]
fn a_quote_that_meets_that_of_a_later_row_swallows_none() {
    let content = "text,label\na,good\n\"Great,good\nb,bad\nsaid \"\"no\"\"\",bad\nc,bad\n";
    let error = train("train.csv", content).expect_err("swallowed");
    assert_eq!(
        (error.kind, error.place),
        (Kind::Malformed, Place::Line(3)),
        "{error}"
    );
    assert!(
        error
            .to_string()
            .contains("over 3 lines, each of which is a row"),
        "{error}"
    );
}

#[test]
fn records_that_span_lines_are_noted() {
    let content = "text,label\na,good\n\"two, and\nlines\",bad\nb,bad\n\"x\ny\nz\",good\n";
    let task = train("train.csv", content).unwrap();
    assert_eq!(task.train.examples[1].text, "two, and\nlines");
    let words = "train.csv: 2 of 4 records span lines (line breaks in quotes, the first in line 3)";
    assert!(
        task.notes.iter().any(|note| note.contains(words)),
        "{:?}",
        task.notes
    );
    let dir = directory(&[("x.csv", "text\n\"a\nb\"\n\nc\n")]);
    let texts = read_texts(&dir.path().join("x.csv")).unwrap();
    assert_eq!((texts.rows.len(), texts.rows[1].row), (2, 1));
    assert_eq!(texts.notes.len(), 2, "{:?}", texts.notes);
    assert!(
        texts.notes[1].contains("1 blank lines are no rows"),
        "{:?}",
        texts.notes
    );
}

#[test]
fn tsv_of_pandas_is_read_as_written_and_raw_quotes_stay() {
    let written = "text\tlabel\n\"He said \"\"no\"\".\"\tgood\nplain\tbad\n\"a\ttab\"\tbad\n";
    let task = train("train.tsv", written).unwrap();
    assert_eq!(task.train.examples[0].text, "He said \"no\".");
    assert_eq!(task.train.examples[2].text, "a\ttab");
    assert!(
        task.notes
            .iter()
            .any(|note| note.contains("train.tsv: fields with quotes") && note.contains("undone")),
        "{:?}",
        task.notes
    );
    let raw = "text\tlabel\n\"He said \"\"no\"\".\"\tgood\nan \"open one\tbad\n";
    assert_eq!(
        train("train.tsv", raw).unwrap().train.examples[0].text,
        "\"He said \"\"no\"\".\""
    );
    let around = "text\tlabel\n\"whole\"\tgood\nplain\tbad\n";
    let task = train("train.tsv", around).unwrap();
    assert_eq!(task.train.examples[0].text, "\"whole\"");
    assert!(
        task.notes
            .iter()
            .any(|note| note.contains("quotes around 1 fields are part of them")),
        "{:?}",
        task.notes
    );
}

#[test]
fn another_separator_is_named_with_the_way_on() {
    for (name, content, words) in [
        (
            "train.csv",
            "text;label\na;good\n",
            ["`text;label`, with semicolons", "sep=\";\""],
        ),
        (
            "train.csv",
            "\"text\";\"label\"\n\"a, b\";\"good\"\n",
            ["`text;label`, with semicolons", "sep=\";\""],
        ),
        (
            "train.csv",
            "text\tlabel\na\tgood\n",
            ["with tabs", "rename it to .tsv"],
        ),
        (
            "train.csv",
            "text|label\na|good\n",
            ["with vertical bars", "sep=\"|\""],
        ),
        (
            "train.tsv",
            "text,label\na,good\n",
            ["with commas", "rename it to .csv"],
        ),
        (
            "train.tsv",
            "text;label\na;good\n",
            ["with semicolons", "sep=\"\\t\""],
        ),
        (
            "train.csv",
            "sep=;\ntext;label\na;good\n",
            ["`sep=;`, with semicolons", "sep=\";\""],
        ),
    ] {
        refused(name, content, Kind::MissingColumn, Place::File, &words);
    }
}

#[test]
fn a_header_that_misses_is_told_from_one_with_other_names() {
    let words = ["seems to be a row (`good`", "names of the columns"];
    refused(
        "train.csv",
        "a film,good\nb,bad\nc,good\n",
        Kind::MissingColumn,
        Place::File,
        &words,
    );
    refused(
        "train.tsv",
        "test film\tgood\nb\tbad\nc\tgood\n",
        Kind::MissingColumn,
        Place::File,
        &words,
    );
}

#[test]
fn json_that_is_no_json_lines_says_what_it_is() {
    for (content, line, words) in [
        ("[\n{\"text\": \"a\", \"label\": 1}\n]\n", 1, "a JSON array"),
        ("{\n  \"text\": \"a\"\n}\n", 1, "jq -c ."),
        ("{\"text\": \"a\", \"label\": NaN}\n", 1, "NaN (column"),
        (
            "{\"text\": \"a\", \"label\": -Infinity}\n",
            1,
            "Infinity (column",
        ),
        (
            "{\"text\": \"a\", \"text\": \"b\", \"label\": 1}\n",
            1,
            "the key `text` a second time",
        ),
        ("{\"text\": \"\\ud800\", \"label\": 1}\n", 1, "hex escape"),
        (
            "{\"text\": \"a\", \"label\": 1}\n\n{\"text\": \"a\", \"label\": 1},\n",
            3,
            "trailing characters",
        ),
        (
            "{\"text\": {\"0\": \"a\"}, \"label\": {\"0\": 1}}\n",
            1,
            "lines=True",
        ),
    ] {
        let error = train("train.jsonl", content).expect_err(content);
        assert_eq!(error.place, Place::Line(line), "{error}");
        assert!(
            error.to_string().contains(words),
            "`{words}` is not in: {error}"
        );
    }
    let deep = format!(
        "{{\"text\": {}1{}}}\n",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    assert_eq!(
        train("train.jsonl", &deep).expect_err("deep").kind,
        Kind::Malformed
    );
}
