//! One point of a learning curve: a row of `curves.csv`.

use serde::{Deserialize, Serialize};

/// Columns of `curves.csv`, in order.
pub const CURVES_HEADER: [&str; 7] = [
    "trial_id",
    "step",
    "epoch",
    "elapsed_s",
    "split",
    "metric",
    "value",
];

/// One measured value during training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// Optimiser steps taken so far.
    pub step: u64,
    /// Passes over the training split so far, fractional.
    pub epoch: f64,
    /// Training time so far, evaluation excluded.
    pub elapsed_s: f64,
    /// `train` or `validation`.
    pub split: String,
    /// `loss`, `accuracy`, ...
    pub metric: String,
    /// The value.
    pub value: f64,
}
