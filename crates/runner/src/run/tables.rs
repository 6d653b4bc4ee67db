//! `trials.csv` and `curves.csv` while a run lasts, so that it can be followed. Rows of trials that have ended are appended every few seconds,
//! which costs the same for the last of many trials as for the first. The records remain the truth: both files are written anew when a run
//! begins or is continued, and when it ends.

use anyhow::Context;
use record::{StoreError, TrialRecord};
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long rows wait before they are appended.
const INTERVAL: Duration = Duration::from_secs(5);

/// The two tables of a run.
pub(crate) struct Tables {
    trials: Table,
    curves: Table,
    appended: Instant,
}

/// A table, and rows that are not in it yet.
struct Table {
    path: PathBuf,
    rows: Vec<u8>,
}

impl Tables {
    /// Writes the tables of what is on record already, which `each` hands over one by one.
    ///
    /// # Errors
    /// A file that cannot be written; what `each` says.
    pub(crate) fn begin(
        dir: &Path,
        each: impl FnOnce(&mut dyn FnMut(&TrialRecord) -> io::Result<()>) -> anyhow::Result<()>,
    ) -> anyhow::Result<Self> {
        let tables = Self {
            trials: Table::new(dir, "trials.csv"),
            curves: Table::new(dir, "curves.csv"),
            appended: Instant::now(),
        };
        replaced(&tables.trials.path, |trials| {
            replaced(&tables.curves.path, |curves| {
                trials.write_all(&record::trials_csv([]))?;
                curves.write_all(&record::curves_csv([]))?;
                each(&mut |record: &TrialRecord| {
                    trials.write_all(&record::trial_row(record))?;
                    curves.write_all(&record::curve_rows(record))
                })
            })
        })?;
        Ok(tables)
    }

    /// Takes the rows of a trial that has ended.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub(crate) fn add(&mut self, record: &TrialRecord) -> anyhow::Result<()> {
        self.trials.rows.extend(record::trial_row(record));
        self.curves.rows.extend(record::curve_rows(record));
        self.poll()
    }

    /// Appends what has waited long enough.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub(crate) fn poll(&mut self) -> anyhow::Result<()> {
        if self.appended.elapsed() < INTERVAL {
            return Ok(());
        }
        self.append()
    }

    /// Appends all that waits.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub(crate) fn append(&mut self) -> anyhow::Result<()> {
        self.appended = Instant::now();
        self.trials.append()?;
        self.curves.append()
    }
}

impl Table {
    fn new(dir: &Path, name: &str) -> Self {
        Self {
            path: dir.join(name),
            rows: Vec::new(),
        }
    }

    /// By name each time: `report` may have put another file there. One that was deleted comes back when the run ends.
    fn append(&mut self) -> anyhow::Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let appended = OpenOptions::new()
            .append(true)
            .open(&self.path)
            .and_then(|mut file| file.write_all(&self.rows));
        match appended {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot write {}", self.path.display()))
            }
            _ => {
                self.rows.clear();
                Ok(())
            }
        }
    }
}

/// Writes a file whole or not at all, through a buffer.
fn replaced(
    path: &Path,
    fill: impl FnOnce(&mut BufWriter<File>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut fault = None;
    let written = files::replace(path, |temporary| {
        let mut out = BufWriter::new(File::create(temporary)?);
        match fill(&mut out) {
            Ok(()) => out.flush(),
            Err(error) => {
                fault = Some(error);
                Err(io::Error::other("not filled"))
            }
        }
    });
    match (fault, written) {
        (Some(error), _) => Err(error),
        (None, Err(error)) => Err(StoreError::write(path, error).into()),
        (None, Ok(())) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use record::{CurvePoint, Outcome, TrialSpec};
    use std::fs;

    fn records(n: usize) -> Vec<TrialRecord> {
        let record = |i: usize| {
            let mut record =
                TrialRecord::unmeasured(format!("t{i}"), TrialSpec::default(), Outcome::Finished);
            record.curve = vec![CurvePoint::default(); 60];
            record
        };
        (0..n).map(record).collect()
    }

    fn begin(dir: &Path, records: &[TrialRecord]) -> Tables {
        Tables::begin(dir, |write| Ok(records.iter().try_for_each(write)?)).unwrap()
    }

    #[test]
    fn five_hundred_trials_append_what_their_tables_are() {
        let dir = tempfile::tempdir().unwrap();
        let records = records(500);
        let mut tables = begin(dir.path(), &records[..1]);
        for record in &records[1..] {
            tables.add(record).unwrap();
        }
        let read = |name: &str| fs::read(dir.path().join(name)).unwrap();
        assert!(read("trials.csv").len() < record::trials_csv(&records).len());
        tables.append().unwrap();
        assert!(read("trials.csv") == record::trials_csv(&records));
        assert!(read("curves.csv") == record::curves_csv(&records));
    }

    #[test]
    fn a_torn_table_is_whole_again_when_the_run_is_continued_and_a_deleted_one_does_not_stop_it() {
        let dir = tempfile::tempdir().unwrap();
        let records = records(3);
        begin(dir.path(), &records[..1]);
        let path = dir.path().join("trials.csv");
        let torn = fs::read(&path).unwrap();
        fs::write(&path, &torn[..torn.len() - 7]).unwrap();
        let mut tables = begin(dir.path(), &records[..2]);
        tables.add(&records[2]).unwrap();
        tables.append().unwrap();
        assert!(fs::read(&path).unwrap() == record::trials_csv(&records));
        fs::remove_file(&path).unwrap();
        tables.add(&records[2]).unwrap();
        tables.append().unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn a_table_that_cannot_be_filled_leaves_the_one_before() {
        let dir = tempfile::tempdir().unwrap();
        begin(dir.path(), &records(2));
        let path = dir.path().join("trials.csv");
        let before = fs::read(&path).unwrap();
        let error = Tables::begin(dir.path(), |_| anyhow::bail!("a broken record"));
        assert_eq!(error.err().unwrap().to_string(), "a broken record");
        assert!(fs::read(&path).unwrap() == before);
    }
}
