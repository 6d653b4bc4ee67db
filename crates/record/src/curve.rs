//! One point of a learning curve: a row of `curves.csv`.

use serde::{Deserialize, Deserializer, Serialize};

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
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
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
    /// The value. A loss that is not finite stands as `null` in JSON, which knows no NaN, and comes back as NaN.
    #[serde(deserialize_with = "nan_if_null")]
    pub value: f64,
}

fn nan_if_null<'de, D: Deserializer<'de>>(value: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(value)?.unwrap_or(f64::NAN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diverged_loss_does_not_break_its_record() {
        let point = CurvePoint {
            step: 3,
            epoch: 0.5,
            elapsed_s: 1.0,
            split: "train".into(),
            metric: "loss".into(),
            value: f64::INFINITY,
        };
        let text = serde_json::to_string(&point).unwrap();
        let back: CurvePoint = serde_json::from_str(&text).unwrap();
        assert!(back.value.is_nan());
        let finite = text.replace("null", "0.25");
        assert_eq!(
            serde_json::from_str::<CurvePoint>(&finite).unwrap().value,
            0.25
        );
    }
}
