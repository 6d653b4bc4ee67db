//! What a trial's log tells its parent: the phase it is in, and after an unexpected end, why.

use crate::panics;
use crate::run::job::{Job, PHASE_MARK};
use anyhow::Context;
use measure::watch::Ended;
use record::{Outcome, TrialRecord};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// The record of a trial that could not write its own: its outcome, why, how long, and the memory it had reached.
pub(crate) fn record_of_unfinished(job: &Job, ended: &Ended, log: &Log) -> TrialRecord {
    let outcome = match ended.outcome(&log.text) {
        Outcome::Finished => Outcome::Failed,
        outcome => outcome,
    };
    let mut record = TrialRecord::unmeasured(job.trial_id.clone(), job.spec.clone(), outcome);
    job.sign(&mut record);
    let last = log
        .last_message()
        .map(|message| format!("; its last message: {message}"))
        .unwrap_or_default();
    record.error = Some(format!("{}{last}", ended.describe()));
    record.total_s = Some(ended.elapsed.as_secs_f64());
    let peak = |phases: &[&str]| {
        log.peaks
            .iter()
            .filter(|(phase, _)| phases.contains(&phase.as_str()))
            .map(|(_, peak)| *peak)
            .max()
    };
    record.train_peak_rss_bytes = peak(&["prepare", "first step", "train"]);
    record.eval_peak_rss_bytes = peak(&["evaluate"]);
    if let Some(bytes) = ended.peak_rss_bytes {
        record
            .details
            .insert("peak_rss_bytes".to_owned(), bytes.into());
    }
    if let Some(phase) = log.phase() {
        record
            .details
            .insert("ended_in_phase".to_owned(), phase.into());
    }
    record
}

/// A child's log as it grows: its text, and the peak memory seen in each phase that it names.
pub(crate) struct Log {
    file: File,
    text: String,
    phase: Option<String>,
    peaks: Vec<(String, u64)>,
}

impl Log {
    /// Follows the file at `path`.
    ///
    /// # Errors
    /// A file that cannot be opened.
    pub(crate) fn new(path: &Path) -> anyhow::Result<Self> {
        let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Self {
            file,
            text: String::new(),
            phase: None,
            peaks: Vec::new(),
        })
    }

    /// The phase that began last.
    pub(crate) fn phase(&self) -> Option<&str> {
        self.phase.as_deref()
    }

    /// The last thing it says, phases aside.
    pub(crate) fn last_message(&self) -> Option<String> {
        let lines = self.text.lines();
        panics::last_message(lines.filter(|line| !line.starts_with(PHASE_MARK)))
    }

    /// Counts a peak to the phase known so far, then reads on: at a boundary, a peak may be counted too early, never too late.
    pub(crate) fn poll(&mut self, peak: Option<u64>) {
        if let (Some(phase), Some(peak)) = (&self.phase, peak) {
            match self.peaks.iter_mut().find(|(known, _)| known == phase) {
                Some((_, largest)) => *largest = peak.max(*largest),
                None => self.peaks.push((phase.clone(), peak)),
            }
        }
        let mut bytes = Vec::new();
        let end = self.text.len() as u64;
        if self.file.seek(SeekFrom::Start(end)).is_err()
            || self.file.read_to_end(&mut bytes).is_err()
        {
            return;
        }
        // Whole lines only; what is cut is read again. Not UTF-8 would shift the place, so it is replaced byte by byte.
        let whole = bytes
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        let new: String = match std::str::from_utf8(&bytes[..whole]) {
            Ok(text) => text.to_owned(),
            Err(_) => bytes[..whole]
                .iter()
                .map(|byte| {
                    if byte.is_ascii() {
                        char::from(*byte)
                    } else {
                        '?'
                    }
                })
                .collect(),
        };
        if let Some(phase) = new
            .lines()
            .rev()
            .find_map(|line| line.strip_prefix(PHASE_MARK))
        {
            self.phase = Some(phase.to_owned());
        }
        self.text.push_str(&new);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_log_gives_each_phase_its_own_peak_and_survives_broken_text() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log.txt");
        let mut out = File::create(&path).unwrap();
        let mut log = Log::new(&path).unwrap();
        log.poll(Some(900)); // before any phase
        out.write_all(b"phase: load\nhalf a li").unwrap();
        log.poll(Some(50));
        log.poll(Some(70));
        out.write_all(b"ne \xff\xfe\nphase: train\n").unwrap();
        log.poll(Some(80));
        log.poll(Some(30));
        log.poll(Some(40));
        assert_eq!(log.phase(), Some("train"));
        assert_eq!(
            log.peaks,
            [("load".to_owned(), 80), ("train".to_owned(), 40)]
        );
        out.write_all(b"memory allocation of 4 bytes failed\n")
            .unwrap();
        log.poll(None);
        assert!(
            log.text
                .ends_with("half a line ??\nphase: train\nmemory allocation of 4 bytes failed\n"),
            "{}",
            log.text
        );
    }
}
