//! What a trial may use: training settings, limits of the splits, search trials.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The `budget` of a [`crate::TrialSpec`]. In JSON it is one flat object.
///
/// A limit of the wrong type is refused when the spec is read; it must not turn into "no limit".
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Map<String, Value>")]
pub struct TrialBudget {
    /// Epochs, batch, max_length, head policy, ...: the fields of `adapt::Budget`, which checks them.
    #[serde(flatten)]
    pub training: Map<String, Value>,
    /// Training examples to draw; `None` for all.
    pub train_limit: Option<usize>,
    /// Validation examples; `None` for all. Left out of the JSON where there is no limit, so that ids of older specs stay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation_limit: Option<usize>,
    /// Test examples; `None` for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_limit: Option<usize>,
    /// Search trials; 0 for no search.
    pub tune: usize,
}

impl TrialBudget {
    /// As one flat JSON object, keys in the order in which they are written.
    pub fn to_json(&self) -> Value {
        serde_json::to_value(self).expect("numbers and JSON values serialise")
    }
}

impl TryFrom<Map<String, Value>> for TrialBudget {
    type Error = String;

    fn try_from(mut training: Map<String, Value>) -> Result<Self, String> {
        Ok(Self {
            train_limit: take_number(&mut training, "train_limit")?,
            validation_limit: take_number(&mut training, "validation_limit")?,
            test_limit: take_number(&mut training, "test_limit")?,
            tune: take_number(&mut training, "tune")?.unwrap_or(0),
            training,
        })
    }
}

/// Takes a number out of the budget; absent and `null` are no limit.
fn take_number(budget: &mut Map<String, Value>, key: &str) -> Result<Option<usize>, String> {
    let value = budget.shift_remove(key).unwrap_or_default();
    match value.as_u64().map(usize::try_from) {
        Some(Ok(number)) => Ok(Some(number)),
        _ if value.is_null() => Ok(None),
        _ => Err(format!(
            "the trial's budget: {key} is {value}, expected a whole number, or null for no limit"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_limit_of_the_wrong_type_is_an_error_by_name_and_not_no_limit() {
        for (key, value) in [
            ("train_limit", json!("50")),
            ("validation_limit", json!(1.5)),
            ("test_limit", json!(-1)),
            ("tune", json!(true)),
        ] {
            let budget = json!({"epochs": 3, key: value});
            let read = serde_json::from_value::<TrialBudget>(budget);
            let error = read.unwrap_err().to_string();
            assert!(
                error.contains(key) && error.contains("a whole number"),
                "{error}"
            );
        }
    }

    #[test]
    fn budgets_keep_their_keys_in_order() {
        let text = r#"{"epochs":5,"dropout":null,"clip_norm":1.0,"train_limit":null,"test_limit":9,"tune":0}"#;
        let budget: TrialBudget = serde_json::from_str(text).unwrap();
        assert_eq!((budget.train_limit, budget.test_limit), (None, Some(9)));
        assert_eq!(budget.training.len(), 3, "{:?}", budget.training);
        assert_eq!(budget.to_json().to_string(), text);
    }
}
