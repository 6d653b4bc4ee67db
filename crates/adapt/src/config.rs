//! From JSON settings to a method's typed configuration, with errors that name the nearest setting.

use crate::described::check_ranges;
use crate::{ConfigError, Described};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// Reads a method's configuration from an object of settings laid over its defaults.
///
/// # Errors
/// A setting that the default configuration does not have, a value that `C` refuses, or a number outside its declared range.
pub fn parse_config<C: Serialize + DeserializeOwned + Default + Described>(
    method: &str,
    given: Value,
) -> Result<C, ConfigError> {
    let given = match given {
        Value::Null => Map::new(),
        Value::Object(map) => map,
        other => {
            let reason = format!("settings must be an object of names and values, found {other}");
            return Err(ConfigError::BadValue {
                method: method.to_owned(),
                reason,
            });
        }
    };
    let Ok(Value::Object(mut settings)) = serde_json::to_value(C::default()) else {
        unreachable!("a configuration serialises to an object")
    };
    for (name, value) in given {
        if !settings.contains_key(&name) {
            let known: Vec<&str> = settings.keys().map(String::as_str).collect();
            let hint = task::did_you_mean(&name, &known);
            return Err(ConfigError::UnknownSetting {
                method: method.to_owned(),
                found: name,
                hint,
                known: known.join(", "),
            });
        }
        settings.insert(name, value);
    }
    let bad_value = |reason| ConfigError::BadValue {
        method: method.to_owned(),
        reason,
    };
    // Ranges first: their words are the setting's own.
    check_ranges(C::SETTINGS, &settings).map_err(bad_value)?;
    serde_json::from_value(Value::Object(settings.clone()))
        .map_err(|error| bad_value(named::<C>(&settings).unwrap_or_else(|| error.to_string())))
}

/// serde says what was wrong with a value and not whose it was: the first setting that is refused beside the defaults of all others.
fn named<C: Serialize + DeserializeOwned + Default>(
    settings: &Map<String, Value>,
) -> Option<String> {
    let defaults = serde_json::to_value(C::default()).ok()?;
    settings.iter().find_map(|(name, value)| {
        let one = with_setting(defaults.clone(), name, value.clone());
        let error = serde_json::from_value::<C>(one).err()?.to_string();
        let error = error.replace("a nonzero usize", "a whole number above 0");
        Some(format!("{name}: {error}"))
    })
}

/// `config` with one setting replaced.
pub fn with_setting(mut config: Value, name: &str, value: Value) -> Value {
    if let Value::Object(map) = &mut config {
        map.insert(name.to_owned(), value);
    }
    config
}

#[cfg(test)]
#[expect(unreachable_pub, reason = "`settings!` declares what a crate exports")]
mod tests {
    use super::*;
    use crate::Range;
    use std::num::NonZeroUsize;

    crate::settings! {
        /// Settings of a method that there is not.
        pub struct Example {
            /// Without a declared range: its type refuses 0.
            rank: NonZeroUsize = NonZeroUsize::new(8).unwrap(),
            /// With one.
            alpha: f64 = 16.0 => Range::above(0.0, 1e6),
            /// Several numbers.
            blocks: Vec<u64> = vec![1] => Range::whole(1, 12),
        }
    }

    #[test]
    fn what_is_left_out_takes_its_default() {
        let config: Example = parse_config("lora", serde_json::json!({"rank": 3})).unwrap();
        assert_eq!(
            config,
            Example {
                rank: NonZeroUsize::new(3).unwrap(),
                ..Example::default()
            }
        );
    }

    #[test]
    fn a_misspelt_setting_is_refused_with_the_nearest_one() {
        let error = parse_config::<Example>("lora", serde_json::json!({"rnak": 3})).unwrap_err();
        assert_eq!(
            error.to_string(),
            r#"lora has no setting "rnak" (did you mean "rank"?); its settings are: rank, alpha, blocks"#
        );
    }

    #[test]
    fn a_rank_of_zero_is_refused() {
        let refused = |given| {
            parse_config::<Example>("lora", given)
                .unwrap_err()
                .to_string()
        };
        let error = refused(serde_json::json!({"alpha": 2.0, "rank": 0}));
        assert!(
            error.contains("rank: ") && error.contains("expected a whole number above 0"),
            "{error}"
        );
        let error = refused(serde_json::json!({"rank": 2, "alpha": "much"}));
        assert!(error.contains("alpha: invalid type"), "{error}");
    }

    #[test]
    fn a_number_outside_its_declared_range_is_refused_with_the_range() {
        let refused = |given| {
            parse_config::<Example>("lora", given)
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            refused(serde_json::json!({"alpha": -5})),
            "lora: alpha is -5, expected a number above 0 and at most 1e6"
        );
        assert_eq!(
            refused(serde_json::json!({"blocks": [3, 13]})),
            "lora: blocks is 13, expected a whole number from 1 to 12"
        );
        assert!(refused(serde_json::json!({"alpha": "inf"})).contains("alpha: invalid type"));
    }
}
