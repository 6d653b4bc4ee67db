//! Times, rates and memory over seeds: each quantity is one line here, and with it three columns of `summary.csv`.
//!
//! A time that was measured beside a busy neighbour is another machine's. It is left out of median and range while the arm has others, and counted;
//! where all of an arm's trials were disturbed, all count. Times of unlike machines are never put together: see [`crate::machines`].

use crate::run::Arm;
use crate::statistics::Spread;
use record::TrialRecord;

/// What decides whether neighbours disturbed a quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Clock {
    /// The training phases: preparation, first step, training.
    Training,
    /// One phase, by its name in records.
    Phase(&'static str),
    /// All of the trial.
    All,
    /// Nothing: it is CPU time, which neighbours do not take.
    Cpu,
    /// Nothing: it is no time.
    None,
}

impl Clock {
    fn is_disturbed(self, record: &TrialRecord) -> bool {
        let mut phases = record.phases.iter();
        match self {
            Self::Training => record.disturbed == Some(true),
            Self::Phase(name) => {
                phases.any(|cost| cost.phase == name && cost.disturbed == Some(true))
            }
            Self::All => phases.any(|cost| cost.disturbed == Some(true)),
            Self::Cpu | Self::None => false,
        }
    }

    /// Whether another machine would have measured something else.
    const fn is_of_machine(self) -> bool {
        !matches!(self, Self::None)
    }
}

/// How many of an arm's trials trained beside a busy neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Neighbours {
    /// Finished trials whose machine tells.
    pub trials: usize,
    /// Those of them that were disturbed.
    pub disturbed: usize,
}

impl Neighbours {
    /// Of the finished trials of `arm` whose times count; `None` where no machine tells, as in records of earlier versions.
    fn of(arm: &Arm<'_>, counts: &dyn Fn(&TrialRecord) -> bool) -> Option<Self> {
        let told: Vec<bool> = arm
            .finished()
            .filter(|trial| counts(&trial.record))
            .filter_map(|trial| trial.record.disturbed)
            .collect();
        (!told.is_empty()).then(|| Self {
            trials: told.len(),
            disturbed: told.iter().filter(|disturbed| **disturbed).count(),
        })
    }
}

/// Makes of each line a field of [`Costs`] and, in the same order, an entry of [`Costs::NAMES`] and [`Costs::spreads`].
macro_rules! costs {
    ($($(#[$doc:meta])* $name:ident: $clock:expr, $of:expr;)*) => {
        /// Median and range over seeds of what is measured once a trial; `None` where nothing was measured.
        #[derive(Clone, Copy, Debug, Default, PartialEq)]
        pub struct Costs {
            $($(#[$doc])* pub $name: Option<Spread>,)*
            /// What the trainings' times were measured beside.
            pub neighbours: Option<Neighbours>,
        }

        impl Costs {
            /// Names of the quantities; `summary.csv` has `<name>_median`, `<name>_min` and `<name>_max`.
            pub(crate) const NAMES: &[&str] = &[$(stringify!($name)),*];

            /// Over the trials of `arm` that finished; times over those of them that `counts` takes, all on machines of one kind.
            pub(crate) fn timed(arm: &Arm<'_>, counts: &dyn Fn(&TrialRecord) -> bool) -> Self {
                Self {
                    $($name: spread(arm, $clock, counts, $of),)*
                    neighbours: Neighbours::of(arm, counts),
                }
            }

            /// Which of [`Self::NAMES`] are times.
            const ARE_TIMES: &[bool] = &[$($clock.is_of_machine()),*];

            /// The quantities, in the order of [`Self::NAMES`].
            pub(crate) fn spreads(&self) -> Vec<Option<Spread>> {
                vec![$(self.$name),*]
            }
        }
    };
}

costs! {
    /// Reading the model and the task.
    load_s: Clock::Phase("load"), |r| r.load_s;
    /// Tokens, cached states or features of the training split.
    prepare_s: Clock::Training, |r| r.prepare_s;
    /// The first step.
    first_step_s: Clock::Training, |r| r.first_step_s;
    /// The later steps.
    train_s: Clock::Training, |r| r.train_s;
    /// `prepare_s + first_step_s + train_s`: from the loaded model to one that can answer. What a method does not do is left out
    /// of the sum; `None` if none of the three was measured.
    adapt_s: Clock::Training, adapt_s;
    /// The search.
    tune_s: Clock::Phase("tune"), |r| r.tune_s;
    /// The search for settings, or the choice among candidates, of the trials that made one.
    search_s: Clock::Phase("tune"), |r| r.search_s;
    /// Predicting the test split.
    eval_s: Clock::Phase("evaluate"), |r| r.eval_s;
    /// All of the trial's process.
    total_s: Clock::All, |r| r.total_s;
    /// Median step, milliseconds.
    step_ms: Clock::Training, |r| r.step_ms_median;
    /// Training examples a second.
    train_samples_per_s: Clock::Training, |r| r.train_samples_per_s;
    /// Test examples a second.
    eval_samples_per_s: Clock::Phase("evaluate"), |r| r.eval_samples_per_s;
    /// Peak resident memory of training.
    train_peak_rss_bytes: Clock::None, |r| bytes(r.train_peak_rss_bytes);
    /// The same, as it was predicted before the fit.
    predicted_peak_bytes: Clock::None, |r| bytes(r.predicted_memory.map(|memory| memory.peak_bytes));
    /// Peak resident memory of testing.
    eval_peak_rss_bytes: Clock::None, |r| bytes(r.eval_peak_rss_bytes);
    /// Peak heap of training.
    train_peak_heap_bytes: Clock::None, |r| bytes(r.train_peak_heap_bytes);
    /// Peak memory on the device.
    device_peak_bytes: Clock::None, |r| bytes(r.device_peak_bytes);
    /// Frozen-prefix cache.
    cache_bytes: Clock::None, |r| bytes(r.cache_bytes);
    /// Tokens, cached states or features of the validation split.
    prepare_validation_s: Clock::Phase("prepare validation"), |r| r.prepare_validation_s;
    /// Scoring the validation split.
    validate_s: Clock::Phase("validate"), TrialRecord::validation_s;
    /// Predicting one text by itself, the trial's median, milliseconds.
    predict_ms_p50: Clock::Phase("predict"), |r| r.predict_ms_p50;
    /// The trial's 95th percentile.
    predict_ms_p95: Clock::Phase("predict"), |r| r.predict_ms_p95;
    /// Predicting one text among a batch.
    predict_ms_batch: Clock::Phase("evaluate"), TrialRecord::predict_ms_batch;
    /// Predicting one text by itself with what was inserted folded into the weights.
    predict_merged_ms_p50: Clock::Phase("predict"), |r| r.predict_merged_ms_p50;
    /// Reading back what is kept onto a loaded model.
    adapter_load_ms: Clock::Phase("load adapter"), |r| r.adapter_load_ms;
    /// Loss of the language head on held-out text before the training, nats a token.
    retain_loss_before: Clock::None, |r| r.retain_loss_before;
    /// The same after it.
    retain_loss_after: Clock::None, |r| r.retain_loss_after;
    /// How far the predictions of tokens moved, nats.
    retain_kl: Clock::None, |r| r.retain_kl;
    /// Calls of a served model that a trial's answers rest on.
    calls: Clock::None, |r| bytes(r.calls);
    /// Tokens that the server read for them.
    input_tokens: Clock::None, |r| bytes(r.input_tokens);
    /// Tokens that it wrote.
    output_tokens: Clock::None, |r| bytes(r.output_tokens);
    /// What they cost.
    cost_usd: Clock::None, |r| r.cost_usd;
    /// Attempts that brought no answer.
    failed_calls: Clock::None, |r| bytes(r.failed_calls);
    /// What a thousand predictions cost at the server's prices.
    usd_per_1000_predictions: Clock::None, usd_per_1000_predictions;
    /// CPU time of training, all threads.
    cpu_s: Clock::Cpu, |r| r.cpu_s;
    /// CPU time that others took meanwhile.
    other_cpu_s: Clock::Cpu, |r| r.other_cpu_s;
}

impl Costs {
    /// Seconds of the search, or of the choice among candidates; `None` where there was none. A search for settings is made once for all seeds,
    /// and only its trial counts. Records of earlier versions tell it as [`Self::tune_s`] alone, where to find nothing to search took microseconds.
    pub(crate) fn searched_s(&self) -> Option<f64> {
        let spread = self.search_s.or(self.tune_s);
        spread.map(|s| s.median).filter(|seconds| *seconds > 1e-3)
    }
}

impl Costs {
    /// Names of the quantities that are times.
    pub(crate) fn names_of_times() -> Vec<&'static str> {
        let all = Self::NAMES.iter().zip(Self::ARE_TIMES);
        all.filter_map(|(name, is)| is.then_some(*name)).collect()
    }

    /// The times, in the order of [`Self::names_of_times`].
    pub(crate) fn times(&self) -> Vec<Option<Spread>> {
        let all = self.spreads().into_iter().zip(Self::ARE_TIMES);
        all.filter_map(|(spread, is)| is.then_some(spread))
            .collect()
    }
}

/// Over the trials that were not disturbed; over all where every one was. Of times, over those that `counts` takes.
fn spread(
    arm: &Arm<'_>,
    clock: Clock,
    counts: &dyn Fn(&TrialRecord) -> bool,
    of: fn(&TrialRecord) -> Option<f64>,
) -> Option<Spread> {
    let records = || {
        let finished = arm.finished().map(|trial| &trial.record);
        finished.filter(|record| !clock.is_of_machine() || counts(record))
    };
    let undisturbed = records().filter(|record| !clock.is_disturbed(record));
    Spread::of(undisturbed.map(of)).or_else(|| Spread::of(records().map(of)))
}

fn usd_per_1000_predictions(record: &TrialRecord) -> Option<f64> {
    let predictions = record.n_test.filter(|n| *n > 0)?;
    Some(1e3 * record.cost_usd? / predictions as f64)
}

fn bytes(count: Option<u64>) -> Option<f64> {
    count.map(|count| count as f64)
}

/// Seconds from the loaded model to one that can answer; see [`Costs::adapt_s`].
pub(crate) fn adapt_s(record: &TrialRecord) -> Option<f64> {
    let parts = [record.prepare_s, record.first_step_s, record.train_s];
    parts
        .iter()
        .any(Option::is_some)
        .then(|| parts.iter().flatten().sum())
}

#[cfg(test)]
mod tests {
    use super::*;
    use record::{Outcome, PhaseCost, Trial, TrialSpec};

    fn trial(seconds: f64, training: Option<bool>, evaluation: bool) -> Trial {
        let mut record =
            TrialRecord::unmeasured("t".to_owned(), TrialSpec::default(), Outcome::Finished);
        record.train_s = Some(seconds);
        record.eval_s = Some(seconds);
        record.train_peak_heap_bytes = Some(seconds as u64);
        record.disturbed = training;
        record.phases = vec![PhaseCost {
            phase: "evaluate".to_owned(),
            disturbed: Some(evaluation),
            ..PhaseCost::default()
        }];
        Trial {
            record,
            predictions: None,
        }
    }

    fn costs(trials: &[Trial]) -> Costs {
        let arm = Arm {
            label: String::new(),
            trials: trials.iter().collect(),
        };
        Costs::timed(&arm, &|_| true)
    }

    fn of(spread: Option<Spread>) -> (f64, f64, usize) {
        let spread = spread.unwrap();
        (spread.median, spread.max, spread.n)
    }

    #[test]
    fn disturbed_trials_leave_the_times_of_what_was_disturbed_while_there_are_others() {
        let trials = [
            trial(1.0, Some(false), true),
            trial(40.0, Some(true), false),
            trial(3.0, Some(false), false),
        ];
        let costs = costs(&trials);
        assert_eq!(of(costs.adapt_s), (2.0, 3.0, 2));
        assert_eq!(of(costs.eval_s), (21.5, 40.0, 2));
        assert_eq!(of(costs.train_peak_heap_bytes), (3.0, 40.0, 3));
        let neighbours = Neighbours {
            trials: 3,
            disturbed: 1,
        };
        assert_eq!(costs.neighbours, Some(neighbours));
    }

    #[test]
    fn where_all_were_disturbed_all_count_and_where_nobody_tells_nothing_is_said() {
        let all = [trial(1.0, Some(true), true), trial(3.0, Some(true), true)];
        let costs_of_all = costs(&all);
        assert_eq!(of(costs_of_all.train_s), (2.0, 3.0, 2));
        assert_eq!(costs_of_all.neighbours.map(|n| n.disturbed), Some(2));
        let unknown = costs(&[trial(1.0, None, false)]);
        assert_eq!(of(unknown.train_s), (1.0, 1.0, 1));
        assert_eq!(unknown.neighbours, None);
    }
}
