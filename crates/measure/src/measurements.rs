//! What a recorder measured, and which figure goes to which column of the record.

use crate::memory::Peaks;
use crate::phase::Phase;
use record::TrialRecord;

/// How many phases there are.
pub(crate) const PHASES: usize = Phase::Tune as usize + 1;

/// Phases whose peaks make up `train_peak_*`.
const TRAINING: [Phase; 3] = [Phase::Prepare, Phase::FirstStep, Phase::Train];

/// What one phase has cost.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PhaseTotals {
    /// Seconds; `None` if the phase never ran.
    pub seconds: Option<f64>,
    /// Examples passed to [`crate::Recorder::step_done`] while it ran.
    pub samples: u64,
    /// Largest peaks over the times it ran.
    pub peaks: Peaks,
}

/// Everything a [`crate::Recorder`] measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Measurements {
    pub(crate) totals: [PhaseTotals; PHASES],
    pub(crate) step_seconds: Vec<f64>,
    /// Resident memory at the end of loading.
    pub baseline_rss_bytes: Option<u64>,
    /// From the recorder's start to its finish.
    pub total_s: f64,
}

impl Measurements {
    /// What `phase` has cost.
    pub fn of(&self, phase: Phase) -> PhaseTotals {
        self.totals[phase as usize]
    }

    /// Median seconds of an optimisation step after the first.
    pub fn step_s_median(&self) -> Option<f64> {
        median(&self.step_seconds)
    }

    /// Fills the record's times, rates and peaks. `validate_s` goes to its details: it is no column of `trials.csv`.
    pub fn fill(&self, record: &mut TrialRecord) {
        record.load_s = self.of(Phase::Load).seconds;
        record.prepare_s = self.of(Phase::Prepare).seconds;
        record.first_step_s = self.of(Phase::FirstStep).seconds;
        record.train_s = self.of(Phase::Train).seconds;
        record.eval_s = self.of(Phase::Evaluate).seconds;
        record.tune_s = self.of(Phase::Tune).seconds;
        record.total_s = Some(self.total_s);
        record.step_ms_median = self.step_s_median().map(|s| s * 1e3);
        record.train_samples_per_s = rate(self.of(Phase::Train));
        record.eval_samples_per_s = rate(self.of(Phase::Evaluate));
        record.baseline_rss_bytes = self.baseline_rss_bytes;
        let training = TRAINING
            .iter()
            .map(|p| self.of(*p).peaks)
            .fold(Peaks::default(), Peaks::max);
        record.train_peak_rss_bytes = training.rss_bytes;
        record.train_peak_heap_bytes = training.heap_bytes;
        record.eval_peak_rss_bytes = self.of(Phase::Evaluate).peaks.rss_bytes;
        if let Some(seconds) = self.of(Phase::Validate).seconds {
            record
                .details
                .insert("validate_s".to_owned(), seconds.into());
        }
    }
}

fn rate(totals: PhaseTotals) -> Option<f64> {
    let seconds = totals.seconds?;
    (totals.samples > 0 && seconds > 0.0).then(|| totals.samples as f64 / seconds)
}

fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        n if n % 2 == 1 => Some(sorted[middle]),
        _ => Some((sorted[middle - 1] + sorted[middle]) / 2.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_two_steps_is_between_them() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[4.0, 1.0]), Some(2.5));
        assert_eq!(median(&[9.0, 1.0, 4.0]), Some(4.0));
    }
}
