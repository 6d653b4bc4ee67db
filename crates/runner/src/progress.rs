//! How far a run is and how long it will take: a bar on a terminal, plain lines elsewhere. All on stderr.

use crate::matrix::Planned;
use indicatif::{ProgressBar, ProgressStyle};
use measure::watch::Sample;
use record::{Outcome, TrialRecord};
use std::collections::HashMap;
use std::io::IsTerminal;
use std::time::Duration;

/// The display of one run.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    done: usize,
    total: usize,
    durations: Durations,
}

impl Progress {
    /// `total` trials, `done` of them on record already.
    pub(crate) fn new(total: usize, done: usize) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {prefix}  {wide_msg}")
                .expect("a fixed template");
            let bar = ProgressBar::new(total as u64).with_style(style);
            bar.set_position(done as u64);
            bar
        });
        Self {
            bar,
            done,
            total,
            durations: Durations::default(),
        }
    }

    /// A line that stays.
    pub(crate) fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| eprintln!("{text}")),
            None => eprintln!("{text}"),
        }
    }

    /// A trial begins; `waiting` are it and those after it.
    pub(crate) fn begin(&self, waiting: &[&Planned]) {
        if let Some(bar) = &self.bar {
            bar.set_prefix(
                self.left(waiting)
                    .map(|left| format!("about {left} left"))
                    .unwrap_or_default(),
            );
            bar.set_message(waiting[0].id.clone());
        }
    }

    /// The trial goes on.
    pub(crate) fn tick(&self, trial: &Planned, sample: &Sample, phase: Option<&str>) {
        if let Some(bar) = &self.bar {
            let memory = sample
                .memory
                .now_bytes
                .map(|bytes| format!(", {} MiB", bytes >> 20))
                .unwrap_or_default();
            let seconds = sample.elapsed.as_secs();
            bar.set_message(format!(
                "{}: {} ({seconds} s{memory})",
                trial.id,
                phase.unwrap_or("starting")
            ));
        }
    }

    /// A trial has ended; `waiting` are those after it.
    pub(crate) fn ended(&mut self, record: &TrialRecord, elapsed: Duration, waiting: &[&Planned]) {
        self.done += 1;
        self.durations.add(record, elapsed);
        if let Some(bar) = &self.bar {
            bar.set_position(self.done as u64);
        }
        let what = match (record.outcome, record.test_accuracy, &record.error) {
            (Outcome::Finished, Some(accuracy), _) => format!("test accuracy {accuracy:.4}"),
            (outcome, _, error) => {
                let reason = error
                    .as_deref()
                    .and_then(|text| text.lines().next())
                    .unwrap_or("no reason known");
                format!("{}: {reason}", outcome.as_str())
            }
        };
        let left = self
            .left(waiting)
            .map(|left| format!(", about {left} left"))
            .unwrap_or_default();
        self.line(&format!(
            "[{}/{}] {}: {what} ({:.1} s{left})",
            self.done,
            self.total,
            record.trial_id,
            elapsed.as_secs_f64()
        ));
    }

    /// Everything has ended.
    pub(crate) fn close(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn left(&self, waiting: &[&Planned]) -> Option<String> {
        let seconds = self.durations.expected(waiting)?;
        (!waiting.is_empty()).then(|| {
            humantime::format_duration(Duration::from_secs(seconds.ceil() as u64)).to_string()
        })
    }
}

/// Seconds of the trials so far, by what decides them.
#[derive(Debug, Default)]
struct Durations(HashMap<[String; 5], (f64, u32)>);

impl Durations {
    fn add(&mut self, record: &TrialRecord, elapsed: Duration) {
        let sum = self.0.entry(kind(&record.spec)).or_default();
        sum.0 += elapsed.as_secs_f64();
        sum.1 += 1;
    }

    /// Seconds the waiting trials will take: as long as those of their kind, or as the average trial where there was none yet.
    fn expected(&self, waiting: &[&Planned]) -> Option<f64> {
        let (sum, n) = self
            .0
            .values()
            .fold((0.0, 0), |(sum, n), (s, m)| (sum + s, n + m));
        let average = (n > 0).then(|| sum / f64::from(n))?;
        Some(
            waiting
                .iter()
                .map(|trial| {
                    self.0
                        .get(&kind(&trial.spec))
                        .map_or(average, |(sum, n)| sum / f64::from(*n))
                })
                .sum(),
        )
    }
}

fn kind(spec: &record::TrialSpec) -> [String; 5] {
    [
        &spec.method,
        &spec.variant,
        &spec.model,
        &spec.task,
        &spec.device,
    ]
    .map(Clone::clone)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(method: &str) -> Planned {
        let spec = record::TrialSpec {
            method: method.into(),
            variant: String::new(),
            model: "m".into(),
            task: "t".into(),
            device: "flex".into(),
            seed: 0,
            config: serde_json::Value::Null,
            budget: serde_json::Value::Null,
            model_digest: String::new(),
            task_digest: String::new(),
        };
        Planned {
            id: method.into(),
            spec,
        }
    }

    #[test]
    fn time_left_follows_trials_of_the_same_kind() {
        let (slow, quick, unseen) = (planned("slow"), planned("quick"), planned("unseen"));
        let mut durations = Durations::default();
        assert_eq!(durations.expected(&[&slow]), None);
        for (trial, seconds) in [(&slow, 100), (&slow, 120), (&quick, 2)] {
            let record =
                TrialRecord::unmeasured(trial.id.clone(), trial.spec.clone(), Outcome::Finished);
            durations.add(&record, Duration::from_secs(seconds));
        }
        assert_eq!(
            durations.expected(&[&slow, &quick, &quick]),
            Some(110.0 + 2.0 + 2.0)
        );
        assert_eq!(durations.expected(&[&unseen]), Some(74.0));
    }
}
