//! The files of a run directory: `run.json`, and `record.json` and `predictions.csv` under `trials/<id>/`.
//!
//! Every file is written under a temporary name and then renamed, so that a file with its final name is whole. Names that start
//! with a dot or end in `.tmp` are leftovers of a kill and are passed over by the reader.

use crate::ReportError;
use record::{Prediction, RunInfo, TrialRecord};
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Columns of `predictions.csv` before the classes' `logp_<class>`.
const PREDICTION_COLUMNS: [&str; 3] = ["row", "label", "predicted"];

/// A trial's predictions and the task's classes, in the order of the log-probabilities.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Predictions {
    /// Class names.
    pub classes: Vec<String>,
    /// One a test example, in the order of the test split.
    pub rows: Vec<Prediction>,
}

impl Predictions {
    /// Whether each test example was answered right, by row number.
    pub fn correct(&self) -> Vec<(u64, bool)> {
        self.rows
            .iter()
            .map(|p| (p.row, p.label == p.predicted))
            .collect()
    }
}

/// Where trial `trial_id` keeps its files.
pub fn trial_dir(run_dir: &Path, trial_id: &str) -> PathBuf {
    run_dir.join("trials").join(trial_id)
}

/// Writes `run.json`.
///
/// # Errors
/// [`ReportError::Write`].
pub fn write_run_info(run_dir: &Path, info: &RunInfo) -> Result<(), ReportError> {
    write_json(&run_dir.join("run.json"), info)
}

/// Reads `run.json`.
///
/// # Errors
/// [`ReportError::Read`], [`ReportError::Broken`] or [`ReportError::Newer`], naming the file.
pub fn read_run_info(run_dir: &Path) -> Result<RunInfo, ReportError> {
    read_json(&run_dir.join("run.json"))
}

/// Writes a trial's `record.json`; the trial counts as done from the rename on, so write its predictions first.
///
/// # Errors
/// [`ReportError::Write`].
pub fn write_record(run_dir: &Path, record: &TrialRecord) -> Result<(), ReportError> {
    write_json(
        &trial_dir(run_dir, &record.trial_id).join("record.json"),
        record,
    )
}

/// Reads the record of trial `trial_id`, or `None` if it has not ended.
///
/// # Errors
/// As [`read_run_info`].
pub fn read_record(run_dir: &Path, trial_id: &str) -> Result<Option<TrialRecord>, ReportError> {
    let path = trial_dir(run_dir, trial_id).join("record.json");
    if path.exists() {
        read_json(&path).map(Some)
    } else {
        Ok(None)
    }
}

/// With more classes than this, `predictions.csv` keeps the log-probabilities of the label and of the prediction only: 77 classes × 3,080 rows × 48 trials
/// would be 100 MB, and every statistic of the report needs no others.
const MOST_CLASSES_WRITTEN: usize = 16;

/// Writes a trial's `predictions.csv`: `row,label,predicted,logp_<class>..`; row numbers, never texts.
///
/// # Errors
/// [`ReportError::Write`].
pub fn write_predictions(
    run_dir: &Path,
    trial_id: &str,
    classes: &[String],
    predictions: &[Prediction],
) -> Result<(), ReportError> {
    let path = trial_dir(run_dir, trial_id).join("predictions.csv");
    let mut table = csv::Writer::from_writer(Vec::new());
    let every_class = classes.len() <= MOST_CLASSES_WRITTEN;
    let columns = match every_class {
        true => classes.to_vec(),
        false => vec!["label".to_owned(), "predicted".to_owned()],
    };
    let header = PREDICTION_COLUMNS
        .iter()
        .map(|c| (*c).to_owned())
        .chain(columns.iter().map(|c| format!("logp_{c}")));
    let rows = predictions.iter().map(|p| {
        let cells = [p.row.to_string(), p.label.clone(), p.predicted.clone()];
        let of = |name: &str| {
            let place = classes.iter().position(|class| class == name);
            place.and_then(|i| p.log_probabilities.get(i).copied())
        };
        let logs: Vec<Option<f64>> = match every_class {
            true => p.log_probabilities.iter().copied().map(Some).collect(),
            false => vec![of(&p.label), of(&p.predicted)],
        };
        // Five decimals: nothing uses more, and they add up. What is missing is an empty cell.
        let logs = logs
            .into_iter()
            .map(|l| l.map(|l| format!("{l:.5}")).unwrap_or_default());
        cells.into_iter().chain(logs).collect::<Vec<_>>()
    });
    for row in std::iter::once(header.collect()).chain(rows) {
        table
            .write_record(&row)
            .map_err(|e| ReportError::write(&path, e.into()))?;
    }
    let bytes = table
        .into_inner()
        .map_err(|e| ReportError::write(&path, e.into_error()))?;
    write_file(&path, &bytes)
}

/// Reads a trial's `predictions.csv`, or `None` if it has none.
///
/// # Errors
/// [`ReportError::Read`] or [`ReportError::Broken`], naming the file and the line.
pub fn read_predictions(
    run_dir: &Path,
    trial_id: &str,
) -> Result<Option<Predictions>, ReportError> {
    let path = trial_dir(run_dir, trial_id).join("predictions.csv");
    if !path.exists() {
        return Ok(None);
    }
    let text = fs::read(&path).map_err(|e| ReportError::read(&path, e))?;
    parse_predictions(&text)
        .map(Some)
        .map_err(|reason| ReportError::broken(&path, reason))
}

fn parse_predictions(text: &[u8]) -> Result<Predictions, String> {
    let mut table = csv::Reader::from_reader(text);
    let header = table.headers().map_err(|e| e.to_string())?.clone();
    let (first, classes) = header
        .iter()
        .collect::<Vec<_>>()
        .split_at_checked(3)
        .map(|(a, b)| (a.to_vec(), b.to_vec()))
        .unwrap_or_default();
    if first != PREDICTION_COLUMNS {
        return Err(format!(
            "its columns are {:?}, expected row,label,predicted,logp_<class>..",
            header.iter().collect::<Vec<_>>()
        ));
    }
    let classes = classes
        .into_iter()
        .map(|c| {
            c.strip_prefix("logp_")
                .map(str::to_owned)
                .ok_or_else(|| format!("column {c:?}, expected logp_<class>"))
        })
        .collect::<Result<_, _>>()?;
    let mut rows = Vec::new();
    for (index, cells) in table.records().enumerate() {
        let line = index + 2;
        let cells = cells.map_err(|e| e.to_string())?;
        let number = |cell: &str| match cell {
            "" => Ok(f64::NAN),
            _ => cell
                .parse::<f64>()
                .map_err(|_| format!("line {line} has {cell:?} where a number belongs")),
        };
        rows.push(Prediction {
            row: cells[0].parse().map_err(|_| {
                format!("line {line} has row {:?}, expected a row number", &cells[0])
            })?,
            label: cells[1].to_owned(),
            predicted: cells[2].to_owned(),
            log_probabilities: cells.iter().skip(3).map(number).collect::<Result<_, _>>()?,
        });
    }
    Ok(Predictions { classes, rows })
}

/// Writes `bytes` to `path` by way of a temporary name beside it, making folders as needed.
///
/// # Errors
/// [`ReportError::Write`].
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<(), ReportError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = path.with_file_name(format!(".{name}.{}.tmp", std::process::id()));
    let write = || {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut file = fs::File::create(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    write().map_err(|e| {
        let _ = fs::remove_file(&temporary);
        ReportError::write(path, e)
    })
}

/// Names of the trial folders, sorted, leftovers of a kill passed over.
pub(crate) fn trial_ids(run_dir: &Path) -> Result<Vec<String>, ReportError> {
    let folder = run_dir.join("trials");
    let mut ids = Vec::new();
    for entry in fs::read_dir(&folder).map_err(|e| ReportError::read(&folder, e))? {
        let entry = entry.map_err(|e| ReportError::read(&folder, e))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().is_dir() && !name.starts_with('.') && !name.ends_with(".tmp") {
            ids.push(name);
        }
    }
    ids.sort();
    Ok(ids)
}

fn write_json<T: serde::Serialize>(path: &Path, value: &T) -> Result<(), ReportError> {
    let mut text =
        serde_json::to_vec_pretty(value).map_err(|e| ReportError::write(path, e.into()))?;
    text.push(b'\n');
    write_file(path, &text)
}

/// The layout's version is looked at first, so that a newer file is not called broken.
fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, ReportError> {
    let text = fs::read(path).map_err(|e| ReportError::read(path, e))?;
    let value: Value = serde_json::from_slice(&text).map_err(|e| ReportError::broken(path, e))?;
    match value
        .get("schema")
        .and_then(Value::as_u64)
        .map(u32::try_from)
    {
        Some(Ok(found)) if found > record::SCHEMA => Err(ReportError::Newer {
            path: path.to_owned(),
            found,
        }),
        Some(Ok(_)) => serde_json::from_value(value).map_err(|e| ReportError::broken(path, e)),
        _ => Err(ReportError::broken(path, "it states no `schema`")),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn many_classes_keep_the_log_probabilities_of_label_and_prediction() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(super::trial_dir(dir.path(), "t")).unwrap();
        let classes: Vec<String> = (0..17).map(|i| format!("c{i}")).collect();
        let prediction = super::Prediction {
            row: 4,
            label: "c3".into(),
            predicted: "c9".into(),
            log_probabilities: (0..17).map(|i| -f64::from(i)).collect(),
        };
        super::write_predictions(dir.path(), "t", &classes, &[prediction]).unwrap();
        let read = super::read_predictions(dir.path(), "t").unwrap().unwrap();
        assert_eq!(read.classes, ["label", "predicted"]);
        assert_eq!(read.rows[0].log_probabilities, [-3.0, -9.0]);
    }

    use super::*;

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
        let back = read_predictions(dir.path(), "t1").unwrap().unwrap();
        assert_eq!(back.classes, classes);
        assert_eq!(back.rows, rows);
        assert_eq!(back.correct(), [(4, true), (0, false)]);
        assert_eq!(read_predictions(dir.path(), "t2").unwrap(), None);
        let left = fs::read_dir(trial_dir(dir.path(), "t1")).unwrap().count();
        assert_eq!(left, 1, "a temporary file stayed behind");
    }

    #[test]
    fn broken_predictions_name_their_line() {
        assert!(
            parse_predictions(b"row,label,predicted,logp_a\n0,a,a,-0.1\nx,a,a,-0.1\n")
                .unwrap_err()
                .contains("line 3")
        );
        assert!(
            parse_predictions(b"row,label,predicted,logp_a\n0,a,a,huh\n")
                .unwrap_err()
                .contains("\"huh\"")
        );
        assert!(
            parse_predictions(b"row,label\n0,a\n")
                .unwrap_err()
                .contains("expected row,label,predicted")
        );
        assert!(
            parse_predictions(b"row,label,predicted,logp_a\n0,a,a\n").is_err(),
            "a ragged row was accepted"
        );
    }
}
