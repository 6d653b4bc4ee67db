//! What a recorder measured, and which figure goes to which column of the record.

use crate::cpu::{CpuTimes, is_disturbed};
use crate::memory::Peaks;
use crate::phase::Phase;
use record::{PhaseCost, TrialRecord};

/// What one phase has cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PhaseTotals {
    /// Seconds; `None` if the phase never ran.
    pub seconds: Option<f64>,
    /// Examples passed to [`crate::Recorder::step_done`] while it ran.
    pub samples: u64,
    /// CPU time over the times it ran.
    pub cpu: CpuTimes,
    /// Largest peaks over the times it ran.
    pub peaks: Peaks,
}

impl Default for PhaseTotals {
    fn default() -> Self {
        Self {
            seconds: None,
            samples: 0,
            cpu: CpuTimes::NOTHING,
            peaks: Peaks::default(),
        }
    }
}

/// Everything a [`crate::Recorder`] measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Measurements {
    pub(crate) totals: [PhaseTotals; Phase::ALL.len()],
    pub(crate) step_seconds: Vec<f64>,
    /// Resident memory at the end of loading.
    pub baseline_rss_bytes: Option<u64>,
    /// Cores that the process may use.
    pub cores: Option<f64>,
    /// The system's load average when the recorder started.
    pub load1: Option<f64>,
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

    /// Fills the record's times, rates and peaks.
    pub fn fill(&self, record: &mut TrialRecord) {
        record.load_s = self.of(Phase::Load).seconds;
        record.prepare_s = self.of(Phase::Prepare).seconds;
        record.prepare_validation_s = self.of(Phase::PrepareValidation).seconds;
        record.first_step_s = self.of(Phase::FirstStep).seconds;
        record.train_s = self.of(Phase::Train).seconds;
        record.validate_s = self.of(Phase::Validate).seconds;
        record.eval_s = self.of(Phase::Evaluate).seconds;
        record.tune_s = self.of(Phase::Tune).seconds;
        record.total_s = Some(self.total_s);
        record.step_ms_median = self.step_s_median().map(|s| s * 1e3);
        record.train_samples_per_s = rate(self.of(Phase::Train));
        record.eval_samples_per_s = rate(self.of(Phase::Evaluate));
        record.baseline_rss_bytes = self.baseline_rss_bytes;
        let training = Phase::TRAINING
            .iter()
            .map(|p| self.of(*p).peaks)
            .fold(Peaks::default(), Peaks::max);
        record.train_peak_rss_bytes = training.rss_bytes;
        record.train_peak_heap_bytes = training.heap_bytes;
        record.eval_peak_rss_bytes = self.of(Phase::Evaluate).peaks.rss_bytes;
        record.load1 = self.load1;
        record.phases = Phase::ALL
            .into_iter()
            .filter_map(|phase| self.cost(phase))
            .collect();
        let training = Phase::TRAINING
            .map(|phase| self.of(phase))
            .into_iter()
            .filter_map(|totals| Some((totals.seconds?, totals.cpu)))
            .reduce(|(wall, cpu), (more, used)| (wall + more, cpu.plus(used)));
        if let Some((wall_s, cpu)) = training {
            record.cpu_s = cpu.own_part_s();
            record.other_cpu_s = cpu.other_s();
            record.disturbed = self.disturbed(wall_s, cpu);
        }
    }

    /// What `phase` has cost, if it ran.
    fn cost(&self, phase: Phase) -> Option<PhaseCost> {
        let totals = self.of(phase);
        let wall_s = totals.seconds?;
        Some(PhaseCost {
            phase: phase.as_str().to_owned(),
            wall_s,
            cpu_s: totals.cpu.own_part_s(),
            other_cpu_s: totals.cpu.other_s(),
            disturbed: self.disturbed(wall_s, totals.cpu),
        })
    }

    fn disturbed(&self, wall_s: f64, cpu: CpuTimes) -> Option<bool> {
        Some(is_disturbed(wall_s, cpu.other_s()?, self.cores?))
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
