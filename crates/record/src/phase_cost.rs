//! What a phase of a trial has cost, beside what the machine did for others meanwhile.

use serde::{Deserialize, Serialize};

/// One phase, over the times it ran.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PhaseCost {
    /// `load`, `prepare`, `prepare validation`, `first step`, `train`, `validate`, `evaluate`, `tune`, `predict` or `load adapter`.
    pub phase: String,
    /// Seconds on the clock.
    pub wall_s: f64,
    /// CPU seconds of the trial's process, user and system.
    #[serde(default)]
    pub cpu_s: Option<f64>,
    /// CPU seconds of everybody else on the cores that the trial may use.
    #[serde(default)]
    pub other_cpu_s: Option<f64>,
    /// Whether that is more than a twentieth of the cores' time, and more than the counters' rounding.
    #[serde(default)]
    pub disturbed: Option<bool>,
}
