//! `compare` from outside: what it prints and how it ends.

use crate::harness::{Ended, ids, run, run_methods, scratch};
use std::fs;
use std::path::{Path, PathBuf};

/// A run of two methods under two seeds.
fn made(dir: &Path) -> PathBuf {
    let out = dir.join("first");
    let ended = run_methods("majority,tf-idf", &out, &["--seeds", "2"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    out
}

/// A copy whose records and predictions `change` rewrites: it gets both as text, and gives both.
fn copy(run: &Path, name: &str, change: impl Fn(String, String) -> (String, String)) -> PathBuf {
    let out = run.with_file_name(name);
    fs::create_dir_all(&out).unwrap();
    fs::copy(run.join("run.json"), out.join("run.json")).unwrap();
    for id in ids(run) {
        let [from, to] = [run, &out].map(|dir| dir.join("trials").join(&id));
        fs::create_dir_all(&to).unwrap();
        let [record, predictions] = ["record.json", "predictions.csv"]
            .map(|name| fs::read_to_string(from.join(name)).unwrap());
        let (record, predictions) = change(record, predictions);
        let mut record: serde_json::Value = serde_json::from_str(&record).unwrap();
        // What was changed has another digest and another accuracy; a record of an earlier version has no digest.
        let fields = record.as_object_mut().unwrap();
        fields.remove("predictions_digest");
        let rows: Vec<&str> = predictions.lines().skip(1).collect();
        let right = |row: &&&str| {
            let cells: Vec<&str> = row.split(',').collect();
            cells[1] == cells[2]
        };
        let share = rows.iter().filter(right).count() as f64 / rows.len() as f64;
        fields.insert("test_accuracy".into(), share.into());
        fs::write(to.join("record.json"), record.to_string()).unwrap();
        fs::write(to.join("predictions.csv"), predictions).unwrap();
    }
    out
}

fn digest_of_task(record: &str) -> String {
    let record: serde_json::Value = serde_json::from_str(record).unwrap();
    record["spec"]["task_digest"].as_str().unwrap().to_owned()
}

/// Each row after `change`, which gets its cells.
fn rows(predictions: &str, change: impl Fn(usize, &mut Vec<String>)) -> String {
    let mut lines = predictions.lines();
    let mut text = format!("{}\n", lines.next().unwrap());
    for (at, line) in lines.enumerate() {
        let mut cells: Vec<String> = line.split(',').map(str::to_owned).collect();
        change(at, &mut cells);
        text += &format!("{}\n", cells.join(","));
    }
    text
}

fn compare(first: &Path, second: &Path, options: &[&str]) -> Ended {
    let dirs = [first, second].map(|dir| dir.to_str().unwrap());
    run(&[&["compare"], &dirs[..], options].concat())
}

#[test]
fn a_run_holds_against_itself_and_a_worse_one_fails_the_build() {
    let dir = scratch();
    let first = made(dir.path());
    let same = compare(&first, &first, &["--fail-if-worse", "1pp"]);
    assert_eq!(same.code, Some(0), "{}{}", same.stdout, same.stderr);
    assert!(
        same.stdout
            .contains("same settings, same model and task, same machine, same program")
            && same.stdout.contains("2 of 2 hold"),
        "{}",
        same.stdout
    );
    // Every tf-idf answer is wrong.
    let worse = copy(&first, "worse", |record, predictions| {
        if !record.contains("\"method\": \"tf-idf\"") && !record.contains("\"method\":\"tf-idf\"") {
            return (record, predictions);
        }
        let wrong = rows(&predictions, |_, cells| {
            if cells[1] == cells[2] {
                cells[2] = if cells[1] == "invoice_copy" {
                    "login_problem"
                } else {
                    "invoice_copy"
                }
                .into();
            }
        });
        (record, wrong)
    });
    // Without a limit, a comparison is no verdict.
    assert_eq!(compare(&first, &worse, &[]).code, Some(0));
    let failed = compare(&first, &worse, &["--fail-if-worse", "1pp"]);
    assert_eq!(failed.code, Some(1), "{}{}", failed.stdout, failed.stderr);
    assert!(
        failed.stdout.contains("WORSE: ") && failed.stdout.contains("lower"),
        "{}",
        failed.stdout
    );
    assert_eq!(
        compare(&worse, &first, &["--fail-if-worse", "1pp"]).code,
        Some(0)
    );
}

#[test]
fn permuted_rows_and_another_task_digest_are_not_paired_and_not_passed() {
    let dir = scratch();
    let first = made(dir.path());
    let permuted = copy(&first, "permuted", |record, predictions| {
        let lines: Vec<&str> = predictions.lines().skip(1).collect();
        let turned: Vec<String> = (0..lines.len())
            .map(|at| {
                let (row, _) = lines[at].split_once(',').unwrap();
                let (_, rest) = lines[(at + 1) % lines.len()].split_once(',').unwrap();
                format!("{row},{rest}\n")
            })
            .collect();
        let header = predictions.lines().next().unwrap();
        (record, format!("{header}\n{}", turned.concat()))
    });
    let other_task = copy(&first, "other-task", |record, predictions| {
        let digest = digest_of_task(&record);
        (record.replace(&digest, &"0".repeat(64)), predictions)
    });
    for (second, said) in [
        (permuted, "have another label"),
        (other_task, "the task's files differ"),
    ] {
        for options in [&[][..], &["--fail-if-worse", "100pp"]] {
            let ended = compare(&first, &second, options);
            assert_eq!(ended.code, Some(3), "{}{}", ended.stdout, ended.stderr);
            let text = ended.stdout;
            assert!(
                text.contains("NOT PAIRED: ") && text.contains(said),
                "{text}"
            );
            assert!(text.contains("unpaired"), "{text}");
        }
    }
}

#[test]
fn what_the_evidence_leaves_open_ends_with_3() {
    let dir = scratch();
    let first = made(dir.path());
    // One answer in 25 changes: nobody can say which way one point goes.
    let other = copy(&first, "other", |record, predictions| {
        let some = rows(&predictions, |at, cells| {
            if at % 25 == 0 {
                cells[2] = if at % 50 == 0 {
                    cells[1].clone()
                } else {
                    "invoice_copy".into()
                };
            }
        });
        (record, some)
    });
    let ended = compare(&first, &other, &["--fail-if-worse", "0.1pp"]);
    assert_eq!(ended.code, Some(3), "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stdout.contains("cannot tell: "), "{}", ended.stdout);
}

#[test]
fn what_cannot_be_compared_is_refused_with_what_was_found() {
    let dir = scratch();
    let first = made(dir.path());
    let renamed = copy(&first, "renamed", |record, predictions| {
        let other = predictions.replace("logp_", "logp_my-");
        let other = rows(&other, |_, cells| {
            for cell in &mut cells[1..3] {
                *cell = format!("my-{cell}");
            }
        });
        (record, other)
    });
    let refused = compare(&first, &renamed, &[]);
    assert_eq!(refused.code, Some(2), "{}", refused.stdout);
    assert!(
        refused.stderr.contains("other classes"),
        "{}",
        refused.stderr
    );
    let nothing = copy(&first, "nothing", |record, predictions| {
        (
            record
                .replace("\"task\": \"support-intents\"", "\"task\": \"tickets\"")
                .replace(&digest_of_task(&record), &"0".repeat(64)),
            predictions,
        )
    });
    let refused = compare(&first, &nothing, &[]);
    assert_eq!(refused.code, Some(2), "{}", refused.stdout);
    assert!(refused.stderr.contains("in common"), "{}", refused.stderr);
}

#[test]
fn limits_without_a_unit_or_with_the_wrong_one_are_refused_with_the_right_one() {
    for (limit, hint) in [
        ("1%", "1pp"),
        ("1", "such as 1pp"),
        ("-1pp", "0pp to 100pp"),
        ("pp", "such as 1pp"),
    ] {
        let ended = run(&["compare", "a", "b", &format!("--fail-if-worse={limit}")]);
        assert_eq!(ended.code, Some(2), "{limit}");
        assert!(ended.stderr.contains(hint), "{limit}: {}", ended.stderr);
    }
    for noise in ["5", "0.05", "x%", "-5%"] {
        let ended = run(&["compare", "a", "b", &format!("--noise={noise}")]);
        assert_eq!(ended.code, Some(2), "{noise}");
        assert!(ended.stderr.contains('%'), "{noise}: {}", ended.stderr);
    }
}
