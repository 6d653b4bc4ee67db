//! The files of a run directory: `run.json`, and `record.json` and `predictions.csv` of each trial, under `trials/<id>/` or, in a
//! compact run, in one [`archive`].
//!
//! Every file is written under a temporary name and then renamed, so that a file with its final name is whole. Names that start
//! with a dot or end in `.tmp` are leftovers of a kill and are passed over by the reader.

use crate::archive::{self, ARCHIVE, Files};
use crate::predictions::{self, Examples};
use crate::{Prediction, RunInfo, StoreError, Trial, TrialRecord, checks};
use rayon::prelude::*;
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// The file that makes a directory a run.
pub const RUN_FILE: &str = "run.json";
/// A trial's record, in its folder.
pub const RECORD_FILE: &str = "record.json";
/// A trial's answers, in its folder.
pub const PREDICTIONS_FILE: &str = "predictions.csv";
const TRIALS: &str = "trials";

/// How a run keeps the records of its trials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A folder for each trial, as the program writes them.
    Folder,
    /// One compressed archive; such a run can be read but not continued.
    Compact,
}

/// Where trial `trial_id` keeps its files.
pub fn trial_dir(run_dir: &Path, trial_id: &str) -> PathBuf {
    run_dir.join(TRIALS).join(trial_id)
}

/// Writes `run.json`.
///
/// # Errors
/// [`StoreError::Write`].
pub fn write_run_info(run_dir: &Path, info: &RunInfo) -> Result<(), StoreError> {
    write_json(&run_dir.join(RUN_FILE), info)
}

/// Reads `run.json`.
///
/// # Errors
/// [`StoreError::Read`], [`StoreError::BrokenRun`] or [`StoreError::Newer`], naming the file.
pub fn read_run_info(run_dir: &Path) -> Result<RunInfo, StoreError> {
    let path = run_dir.join(RUN_FILE);
    let text = files::read(&path, files::SETTINGS_BYTES).map_err(|e| StoreError::read(&path, e))?;
    parse_json(&path, &text).map_err(|error| match error {
        // It is one file of the run, and the records of the trials are none the worse for it.
        StoreError::Broken { path, reason } => StoreError::BrokenRun { path, reason },
        other => other,
    })
}

/// Writes a trial's `record.json`; the trial counts as done from the rename on, so write its predictions first.
///
/// # Errors
/// [`StoreError::Write`].
pub fn write_record(run_dir: &Path, record: &TrialRecord) -> Result<(), StoreError> {
    write_json(
        &trial_dir(run_dir, &record.trial_id).join(RECORD_FILE),
        record,
    )
}

/// Reads the record of trial `trial_id`, or `None` if it has not ended.
///
/// # Errors
/// [`StoreError::Read`], [`StoreError::Broken`] or [`StoreError::Newer`], naming the file.
pub fn read_record(run_dir: &Path, trial_id: &str) -> Result<Option<TrialRecord>, StoreError> {
    let path = trial_dir(run_dir, trial_id).join(RECORD_FILE);
    let text = read_if_there(&path)?;
    text.map(|text| parse_json(&path, &text)).transpose()
}

/// Writes a trial's `predictions.csv`: `row,label,predicted,logp_<class>..`; row numbers, never texts. Returns its digest, for
/// [`TrialRecord::predictions_digest`].
///
/// # Errors
/// [`StoreError::Write`].
pub fn write_predictions(
    run_dir: &Path,
    trial_id: &str,
    classes: &[String],
    rows: &[Prediction],
) -> Result<String, StoreError> {
    let path = trial_dir(run_dir, trial_id).join(PREDICTIONS_FILE);
    let table = predictions::to_csv(classes, rows);
    write_file(&path, &table)?;
    Ok(checks::digest(&table))
}

/// How the run in `run_dir` keeps its records.
///
/// # Errors
/// [`StoreError::NoRun`] if there is no run; [`StoreError::TwoForms`] if there are two answers.
pub fn form(run_dir: &Path) -> Result<Form, StoreError> {
    let folder = run_dir.join(TRIALS).is_dir();
    let archive = run_dir.join(ARCHIVE).is_file();
    let path = run_dir.to_owned();
    match (run_dir.join(RUN_FILE).is_file(), folder, archive) {
        (true, true, false) => Ok(Form::Folder),
        (true, false, true) => Ok(Form::Compact),
        (true, true, true) => Err(StoreError::TwoForms { path }),
        _ => Err(StoreError::NoRun { path }),
    }
}

/// Reads all trials that have ended, by id. Trials still under way (no `record.json` yet) are passed over.
///
/// # Errors
/// As [`form`]; otherwise the first file that cannot be read or is broken, by name.
pub fn read_trials(run_dir: &Path) -> Result<Vec<Trial>, StoreError> {
    match form(run_dir)? {
        Form::Folder => {
            let seen = Mutex::default();
            let of_trial = |id: &String| {
                let files = read_files(run_dir, id)?;
                files
                    .map(|f| parse_trial(run_dir, id, &f, &seen))
                    .transpose()
            };
            let ids = trial_ids(run_dir)?;
            let ended = in_parallel(&ids, of_trial).into_iter();
            ended.filter_map(Result::transpose).collect()
        }
        Form::Compact => {
            let path = run_dir.join(ARCHIVE);
            let seen = Mutex::default();
            let parsed = archive::read(&path)?.into_par_iter().map(|(id, files)| {
                parse_trial(run_dir, &id, &files, &seen).map_err(|error| match error {
                    StoreError::Broken { path: file, reason } => {
                        let file = file.strip_prefix(run_dir).unwrap_or(&file).display();
                        StoreError::broken_archive(&path, format!("{file}: {reason}"))
                    }
                    other => other,
                })
            });
            parsed.collect::<Vec<_>>().into_iter().collect()
        }
    }
}

/// The records of the trials `ids`, in their order; `None` for a trial that has not ended. Of several that cannot be read the first is the error.
///
/// # Errors
/// As [`read_record`].
pub fn read_records(run_dir: &Path, ids: &[&str]) -> Result<Vec<Option<TrialRecord>>, StoreError> {
    let records = in_parallel(ids, |id| read_record(run_dir, id));
    records.into_iter().collect()
}

/// The trials that have ended, by the presence of their records; nothing is read of them.
///
/// # Errors
/// [`StoreError::Read`].
pub fn ids_on_record(run_dir: &Path) -> Result<HashSet<String>, StoreError> {
    let ids = trial_ids(run_dir)?;
    let has_record = |id: &String| trial_dir(run_dir, id).join(RECORD_FILE).is_file();
    Ok(ids.into_par_iter().filter(has_record).collect())
}

/// `of` each, in order. On all cores: a large run has hundreds of thousands of small files.
fn in_parallel<I: Sync, T: Send>(items: &[I], of: impl Fn(&I) -> T + Sync) -> Vec<T> {
    items.par_iter().map(&of).collect()
}

/// Writes the records and predictions of the run in `run_dir` as `out`'s archive, and its `run.json` beside it.
///
/// # Errors
/// As [`read_trials`]; [`StoreError::Write`], also where `out` has records in a folder.
pub fn write_compact(run_dir: &Path, out: &Path) -> Result<(), StoreError> {
    let path = out.join(ARCHIVE);
    if out.join(TRIALS).exists() {
        let reason = "a run keeps its records in `trials` beside it; name another directory";
        let reason = std::io::Error::new(std::io::ErrorKind::AlreadyExists, reason);
        return Err(StoreError::write(&path, reason));
    }
    let trials = match form(run_dir)? {
        Form::Folder => {
            let ended = trial_ids(run_dir)?
                .into_iter()
                .map(|id| -> Result<_, StoreError> {
                    let files = read_files(run_dir, &id)?;
                    Ok(files.map(|files| (id, files)))
                });
            ended
                .filter_map(Result::transpose)
                .collect::<Result<_, StoreError>>()?
        }
        Form::Compact => archive::read(&run_dir.join(ARCHIVE))?,
    };
    let info = run_dir.join(RUN_FILE);
    let info = read_file(&info)?;
    let packed = archive::pack(&trials).map_err(|e| StoreError::write(&path, e))?;
    write_file(&path, &packed)?;
    write_file(&out.join(RUN_FILE), &info)
}

/// The raw files of a trial in a folder; `None` if it has not ended.
fn read_files(run_dir: &Path, id: &str) -> Result<Option<Files>, StoreError> {
    let dir = trial_dir(run_dir, id);
    let Some(record) = read_if_there(&dir.join(RECORD_FILE))? else {
        return Ok(None);
    };
    let predictions = read_if_there(&dir.join(PREDICTIONS_FILE))?;
    Ok(Some(Files {
        record,
        predictions,
    }))
}

fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, StoreError> {
    match read_file(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(StoreError::Read { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            Ok(None)
        }
        Err(e) => Err(e),
    }
}

/// A trial out of its raw files; paths are for errors. Test examples that other trials were tested on are held once.
fn parse_trial(
    run_dir: &Path,
    id: &str,
    files: &Files,
    seen: &Mutex<HashSet<Arc<Examples>>>,
) -> Result<Trial, StoreError> {
    let dir = trial_dir(run_dir, id);
    let path = dir.join(RECORD_FILE);
    let record: TrialRecord = parse_json(&path, &files.record)?;
    if record.trial_id != id {
        let found = record.trial_id;
        let reason = format!("it is the record of trial {found:?}, expected {id:?}");
        return Err(StoreError::broken(&path, reason));
    }
    checks::numbers(&record).map_err(|reason| StoreError::broken(&path, reason))?;
    let parse = |text: &Vec<u8>| {
        checks::predictions(&record, text)
            .map_err(|reason| StoreError::broken(&dir.join(PREDICTIONS_FILE), reason))
    };
    let mut predictions = files.predictions.as_ref().map(parse).transpose()?;
    if let Some(predictions) = &mut predictions {
        predictions.share_examples(seen);
    }
    Ok(Trial {
        record,
        predictions,
    })
}

/// Writes `bytes` to `path` whole or not at all, making folders as needed: see [`files::write`].
///
/// # Errors
/// [`StoreError::Write`].
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    files::write(path, bytes).map_err(|e| StoreError::write(path, e))
}

/// Reads a file of a run: a regular one, no larger than any that a run keeps.
pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>, StoreError> {
    files::read(path, archive::MOST_BYTES_OF_A_FILE).map_err(|e| StoreError::read(path, e))
}

/// Names of the trial folders, sorted, leftovers of a kill passed over.
///
/// # Errors
/// [`StoreError::Read`].
pub fn trial_ids(run_dir: &Path) -> Result<Vec<String>, StoreError> {
    let folder = run_dir.join(TRIALS);
    let mut ids = Vec::new();
    for entry in fs::read_dir(&folder).map_err(|e| StoreError::read(&folder, e))? {
        let entry = entry.map_err(|e| StoreError::read(&folder, e))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().is_dir() && !name.starts_with('.') && !name.ends_with(".tmp") {
            ids.push(name);
        }
    }
    ids.sort();
    Ok(ids)
}

fn write_json<T: serde::Serialize>(path: &Path, value: &T) -> Result<(), StoreError> {
    let mut text =
        serde_json::to_vec_pretty(value).map_err(|e| StoreError::write(path, e.into()))?;
    text.push(b'\n');
    write_file(path, &text)
}

/// The layout's version is looked at first, so that a newer file is not called broken.
fn parse_json<T: serde::de::DeserializeOwned>(path: &Path, text: &[u8]) -> Result<T, StoreError> {
    #[derive(Deserialize)]
    struct Layout {
        #[serde(default)]
        schema: Value,
    }
    let broken = |error| StoreError::broken(path, error);
    let layout: Layout = serde_json::from_slice(text).map_err(broken)?;
    match layout.schema.as_u64().map(u32::try_from) {
        Some(Ok(found)) if found > crate::SCHEMA => Err(StoreError::Newer {
            path: path.to_owned(),
            found,
        }),
        Some(Ok(_)) => serde_json::from_slice(text).map_err(broken),
        _ => Err(StoreError::broken(path, "it states no `schema`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_predictions(run_dir: &Path, id: &str) -> Option<crate::Predictions> {
        let text = fs::read(trial_dir(run_dir, id).join(PREDICTIONS_FILE)).ok()?;
        Some(predictions::parse(&text).unwrap())
    }

    fn prediction(row: u64, label: &str, predicted: &str, logs: &[f64]) -> Prediction {
        Prediction {
            row,
            label: label.into(),
            predicted: predicted.into(),
            log_probabilities: logs.into(),
        }
    }

    #[test]
    fn predictions_survive_the_disk_with_awkward_class_names() {
        let dir = tempfile::tempdir().unwrap();
        let classes = [
            "good, \"very\"".to_owned(),
            "bad".to_owned(),
            "so-so".to_owned(),
        ];
        let rows = [
            prediction(4, "bad", "bad", &[-3.5, -0.25, -1.0]),
            prediction(0, "good, \"very\"", "so-so", &[-1.0, -2.0, -0.5]),
        ];
        write_predictions(dir.path(), "t1", &classes, &rows).unwrap();
        let back = read_predictions(dir.path(), "t1").unwrap();
        assert_eq!(back.classes, classes);
        assert_eq!(back.to_rows(), rows);
        assert_eq!(back.correct(), [(4, true), (0, false)]);
        assert_eq!(read_predictions(dir.path(), "t2"), None);
        let left = fs::read_dir(trial_dir(dir.path(), "t1")).unwrap().count();
        assert_eq!(left, 1, "a temporary file stayed behind");
    }

    #[test]
    fn a_broken_run_json_is_said_to_leave_the_records_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(RUN_FILE);
        for text in ["", "{", "{\"schema\": 1}", "[]", "{\"schema\": -1}"] {
            fs::write(&path, text).unwrap();
            let error = read_run_info(dir.path()).unwrap_err().to_string();
            assert!(error.contains("run.json is broken: "), "{error}");
            assert!(error.contains("do not delete them"), "{error}");
        }
    }

    #[test]
    fn a_pipe_in_place_of_a_file_is_refused_without_waiting() {
        let dir = tempfile::tempdir().unwrap();
        let trial = trial_dir(dir.path(), "t");
        fs::create_dir_all(&trial).unwrap();
        for path in [trial.join(RECORD_FILE), dir.path().join(ARCHIVE)] {
            let made = std::process::Command::new("mkfifo").arg(&path).status();
            assert!(made.unwrap().success());
        }
        let read = [
            read_record(dir.path(), "t").map(drop).unwrap_err(),
            archive::read(&dir.path().join(ARCHIVE)).unwrap_err(),
        ];
        for error in read {
            assert!(error.to_string().contains("is a pipe"), "{error}");
        }
    }

    #[test]
    fn many_classes_keep_the_log_probabilities_of_label_and_prediction() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(trial_dir(dir.path(), "t")).unwrap();
        let classes: Vec<String> = (0..17).map(|i| format!("c{i}")).collect();
        let prediction = Prediction {
            row: 4,
            label: "c3".into(),
            predicted: "c9".into(),
            log_probabilities: (0..17).map(|i| -f64::from(i)).collect(),
        };
        write_predictions(dir.path(), "t", &classes, &[prediction]).unwrap();
        let read = read_predictions(dir.path(), "t").unwrap();
        assert_eq!(read.classes, ["label", "predicted"]);
        assert_eq!(read.to_rows()[0].log_probabilities, [-3.0, -9.0]);
    }
}
