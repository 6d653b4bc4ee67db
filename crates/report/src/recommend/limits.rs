//! What a user can afford, which arms break that, and by how much. An arm is judged by its median over seeds; single seeds beyond a limit are said.

use super::Spending;
use crate::break_even::{PredictSource, per_prediction};
use crate::costs::adapt_s;
use crate::run::Arm;
use crate::summary::ArmSummary;
use crate::units;
use record::TrialRecord;

/// What a user can afford; `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limits {
    /// Most resident memory while training.
    pub max_memory_bytes: Option<f64>,
    /// Longest training (preparation, first step, training).
    pub max_train_s: Option<f64>,
    /// Most bytes to keep for the task.
    pub max_stored_bytes: Option<f64>,
    /// Longest prediction of one text.
    pub max_predict_s: Option<f64>,
    /// Most labels, those for validation counted.
    pub max_labels: Option<f64>,
    /// Most US dollars for these predictions.
    pub max_cost_usd: Option<(f64, Spending)>,
}

/// A limited quantity: its name, what one trial needs, what is allowed, and how it reads.
struct Check {
    what: &'static str,
    needs: Option<f64>,
    of_trial: fn(&TrialRecord) -> Option<f64>,
    allowed: Option<f64>,
    unit: fn(f64) -> String,
    /// Whether another machine would have needed something else.
    of_machine: bool,
}

fn checks(
    summary: &ArmSummary,
    arm: &Arm<'_>,
    limits: &Limits,
    source: PredictSource,
) -> [Check; 6] {
    let median = |spread: Option<crate::statistics::Spread>| spread.map(|s| s.median);
    [
        Check {
            what: "memory",
            needs: median(summary.costs.train_peak_rss_bytes),
            of_trial: |r| r.train_peak_rss_bytes.map(|bytes| bytes as f64),
            allowed: limits.max_memory_bytes,
            unit: units::bytes,
            of_machine: false,
        },
        Check {
            what: "training time",
            needs: median(summary.costs.adapt_s),
            of_trial: adapt_s,
            allowed: limits.max_train_s,
            unit: units::seconds,
            of_machine: true,
        },
        Check {
            what: "storage",
            needs: summary.stored_bytes.map(|bytes| bytes as f64),
            of_trial: |r| r.stored_bytes.map(|bytes| bytes as f64),
            allowed: limits.max_stored_bytes,
            unit: units::bytes,
            of_machine: false,
        },
        Check {
            what: "time for one prediction",
            needs: median(per_prediction(&summary.costs, source)),
            of_trial: match source {
                PredictSource::Alone => |r| r.predict_ms_p50.map(|ms| ms / 1e3),
                PredictSource::Batched => |r| {
                    r.eval_samples_per_s
                        .filter(|rate| *rate > 0.0)
                        .map(|rate| 1.0 / rate)
                },
            },
            allowed: limits.max_predict_s,
            unit: units::seconds,
            of_machine: true,
        },
        Check {
            what: "labels",
            needs: labels(arm).map(|labels| labels.all()),
            of_trial: |_| None,
            allowed: limits.max_labels,
            unit: |labels| format!("{labels:.0}"),
            of_machine: false,
        },
        Check {
            what: "money",
            needs: limits
                .max_cost_usd
                .and_then(|(_, spending)| median(spending.of(&summary.costs, source))),
            of_trial: |_| None,
            allowed: limits.max_cost_usd.map(|(usd, _)| usd),
            unit: units::usd,
            of_machine: true,
        },
    ]
}

/// The limits that an arm breaks by its median. What was not measured cannot be promised, so it breaks its limit too.
pub(super) fn broken(
    summary: &ArmSummary,
    arm: &Arm<'_>,
    limits: &Limits,
    source: PredictSource,
) -> Vec<String> {
    let checks = checks(summary, arm, limits, source).into_iter();
    let broken = checks.filter_map(|check| {
        let (allowed, unit) = (check.allowed?, check.unit);
        let what = check.what;
        match check.needs {
            Some(needs) if needs <= allowed => None,
            Some(needs) => Some(format!("{what} {}, allowed {}", unit(needs), unit(allowed))),
            None => Some(format!(
                "{what} was not measured, allowed {}",
                unit(allowed)
            )),
        }
    });
    broken.collect()
}

/// Seeds of an arm within the limits by its median that are beyond one: `seed 2 needed 2.3 GiB of memory, allowed 2 GiB`.
pub(super) fn seeds_beyond(
    summary: &ArmSummary,
    arm: &Arm<'_>,
    limits: &Limits,
    source: PredictSource,
) -> Vec<String> {
    let mut said = Vec::new();
    for check in checks(summary, arm, limits, source) {
        let Some(allowed) = check.allowed else {
            continue;
        };
        let elsewhere = |seed| check.of_machine && summary.elsewhere.contains(&seed);
        for trial in arm
            .finished()
            .filter(|trial| !elsewhere(trial.record.spec.seed))
        {
            let needs = (check.of_trial)(&trial.record);
            if let Some(needs) = needs.filter(|needs| *needs > allowed) {
                said.push(format!(
                    "seed {} needed {} of {}, allowed {}",
                    trial.record.spec.seed,
                    (check.unit)(needs),
                    check.what,
                    (check.unit)(allowed)
                ));
            }
        }
    }
    said
}

/// Labels behind an arm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Labels {
    train: u64,
    /// `None` where the records do not tell.
    pub(super) validation: Option<u64>,
}

impl Labels {
    fn all(self) -> f64 {
        self.train.saturating_add(self.validation.unwrap_or(0)) as f64
    }
}

pub(super) fn labels(arm: &Arm<'_>) -> Option<Labels> {
    let train = arm
        .finished()
        .filter_map(|trial| trial.record.n_train)
        .max()?;
    let validation = |record: &TrialRecord| {
        let read = record.reading.map(|reading| reading.validation.texts);
        let recorded = record.n_validation.or(read);
        recorded.or(record.spec.budget.validation_limit.map(|n| n as u64))
    };
    Some(Labels {
        train,
        validation: arm
            .finished()
            .filter_map(|trial| validation(&trial.record))
            .max(),
    })
}
