//! Every format gives the same texts and labels, byte for byte.

use crate::common::{directory, parquet_bytes};
use task::{Split, from_bytes, load, read_texts};

const TEXTS: [&str; 4] = [
    "a \"fine\" film",
    "two,\ncommas, and a line",
    "",
    "zwölf \u{2713}",
];
const TEST: (&str, &[u8]) = ("test.tsv", b"text\tlabel\nx\t0\ny\t1\n");

fn texts(split: &Split) -> Vec<&str> {
    split.texts().into_iter().map(|(text, _)| text).collect()
}

#[test]
fn csv_jsonl_and_parquet_hold_the_same_texts() {
    let csv = "text,label\n\"a \"\"fine\"\" film\",0\n\"two,\ncommas, and a line\",1\n,1\nzwölf \u{2713},0\n";
    let jsonl = "{\"label\": 0, \"text\": \"a \\\"fine\\\" film\"}\n\n{\"text\": \"two,\\ncommas, and a line\", \"label\": 1}\n{\"text\": \"\", \"label\": \"1\"}\n{\"text\": \"zw\\u00f6lf \u{2713}\", \"label\": 0}";
    let parquet = parquet_bytes(&[(TEXTS[0], 0), (TEXTS[1], 1), (TEXTS[2], 1), (TEXTS[3], 0)]);
    for (name, bytes) in [
        ("train.csv", csv.as_bytes()),
        ("train.jsonl", jsonl.as_bytes()),
        ("train.parquet", &parquet),
    ] {
        let task = from_bytes("t", &[(name, bytes), ("validation.tsv", TEST.1), TEST]).expect(name);
        assert_eq!(texts(&task.train), TEXTS, "{name}");
        assert_eq!(task.train.labels(), [0, 1, 1, 0], "{name}");
        assert_eq!(task.classes, ["0", "1"], "{name}");
        assert_eq!(
            task.train.iter().map(|e| e.row).collect::<Vec<_>>(),
            [0, 1, 2, 3]
        );
        assert!(
            task.notes
                .iter()
                .any(|note| note.contains("1 of 4 texts of train are empty")),
            "{:?}",
            task.notes
        );
    }
}

#[test]
fn tsv_fields_are_raw() {
    // A quote opens nothing, a backslash escapes nothing, spaces stay.
    let train = b"text\tlabel\n\"open quote\tbad\nback\\tslash  \tgood\n\"whole\"\tgood\n";
    let files: [(&str, &[u8]); 3] = [
        ("train.tsv", train),
        ("dev.tsv", train),
        ("test.tsv", train),
    ];
    let task = from_bytes("t", &files).expect("a task");
    assert_eq!(
        texts(&task.train),
        ["\"open quote", "back\\tslash  ", "\"whole\""]
    );
    assert_eq!(task.train.labels(), [0, 1, 1]);
}

#[test]
fn byte_order_mark_and_crlf_are_no_part_of_names_or_labels() {
    for name in ["train.tsv", "train.csv"] {
        let comma = if name.ends_with("csv") { "," } else { "\t" };
        let train =
            format!("\u{feff}text{comma}label\r\nfine{comma}good\r\ndull{comma}bad\r\n\r\n");
        let files: [(&str, &[u8]); 3] = [
            (name, train.as_bytes()),
            ("valid.tsv", b"text\tlabel\na\tbad\n"),
            ("test.tsv", b"text\tlabel\r\nb\tgood"),
        ];
        let task = from_bytes("t", &files).expect(name);
        assert_eq!(task.classes, ["bad", "good"], "{name}");
        assert_eq!((task.train.len(), task.test.len()), (2, 1), "{name}");
    }
    let json = "\u{feff}{\"text\": \"fine\", \"label\": true}\r\n{\"text\": \"dull\", \"label\": false}\r\n";
    let task = from_bytes(
        "t",
        &[
            ("train.jsonl", json.as_bytes()),
            ("test.jsonl", json.as_bytes()),
            ("val.jsonl", json.as_bytes()),
        ],
    );
    assert_eq!(task.expect("a task").classes, ["false", "true"]);
}

#[test]
fn pairs_are_read_under_their_common_names() {
    let train = b"idx,sentence1,sentence2,label\n1,a,b,yes\n2,c,d,no\n";
    let test = b"{\"text_a\": \"e\", \"text_b\": \"f\", \"label\": \"no\"}";
    let files: [(&str, &[u8]); 3] = [
        ("train.csv", train),
        ("val.csv", train),
        ("test.jsonl", test),
    ];
    let task = from_bytes("pairs", &files).expect("a task");
    assert!(task.pairs);
    assert_eq!(task.train.texts(), [("a", Some("b")), ("c", Some("d"))]);
    assert_eq!(
        (task.test.texts(), task.test.labels()),
        (vec![("e", Some("f"))], vec![0])
    );
}

#[test]
fn parquet_of_pyarrow_with_class_names_is_read() {
    let file = include_bytes!("../fixtures/parquet/class_label.parquet");
    let files: [(&str, &[u8]); 4] = [
        ("train-00000-of-00002.parquet", file),
        ("train-00001-of-00002-c0ffee.parquet", file),
        ("validation.parquet", file),
        ("test.parquet", file),
    ];
    let task = from_bytes("t", &files).expect("a task");
    assert_eq!(
        task.classes,
        ["neg", "pos", "mixed"],
        "the data set's own order"
    );
    assert_eq!(task.test.labels(), [1, 0, 0, 2, 1, 1, 0]);
    assert_eq!(task.test.examples[3].text, "tab\there\nand a new line");
    assert_eq!(task.test.examples[1].text, "a dull film, “sadly”");
    let rows: Vec<u64> = task.train.iter().map(|example| example.row).collect();
    assert_eq!(
        rows,
        (0..14).collect::<Vec<u64>>(),
        "rows of the second shard count on"
    );
    assert_eq!(
        texts(&task.train)[7..],
        texts(&task.test),
        "shards keep the order of their rows"
    );
}

#[test]
fn parquet_of_pandas_with_categories_or_floats_is_read() {
    let file = include_bytes!("../fixtures/parquet/categorical.parquet");
    let task = from_bytes(
        "t",
        &[
            ("train.parquet", file),
            ("dev.parquet", file),
            ("test.parquet", file),
        ],
    )
    .expect("a task");
    assert_eq!(task.classes, ["no", "yes"]);
    assert_eq!(task.train.labels(), [1, 0, 0, 1, 0, 1, 0]);
    assert_eq!(task.train.texts()[4], ("zwölf Uhr", Some("ZWÖLF UHR")));
    let file = include_bytes!("../fixtures/parquet/float_label.parquet");
    let task = from_bytes(
        "t",
        &[
            ("train.parquet", file),
            ("dev.parquet", file),
            ("test.parquet", file),
        ],
    )
    .expect("a task");
    assert_eq!(
        (task.classes, task.train.labels()),
        (
            vec!["0".to_owned(), "1".to_owned()],
            vec![1, 0, 0, 1, 1, 0, 1]
        )
    );
}

#[test]
fn labels_file_gives_order_descriptions_and_names_of_indices() {
    let labels = b"worse\tIt is worse.\nbetter\tIt is better.\nsame\tNothing changed.\n";
    for train in [
        "text\tlabel\na\tbetter\nb\tworse\nc\tsame\n",
        "text\tlabel\na\t1\nb\t0\nc\t2\n",
    ] {
        let train = train.as_bytes();
        let files: [(&str, &[u8]); 4] = [
            ("labels.txt", labels),
            ("train.tsv", train),
            ("dev.tsv", train),
            ("test.tsv", train),
        ];
        let task = from_bytes("t", &files).expect("a task");
        assert_eq!(task.classes, ["worse", "better", "same"]);
        assert_eq!(
            task.descriptions.as_ref().expect("described")[1],
            "It is better."
        );
        assert_eq!(task.test.labels(), [1, 0, 2]);
    }
}

#[test]
fn integer_labels_without_names_sort_as_numbers() {
    let train = b"text\tlabel\na\t10\nb\t9\nc\t2\n";
    let files: [(&str, &[u8]); 3] = [
        ("train.tsv", train),
        ("dev.tsv", train),
        ("test.tsv", b"text\tlabel\nd\t10.0\n"),
    ];
    let task = from_bytes("t", &files).expect("a task");
    assert_eq!(task.classes, ["2", "9", "10"]);
    assert_eq!(
        (task.train.labels(), task.test.labels()),
        (vec![2, 1, 0], vec![2])
    );
}

#[test]
fn digest_and_name_follow_files_and_directory() {
    let split = "text\tlabel\na\t0\nb\t1\n";
    let files = [
        ("films/train.tsv", split),
        ("films/dev.tsv", split),
        ("films/test.tsv", split),
        ("films/SOURCE.md", "from here"),
    ];
    let dir = directory(&files);
    let task = load(&dir.path().join("films")).expect("a task");
    assert_eq!((task.name.as_str(), task.digest.len()), ("films", 64));
    let same: Vec<(&str, &[u8])> = ["train.tsv", "dev.tsv", "test.tsv"]
        .map(|name| (name, split.as_bytes()))
        .to_vec();
    assert_eq!(
        from_bytes("other", &same).expect("a task").digest,
        task.digest
    );
    crate::common::write(
        &dir.path().join("films/test.tsv"),
        b"text\tlabel\na\t1\nb\t1\n",
    );
    assert_ne!(
        load(&dir.path().join("films")).expect("a task").digest,
        task.digest
    );
}

#[test]
fn texts_to_predict_need_no_labels_and_keep_their_lines() {
    let dir = directory(&[
        ("a.txt", "one, two\r\n\r\n\"three\"\tfour"),
        ("b.tsv", "text\nfirst\n\nthird\n"),
        ("c.csv", "id,premise,hypothesis\n7,\"a, b\",c\n"),
        (
            "d.jsonl",
            "{\"text\": \"x\", \"label\": 3}\n{\"text\": \"y\"}\n",
        ),
    ]);
    let read = |name: &str| read_texts(&dir.path().join(name)).expect(name).rows;
    let plain: Vec<String> = read("a.txt").into_iter().map(|row| row.text).collect();
    assert_eq!(plain, ["one, two", "", "\"three\"\tfour"]);
    let column: Vec<(u64, String)> = read("b.tsv")
        .into_iter()
        .map(|row| (row.row, row.text))
        .collect();
    assert_eq!(
        column,
        [
            (0, "first".to_owned()),
            (1, String::new()),
            (2, "third".to_owned())
        ]
    );
    let pair = &read("c.csv")[0];
    assert_eq!(
        (pair.text.as_str(), pair.second.as_deref(), &pair.label),
        ("a, b", Some("c"), &None)
    );
    let labels: Vec<Option<String>> = read("d.jsonl").into_iter().map(|row| row.label).collect();
    assert_eq!(labels, [Some("3".to_owned()), None]);
}
