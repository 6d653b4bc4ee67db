//! Starting the program, and reading what it left.

use record::TrialRecord;
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The program with the mock methods, its cache in a directory of its own.
pub(crate) fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tests"));
    command
        .args(arguments)
        .stdin(Stdio::null())
        .env("XDG_CACHE_HOME", cache())
        .env("HF_HUB_OFFLINE", "1");
    command
}

fn cache() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("cache")
}

/// An ended program.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs the program to its end.
pub(crate) fn run(arguments: &[&str]) -> Ended {
    let Output {
        status,
        stdout,
        stderr,
    } = program(arguments).output().expect("the program starts");
    let text = |bytes| String::from_utf8(bytes).expect("output is UTF-8");
    Ended {
        code: status.code(),
        stdout: text(stdout),
        stderr: text(stderr),
    }
}

/// `run` with these methods and options into `out`, with the smallest model unless the options name one.
pub(crate) fn run_methods(methods: &str, out: &Path, options: &[&str]) -> Ended {
    let out = out.to_str().expect("a path in UTF-8");
    let model: &[&str] = match options.contains(&"--model") {
        true => &[],
        false => &["--model", "tiny-bert"],
    };
    run(&[&["run", "--methods", methods, "--out", out], model, options].concat())
}

/// A copy of a bundled model or task in `dir`.
pub(crate) fn bundled(kind: &str, name: &str, dir: &Path) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/runner/bundled");
    fs::create_dir_all(dir).unwrap();
    for entry in fs::read_dir(root.join(kind).join(name)).unwrap().flatten() {
        fs::copy(entry.path(), dir.join(entry.file_name())).unwrap();
    }
    dir.to_owned()
}

/// The program in the directory `here`, which is its home as well.
pub(crate) fn run_in(here: &Path, arguments: &[&str]) -> Ended {
    let done = program(arguments)
        .current_dir(here)
        .env("HOME", here)
        .output();
    let done = done.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended {
        code: done.status.code(),
        stdout: text(done.stdout),
        stderr: text(done.stderr),
    }
}

/// A run of the quickest method with one seed, in the directory `here`.
pub(crate) fn majority(here: &Path, options: &[&str]) -> Ended {
    let common = [
        "run",
        "--methods",
        "majority",
        "--model",
        "tiny-bert",
        "--seeds",
        "1",
    ];
    run_in(here, &[&common, options].concat())
}

/// The ids of the trials on record.
pub(crate) fn ids(run: &Path) -> Vec<String> {
    let mut ids: Vec<String> = records(run).into_keys().collect();
    ids.sort();
    ids
}

/// A directory that is removed at the end.
pub(crate) fn scratch() -> TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

/// `trials.csv`: its header, and the rows by method (one trial a method).
pub(crate) fn trials_csv(out: &Path) -> (Vec<String>, HashMap<String, HashMap<String, String>>) {
    let mut table = csv::Reader::from_path(out.join("trials.csv")).expect("trials.csv");
    let header: Vec<String> = table
        .headers()
        .expect("a header")
        .iter()
        .map(str::to_owned)
        .collect();
    let rows = table.records().map(|row| {
        let row = row.expect("a row");
        header
            .iter()
            .cloned()
            .zip(row.iter().map(str::to_owned))
            .collect::<HashMap<_, _>>()
    });
    let rows = rows.map(|row| (row["method"].clone(), row)).collect();
    (header, rows)
}

/// A cell as a number.
pub(crate) fn number(row: &HashMap<String, String>, column: &str) -> f64 {
    row[column]
        .parse()
        .unwrap_or_else(|_| panic!("{column} is {:?}: {row:?}", row[column]))
}

/// Every record of a run, by trial id, as it stands on the disk.
pub(crate) fn records(out: &Path) -> HashMap<String, String> {
    let Ok(trials) = fs::read_dir(out.join("trials")) else {
        return HashMap::new();
    };
    let text = |dir: PathBuf| {
        Some((
            dir.file_name()?.to_str()?.to_owned(),
            fs::read_to_string(dir.join("record.json")).ok()?,
        ))
    };
    trials
        .flatten()
        .filter_map(|trial| text(trial.path()))
        .collect()
}

/// The one record of a run of one trial.
pub(crate) fn only_record(out: &Path) -> TrialRecord {
    let records = records(out);
    assert_eq!(records.len(), 1, "{records:?}");
    serde_json::from_str(records.values().next().expect("one")).expect("a record")
}

/// Waits until `ready`, at most half a minute.
pub(crate) fn wait_until(what: &str, mut ready: impl FnMut() -> bool) {
    let started = Instant::now();
    while !ready() {
        assert!(
            started.elapsed() < Duration::from_secs(30),
            "waited in vain until {what}"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Processes whose parent is `pid`.
pub(crate) fn children_of(pid: u32) -> Vec<u32> {
    let parent = |stat: &str| {
        stat.rsplit(") ")
            .next()?
            .split(' ')
            .nth(1)?
            .parse::<u32>()
            .ok()
    };
    let all = fs::read_dir("/proc").expect("/proc").flatten();
    let ids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    ids.filter(|id| {
        fs::read_to_string(format!("/proc/{id}/stat")).is_ok_and(|stat| parent(&stat) == Some(pid))
    })
    .collect()
}

/// Whether a process is there and not a zombie.
pub(crate) fn lives(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

/// A field of `/proc/<pid>/status`.
pub(crate) fn status(pid: u32, field: &str) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let rest = text
        .lines()
        .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    rest.split_whitespace().next()?.parse().ok()
}
