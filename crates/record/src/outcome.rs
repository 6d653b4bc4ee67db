//! How a trial ended. A failure is a row of the result, not a missing one.

use serde::{Deserialize, Serialize};

/// How a trial ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Trained and evaluated.
    Finished,
    /// The kernel or the device refused memory.
    OutOfMemory,
    /// Stopped at `--time-limit`.
    TimedOut,
    /// Its next answer might have cost more than `--max-cost` allows.
    OverCost,
    /// The process died of a signal.
    Crashed,
    /// The trial reported an error.
    #[default]
    Failed,
}

impl Outcome {
    /// The spelling in `trials.csv`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::OutOfMemory => "out_of_memory",
            Self::TimedOut => "timed_out",
            Self::OverCost => "over_cost",
            Self::Crashed => "crashed",
            Self::Failed => "failed",
        }
    }
}
