//! How long the trials of a run that are still to run will take, from those that have ended. A trial's end costs the same however many there are.

use crate::run::kind::{Kind, kind};
use record::TrialSpec;
use std::collections::HashMap;

/// Seconds of trials by their kind.
#[derive(Debug, Default)]
pub(crate) struct Durations {
    kinds: HashMap<Kind, Times>,
    all: Times,
    /// Seconds that the waiting trials of kinds of which one has ended will take.
    known_s: f64,
    /// Waiting trials of other kinds.
    unknown: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct Times {
    seconds: f64,
    ended: usize,
    waiting: usize,
}

impl Times {
    fn mean(self) -> Option<f64> {
        (self.ended > 0).then(|| self.seconds / self.ended as f64)
    }
}

impl Durations {
    /// A trial is to run.
    pub(crate) fn wait(&mut self, spec: &TrialSpec) {
        let times = self.kinds.entry(kind(spec)).or_default();
        times.waiting += 1;
        self.all.waiting += 1;
        match times.mean() {
            Some(mean) => self.known_s += mean,
            None => self.unknown += 1,
        }
    }

    /// A trial that was to run has ended.
    pub(crate) fn end(&mut self, spec: &TrialSpec, seconds: f64) {
        let times = self.kinds.entry(kind(spec)).or_default();
        match times.mean() {
            Some(mean) => self.known_s -= mean * times.waiting as f64,
            None => self.unknown -= times.waiting,
        }
        for times in [&mut *times, &mut self.all] {
            times.waiting = times.waiting.saturating_sub(1);
            times.seconds += seconds;
            times.ended += 1;
        }
        self.known_s += times.mean().unwrap_or(0.0) * times.waiting as f64;
    }

    /// Seconds the waiting trials will take one after the other: as long as those of their kind, or as the average trial where there was none
    /// yet. `None` where none waits or none has ended.
    pub(crate) fn left_s(&self) -> Option<f64> {
        let average = self.all.mean().filter(|_| self.all.waiting > 0)?;
        Some((self.known_s + self.unknown as f64 * average).max(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_left_follows_trials_of_the_same_kind() {
        let of = |method: &str| TrialSpec {
            method: method.to_owned(),
            ..TrialSpec::default()
        };
        let (slow, quick, unseen) = (of("slow"), of("quick"), of("unseen"));
        let mut durations = Durations::default();
        for spec in [&slow, &slow, &slow, &quick, &quick, &quick, &unseen] {
            durations.wait(spec);
        }
        assert_eq!(durations.left_s(), None);
        durations.end(&slow, 100.0);
        // Two slow ones, three quick and one unseen at the average.
        assert_eq!(durations.left_s(), Some(600.0));
        durations.end(&slow, 120.0);
        durations.end(&quick, 2.0);
        assert_eq!(durations.left_s(), Some(110.0 + 2.0 * 2.0 + 74.0));
        for (spec, seconds) in [(&slow, 140.0), (&quick, 2.0), (&quick, 5.0), (&unseen, 1.0)] {
            durations.end(spec, seconds);
        }
        assert_eq!(durations.left_s(), None);
    }
}
