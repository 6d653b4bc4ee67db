//! `/chat/completions`: the request, and what is read of its answer.

use crate::answers::{LONGEST_KEPT, Said};
use crate::compose::Composed;
use crate::config::Constrain;
use crate::offers::Offers;
use serde_json::{Map, Value, json};

/// Where it is asked.
pub(crate) const PATH: &str = "chat/completions";

/// The only member of an answer in JSON.
const MEMBER: &str = "label";

/// A preference beyond all others.
const PREFERRED: u32 = 100;

/// `bias`: the first token of each label word, for [`Constrain::LogitBias`].
pub(crate) fn body(
    model: &str,
    composed: &Composed,
    words: &[String],
    offers: &Offers,
    bias: &[u32],
    most_tokens: u64,
) -> Value {
    let is_json = offers.constrain == Constrain::JsonSchema;
    let message = |role: &str, content: &str| json!({"role": role, "content": content});
    let mut messages = Vec::new();
    if !composed.instruction.is_empty() {
        messages.push(message("system", &composed.instruction));
    }
    let (turns, asked) = composed.turns();
    for (text, label) in turns {
        let label = if is_json {
            json!({MEMBER: label}).to_string()
        } else {
            label
        };
        messages.push(message("user", &text));
        messages.push(message("assistant", &label));
    }
    messages.push(message("user", &asked));
    let limit = if offers.thinks {
        "max_completion_tokens"
    } else {
        "max_tokens"
    };
    let mut body = json!({"model": model, "messages": messages, limit: most_tokens});
    if offers.temperature {
        body["temperature"] = 0.into();
    }
    if offers.listed > 0 {
        body["logprobs"] = true.into();
        body["top_logprobs"] = offers.listed.into();
    }
    match offers.constrain {
        Constrain::JsonSchema => body["response_format"] = schema(words),
        Constrain::LogitBias => {
            let biases = bias.iter().map(|id| (id.to_string(), PREFERRED.into()));
            body["logit_bias"] = Value::Object(biases.collect::<Map<_, _>>());
        }
        Constrain::Auto | Constrain::Free => {}
    }
    body
}

fn schema(words: &[String]) -> Value {
    json!({
        "type": "json_schema",
        "json_schema": {
            "name": "answer",
            "strict": true,
            "schema": {
                "type": "object",
                "properties": {MEMBER: {"type": "string", "enum": words}},
                "required": [MEMBER],
                "additionalProperties": false,
            },
        },
    })
}

/// # Errors
/// What is missing for it to be an answer.
pub(crate) fn read(body: &Value) -> Result<Said, String> {
    let choice = body.pointer("/choices/0").ok_or("it has no choices")?;
    let message = choice.get("message").ok_or("its choice has no message")?;
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    let (said, refusal) = (text(message.get("content")), text(message.get("refusal")));
    let ended = text(choice.get("finish_reason"));
    let is_refused = !refusal.is_empty() || ended == "content_filter";
    if message.get("content").is_none() && !is_refused {
        return Err("its message has no content".to_owned());
    }
    let tokens = choice
        .pointer("/logprobs/content")
        .and_then(Value::as_array);
    Ok(Said {
        text: said.chars().take(LONGEST_KEPT).collect(),
        is_cut: ended == "length",
        is_refused,
        listed: tokens.and_then(|tokens| listed(tokens)),
        by: body.get("model").and_then(Value::as_str).map(str::to_owned),
    })
}

/// The likeliest tokens where the label begins.
fn listed(tokens: &[Value]) -> Option<Vec<(String, f64)>> {
    let texts: Option<Vec<&str>> = tokens
        .iter()
        .map(|token| token.get("token")?.as_str())
        .collect();
    let (place, before) = label_begins(&texts?)?;
    let one = |token: &Value| {
        let text = token
            .get("token")?
            .as_str()?
            .strip_prefix(before.as_str())?;
        Some((text.to_owned(), token.get("logprob")?.as_f64()?))
    };
    let token = &tokens[place];
    let mut listed: Vec<(String, f64)> = token
        .get("top_logprobs")?
        .as_array()?
        .iter()
        .filter_map(one)
        .collect();
    // What was chosen may be beyond the likeliest, where something kept it to the labels.
    let chosen = one(token)?;
    if !listed.iter().any(|(text, _)| *text == chosen.0) {
        listed.push(chosen);
    }
    Some(listed)
}

/// In which token the label begins, and what stands before it there: behind the first mark that is none, or in JSON behind `"label": "`.
pub(crate) fn label_begins(tokens: &[&str]) -> Option<(usize, String)> {
    let text = tokens.concat();
    let begin = if text.trim_start().starts_with('{') {
        let member = format!("\"{MEMBER}\"");
        let behind = text.find(&member)? + member.len();
        let colon = behind + text[behind..].find(':')? + 1;
        colon + text[colon..].find('"')? + 1
    } else {
        text.find(|c: char| !c.is_whitespace() && !c.is_ascii_punctuation())?
    };
    let mut end = 0;
    for (place, token) in tokens.iter().enumerate() {
        let start = end;
        end += token.len();
        if begin < end {
            return Some((place, token[..begin - start].to_owned()));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::Composer;
    use crate::config::Endpoint;
    use prompt::{Demonstration, Template};

    fn composed() -> (Composed, Vec<String>) {
        let composer = Composer {
            template: Template::parse("Text: {text}\nLabel: {label}", false).unwrap(),
            instruction: "One of good, bad.".to_owned(),
            separator: String::new(),
            words: ["good", "bad"].map(str::to_owned).to_vec(),
        };
        let shown = Demonstration {
            row: 0,
            text: "dull".to_owned(),
            second: None,
            label: 1,
        };
        (composer.compose(&[&shown], ("fine", None)), composer.words)
    }

    #[test]
    fn a_chat_has_the_examples_as_turns_and_what_the_server_offers() {
        let (composed, words) = composed();
        let all = Offers::all(&Endpoint::default());
        let sent = body("m", &composed, &words, &all, &[], 7);
        assert_eq!(
            sent["messages"],
            json!([
                {"role": "system", "content": "One of good, bad."},
                {"role": "user", "content": "Text: dull\nLabel:"},
                {"role": "assistant", "content": "{\"label\":\"bad\"}"},
                {"role": "user", "content": "Text: fine\nLabel:"},
            ])
        );
        assert_eq!(
            (&sent["max_tokens"], &sent["top_logprobs"]),
            (&json!(7), &json!(20))
        );
        let schema = &sent["response_format"]["json_schema"]["schema"];
        assert_eq!(
            schema["properties"]["label"]["enum"],
            json!(["good", "bad"])
        );
        let least = Offers {
            constrain: Constrain::LogitBias,
            listed: 0,
            temperature: false,
            thinks: true,
            echo: false,
        };
        let sent = body("m", &composed, &words, &least, &[3, 40], 1);
        assert_eq!(sent["messages"][2]["content"], "bad");
        assert_eq!(sent["logit_bias"], json!({"3": 100, "40": 100}));
        let fields: Vec<&String> = sent.as_object().unwrap().keys().collect();
        assert_eq!(
            fields,
            ["model", "messages", "max_completion_tokens", "logit_bias"]
        );
    }

    #[test]
    fn the_label_begins_behind_marks_and_behind_the_member_of_an_object() {
        let at = |tokens: &[&str]| label_begins(tokens).unwrap();
        assert_eq!(at(&["\n", " **", "good", "."]), (2, String::new()));
        assert_eq!(at(&[" good"]), (0, " ".to_owned()));
        assert_eq!(
            at(&["{\"", "label", "\":\"", "go", "od\"}"]),
            (3, String::new())
        );
        assert_eq!(
            at(&["{\"label\": \"go", "od\"}"]),
            (0, "{\"label\": \"".to_owned())
        );
        assert_eq!(label_begins(&["..."]), None);
    }

    #[test]
    fn an_answer_is_read_with_the_tokens_it_may_have_begun_with() {
        let token = |text: &str, p: f64| json!({"token": text, "logprob": p});
        let first = json!({"token": "good", "logprob": -0.5, "top_logprobs": [token("bad", -1.0)]});
        let body = json!({
            "model": "m-2",
            "choices": [{
                "message": {"content": "good", "refusal": null},
                "finish_reason": "length",
                "logprobs": {"content": [first]},
            }],
        });
        let said = read(&body).unwrap();
        let listed = vec![("bad".to_owned(), -1.0), ("good".to_owned(), -0.5)];
        assert_eq!((said.listed.unwrap(), said.is_cut), (listed, true));
        assert_eq!((said.by.as_deref(), said.is_refused), (Some("m-2"), false));
        let refused = json!({"choices": [{"message": {"content": null, "refusal": "no"}}]});
        assert!(read(&refused).unwrap().is_refused);
        for wrong in [
            json!({}),
            json!({"choices": []}),
            json!({"choices": [{"message": {}}]}),
        ] {
            read(&wrong).unwrap_err();
        }
    }
}
