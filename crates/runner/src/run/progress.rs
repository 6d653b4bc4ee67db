//! How far a run is and how long it will take: a bar on a terminal, plain lines elsewhere. All on stderr.

use crate::plan::matrix::Planned;
use crate::terminal::tell;
use files::printable;
use indicatif::{ProgressBar, ProgressStyle};
use measure::watch::Sample;
use record::{Outcome, TrialRecord, TrialSpec};
use std::collections::HashMap;
use std::io::IsTerminal;
use std::time::Duration;

/// The display of one run.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    done: usize,
    total: usize,
    durations: Durations,
    named: Named,
}

impl Progress {
    /// `trials` in all, `done` of them on record already.
    pub(crate) fn new(trials: &[Planned], done: usize) -> Self {
        let total = trials.len();
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
            named: Named::of(trials),
        }
    }

    /// A line that stays.
    pub(crate) fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| tell(text)),
            None => tell(text),
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
            bar.set_message(self.named.label(&waiting[0].spec));
        }
    }

    /// What a trial is called.
    pub(crate) fn label(&self, spec: &TrialSpec) -> String {
        self.named.label(spec)
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
                self.named.label(&trial.spec),
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
        let label = self.named.label(&record.spec);
        let what = match (record.outcome, record.test_accuracy, &record.error) {
            (Outcome::Finished, Some(accuracy), _) => format!("test accuracy {accuracy:.4}"),
            (outcome, _, error) => {
                let reason = error
                    .as_deref()
                    .and_then(|text| text.lines().next())
                    .unwrap_or("no reason known");
                let outcome = outcome.as_str().replace('_', " ");
                format!("{outcome}: {reason}; see trials/{}", record.trial_id)
            }
        };
        let left = self
            .left(waiting)
            .map(|left| format!(", about {left} left"))
            .unwrap_or_default();
        self.line(&format!(
            "[{}/{}] {label}: {what} ({:.1} s{left})",
            self.done,
            self.total,
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

/// What trials are called: method and seed, and of model, task and device those of which the run has several.
#[derive(Debug)]
struct Named {
    models: bool,
    tasks: bool,
    devices: bool,
}

impl Named {
    fn of(trials: &[Planned]) -> Self {
        let several = |part: fn(&TrialSpec) -> &String| {
            let first = trials.first().map(|trial| part(&trial.spec));
            trials.iter().any(|trial| Some(part(&trial.spec)) != first)
        };
        Self {
            models: several(|spec| &spec.model),
            tasks: several(|spec| &spec.task),
            devices: several(|spec| &spec.device),
        }
    }

    fn label(&self, spec: &TrialSpec) -> String {
        let mut label = spec.method.clone();
        if !spec.variant.is_empty() {
            label = format!("{label} {}", spec.variant);
        }
        let places = [
            (self.models, " of ", &spec.model),
            (self.tasks, " on ", &spec.task),
            (self.devices, " by ", &spec.device),
        ];
        for (_, link, name) in places.into_iter().filter(|(several, ..)| *several) {
            label = format!("{label}{link}{name}");
        }
        // A bar writes to the terminal by itself.
        printable(&format!("{label}, seed {}", spec.seed)).into_owned()
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
            budget: record::TrialBudget::default(),
            model_digest: String::new(),
            task_digest: String::new(),
        };
        Planned {
            id: method.into(),
            spec,
        }
    }

    #[test]
    fn a_trial_is_called_by_what_tells_it_from_the_others() {
        let (a, mut b) = (planned("lora"), planned("lora"));
        b.spec.seed = 2;
        assert_eq!(
            Named::of(&[a.clone(), b.clone()]).label(&b.spec),
            "lora, seed 2"
        );
        b.spec.task = "u".into();
        b.spec.variant = "wide".into();
        let named = Named::of(&[a.clone(), b.clone()]);
        assert_eq!(named.label(&b.spec), "lora wide on u, seed 2");
        assert_eq!(named.label(&a.spec), "lora on t, seed 0");
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
