//! `/completions`: scoring label words as continuations, and generating where a server does not score.
//!
//! A prompt with a label word behind it is sent to be echoed with the log-probability of each of its tokens; ln p of the word is the sum over its
//! own (Brown et al. 2020, §2.4, as `in-context` has it).

use crate::answers::{LONGEST_KEPT, Said, Scored};
use crate::chat::label_begins;
use crate::offers::Offers;
use serde_json::{Value, json};

/// Where it is asked.
pub(crate) const PATH: &str = "completions";

/// Label words that one call scores.
pub(crate) const WORDS_A_CALL: usize = 16;

/// A prompt to be continued.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Prompt {
    Text(String),
    Tokens(Vec<u32>),
}

impl Prompt {
    fn sent(&self) -> Value {
        match self {
            Self::Text(text) => text.as_str().into(),
            Self::Tokens(ids) => ids.as_slice().into(),
        }
    }

    /// With a label word behind it.
    fn with(&self, word: &Prompt) -> Prompt {
        match (self, word) {
            (Self::Text(text), Self::Text(word)) => Self::Text(format!("{text}{word}")),
            (Self::Tokens(ids), Self::Tokens(word)) => Self::Tokens([&ids[..], word].concat()),
            _ => unreachable!("a prompt and its words are of one kind"),
        }
    }

    /// Characters, or tokens.
    fn length(&self) -> usize {
        match self {
            Self::Text(text) => text.chars().count(),
            Self::Tokens(ids) => ids.len(),
        }
    }
}

pub(crate) fn scoring_body(model: &str, prompt: &Prompt, words: &[Prompt]) -> Value {
    let prompts: Vec<Value> = words.iter().map(|word| prompt.with(word).sent()).collect();
    // One token, which nobody reads: many servers refuse to write none.
    json!({"model": model, "prompt": prompts, "max_tokens": 1, "temperature": 0, "echo": true, "logprobs": 1})
}

/// Sums over each word's tokens; without them where the server did not echo, or where a word does not begin a token.
///
/// # Errors
/// What is missing for it to be an answer.
pub(crate) fn read_scores(
    body: &Value,
    prompt: &Prompt,
    words: &[Prompt],
) -> Result<Scored, String> {
    let choices = body
        .get("choices")
        .and_then(Value::as_array)
        .ok_or("it has no choices")?;
    if choices.len() != words.len() {
        return Err(format!(
            "it has {} choices, expected {}",
            choices.len(),
            words.len()
        ));
    }
    let mut sums = vec![None; words.len()];
    for (place, choice) in choices.iter().enumerate() {
        let index = choice.get("index").and_then(Value::as_u64);
        let index = index.map_or(place, |index| index as usize);
        let word = words
            .get(index)
            .ok_or(format!("it has a choice {index}, expected {}", words.len()))?;
        sums[index] = word_sum(choice, prompt.length(), word);
    }
    Ok(Scored {
        sums: sums.into_iter().collect(),
        by: body.get("model").and_then(Value::as_str).map(str::to_owned),
    })
}

fn word_sum(choice: &Value, before: usize, word: &Prompt) -> Option<f64> {
    let list = |name: &str| choice.get("logprobs")?.get(name)?.as_array();
    let logs = list("token_logprobs")?;
    let (from, to) = match word {
        Prompt::Tokens(ids) => (before, before + ids.len()),
        Prompt::Text(text) => {
            let offsets: Option<Vec<usize>> = list("text_offset")?
                .iter()
                .map(|offset| Some(offset.as_u64()? as usize))
                .collect();
            let offsets = offsets?;
            let from = offsets.iter().position(|offset| *offset >= before)?;
            let end = before + text.chars().count();
            let to = offsets.iter().position(|offset| *offset >= end);
            (from, to.unwrap_or(offsets.len()))
        }
    };
    if let Prompt::Text(text) = word {
        let tokens = list("tokens")?.get(from..to)?;
        let spelt: Option<String> = tokens.iter().map(Value::as_str).collect();
        if spelt? != *text {
            return None;
        }
    }
    let logs: Option<Vec<f64>> = logs.get(from..to)?.iter().map(Value::as_f64).collect();
    let logs = logs.filter(|logs| !logs.is_empty())?;
    Some(logs.iter().sum())
}

pub(crate) fn generating_body(
    model: &str,
    prompt: &Prompt,
    offers: &Offers,
    most_tokens: u64,
) -> Value {
    let limit = if offers.thinks {
        "max_completion_tokens"
    } else {
        "max_tokens"
    };
    let mut body =
        json!({"model": model, "prompt": prompt.sent(), limit: most_tokens, "stop": ["\n"]});
    if offers.temperature {
        body["temperature"] = 0.into();
    }
    if offers.listed > 0 {
        body["logprobs"] = offers.listed.into();
    }
    body
}

/// # Errors
/// What is missing for it to be an answer.
pub(crate) fn read(body: &Value) -> Result<Said, String> {
    let choice = body.pointer("/choices/0").ok_or("it has no choices")?;
    let text = choice
        .get("text")
        .and_then(Value::as_str)
        .ok_or("its choice has no text")?;
    let ended = choice.get("finish_reason").and_then(Value::as_str);
    Ok(Said {
        text: text.chars().take(LONGEST_KEPT).collect(),
        is_cut: ended == Some("length"),
        is_refused: ended == Some("content_filter"),
        listed: listed(choice),
        by: body.get("model").and_then(Value::as_str).map(str::to_owned),
    })
}

/// The likeliest tokens where the label begins.
fn listed(choice: &Value) -> Option<Vec<(String, f64)>> {
    let list = |name: &str| choice.get("logprobs")?.get(name)?.as_array();
    let tokens: Option<Vec<&str>> = list("tokens")?.iter().map(Value::as_str).collect();
    let tokens = tokens?;
    let (place, before) = label_begins(&tokens)?;
    let one = |token: &str, log: Option<f64>| {
        Some((token.strip_prefix(before.as_str())?.to_owned(), log?))
    };
    let likeliest = list("top_logprobs")?.get(place)?.as_object()?.iter();
    let mut listed: Vec<(String, f64)> = likeliest
        .filter_map(|(token, log)| one(token, log.as_f64()))
        .collect();
    let chosen = one(tokens[place], list("token_logprobs")?.get(place)?.as_f64())?;
    if !listed.iter().any(|(token, _)| *token == chosen.0) {
        listed.push(chosen);
    }
    Some(listed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Prompt {
        Prompt::Text(text.to_owned())
    }

    /// As vLLM echoes: offsets in characters, the token that was written last.
    fn echoed(index: usize, tokens: &[&str], logs: &[f64]) -> Value {
        let mut end = 0;
        let offsets: Vec<usize> = tokens
            .iter()
            .map(|token| {
                let start = end;
                end += token.chars().count();
                start
            })
            .collect();
        let mut logs: Vec<Value> = logs.iter().map(|log| (*log).into()).collect();
        logs[0] = Value::Null;
        json!({"index": index, "logprobs": {"tokens": tokens, "token_logprobs": logs, "text_offset": offsets}})
    }

    #[test]
    fn the_score_of_a_word_is_the_sum_over_its_own_tokens() {
        let (prompt, words) = (text("Café:"), [text(" good"), text(" very bad")]);
        let body = json!({"choices": [
            echoed(1, &["Caf", "é", ":", " very", " bad", "\n"], &[0.0, -9.0, -9.0, -1.5, -0.25, -7.0]),
            echoed(0, &["Caf", "é", ":", " go", "od", "\n"], &[0.0, -9.0, -9.0, -0.5, -0.125, -7.0]),
        ]});
        let scored = read_scores(&body, &prompt, &words).unwrap();
        assert_eq!(scored.sums, Some(vec![-0.625, -1.75]));
        let sent = scoring_body("m", &prompt, &words);
        assert_eq!(sent["prompt"], json!(["Café: good", "Café: very bad"]));
        // A token that reaches over the border belongs to neither.
        let merged = json!({"choices": [
            echoed(0, &["Caf", "é", ": go", "od", "\n"], &[0.0, -9.0, -0.5, -0.125, -7.0]),
            echoed(1, &["Caf", "é", ":", " very", " bad", "\n"], &[0.0, -9.0, -9.0, -1.5, -0.25, -7.0]),
        ]});
        assert_eq!(read_scores(&merged, &prompt, &words).unwrap().sums, None);
        read_scores(&json!({"choices": []}), &prompt, &words).unwrap_err();
    }

    #[test]
    fn token_ids_are_scored_by_their_places_also_where_nothing_was_written() {
        let (prompt, words) = (Prompt::Tokens(vec![7, 8, 9]), [Prompt::Tokens(vec![3, 4])]);
        assert_eq!(
            scoring_body("m", &prompt, &words)["prompt"],
            json!([[7, 8, 9, 3, 4]])
        );
        let logs = json!({"token_logprobs": [null, -9.0, -9.0, -0.5, -0.25]});
        let body = json!({"choices": [{"index": 0, "logprobs": logs}]});
        assert_eq!(
            read_scores(&body, &prompt, &words).unwrap().sums,
            Some(vec![-0.75])
        );
        let without = json!({"choices": [{"index": 0, "text": "x"}]});
        assert_eq!(read_scores(&without, &prompt, &words).unwrap().sums, None);
    }

    #[test]
    fn a_continuation_is_read_with_the_tokens_it_may_have_begun_with() {
        let body = json!({"choices": [{
            "text": " good", "finish_reason": "stop",
            "logprobs": {"tokens": [" good"], "token_logprobs": [-0.5], "top_logprobs": [{" good": -0.5, " bad": -1.0, "x": -3.0}]},
        }]});
        let said = read(&body).unwrap();
        let listed = said.listed.unwrap();
        assert_eq!(
            listed,
            [("good".to_owned(), -0.5), ("bad".to_owned(), -1.0)]
        );
    }
}
