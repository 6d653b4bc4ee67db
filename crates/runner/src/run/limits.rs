//! The `budget` of a trial's spec, taken apart: the training settings that `adapt` knows, and what the program adds to them.

use crate::plan::matrix::{TEST_LIMIT, TRAIN_LIMIT, TUNE, VALIDATION_LIMIT};
use adapt::Budget;
use anyhow::{Context, bail};
use serde_json::{Map, Value};

/// How many examples of each split a trial uses at most.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Limits {
    pub(crate) train: Option<usize>,
    pub(crate) validation: Option<usize>,
    pub(crate) test: Option<usize>,
}

/// What a trial may use.
#[derive(Debug)]
pub(crate) struct TrialBudget {
    pub(crate) training: Budget,
    pub(crate) limits: Limits,
    /// 0 for no search.
    pub(crate) search_trials: usize,
}

impl TrialBudget {
    /// Reads the flat object that a spec holds.
    ///
    /// # Errors
    /// A setting that `adapt` does not accept, or a limit that is not a whole number: it must not turn into "no limit".
    pub(crate) fn parse(budget: &Value) -> anyhow::Result<Self> {
        let mut map = budget
            .as_object()
            .cloned()
            .context("the trial's budget is not an object")?;
        let limits = Limits {
            train: take_number(&mut map, TRAIN_LIMIT)?,
            validation: take_number(&mut map, VALIDATION_LIMIT)?,
            test: take_number(&mut map, TEST_LIMIT)?,
        };
        let search_trials = take_number(&mut map, TUNE)?.unwrap_or(0);
        let training = serde_json::from_value(Value::Object(map)).context("the trial's budget")?;
        Ok(Self {
            training,
            limits,
            search_trials,
        })
    }
}

/// Absent and `null` are no limit.
fn take_number(budget: &mut Map<String, Value>, key: &str) -> anyhow::Result<Option<usize>> {
    let value = budget.remove(key).unwrap_or_default();
    match value.as_u64().map(usize::try_from) {
        Some(Ok(number)) => Ok(Some(number)),
        _ if value.is_null() => Ok(None),
        _ => bail!(
            "the trial's budget: {key} is {value}, expected a whole number, or null for no limit"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_limit_of_the_wrong_type_is_an_error_by_name_and_not_no_limit() {
        for (key, value) in [
            (TRAIN_LIMIT, json!("50")),
            (VALIDATION_LIMIT, json!(1.5)),
            (TEST_LIMIT, json!(-1)),
            (TUNE, json!([3])),
        ] {
            let error = TrialBudget::parse(&json!({key: value}))
                .unwrap_err()
                .to_string();
            assert!(
                error.contains(key) && error.contains("a whole number"),
                "{error}"
            );
        }
    }

    #[test]
    fn limits_are_read_beside_the_training_settings() {
        let budget = json!({"epochs": 7, TRAIN_LIMIT: null, TEST_LIMIT: 9, TUNE: 2});
        let read = TrialBudget::parse(&budget).unwrap();
        assert_eq!(read.training.epochs.get(), 7);
        assert_eq!(read.search_trials, 2);
        let expected = Limits {
            test: Some(9),
            ..Limits::default()
        };
        assert_eq!(read.limits, expected);
    }
}
