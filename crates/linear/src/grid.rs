//! The values of C that are tried.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Values above 0, rising, at least one. In JSON a number or a list of numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Vec<f64>")]
pub struct Grid(Vec<f64>);

impl Grid {
    /// Sorts the values.
    ///
    /// # Errors
    /// When there are none, one occurs twice, or one is not a number above 0.
    pub fn new(mut values: Vec<f64>) -> Result<Self, String> {
        values.sort_by(f64::total_cmp);
        let valid = values.iter().all(|value| value.is_finite() && *value > 0.0);
        match valid && !values.is_empty() && values.is_sorted_by(|a, b| a < b) {
            true => Ok(Self(values)),
            false => Err(format!(
                "C is {values:?}, expected one or several different numbers above 0"
            )),
        }
    }

    /// Powers of ten from `10^low` to `10^high`.
    ///
    /// # Panics
    /// If `low` is above `high`.
    pub fn powers_of_ten(low: i32, high: i32) -> Self {
        Self::new((low..=high).map(|exponent| 10f64.powi(exponent)).collect())
            .expect("low is not above high")
    }

    /// The values, rising.
    pub fn values(&self) -> &[f64] {
        &self.0
    }
}

impl TryFrom<Value> for Grid {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let values = match &value {
            Value::Array(values) => values.iter().map(Value::as_f64).collect(),
            single => single.as_f64().map(|value| vec![value]),
        };
        Self::new(values.ok_or_else(|| {
            format!("C is {value}, expected a number or a list of numbers above 0")
        })?)
    }
}

impl From<Grid> for Vec<f64> {
    fn from(grid: Grid) -> Self {
        grid.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{from_value, json};

    #[test]
    fn a_number_or_a_list_is_a_grid_and_what_is_no_penalty_is_refused() {
        let read = |value| {
            from_value::<Grid>(value)
                .map(Vec::from)
                .map_err(|error| error.to_string())
        };
        assert_eq!(read(json!(2)).unwrap(), [2.0]);
        assert_eq!(read(json!([10, 0.5])).unwrap(), [0.5, 10.0]);
        for wrong in [
            json!([]),
            json!(0),
            json!([1, -1]),
            json!([1, 1]),
            json!("1"),
            json!([1, null]),
        ] {
            assert!(
                read(wrong.clone()).unwrap_err().contains("above 0"),
                "{wrong}"
            );
        }
    }

    #[test]
    fn decades_are_decades() {
        assert_eq!(Grid::powers_of_ten(-1, 2).values(), [0.1, 1.0, 10.0, 100.0]);
    }
}
