//! Stopping at any point, going on, and what must not be mixed.

use crate::harness::{
    children_of, ids, lives, program, records, run, run_methods, scratch, status, wait_until,
};
use std::fs;
use std::process::{Child, Stdio};

fn start(arguments: &[&str]) -> Child {
    program(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts")
}

#[test]
fn kill_nine_in_the_middle_loses_at_most_the_trial_under_way() {
    let dir = scratch();
    let out = dir.path().to_str().unwrap();
    let arguments = [
        "run",
        "--model",
        "tiny-bert",
        "--methods",
        "mock-slow,mock-constant",
        "--seeds",
        "4",
        "--out",
        out,
    ];
    let mut parent = start(&arguments);
    wait_until("three records are there", || records(dir.path()).len() >= 3);
    parent.kill().unwrap(); // SIGKILL
    parent.wait().unwrap();
    wait_until("its child has gone too", || {
        let before = records(dir.path()).len();
        std::thread::sleep(std::time::Duration::from_millis(700));
        records(dir.path()).len() == before
    });
    let before = records(dir.path());
    assert!((3..8).contains(&before.len()), "{}", before.len());

    let ended = run(&arguments);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(
        ended
            .stderr
            .contains(&format!("{} of 8 trials are on record", before.len())),
        "{}",
        ended.stderr
    );
    let after = records(dir.path());
    assert_eq!(after.len(), 8);
    assert!(
        before.iter().all(|(id, text)| after[id] == *text),
        "a finished trial was repeated"
    );

    let again = run(&arguments);
    assert_eq!(again.code, Some(0));
    assert_eq!(records(dir.path()), after);
    let table = fs::read_to_string(dir.path().join("trials.csv")).unwrap();
    assert_eq!(table.lines().count(), 9);
}

#[test]
fn a_trial_does_not_outlive_its_parent() {
    let dir = scratch();
    let mut parent = start(&[
        "run",
        "--model",
        "tiny-bert",
        "--methods",
        "mock-endless",
        "--seeds",
        "1",
        "--out",
        dir.path().to_str().unwrap(),
    ]);
    let mut trial = 0;
    wait_until("the trial trains", || {
        trial = children_of(parent.id()).first().copied().unwrap_or(0);
        trial != 0 && status(trial, "VmRSS").is_some_and(|kib| kib > 64 * 1024)
    });
    // Meanwhile: the parent holds no device, hence none of a backend's threads, and next to no memory.
    assert_eq!(status(parent.id(), "Threads"), Some(1));
    assert!(
        status(parent.id(), "VmHWM").is_some_and(|kib| kib < 64 * 1024),
        "{:?} KiB",
        status(parent.id(), "VmHWM")
    );
    parent.kill().unwrap();
    parent.wait().unwrap();
    wait_until("the trial has ended", || !lives(trial));
    assert!(records(dir.path()).is_empty());
}

#[test]
fn a_directory_with_another_plan_is_refused_with_the_difference_and_left_alone() {
    let dir = scratch();
    assert_eq!(
        run_methods("mock-constant", dir.path(), &["--seeds", "1"]).code,
        Some(0)
    );
    let before = (
        records(dir.path()),
        fs::read(dir.path().join("run.json")).unwrap(),
    );
    let ended = run_methods(
        "mock-constant",
        dir.path(),
        &["--seeds", "2", "--epochs", "9"],
    );
    assert_eq!(ended.code, Some(2));
    for difference in ["plan.seeds.1: (nothing) -> 1", "plan.budget.epochs: 5 -> 9"] {
        assert!(ended.stderr.contains(difference), "{}", ended.stderr);
    }
    assert_eq!(
        (
            records(dir.path()),
            fs::read(dir.path().join("run.json")).unwrap()
        ),
        before
    );
}

#[test]
fn two_processes_do_not_share_a_directory() {
    let dir = scratch();
    let out = dir.path().to_str().unwrap();
    let arguments = [
        "run",
        "--model",
        "tiny-bert",
        "--methods",
        "mock-endless",
        "--seeds",
        "1",
        "--out",
        out,
    ];
    let mut first = start(&arguments);
    wait_until("the first has begun", || {
        dir.path().join("run.json").exists()
    });
    let second = run(&arguments);
    first.kill().unwrap();
    first.wait().unwrap();
    assert_eq!(second.code, Some(2));
    assert!(
        second.stderr.contains("another process is running trials"),
        "{}",
        second.stderr
    );
}

#[test]
fn failed_trials_are_kept_unless_they_are_to_be_tried_again() {
    let dir = scratch();
    let options = ["--seeds", "1"];
    assert_eq!(
        run_methods("mock-fails,mock-constant", dir.path(), &options).code,
        Some(1)
    );
    let first = records(dir.path());
    assert_eq!(
        run_methods("mock-fails,mock-constant", dir.path(), &options).code,
        Some(1)
    );
    assert_eq!(records(dir.path()), first);
    assert_eq!(
        run_methods(
            "mock-fails,mock-constant",
            dir.path(),
            &["--seeds", "1", "--retry-failed"]
        )
        .code,
        Some(1)
    );
    let again = records(dir.path());
    let changed: Vec<&String> = again.keys().filter(|id| again[*id] != first[*id]).collect();
    assert!(
        changed.len() == 1 && changed[0].starts_with("mock-fails"),
        "{changed:?}"
    );
}

#[test]
fn a_disturbed_trial_is_timed_again_and_keeps_its_predictions_and_its_search() {
    let dir = scratch();
    let options = ["--seeds", "2", "--tune", "2"];
    assert_eq!(run_methods("mock-slow", dir.path(), &options).code, Some(0));
    let read = |id: &str| record::store::read_record(dir.path(), id).unwrap().unwrap();
    let searched = ids(dir.path())
        .into_iter()
        .find(|id| read(id).details["tune"].get("trials").is_some())
        .expect("one of the two has searched");
    let mut before = read(&searched);
    before.disturbed = Some(true);
    for cost in &mut before.phases {
        (cost.other_cpu_s, cost.disturbed) = (Some(99.0), Some(true));
    }
    record::store::write_record(dir.path(), &before).unwrap();

    let again = run_methods(
        "mock-slow",
        dir.path(),
        &[&options[..], &["--retime"]].concat(),
    );
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    assert!(
        again.stderr.contains("timed again: others took"),
        "{}",
        again.stderr
    );
    let after = read(&searched);
    assert!(after.neighbours_share() < before.neighbours_share());
    assert_eq!(after.details["retimed"]["attempts"], 1);
    // Numbers may differ in the last digit, once more written and read.
    let [found, kept] = [&before, &after].map(|record| &record.details["tune"]);
    for part in ["best", "epochs", "chosen", "edge"] {
        assert_eq!(kept[part], found[part], "{part}");
    }
    let tried = |tune: &serde_json::Value| tune["trials"].as_array().map(Vec::len);
    assert!(tried(kept) > Some(0) && tried(kept) == tried(found));
    assert_eq!(after.tune_s, before.tune_s);
    assert!(after.total_s > after.tune_s);
    assert_eq!(after.predictions_digest, before.predictions_digest);
    assert!(!dir.path().join(".retime").exists());
}
