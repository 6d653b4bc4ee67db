//! What `/v1/completions` and `/v1/chat/completions` have in common: settings of an answer, and which of OpenAI's fields are offered.

use crate::faults::Fault;
use crate::language::{Generation, Language};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Most alternatives that are told beside a token.
pub(crate) const MOST_TOP: usize = 20;
/// Most texts that end an answer.
const MOST_STOPS: usize = 16;
/// Bounds of a bias, as OpenAI has them.
const MOST_BIAS: f64 = 100.0;

/// Fields that change nothing at these values. At any other they are refused by name.
fn without_effect(name: &str, value: &Value) -> bool {
    let is = |number: f64| value.as_f64() == Some(number);
    match name {
        "n" | "best_of" | "top_p" => is(1.0),
        "presence_penalty" | "frequency_penalty" => is(0.0),
        "stream" | "parallel_tool_calls" | "store" => *value == Value::Bool(false),
        "suffix" => value.as_str() == Some(""),
        "response_format" => value["type"] == "text",
        "tools" | "functions" => value.as_array().is_some_and(Vec::is_empty),
        "user" | "metadata" => true,
        _ => false,
    }
}

/// Refuses what is neither among `offered` nor without effect.
///
/// # Errors
/// The first such field.
pub(crate) fn only_offered(body: &Map<String, Value>, offered: &[&str]) -> Result<(), Fault> {
    let known = |(name, value): &(&String, &Value)| {
        value.is_null() || offered.contains(&name.as_str()) || without_effect(name, value)
    };
    match body.iter().find(|field| !known(field)) {
        Some((name, _)) => Err(Fault::not_offered(name)),
        None => Ok(()),
    }
}

/// One text or several.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Stop {
    One(String),
    Several(Vec<String>),
}

/// Settings that both kinds of request have.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Settings {
    pub(crate) model: Option<String>,
    temperature: Option<f64>,
    seed: Option<u64>,
    logit_bias: Option<BTreeMap<String, f64>>,
    stop: Option<Stop>,
}

/// Their names.
pub(crate) const SETTINGS: [&str; 5] = ["model", "temperature", "seed", "logit_bias", "stop"];

impl Settings {
    /// As the model takes them.
    ///
    /// # Errors
    /// A value that means nothing, by name.
    pub(crate) fn generation(self, max_tokens: usize, top: usize) -> Result<Generation, Fault> {
        let temperature = self.temperature.unwrap_or(1.0);
        if !(0.0..=2.0).contains(&temperature) {
            let message = format!("temperature is {temperature}, expected 0 to 2");
            return Err(Fault::bad("temperature", message));
        }
        if top > MOST_TOP {
            let message = format!("{top} alternatives asked for, at most {MOST_TOP} are told");
            return Err(Fault::bad("logprobs", message));
        }
        let stop = match self.stop {
            None => Vec::new(),
            Some(Stop::One(text)) => vec![text],
            Some(Stop::Several(texts)) => texts,
        };
        if stop.len() > MOST_STOPS || stop.iter().any(String::is_empty) {
            let message = format!("stop must be up to {MOST_STOPS} texts, none of them empty");
            return Err(Fault::bad("stop", message));
        }
        Ok(Generation {
            max_tokens,
            temperature,
            seed: self.seed.unwrap_or_else(rand::random),
            bias: bias(self.logit_bias.unwrap_or_default())?,
            stop,
            top,
        })
    }
}

fn bias(by_token: BTreeMap<String, f64>) -> Result<Vec<(u32, f64)>, Fault> {
    let one = |(token, bias): (String, f64)| {
        let id = token.parse::<u32>().ok();
        let id = id.filter(|_| bias.abs() <= MOST_BIAS);
        let wrong = || {
            Fault::bad(
                "logit_bias",
                format!(
                    "{token:?}: {bias}, expected the id of a token and a number from -{MOST_BIAS} to {MOST_BIAS}"
                ),
            )
        };
        Ok((id.ok_or_else(wrong)?, bias))
    };
    by_token.into_iter().map(one).collect()
}

/// Refuses a prompt that is empty, has ids that the model lacks, or leaves no room for the answer.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn check_prompt(language: &Language, ids: &[u32], answer: usize) -> Result<(), Fault> {
    if ids.is_empty() {
        return Err(Fault::bad("prompt", "the prompt is empty"));
    }
    let vocabulary = language.tokenizer.vocab();
    if let Some(id) = ids.iter().find(|id| **id as usize >= vocabulary) {
        let message = format!("there is no token {id}: the model has {vocabulary}, from 0");
        return Err(Fault::bad("prompt", message));
    }
    let all = ids.len().saturating_add(answer);
    if all > language.window {
        return Err(Fault::too_long(all, language.window));
    }
    Ok(())
}

/// Tokens of a request and its answer.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Usage {
    pub(crate) prompt_tokens: usize,
    pub(crate) completion_tokens: usize,
    pub(crate) total_tokens: usize,
}

impl Usage {
    pub(crate) fn of(prompt_tokens: usize, completion_tokens: usize) -> Self {
        Self {
            prompt_tokens,
            completion_tokens,
            total_tokens: prompt_tokens + completion_tokens,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_field_that_is_not_offered_is_refused_by_name_unless_it_changes_nothing() {
        let refused = |body: Value| {
            let found = only_offered(body.as_object().unwrap(), &["prompt"]);
            found.err().map(|fault| fault.message)
        };
        let plain = json!({"prompt": "x", "n": 1, "stream": false, "top_p": 1, "user": "me", "suffix": null, "response_format": {"type": "text"}});
        assert_eq!(refused(plain), None);
        for (field, value) in [
            ("n", json!(2)),
            ("stream", json!(true)),
            ("response_format", json!({"type": "json_schema"})),
            ("tools", json!([{}])),
            ("wishes", json!(1)),
        ] {
            let message = refused(json!({"prompt": "x", field: value})).unwrap();
            assert!(message.starts_with(field), "{message}");
        }
    }

    #[test]
    fn values_that_mean_nothing_are_refused_by_name() {
        let of = |body: Value| {
            let settings: Settings = serde_json::from_value(body).unwrap();
            settings.generation(3, 5).map_err(|fault| fault.message)
        };
        assert!(of(json!({"temperature": 2.5})).unwrap_err().contains("2.5"));
        assert!(
            of(json!({"logit_bias": {"x": 1.0}}))
                .unwrap_err()
                .contains("\"x\"")
        );
        assert!(
            of(json!({"logit_bias": {"7": 101.0}}))
                .unwrap_err()
                .contains("101")
        );
        assert!(
            of(json!({"stop": ["a", ""]}))
                .unwrap_err()
                .contains("empty")
        );
        let found =
            of(json!({"temperature": 0.0, "logit_bias": {"7": -100.0}, "stop": "a"})).unwrap();
        assert_eq!(found.bias, [(7, -100.0)]);
        assert_eq!((found.stop, found.temperature), (vec!["a".to_owned()], 0.0));
        let settings = Settings::default();
        assert!(settings.generation(3, 21).is_err());
    }
}
