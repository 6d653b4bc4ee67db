//! Trials side by side on one machine, and trials that an engine of one's own runs, one command each.

use crate::harness::{Ended, program, records, run, run_methods, scratch, wait_until};
use record::{TrialRecord, store};
use std::fs;
use std::path::Path;
use std::process::Stdio;

const SMALL: [&str; 10] = [
    "--seeds",
    "3",
    "--train-limit",
    "40",
    "--validation-limit",
    "20",
    "--test-limit",
    "30",
    "--tune",
    "2",
];

fn read(out: &Path, id: &str) -> TrialRecord {
    store::read_record(out, id).unwrap().unwrap()
}

/// What must not depend on where a trial ran.
fn found(r: TrialRecord) -> impl PartialEq + std::fmt::Debug {
    let best = r.details.get("tune").map(|tune| tune["best"].clone());
    let scores = [r.test_accuracy, r.test_loss, r.validation_accuracy];
    (
        r.outcome,
        r.predictions_digest,
        scores,
        best,
        r.search_trials,
    )
}

fn assert_same(one: &Path, other: &Path, trials: usize) {
    let ids = records(one);
    assert_eq!(ids.len(), trials);
    assert_eq!(records(other).len(), trials);
    for id in ids.keys() {
        assert_eq!(found(read(one, id)), found(read(other, id)), "{id}");
    }
}

fn engine(arguments: &[&str], dir: &Path, rest: &[&str]) -> Ended {
    run(&[arguments, &[dir.to_str().unwrap()], rest].concat())
}

fn listed(dir: &Path) -> Vec<String> {
    let ended = engine(&["plan"], dir, &["--list"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    ended.stdout.lines().map(str::to_owned).collect()
}

#[test]
fn trials_side_by_side_are_those_of_one_after_the_other_on_cores_of_their_own() {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    if cores < 2 {
        println!("skipped: one core has nothing to share out");
        return;
    }
    let (alone, beside) = (scratch(), scratch());
    let methods = "mock-slow,tf-idf";
    assert_eq!(run_methods(methods, alone.path(), &SMALL).code, Some(0));
    let options = [&SMALL[..], &["--jobs", "2"]].concat();
    let ended = run_methods(methods, beside.path(), &options);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_same(alone.path(), beside.path(), 6);
    let shares = [cores / 2, cores - cores / 2];
    for id in records(beside.path()).keys() {
        let machine = read(beside.path(), id).machine.unwrap();
        assert_eq!(machine.side_by_side, Some(2));
        let own = machine.cores.unwrap() as usize;
        assert!(shares.contains(&own), "{own} of {cores} cores");
        let machine = read(alone.path(), id).machine.unwrap();
        assert_eq!(
            (machine.side_by_side, machine.cores),
            (None, Some(cores as u64))
        );
    }
    let table = fs::read_to_string(beside.path().join("trials.csv")).unwrap();
    assert_eq!(table.lines().count(), 7);
}

#[test]
fn more_trials_side_by_side_than_cores_are_refused() {
    let dir = scratch();
    let ended = run_methods("mock-constant", dir.path(), &["--jobs", "5000"]);
    assert_eq!(ended.code, Some(2));
    assert!(
        ended.stderr.contains("needs one of its own"),
        "{}",
        ended.stderr
    );
}

#[test]
fn options_of_an_engine_are_refused_without_it() {
    let dir = scratch();
    for (options, expected) in [
        (&["--detach"][..], "--detach is for --on slurm"),
        (
            &["--on", "other", "--max-parallel", "3"],
            "--max-parallel is for --on slurm",
        ),
        (
            &["--on", "slurm", "--jobs", "2"],
            "--jobs is for runs on this machine",
        ),
    ] {
        let ended = run_methods("mock-constant", dir.path(), options);
        assert_eq!(ended.code, Some(2));
        assert!(ended.stderr.contains(expected), "{}", ended.stderr);
    }
}

#[test]
fn an_engine_of_ones_own_runs_what_is_listed_and_the_records_are_those_of_one_process() {
    let (alone, dir) = (scratch(), scratch());
    let methods = "mock-slow,mock-constant";
    assert_eq!(run_methods(methods, alone.path(), &SMALL).code, Some(0));
    let options = [&SMALL[..], &["--on", "other"]].concat();
    let ended = run_methods(methods, dir.path(), &options);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(
        ended.stdout.contains("6 trials are to run"),
        "{}",
        ended.stdout
    );
    assert!(records(dir.path()).is_empty());

    // Those that search come first; the others say that it is too early.
    let first = listed(dir.path());
    assert_eq!(first.len(), 2, "{first:?}");
    let all = fs::read_to_string(dir.path().join("jobs/trials.tsv")).unwrap();
    let mut all = all
        .lines()
        .skip(1)
        .map(|line| line.split('\t').next().unwrap());
    let later = all.find(|id| !first.iter().any(|f| f == id)).unwrap();
    let early = engine(&["trial"], dir.path(), &[later]);
    assert_eq!(early.code, Some(75), "{}", early.stderr);
    assert!(
        early.stderr.contains("which has not ended"),
        "{}",
        early.stderr
    );

    // Each twice at once, as overlapping lists would have it.
    while !listed(dir.path()).is_empty() {
        for id in listed(dir.path()) {
            let dir = dir.path().to_str().unwrap();
            let both = [(); 2].map(|()| {
                program(&["trial", dir, &id])
                    .stderr(Stdio::piped())
                    .spawn()
                    .unwrap()
            });
            let codes = both.map(|child| child.wait_with_output().unwrap().status.code());
            assert!(codes.contains(&Some(0)), "{codes:?}");
            assert!(
                codes.iter().all(|code| [Some(0), Some(75)].contains(code)),
                "{codes:?}"
            );
        }
    }
    assert_same(alone.path(), dir.path(), 6);
    let status = engine(&["status"], dir.path(), &[]);
    assert_eq!(status.code, Some(0), "{}", status.stdout);
    assert!(
        status.stdout.contains("6 trials: 6 finished, 0 to come"),
        "{}",
        status.stdout
    );
    assert_eq!(engine(&["report"], dir.path(), &[]).code, Some(0));
    let table = fs::read_to_string(dir.path().join("trials.csv")).unwrap();
    assert_eq!(table.lines().count(), 7);
    let again = engine(&["trial"], dir.path(), &[&first[0]]);
    assert_eq!(again.code, Some(0));
    assert!(
        again.stderr.contains("on record already"),
        "{}",
        again.stderr
    );
    let unknown = engine(&["trial"], dir.path(), &["../run"]);
    assert_eq!(unknown.code, Some(2));
}

#[test]
fn an_attempt_that_was_killed_is_told_by_the_record_of_the_next() {
    let dir = scratch();
    let gate = dir.path().join("gate");
    let out = dir.path().join("run");
    let options = ["--seeds", "1", "--on", "other"];
    assert_eq!(run_methods("mock-gated", &out, &options).code, Some(0));
    let id = listed(&out).remove(0);
    let arguments = ["trial", out.to_str().unwrap(), &id];
    let mut killed = program(&arguments)
        .env("ADAPTBENCH_TEST_GATE", &gate)
        .spawn()
        .unwrap();
    wait_until("it trains", || {
        let log = out.join(format!("jobs/attempts/{id}.1/trials/{id}/log.txt"));
        fs::read_to_string(log).is_ok_and(|log| log.contains("phase: train"))
    });
    let status = engine(&["status"], &out, &[]);
    assert_eq!(status.code, Some(75));
    assert!(status.stdout.contains("under way: "), "{}", status.stdout);
    let second = run(&arguments);
    assert_eq!(second.code, Some(75), "{}", second.stderr);
    // Nor does a run on this machine take it.
    let here = run_methods("mock-gated", &out, &["--seeds", "1"]);
    assert_eq!(here.code, Some(2));
    assert!(here.stderr.contains("wait for it"), "{}", here.stderr);

    killed.kill().unwrap();
    killed.wait().unwrap();
    fs::write(&gate, "").unwrap();
    let ended = program(&arguments)
        .env("ADAPTBENCH_TEST_GATE", &gate)
        .output()
        .unwrap();
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    let record = read(&out, &id);
    assert_eq!(record.attempts.len(), 1);
    assert!(record.attempts[0].host.is_some());
    assert!(record.attempts[0].ended.contains("without a record"));
    let left = fs::read_dir(out.join("jobs/claims")).unwrap().count();
    assert_eq!(left, 0);
    // The same command reports.
    let here = run_methods("mock-gated", &out, &["--seeds", "1"]);
    assert_eq!(here.code, Some(0), "{}", here.stderr);
}
