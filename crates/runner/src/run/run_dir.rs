//! The directory of a run: claimed by one process at a time, holding one plan for good.

use crate::plan::matrix::Planned;
use crate::terminal::tell;
use anyhow::{Context, bail};
use record::RunInfo;
use record::archive::ARCHIVE;
use record::store;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// A run's directory.
pub(crate) struct RunDir {
    pub(crate) path: PathBuf,
    /// Whether it held this plan before.
    pub(crate) continued: bool,
    /// Ours as long as this lives; `None` where trials run on other machines, which no lock of this one's could keep apart.
    _lock: Option<File>,
}

/// `runs/<date-time>`, with a number where that exists.
pub(crate) fn fresh() -> PathBuf {
    let name = stamp(SystemTime::now());
    let first = Path::new("runs").join(&name);
    let next = (2..).map(|n| Path::new("runs").join(format!("{name}-{n}")));
    std::iter::once(first)
        .chain(next)
        .find(|path| !path.exists())
        .expect("numbers do not end")
}

/// `2026-11-27T093000`.
fn stamp(now: SystemTime) -> String {
    let text = measure::environment::timestamp(now);
    text.chars()
        .filter(|c| c.is_ascii_digit() || "-T".contains(*c))
        .collect()
}

/// What a directory holds of a plan.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    /// The run that was begun there.
    before: Option<RunInfo>,
    /// Records without a run.json.
    left: usize,
}

/// Looks whether the plan in `info`, whose trials are `trials`, could run in `path`; nothing is written.
///
/// # Errors
/// A directory that holds something else, or another plan.
pub(crate) fn inspect(path: &Path, info: &RunInfo, trials: &[Planned]) -> anyhow::Result<Held> {
    let held = path.join(store::RUN_FILE).is_file();
    let left = if held { 0 } else { records_of(path, trials)? };
    if !held
        && left == 0
        && fs::read_dir(path).is_ok_and(|mut entries| {
            entries.any(|entry| entry.is_ok_and(|e| !is_passing(&e.file_name())))
        })
    {
        bail!(
            "{} is not empty and holds no run (no run.json); give --out a new or an empty directory, or one with a run",
            path.display()
        );
    }
    if path.join(ARCHIVE).is_file() {
        bail!(
            "{0} holds a compact run, which cannot be continued; give --out a new directory, or unpack it first: tar --zstd -C {0} -xf {0}/{ARCHIVE} && rm {0}/{ARCHIVE}",
            path.display()
        );
    }
    if !held {
        return Ok(Held { before: None, left });
    }
    let before = store::read_run_info(path)?;
    let differences = differences(&identity(&before), &identity(info));
    if !differences.is_empty() {
        bail!(
            "{} holds another run; give --out a new directory, or repeat that run's plan. What differs (there -> now):\n  {}",
            path.display(),
            differences.join("\n  ")
        );
    }
    Ok(Held {
        before: Some(before),
        left,
    })
}

/// Makes or reopens `path` for the plan in `info`, whose trials are `trials`, for this process alone.
///
/// # Errors
/// A directory that cannot be written, holds something else, another plan, or is in use.
pub(crate) fn open(path: &Path, info: &RunInfo, trials: &[Planned]) -> anyhow::Result<RunDir> {
    inspect(path, info, trials)?;
    let lock = lock(path, Duration::ZERO)?;
    // Again, now that nobody else begins a run there.
    begin(path, info, trials, Some(lock))
}

/// As [`open`], for trials that run on other machines: any number of processes may have such a directory open. Only one that runs trials on its
/// own machine keeps the others out.
///
/// # Errors
/// As [`open`].
pub(crate) fn open_shared(
    path: &Path,
    info: &RunInfo,
    trials: &[Planned],
) -> anyhow::Result<RunDir> {
    inspect(path, info, trials)?;
    // Another that opens it like this holds the lock for a moment.
    let lock = lock(path, A_MOMENT)?;
    let dir = begin(path, info, trials, None);
    drop(lock);
    dir
}

/// Longer than it takes to begin a run.
const A_MOMENT: Duration = Duration::from_secs(20);

fn unwritable(path: &Path) -> String {
    format!(
        "cannot write to {}; give --out a directory on a disk that is writable and not full",
        path.display()
    )
}

/// The lock of a directory, made where it is not there.
fn lock(path: &Path, patience: Duration) -> anyhow::Result<File> {
    fs::create_dir_all(path).with_context(|| unwritable(path))?;
    let lock = lock_file(&path.join(LOCK)).with_context(|| unwritable(path))?;
    let begun = Instant::now();
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            Err(TryLockError::WouldBlock) if begun.elapsed() < patience => {
                thread::sleep(Duration::from_millis(50));
            }
            Err(TryLockError::WouldBlock) => bail!(
                "another process is running trials in {}; wait for it or give another --out",
                path.display()
            ),
            Err(TryLockError::Error(_)) => return Ok(lock), // a file system without locks
        }
    }
}

fn begin(
    path: &Path,
    info: &RunInfo,
    trials: &[Planned],
    lock: Option<File>,
) -> anyhow::Result<RunDir> {
    let unwritable = || unwritable(path);
    let Held { before, left } = inspect(path, info, trials)?;
    let held = before.is_some();
    if let Some(before) = before {
        if before.git_revision != info.git_revision
            || before.cargo_lock_digest != info.cargo_lock_digest
        {
            tell(format!(
                "warning: {} was begun by another build of this program; run.json describes that one",
                path.display()
            ));
        }
    } else {
        if left > 0 {
            tell(format!(
                "note: {} had {left} records and no run.json, which is written anew",
                path.display()
            ));
        }
        store::write_run_info(path, info).with_context(unwritable)?;
    }
    // After run.json, without which a directory with anything else in it is none of ours.
    fs::create_dir_all(path.join("trials")).with_context(unwritable)?;
    Ok(RunDir {
        path: path.to_owned(),
        continued: held || left > 0,
        _lock: lock,
    })
}

const LOCK: &str = ".lock";

/// Whether a file of this name may stand in a directory in which no run has begun: the lock, and run.json while it is written.
fn is_passing(name: &OsStr) -> bool {
    name == LOCK || name.as_encoded_bytes().starts_with(b".run.json.")
}

/// The file whose lock says that a run is under way. It is never written, so that what a link in a run of others leads to is none the worse.
fn lock_file(path: &Path) -> io::Result<File> {
    if fs::symlink_metadata(path).is_ok_and(|found| !found.is_file()) {
        let problem = format!("{} is no regular file; delete it", path.display());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
    }
    File::options()
        .create(true)
        .write(true)
        .truncate(false)
        .open(path)
}

/// How many records of this plan's trials stand in a directory that has lost its run.json.
///
/// # Errors
/// Records of other trials.
fn records_of(path: &Path, trials: &[Planned]) -> anyhow::Result<usize> {
    let Ok(mut ids) = store::trial_ids(path) else {
        return Ok(0);
    };
    ids.retain(|id| {
        store::trial_dir(path, id)
            .join(store::RECORD_FILE)
            .is_file()
    });
    let planned: HashSet<&String> = trials.iter().map(|trial| &trial.id).collect();
    let is_planned = |id: &&String| planned.contains(*id);
    let others = ids.iter().filter(|id| !is_planned(id)).count();
    if let Some(other) = ids.iter().find(|id| !is_planned(id)) {
        bail!(
            "{0} holds records and no run.json, and {others} of its {1} records are of other trials than these ({other}); repeat the command that \
             began it, or give --out a new directory",
            path.display(),
            ids.len()
        );
    }
    Ok(ids.len())
}

/// What makes two runs the same.
fn identity(info: &RunInfo) -> Value {
    json!({ "plan": info.plan, "models": info.model_digests, "tasks": info.task_digests })
}

/// `a.b: 1 -> 2`, for every leaf that differs.
fn differences(before: &Value, now: &Value) -> Vec<String> {
    let (mut before_leaves, mut now_leaves) = (Vec::new(), Vec::new());
    leaves(before, "", &mut before_leaves);
    leaves(now, "", &mut now_leaves);
    let find = |all: &[(String, Value)], name: &str| {
        all.iter()
            .find(|(other, _)| other == name)
            .map(|(_, value)| value.to_string())
    };
    let mut names: Vec<&String> = before_leaves
        .iter()
        .chain(&now_leaves)
        .map(|(name, _)| name)
        .collect();
    names.sort();
    names.dedup();
    let none = || "(nothing)".to_owned();
    let pairs = names
        .into_iter()
        .map(|name| (name, find(&before_leaves, name), find(&now_leaves, name)));
    pairs
        .filter(|(_, a, b)| a != b)
        .map(|(name, a, b)| {
            format!(
                "{name}: {} -> {}",
                a.unwrap_or_else(none),
                b.unwrap_or_else(none)
            )
        })
        .collect()
}

fn leaves(value: &Value, name: &str, found: &mut Vec<(String, Value)>) {
    let join = |part: &str| {
        if name.is_empty() {
            part.to_owned()
        } else {
            format!("{name}.{part}")
        }
    };
    match value {
        Value::Object(map) if !map.is_empty() => map
            .iter()
            .for_each(|(key, value)| leaves(value, &join(key), found)),
        Value::Array(values) if !values.is_empty() => {
            values
                .iter()
                .enumerate()
                .for_each(|(i, value)| leaves(value, &join(&i.to_string()), found));
        }
        leaf => found.push((name.to_owned(), leaf.clone())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded() -> RunInfo {
        let info = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../results/minilm-sst2-tuned/run.json"
        );
        serde_json::from_str(&fs::read_to_string(info).unwrap()).unwrap()
    }

    #[test]
    fn a_run_without_its_run_json_is_continued_by_its_own_plan_alone() {
        let dir = tempfile::tempdir().unwrap();
        let planned = |id: &str| Planned {
            id: id.to_owned(),
            spec: record::TrialSpec::default(),
        };
        for id in ["a", "b"] {
            let record = record::TrialRecord::unmeasured(
                id.to_owned(),
                record::TrialSpec::default(),
                record::Outcome::Finished,
            );
            store::write_record(dir.path(), &record).unwrap();
        }
        let open = |ids: &[&str]| {
            let trials: Vec<Planned> = ids.iter().map(|id| planned(id)).collect();
            open(dir.path(), &recorded(), &trials)
        };
        let error = open(&["a", "c"]).err().unwrap().to_string();
        assert!(error.contains("1 of its 2 records"), "{error}");
        assert!(!dir.path().join(store::RUN_FILE).exists());
        assert!(open(&["a", "b", "c"]).unwrap().continued);
        assert!(dir.path().join(store::RUN_FILE).is_file());
    }

    #[test]
    fn a_lock_is_a_file_of_its_own_and_nothing_that_a_link_leads_to() {
        let dir = tempfile::tempdir().unwrap();
        let (lock, precious) = (dir.path().join(LOCK), dir.path().join("precious"));
        fs::write(&precious, "text").unwrap();
        std::os::unix::fs::symlink(&precious, &lock).unwrap();
        assert!(lock_file(&lock).is_err());
        assert_eq!(fs::read_to_string(&precious).unwrap(), "text");
        fs::remove_file(&lock).unwrap();
        lock_file(&lock).unwrap();
    }

    #[test]
    fn a_run_is_named_after_the_time_whatever_the_clock_shows() {
        let seconds = std::time::Duration::from_secs;
        let at = |since: u64| SystemTime::UNIX_EPOCH + seconds(since);
        assert_eq!(stamp(at(1_700_000_000)), "2023-11-14T221320");
        let before = SystemTime::UNIX_EPOCH - seconds(86_400);
        for time in [before, at(300_000_000_000), at(0)] {
            assert_eq!(stamp(time), "1970-01-01T000000");
        }
    }

    #[test]
    fn a_compact_run_is_not_continued() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(ARCHIVE), "").unwrap();
        let info = recorded();
        store::write_run_info(dir.path(), &info).unwrap();
        let error = open(dir.path(), &info, &[]).err().unwrap().to_string();
        assert!(error.contains("cannot be continued"), "{error}");
    }

    #[test]
    fn differences_name_the_leaf_and_both_values() {
        let before = json!({"plan": {"seeds": [0, 1], "budget": {"epochs": 5}}});
        let now = json!({"plan": {"seeds": [0, 1, 2], "budget": {"epochs": 4}}});
        assert_eq!(
            differences(&before, &now),
            ["plan.budget.epochs: 5 -> 4", "plan.seeds.2: (nothing) -> 2"]
        );
        assert!(differences(&before, &before).is_empty());
    }
}
