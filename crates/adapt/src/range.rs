//! The numbers that a setting takes: declared once beside it, from which its check, its error and its documentation come.

use serde_json::Value;
use std::fmt;

/// Numbers between two bounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    low: Bound,
    high: Bound,
    whole: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Bound {
    Included(f64),
    Excluded(f64),
}

impl Range {
    /// Learning rates. The largest in use are below 1 (prompt tuning: 0.3).
    pub const LEARNING_RATE: Self = Self::above(0.0, 1e3);
    /// Ranks of matrices and widths of inserted layers: up to the width of the largest models.
    pub const WIDTH: Self = Self::whole(1, 1 << 16);
    /// Shares that may be nothing and not all, such as dropout.
    pub const SHARE: Self = Self {
        low: Bound::Included(0.0),
        high: Bound::Excluded(1.0),
        whole: false,
    };

    /// Seeds: any.
    pub const SEED: Self = Self {
        high: Bound::Included(f64::MAX),
        ..Self::whole(0, 0)
    };

    /// Whole numbers from `low` to `high`.
    pub const fn whole(low: u64, high: u64) -> Self {
        Self {
            low: Bound::Included(low as f64),
            high: Bound::Included(high as f64),
            whole: true,
        }
    }

    /// Numbers from `low` to `high`.
    pub const fn from(low: f64, high: f64) -> Self {
        Self {
            low: Bound::Included(low),
            high: Bound::Included(high),
            whole: false,
        }
    }

    /// Numbers above `low`, up to `high`.
    pub const fn above(low: f64, high: f64) -> Self {
        Self {
            low: Bound::Excluded(low),
            high: Bound::Included(high),
            whole: false,
        }
    }

    /// Whether it holds the number; NaN is in no range.
    pub fn contains(&self, value: f64) -> bool {
        let above = match self.low {
            Bound::Included(low) => value >= low,
            Bound::Excluded(low) => value > low,
        };
        let below = match self.high {
            Bound::Included(high) => value <= high,
            Bound::Excluded(high) => value < high,
        };
        above && below && (!self.whole || value.fract() == 0.0)
    }

    /// Checks a setting's value: a number, a list of numbers, or null, which leaves it to the default.
    ///
    /// # Errors
    /// The setting's name, the number and the range.
    pub fn check(&self, name: &str, value: &Value) -> Result<(), String> {
        match value {
            Value::Array(values) => values.iter().try_for_each(|value| self.check(name, value)),
            Value::Number(number) if !number.as_f64().is_some_and(|n| self.contains(n)) => {
                Err(format!("{name} is {number}, expected {self}"))
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Range {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |value: f64| match value {
            0.0 => "0".to_owned(),
            value if (1e-3..1e6).contains(&value.abs()) => value.to_string(),
            value => format!("{value:e}"),
        };
        let kind = if self.whole {
            "a whole number"
        } else {
            "a number"
        };
        match self.low {
            Bound::Included(low) if self.whole => write!(formatter, "{kind} from {low}")?,
            Bound::Included(low) => write!(formatter, "{kind} of at least {}", number(low))?,
            Bound::Excluded(low) => write!(formatter, "{kind} above {}", number(low))?,
        }
        match self.high {
            Bound::Included(high) if high == f64::MAX => Ok(()),
            Bound::Included(high) if self.whole => write!(formatter, " to {high}"),
            Bound::Included(high) => write!(formatter, " and at most {}", number(high)),
            Bound::Excluded(high) => write!(formatter, " and below {}", number(high)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_range_says_what_it_holds() {
        let says = |range: Range| range.to_string();
        assert_eq!(
            says(Range::LEARNING_RATE),
            "a number above 0 and at most 1000"
        );
        assert_eq!(says(Range::WIDTH), "a whole number from 1 to 65536");
        assert_eq!(says(Range::SHARE), "a number of at least 0 and below 1");
        assert_eq!(says(Range::above(0.0, f64::MAX)), "a number above 0");
    }

    #[test]
    fn what_is_outside_is_refused_by_name_in_lists_too() {
        let refused = |range: Range, value: Value| range.check("rank", &value).unwrap_err();
        assert_eq!(
            refused(Range::WIDTH, json!(1u64 << 63)),
            "rank is 9223372036854775808, expected a whole number from 1 to 65536"
        );
        for wrong in [json!(-1), json!(0), json!(1.5), json!([4, 0])] {
            refused(Range::WIDTH, wrong);
        }
        for wrong in [json!(0), json!(-1e-9), json!(1e300)] {
            refused(Range::LEARNING_RATE, wrong);
        }
        assert!(!Range::LEARNING_RATE.contains(f64::NAN));
        assert!(Range::SHARE.check("dropout", &json!(0.0)).is_ok());
        assert!(Range::SHARE.check("dropout", &Value::Null).is_ok());
        assert!(Range::SHARE.check("dropout", &json!(1.0)).is_err());
    }
}
