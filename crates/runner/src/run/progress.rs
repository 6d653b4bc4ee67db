//! How far a run is and how long it will take: a bar on a terminal, plain lines elsewhere. All on stderr.

use crate::plan::matrix::Planned;
use crate::run::durations::Durations;
use crate::terminal::tell;
use files::printable;
use indicatif::{ProgressBar, ProgressStyle};
use measure::watch::Sample;
use record::{Outcome, TrialRecord, TrialSpec};
use std::io::IsTerminal;
use std::time::Duration;

/// The display of one run.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    done: usize,
    total: usize,
    /// Trials that run at the same time.
    at_once: usize,
    durations: Durations,
    named: Named,
}

impl Progress {
    /// Of `trials`, of which those at the places `waiting` are to run, `at_once` of them at a time.
    pub(crate) fn new(trials: &[Planned], waiting: &[usize], at_once: usize) -> Self {
        let total = trials.len();
        let done = total - waiting.len();
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {prefix}  {wide_msg}")
                .expect("a fixed template");
            let bar = ProgressBar::new(total as u64).with_style(style);
            bar.set_position(done as u64);
            bar
        });
        let mut durations = Durations::default();
        for &place in waiting {
            durations.wait(&trials[place].spec);
        }
        Self {
            bar,
            done,
            total,
            at_once,
            durations,
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

    /// So many trials run at the same time now.
    pub(crate) fn set_at_once(&mut self, trials: usize) {
        self.at_once = trials;
    }

    /// What is going on, behind the bar.
    pub(crate) fn message(&self, text: String) {
        if let Some(bar) = &self.bar {
            bar.set_message(text);
        }
    }

    /// What a trial is called.
    pub(crate) fn label(&self, spec: &TrialSpec) -> String {
        self.named.label(spec)
    }

    /// A trial begins.
    pub(crate) fn begin(&self, spec: &TrialSpec) {
        if let Some(bar) = &self.bar {
            bar.set_prefix(
                self.left()
                    .map(|left| format!("about {left} left"))
                    .unwrap_or_default(),
            );
            bar.set_message(self.named.label(spec));
        }
    }

    /// The trial goes on.
    pub(crate) fn tick(&self, spec: &TrialSpec, sample: &Sample, phase: Option<&str>) {
        if let Some(bar) = &self.bar {
            let memory = sample
                .memory
                .now_bytes
                .map(|bytes| format!(", {} MiB", bytes >> 20))
                .unwrap_or_default();
            let seconds = sample.elapsed.as_secs();
            bar.set_message(format!(
                "{}: {} ({seconds} s{memory})",
                self.named.label(spec),
                phase.unwrap_or("starting")
            ));
        }
    }

    /// A trial has ended.
    pub(crate) fn ended(&mut self, record: &TrialRecord, elapsed: Duration) {
        self.done += 1;
        self.durations.end(&record.spec, elapsed.as_secs_f64());
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
            .left()
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

    fn left(&self) -> Option<String> {
        let seconds = self.durations.left_s()? / self.at_once.max(1) as f64;
        let left = Duration::from_secs(seconds.ceil() as u64);
        Some(humantime::format_duration(left).to_string())
    }
}

/// What trials are called: method and seed, and of model, task and device those of which the run has several.
#[derive(Debug)]
struct Named {
    models: bool,
    tasks: bool,
    devices: bool,
    limits: bool,
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
            limits: trials
                .iter()
                .any(|trial| trial.spec.budget.train_limit != trials[0].spec.budget.train_limit),
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
        if let Some(n) = spec.budget.train_limit.filter(|_| self.limits) {
            label = format!("{label}, {n} labels");
        }
        // A bar writes to the terminal by itself.
        printable(&format!("{label}, seed {}", spec.seed)).into_owned()
    }
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
        let mut c = a.clone();
        c.spec.budget.train_limit = Some(8);
        let named = Named::of(&[a, c.clone()]);
        assert_eq!(named.label(&c.spec), "lora, 8 labels, seed 0");
    }
}
