//! `--set METHOD.KEY=VALUE` and the values of a plan, as JSON of the type that the setting has by default.

use crate::plan::ranges;
use crate::registry::{Methods, find, names, unknown};
use adapt::{Budget, HeadPolicy};
use anyhow::{Context, bail};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What `--set` calls the settings that are the same for every method.
const GENERAL: &str = "budget";

/// Settings by method, and general ones.
#[derive(Debug, Default)]
pub(crate) struct Given {
    pub(crate) by_method: BTreeMap<String, Map<String, Value>>,
    pub(crate) general: Map<String, Value>,
}

/// Reads one `--set`.
///
/// # Errors
/// Not of the form METHOD.KEY=VALUE, or no such method.
pub(crate) fn add(given: &mut Given, text: &str, methods: Methods) -> anyhow::Result<()> {
    let parts = text.split_once('=').and_then(|(name, value)| {
        name.split_once('.')
            .map(|(method, key)| (method, key, value))
    });
    let Some((method, key, value)) = parts else {
        bail!(
            "--set {text}: expected METHOD.KEY=VALUE, for example {}.weight_decay=0",
            GENERAL
        );
    };
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
    if method == GENERAL {
        given.general.insert(key.to_owned(), value);
        return Ok(());
    }
    if find(methods, method).is_err() {
        let known: Vec<&str> = names(methods).into_iter().chain([GENERAL]).collect();
        return Err(unknown("method", method, &known)).with_context(|| format!("--set {text}"));
    }
    given
        .by_method
        .entry(method.to_owned())
        .or_default()
        .insert(key.to_owned(), value);
    Ok(())
}

/// Those settings without a default that are not given.
pub(crate) fn missing(method: &dyn adapt::Method, given: &Map<String, Value>) -> Vec<&'static str> {
    let is_empty = |value: &Value| value.as_str().is_some_and(|text| text.trim().is_empty());
    let required = method.required().iter().copied();
    required
        .filter(|name| given.get(*name).is_none_or(is_empty))
        .collect()
}

/// The settings of a method with every default made explicit.
///
/// # Errors
/// A setting that the method does not have or accept, or one without a default that is not given.
pub(crate) fn resolve(
    method: &dyn adapt::Method,
    given: &Map<String, Value>,
) -> anyhow::Result<Value> {
    let missing = missing(method, given);
    if !missing.is_empty() {
        let name = method.info().name;
        let options: Vec<String> = missing
            .iter()
            .map(|setting| format!("--set {name}.{setting}=..."))
            .collect();
        bail!(
            "{name} needs {}, which have no default; give them with {}",
            missing.join(" and "),
            options.join(" ")
        );
    }
    laid(method, given)
}

/// The same, whether or not those without a default are given.
///
/// # Errors
/// As there.
pub(super) fn laid(
    method: &dyn adapt::Method,
    given: &Map<String, Value>,
) -> anyhow::Result<Value> {
    let defaults = method.plan(Value::Null)?.resolved();
    let fitted = given
        .iter()
        .map(|(key, value)| (key.clone(), fit(defaults.get(key), value.clone())))
        .collect();
    Ok(method.plan(Value::Object(fitted))?.resolved())
}

/// The general settings.
///
/// # Errors
/// A setting that is not among them, or a value that cannot be used.
pub(crate) fn budget(given: &Map<String, Value>) -> anyhow::Result<Budget> {
    let Ok(Value::Object(mut all)) = serde_json::to_value(Budget::default()) else {
        unreachable!("a budget is an object")
    };
    for (key, value) in given {
        if !all.contains_key(key) {
            let known: Vec<&str> = all.keys().map(String::as_str).collect();
            return Err(unknown("general setting", key, &known));
        }
        let value = fit(all.get(key), value.clone());
        let one = Map::from_iter([(key.clone(), value.clone())]);
        serde_json::from_value::<Budget>(Value::Object(one))
            .with_context(|| format!("{GENERAL}.{key} = {value}"))?;
        all.insert(key.clone(), value);
    }
    let budget: Budget = serde_json::from_value(Value::Object(all))?;
    if budget.head == HeadPolicy::Transformers && budget.pooling.is_some() {
        bail!(
            "{GENERAL}.pooling has no meaning with {GENERAL}.head=transformers, whose heads read the first token of encoders and the last of decoders; leave one of them out"
        );
    }
    ranges::budget(&budget)?;
    if let Err(reason) = budget.check() {
        bail!("{GENERAL}.{reason}");
    }
    Ok(budget)
}

/// `value` in the type of the default: `a,b` becomes a list where a list belongs, `7` a text where a text belongs.
fn fit(default: Option<&Value>, value: Value) -> Value {
    match (default, value) {
        (Some(Value::Array(_)), Value::String(list)) => list
            .split(',')
            .map(|part| Value::from(part.trim()))
            .collect(),
        (Some(Value::String(_)), value @ (Value::Number(_) | Value::Bool(_))) => {
            Value::String(value.to_string())
        }
        (_, value) => value,
    }
}

/// A plan's value as JSON, which has no `nan` and no `inf`: these become the words, so that a setting refuses them instead of taking its default.
pub(crate) fn json(value: &toml::Value) -> Value {
    match value {
        toml::Value::Float(number) if !number.is_finite() => Value::String(number.to_string()),
        toml::Value::Array(values) => values.iter().map(json).collect(),
        value => serde_json::to_value(value).expect("TOML values are JSON values"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_take_the_type_of_the_default() {
        assert_eq!(
            fit(Some(&json!(["query"])), json!("query,value")),
            json!(["query", "value"])
        );
        assert_eq!(fit(Some(&json!("mean")), json!(7)), json!("7"));
        assert_eq!(fit(Some(&json!(8)), json!(4)), json!(4));
    }

    #[test]
    fn general_settings_are_checked_by_name_and_value() {
        let one = |key: &str, value: Value| budget(&Map::from_iter([(key.to_owned(), value)]));
        assert_eq!(one("weight_decay", json!(0)).unwrap().weight_decay, 0.0);
        assert_eq!(one("epochs", json!(9)).unwrap().epochs.get(), 9);
        let error = one("weight_decya", json!(0)).unwrap_err().to_string();
        assert!(error.contains("did you mean \"weight_decay\"?"), "{error}");
        let error = format!("{:#}", one("epochs", json!(0)).unwrap_err());
        assert!(error.contains("budget.epochs = 0"), "{error}");
        for (key, wrong) in [
            ("warmup_share", json!(1.5)),
            ("dropout", json!(1.0)),
            ("weight_decay", json!(-0.1)),
            ("clip_norm", json!(0.0)),
            ("epochs", json!(100_000_000_000u64)),
            ("batch", json!(1u64 << 63)),
        ] {
            let error = one(key, wrong.clone()).unwrap_err().to_string();
            let expected = format!("{key} is {wrong}, expected a");
            assert!(error.contains(&expected), "{error}");
        }
        assert_eq!(
            one("head", json!("transformers")).unwrap().head,
            HeadPolicy::Transformers
        );
        let error = format!("{:#}", one("head", json!("pooled")).unwrap_err());
        assert!(error.contains("`linear` or `transformers`"), "{error}");
    }

    #[test]
    fn what_is_no_number_in_a_plan_is_no_null() {
        for wrong in [f64::NAN, f64::INFINITY] {
            let value = json(&toml::Value::Float(wrong));
            let given = Map::from_iter([("dropout".to_owned(), value)]);
            let error = format!("{:#}", budget(&given).unwrap_err());
            assert!(error.contains("budget.dropout"), "{error}");
        }
    }

    #[test]
    fn the_heads_of_transformers_have_their_own_pooling() {
        let both = [
            ("head".to_owned(), json!("transformers")),
            ("pooling".to_owned(), json!("mean")),
        ];
        let error = budget(&Map::from_iter(both)).unwrap_err().to_string();
        assert!(error.contains("budget.pooling"), "{error}");
    }

    #[test]
    fn a_set_without_value_or_with_an_unknown_method_is_refused() {
        let mut given = Given::default();
        assert!(
            add(&mut given, "rank=4", &[])
                .unwrap_err()
                .to_string()
                .contains("METHOD.KEY=VALUE")
        );
        let error = format!("{:#}", add(&mut given, "budgte.epochs=4", &[]).unwrap_err());
        assert!(error.contains("did you mean \"budget\"?"), "{error}");
        add(&mut given, "budget.dropout=0.25", &[]).unwrap();
        assert_eq!(given.general["dropout"], json!(0.25));
    }
}
