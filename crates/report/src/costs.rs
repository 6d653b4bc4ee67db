//! Times, rates and memory over seeds: each quantity is one line here, and with it three columns of `summary.csv`.

use crate::run::Arm;
use crate::statistics::Spread;
use record::TrialRecord;

/// Makes of each line a field of [`Costs`] and, in the same order, an entry of [`Costs::NAMES`] and [`Costs::spreads`].
macro_rules! costs {
    ($($(#[$doc:meta])* $name:ident: $of:expr,)*) => {
        /// Median and range over seeds of what is measured once a trial; `None` where nothing was measured.
        #[derive(Clone, Copy, Debug, Default, PartialEq)]
        pub struct Costs {
            $($(#[$doc])* pub $name: Option<Spread>,)*
        }

        impl Costs {
            /// Names of the quantities; `summary.csv` has `<name>_median`, `<name>_min` and `<name>_max`.
            pub(crate) const NAMES: &[&str] = &[$(stringify!($name)),*];

            /// Over the trials of `arm` that finished.
            pub(crate) fn of(arm: &Arm<'_>) -> Self {
                Self { $($name: spread(arm, $of)),* }
            }

            /// The quantities, in the order of [`Self::NAMES`].
            pub(crate) fn spreads(&self) -> Vec<Option<Spread>> {
                vec![$(self.$name),*]
            }
        }
    };
}

costs! {
    /// Reading the model and the task.
    load_s: |r| r.load_s,
    /// Tokenising, the frozen-prefix cache, features.
    prepare_s: |r| r.prepare_s,
    /// The first step.
    first_step_s: |r| r.first_step_s,
    /// The later steps.
    train_s: |r| r.train_s,
    /// `prepare_s + first_step_s + train_s`: from the loaded model to one that can answer. What a method does not do is left out
    /// of the sum; `None` if none of the three was measured.
    adapt_s: adapt_s,
    /// The search.
    tune_s: |r| r.tune_s,
    /// The search for settings, or the choice among candidates, of the trials that made one.
    search_s: |r| r.search_s,
    /// Predicting the test split.
    eval_s: |r| r.eval_s,
    /// All of the trial's process.
    total_s: |r| r.total_s,
    /// Median step, milliseconds.
    step_ms: |r| r.step_ms_median,
    /// Training examples a second.
    train_samples_per_s: |r| r.train_samples_per_s,
    /// Test examples a second.
    eval_samples_per_s: |r| r.eval_samples_per_s,
    /// Peak resident memory of training.
    train_peak_rss_bytes: |r| bytes(r.train_peak_rss_bytes),
    /// Peak resident memory of testing.
    eval_peak_rss_bytes: |r| bytes(r.eval_peak_rss_bytes),
    /// Peak heap of training.
    train_peak_heap_bytes: |r| bytes(r.train_peak_heap_bytes),
    /// Peak memory on the device.
    device_peak_bytes: |r| bytes(r.device_peak_bytes),
    /// Frozen-prefix cache.
    cache_bytes: |r| bytes(r.cache_bytes),
}

fn spread(arm: &Arm<'_>, of: fn(&TrialRecord) -> Option<f64>) -> Option<Spread> {
    Spread::of(arm.finished().map(|trial| of(&trial.record)))
}

fn bytes(count: Option<u64>) -> Option<f64> {
    count.map(|count| count as f64)
}

/// Seconds from the loaded model to one that can answer; see [`Costs::adapt_s`].
fn adapt_s(record: &TrialRecord) -> Option<f64> {
    let parts = [record.prepare_s, record.first_step_s, record.train_s];
    parts
        .iter()
        .any(Option::is_some)
        .then(|| parts.iter().flatten().sum())
}
