//! When a training has diverged: its loss or the norm of its gradients is no finite number any more.

use std::fmt;
use thiserror::Error;

/// A training that cannot go on.
#[derive(Clone, Copy, Debug, Error, PartialEq)]
#[error("the {quantity} became {value} at step {step} with learning rate {learning_rate:e}")]
pub struct Diverged {
    /// What is no finite number.
    pub quantity: Quantity,
    /// Its value: infinite or NaN.
    pub value: f64,
    /// Steps that were done before.
    pub step: u64,
    /// The rate at that step.
    pub learning_rate: f64,
}

/// What a loop watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// Of the step's batch, before the step.
    Loss,
    /// Of all gradients together, before clipping.
    GradientNorm,
}

impl fmt::Display for Quantity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Quantity::Loss => "loss",
            Quantity::GradientNorm => "norm of the gradients",
        })
    }
}

impl Quantity {
    /// Checks a value of this quantity at a step.
    ///
    /// # Errors
    /// A value that is infinite or NaN.
    pub fn check(self, value: f64, step: u64, learning_rate: f64) -> Result<(), Diverged> {
        match value.is_finite() {
            true => Ok(()),
            false => Err(Diverged {
                quantity: self,
                value,
                step,
                learning_rate,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_finite_number_is_named_with_its_step() {
        for value in [f64::NAN, f64::INFINITY] {
            let error = Quantity::GradientNorm.check(value, 7, 2e-3).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!(
                    "the norm of the gradients became {value} at step 7 with learning rate 2e-3"
                )
            );
        }
        assert_eq!(Quantity::Loss.check(1e30, 7, 2e-3), Ok(()));
    }
}
