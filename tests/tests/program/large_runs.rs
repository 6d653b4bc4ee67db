//! Runs of very many trials: reading, summarising and reporting them takes time and memory in proportion. The measurement of 100,000 trials, by the
//! program itself, is made where `ADAPTBENCH_SLOW` is true.

use crate::harness::{program, scratch};
use benches::records::{Size, write_run};
use measure::memory;
use report::{load_run, write_showing};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// 2,000 trials.
const SMALL: Size = Size {
    models: 2,
    tasks: 1,
    methods: 10,
    limits: 10,
    seeds: 10,
    rows: 120,
};

/// Seconds of reading and reporting a run of this size, of three attempts the shortest.
fn seconds(size: Size) -> f64 {
    let dir = scratch();
    write_run(dir.path(), size).unwrap();
    let attempt = || {
        let started = Instant::now();
        let run = load_run(dir.path()).unwrap();
        assert_eq!(run.trials.len(), size.trials());
        // One group in full: the charts of a report are as many for every size.
        write_showing(&run, dir.path(), 1).unwrap();
        started.elapsed().as_secs_f64()
    };
    attempt().min(attempt()).min(attempt())
}

#[test]
fn four_times_the_trials_take_four_times_as_long_and_not_sixteen() {
    let four_times = Size {
        tasks: 2,
        models: 4,
        ..SMALL
    };
    assert_eq!(four_times.trials(), 4 * SMALL.trials());
    let (few, many) = (seconds(SMALL), seconds(four_times));
    println!(
        "{} trials: {few:.2} s; {}: {many:.2} s",
        SMALL.trials(),
        four_times.trials()
    );
    // Other tests run beside this one, so that either of the two may be slowed down.
    assert!(many < 9.0 * few, "{few} s and {many} s");
}

#[test]
fn what_is_not_shown_of_many_groups_is_said_and_can_be_had() {
    let dir = scratch();
    let size = Size {
        models: 2,
        tasks: 3,
        methods: 3,
        limits: 3,
        seeds: 2,
        rows: 30,
    };
    write_run(dir.path(), size).unwrap();
    let path = dir.path().to_str().unwrap();
    let report = |options: &[&str]| {
        let done = program(&[&["report", path], options].concat())
            .output()
            .unwrap();
        assert!(
            done.status.success(),
            "{}",
            String::from_utf8_lossy(&done.stderr)
        );
        String::from_utf8(done.stdout).unwrap()
    };
    let charts = || {
        let names = fs::read_dir(dir.path().join("plots")).unwrap().flatten();
        let names = names.map(|entry| entry.file_name().into_string().unwrap());
        let groups: std::collections::BTreeSet<String> = names
            .filter(|name| name.ends_with("--accuracy.svg"))
            .collect();
        groups
    };
    let read = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap();
    let said = "12 of the 18 combinations of model, task and number of training examples";
    for text in [report(&[]), read("summary.md"), read("report.html")] {
        assert!(text.contains(said), "{text}");
    }
    assert_eq!(charts().len(), 12);
    // Of every model and task the most training examples come first.
    assert_eq!(
        charts()
            .iter()
            .filter(|name| name.contains("--n32--"))
            .count(),
        6
    );
    let tables = read("summary.md")
        .lines()
        .filter(|line| line.starts_with("## model-"))
        .count();
    assert_eq!(tables, 18, "every group has its table");
    let all = report(&["--show", "18"]);
    assert!(!all.contains("combinations of model"), "{all}");
    assert_eq!(charts().len(), 18);
}

#[test]
fn times_of_unlike_machines_are_kept_apart_and_the_page_says_so() {
    let dir = scratch();
    let size = Size {
        models: 1,
        tasks: 1,
        methods: 3,
        limits: 1,
        seeds: 40,
        rows: 30,
    };
    write_run(dir.path(), size).unwrap();
    let run = load_run(dir.path()).unwrap();
    write_showing(&run, dir.path(), 1).unwrap();
    let read = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap();
    let said = "the trials ran on unlike machines: times are those of the ";
    for name in ["summary.md", "report.html"] {
        assert!(read(name).contains(said), "{name}");
    }
    let mut times = csv::Reader::from_path(dir.path().join("times.csv")).unwrap();
    let rows: Vec<std::collections::HashMap<String, String>> =
        times.deserialize().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 3 * 2, "three methods on two kinds of machines");
    let number = |row: &std::collections::HashMap<String, String>, name: &str| -> f64 {
        row[name].parse().unwrap()
    };
    let mut summary = csv::Reader::from_path(dir.path().join("summary.csv")).unwrap();
    for row in summary.deserialize::<std::collections::HashMap<String, String>>() {
        let row = row.unwrap();
        let of = |machine: &str| {
            let mut own = rows.iter().filter(|other| other["label"] == row["label"]);
            own.find(|other| other["machine"].contains(machine))
                .unwrap()
        };
        let (fast, slow) = (of("Made-up 3000"), of("Made-up 1000"));
        assert_eq!(row["train_s_median"], fast["train_s_median"]);
        assert!(number(slow, "train_s_min") > 2.0 * number(fast, "train_s_max"));
        let finished = number(&row, "trials_finished");
        assert_eq!(number(fast, "trials") + number(slow, "trials"), finished);
        assert_eq!(
            row["n_seeds"], row["trials_finished"],
            "accuracies are of all"
        );
    }
}

/// Most resident memory of a process until it has ended.
fn watched(mut child: std::process::Child) -> (bool, u64) {
    let mut peak = 0;
    loop {
        peak = peak.max(memory::of_process(child.id()).peak_bytes.unwrap_or(0));
        if let Some(status) = child.try_wait().unwrap() {
            return (status.success(), peak);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn timed(dir: &Path, command: &str) -> (f64, u64) {
    let started = Instant::now();
    let child = program(&[command, dir.to_str().unwrap()])
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let (good, peak) = watched(child);
    assert!(good, "{command} failed");
    (started.elapsed().as_secs_f64(), peak)
}

#[test]
fn a_hundred_thousand_trials_are_reported_in_a_minute_and_two_gibibytes() {
    if std::env::var("ADAPTBENCH_SLOW").as_deref() != Ok("true") {
        println!("skipped: ADAPTBENCH_SLOW=true measures it");
        return;
    }
    let dir = scratch();
    write_run(dir.path(), Size::FULL).unwrap();
    for command in ["report", "recommend"] {
        let (seconds, peak) = timed(dir.path(), command);
        let mebibytes = peak as f64 / 1048576.0;
        println!(
            "{command} of {} trials: {seconds:.1} s, {mebibytes:.0} MiB",
            Size::FULL.trials()
        );
        assert!(seconds <= 60.0, "{command} took {seconds} s");
        assert!(peak <= 2 << 30, "{command} took {mebibytes} MiB");
    }
}
