//! `trials.csv` and `curves.csv` while a run lasts, so that it can be followed: a trial's rows are appended when it ends, which costs the same
//! for the last of many trials as for the first. The records remain the truth: both files are written anew when a run begins or is continued,
//! and when it ends.

use anyhow::Context;
use record::{TrialRecord, store};
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The two tables of a run.
pub(crate) struct Tables {
    trials: PathBuf,
    curves: PathBuf,
}

impl Tables {
    /// Writes the tables of what is on record already.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub(crate) fn begin(dir: &Path, records: &[TrialRecord]) -> anyhow::Result<Self> {
        let tables = Self {
            trials: dir.join("trials.csv"),
            curves: dir.join("curves.csv"),
        };
        store::write_file(&tables.trials, &record::trials_csv(records))?;
        store::write_file(&tables.curves, &record::curves_csv(records))?;
        Ok(tables)
    }

    /// Appends the rows of a trial that has ended.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub(crate) fn add(&self, record: &TrialRecord) -> anyhow::Result<()> {
        append(&self.trials, &record::trial_row(record))?;
        append(&self.curves, &record::curve_rows(record))
    }
}

/// By name each time: `report` may have put another file there. One that was deleted comes back when the run ends.
fn append(path: &Path, rows: &[u8]) -> anyhow::Result<()> {
    let appended = OpenOptions::new()
        .append(true)
        .open(path)
        .and_then(|mut file| file.write_all(rows));
    match appended {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot write {}", path.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use record::{CurvePoint, Outcome, TrialSpec};
    use std::fs;
    use std::time::Instant;

    fn records(n: usize) -> Vec<TrialRecord> {
        let record = |i: usize| {
            let mut record =
                TrialRecord::unmeasured(format!("t{i}"), TrialSpec::default(), Outcome::Finished);
            record.curve = vec![CurvePoint::default(); 60];
            record
        };
        (0..n).map(record).collect()
    }

    #[test]
    fn two_thousand_trials_append_what_their_tables_are() {
        let dir = tempfile::tempdir().unwrap();
        let records = records(2000);
        let tables = Tables::begin(dir.path(), &records[..1]).unwrap();
        let started = Instant::now();
        records[1..]
            .iter()
            .for_each(|record| tables.add(record).unwrap());
        let appended = started.elapsed() / 1999;
        let started = Instant::now();
        let again = tempfile::tempdir().unwrap();
        Tables::begin(again.path(), &records).unwrap();
        let anew = started.elapsed();
        println!(
            "a trial of 2,000 costs {appended:?} appended, {anew:?} if both tables were written anew"
        );
        let read = |name: &str| fs::read(dir.path().join(name)).unwrap();
        assert!(read("trials.csv") == record::trials_csv(&records));
        assert!(read("curves.csv") == record::curves_csv(&records));
    }

    #[test]
    fn a_torn_table_is_whole_again_when_the_run_is_continued_and_a_deleted_one_does_not_stop_it() {
        let dir = tempfile::tempdir().unwrap();
        let records = records(3);
        Tables::begin(dir.path(), &records[..1]).unwrap();
        let path = dir.path().join("trials.csv");
        let torn = fs::read(&path).unwrap();
        fs::write(&path, &torn[..torn.len() - 7]).unwrap();
        let tables = Tables::begin(dir.path(), &records[..2]).unwrap();
        tables.add(&records[2]).unwrap();
        assert!(fs::read(&path).unwrap() == record::trials_csv(&records));
        fs::remove_file(&path).unwrap();
        tables.add(&records[2]).unwrap();
        assert!(!path.exists());
    }
}
