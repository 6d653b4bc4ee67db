//! `POST /v1/chat/completions`: the assistant's answer to messages, laid out by the model's own chat template. Asked by the classifier's name, the
//! classifier answers the last message with its class, the log-probabilities of all classes beside it.

use crate::app::{App, Body};
use crate::chat::Message;
use crate::classify::{self, Answer};
use crate::faults::Fault;
use crate::language::{Continued, Language};
use crate::openai::{self, SETTINGS, Settings, Usage};
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Tokens of an answer where a request does not say.
const MAX_TOKENS: usize = 512;

/// The fields of a request beside [`Settings`].
#[derive(Clone, Debug, Deserialize)]
struct Fields {
    messages: Vec<Message>,
    max_tokens: Option<usize>,
    max_completion_tokens: Option<usize>,
    logprobs: Option<bool>,
    top_logprobs: Option<usize>,
}

const FIELDS: [&str; 5] = [
    "messages",
    "max_tokens",
    "max_completion_tokens",
    "logprobs",
    "top_logprobs",
];

pub(crate) async fn handle(
    State(app): State<Arc<App>>,
    Body(body): Body<Map<String, Value>>,
) -> Result<Json<Value>, Fault> {
    openai::only_offered(&body, &[&SETTINGS[..], &FIELDS[..]].concat())?;
    let body = Value::Object(body);
    let wrong = |error: serde_json::Error| Fault::bad("messages", format!("the body: {error}"));
    let settings: Settings = serde_json::from_value(body.clone()).map_err(wrong)?;
    let fields: Fields = serde_json::from_value(body).map_err(wrong)?;
    let description = &app.description;
    let all = [&description.classifier[..], &description.model[..]].concat();
    App::check_model(settings.model.as_deref(), &all)?;
    let asked = settings.model.clone();
    let is_classifier = match asked.as_deref() {
        Some(name) => description.classifier.iter().any(|own| own == name),
        None => !description.classifier.is_empty(),
    };
    let (model, choice, usage) = if is_classifier {
        let (choice, usage) = by_classifier(&app, fields).await?;
        (&description.classifier[0], choice, usage)
    } else {
        let (choice, usage) = by_language(&app, settings, fields).await?;
        (&description.model[0], choice, usage)
    };
    app.metrics.tokens(usage);
    let (id, created) = app.stamp("chatcmpl");
    Ok(Json(json!({
        "id": id, "object": "chat.completion", "created": created, "model": model, "choices": [choice], "usage": usage,
    })))
}

/// Of the last message.
async fn by_classifier(app: &App, fields: Fields) -> Result<(Value, Usage), Fault> {
    let last = fields.messages.into_iter().next_back();
    let last = last.ok_or_else(|| Fault::bad("messages", "there is no message"))?;
    let examples = classify::examples(std::iter::once((last.content, None)));
    let answer = classify::classify(app, examples).await?.swap_remove(0);
    app.metrics.texts(1);
    let logprobs = fields.logprobs == Some(true);
    let logprobs =
        logprobs.then(|| classes(&app.description.classes, &answer, fields.top_logprobs));
    let choice = choice(&answer.label, logprobs, "stop");
    Ok((choice, Usage::default()))
}

fn classes(names: &[String], answer: &Answer, top: Option<usize>) -> Value {
    let mut all: Vec<(&String, f64)> = names
        .iter()
        .zip(answer.probabilities.iter().copied())
        .collect();
    all.sort_by(|a, b| b.1.total_cmp(&a.1));
    all.truncate(top.unwrap_or(0));
    let told = |(name, p): &(&String, f64)| token(name, p.ln());
    let top: Vec<Value> = all.iter().map(told).collect();
    let mut own = token(&answer.label, answer.probability.ln());
    own["top_logprobs"] = json!(top);
    json!({"content": [own], "refusal": null})
}

async fn by_language(
    app: &App,
    settings: Settings,
    fields: Fields,
) -> Result<(Value, Usage), Fault> {
    if !app.description.has_language {
        return Err(Fault::bad(
            "model",
            "the model continues no text: it is no causal language model",
        ));
    }
    let told = fields.logprobs == Some(true);
    let given = fields.max_completion_tokens.or(fields.max_tokens);
    let top = fields.top_logprobs.filter(|_| told).unwrap_or(0);
    let mut how = settings.generation(given.unwrap_or(MAX_TOKENS), top)?;
    let work = move |served: &crate::served::Served| {
        let language = served.language.as_ref().expect("a causal model is served");
        let ids = prompt(language, &fields.messages)?;
        if given.is_none() {
            // What there is room for, where nobody asked for more.
            how.max_tokens = how
                .max_tokens
                .min(language.window.saturating_sub(ids.len()));
        }
        openai::check_prompt(language, &ids, how.max_tokens)?;
        let read = ids.len();
        let found = language.go_on(&[ids], false, &how).swap_remove(0);
        let usage = Usage::of(read, found.chosen.len());
        let logprobs = told.then(|| tokens(language, &found));
        Ok((choice(&found.text, logprobs, found.finish.as_str()), usage))
    };
    app.engine.ask(work).await?
}

/// Token ids of the messages in the model's own form, the beginning of the answer included.
fn prompt(language: &Language, messages: &[Message]) -> Result<Vec<u32>, Fault> {
    let template = language.template.as_ref().ok_or_else(|| {
        Fault::bad(
            "messages",
            "the model has no chat template; ask it by /v1/completions",
        )
    })?;
    let wrong = |reason: String| Fault::bad("messages", reason);
    let text = template.prompt(messages).map_err(wrong)?;
    // The template has the special tokens in it.
    let ids = language.tokenizer.encode_plain(&text);
    ids.map_err(|error| wrong(error.to_string()))
}

fn tokens(language: &Language, found: &Continued) -> Value {
    let each = found.chosen.iter().map(|chosen| {
        let mut own = token(&language.spelling(chosen.id), chosen.log_probability);
        let top = chosen.top.iter();
        let top: Vec<Value> = top
            .map(|(id, log)| token(&language.spelling(*id), *log))
            .collect();
        own["top_logprobs"] = json!(top);
        own
    });
    json!({"content": each.collect::<Vec<_>>(), "refusal": null})
}

fn token(text: &str, log_probability: f64) -> Value {
    json!({"token": text, "logprob": log_probability, "bytes": text.as_bytes()})
}

fn choice(content: &str, logprobs: Option<Value>, finish: &str) -> Value {
    json!({
        "index": 0, "message": {"role": "assistant", "content": content, "refusal": null}, "logprobs": logprobs, "finish_reason": finish,
    })
}
