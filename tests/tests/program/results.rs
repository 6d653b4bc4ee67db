//! What stands beside the results: notes on data and models, what was read of the texts, and which of several models a result is of.

use crate::harness::{only_record, records, run, run_methods, scratch};
use record::{CutTexts, RunInfo, TrialRecord};
use std::fs;
use std::path::Path;

/// A task of six long and two short texts, whose test is its training split; three classes, of which two short ones come last.
fn leaking_task(dir: &Path) {
    fs::create_dir_all(dir).unwrap();
    let long = "a film of many words that goes on and on ".repeat(9);
    let mut table = "text\tlabel\n".to_owned();
    for row in 0..6 {
        table += &format!("{row} {long}\t{}\n", ["bad", "good"][row % 2]);
    }
    table += "so\tfine\nso so\tfine\n";
    for split in ["train", "validation", "test"] {
        fs::write(dir.join(format!("{split}.tsv")), &table).unwrap();
    }
}

/// Copies the bundled model to `dir`, with `change` to one of its weights so that it is another model.
fn model_in(dir: &Path, change: u8) {
    let bundled =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/runner/bundled/models/tiny-bert");
    fs::create_dir_all(dir).unwrap();
    for entry in fs::read_dir(bundled).unwrap().flatten() {
        fs::copy(entry.path(), dir.join(entry.file_name())).unwrap();
    }
    let weights = dir.join("model.safetensors");
    let mut bytes = fs::read(&weights).unwrap();
    let at = bytes.len() - 4; // the low digits of a float's mantissa
    bytes[at] ^= change;
    fs::write(&weights, bytes).unwrap();
}

#[test]
fn leaks_and_cut_texts_stand_beside_the_results_and_in_the_records() {
    let dir = scratch();
    let (task, out) = (dir.path().join("task"), dir.path().join("out"));
    leaking_task(&task);
    let task = task.to_str().unwrap();
    let options = ["--task", task, "--max-length", "16", "--seeds", "2"];
    let ended = run_methods("tf-idf,feature-based,mock-never", &out, &options);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let page = |name: &str| fs::read_to_string(out.join(name)).unwrap();
    for text in [ended.stdout, page("summary.md"), page("report.html")] {
        let text = text.replace('\n', " ");
        for note in [
            "leak: 8 of 8 texts of test also occur in train",
            "texts are cut to 16 tokens (--max-length) by feature-based: 6 of 8 in train, 6 of 8 in validation, 6 of 8 in test",
            "texts are read whole by tf-idf",
            "mock-never is left out: it is a mock",
        ] {
            assert_eq!(text.matches(note).count(), 1, "{note}: {text}");
        }
    }
    let info: RunInfo = serde_json::from_str(&page("run.json")).unwrap();
    assert_eq!(info.notes.left_out.len(), 1);
    assert!(
        info.notes.tasks[task]
            .iter()
            .any(|note| note.starts_with("leak: 8 of 8 texts of test"))
    );
    for text in records(&out).values() {
        let record: TrialRecord = serde_json::from_str(text).unwrap();
        assert_eq!(record.notes.task, info.notes.tasks[task]);
        assert_eq!(record.reading.unwrap().test.texts, 8);
        assert!(
            record
                .predictions_digest
                .is_some_and(|digest| digest.len() == 64)
        );
    }
}

#[test]
fn limits_are_noted_with_what_they_left() {
    let dir = scratch();
    let (task, out) = (dir.path().join("task"), dir.path().join("out"));
    leaking_task(&task);
    let options = [
        "--task",
        task.to_str().unwrap(),
        "--train-limit",
        "2",
        "--seeds",
        "1",
    ];
    let ended = run_methods("tf-idf", &out, &options);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let record = only_record(&out);
    let whole = CutTexts { texts: 2, cut: 0 };
    assert_eq!(
        record.reading.map(|read| (read.longest, read.train)),
        Some((None, whole))
    );
    let draw = record.notes.draw.join("; ");
    assert!(
        draw.contains("1 of 3 classes")
            && draw.contains("2 of 8 texts of test also occur in train"),
        "{draw}"
    );
    assert!(
        fs::read_to_string(out.join("summary.md"))
            .unwrap()
            .contains("1 of 3 classes")
    );
}

#[test]
fn models_of_the_same_last_name_are_told_apart_and_a_run_equals_itself() {
    let dir = scratch();
    let models = ["a", "b", "c"].map(|name| dir.path().join(name).join("final"));
    for (change, model) in (0..).zip(&models) {
        model_in(model, change);
    }
    let models = models.map(|model| model.to_str().unwrap().to_owned());
    let out = dir.path().join("out");
    let options = [
        "--model",
        &models.join(","),
        "--seeds",
        "1",
        "--train-limit",
        "12",
    ];
    let ended = run_methods("majority", &out, &options);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    for name in ["a", "b", "c"] {
        assert_eq!(
            ended
                .stdout
                .matches(&format!("{name}/final on support-intents ("))
                .count(),
            1,
            "{}",
            ended.stdout
        );
        let chart = format!("plots/{name}-final--support-intents--accuracy.svg");
        assert!(out.join(&chart).is_file(), "{chart}");
    }
    let out = out.to_str().unwrap();
    let compared = run(&["compare", out, out]);
    assert_eq!(compared.code, Some(0), "{}", compared.stderr);
    assert_eq!(
        compared.stdout.matches("/final on support-intents").count(),
        3,
        "{}",
        compared.stdout
    );
    assert!(
        compared.stdout.matches("(x1.00)").count() >= 3,
        "{}",
        compared.stdout
    );
}
