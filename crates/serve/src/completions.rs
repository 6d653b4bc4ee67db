//! `POST /v1/completions`: what follows a prompt, and how likely the prompt's own tokens are (`echo` with `logprobs`).
//!
//! A prompt of text gets the special tokens that the model's tokenizer puts before a text; one of token ids is read as it is.

use crate::app::{App, Body};
use crate::faults::Fault;
use crate::language::{Continued, Language};
use crate::openai::{self, SETTINGS, Settings, Usage};
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Tokens of an answer where a request does not say, as OpenAI has it.
const MAX_TOKENS: usize = 16;
/// Prompts of one request.
const MOST_PROMPTS: usize = 256;

/// The fields of a request beside [`Settings`].
#[derive(Clone, Debug, Deserialize)]
struct Fields {
    prompt: Prompts,
    max_tokens: Option<usize>,
    #[serde(default)]
    echo: Option<bool>,
    logprobs: Option<usize>,
}

const FIELDS: [&str; 4] = ["prompt", "max_tokens", "echo", "logprobs"];

/// One or several, as text or as token ids.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Prompts {
    Text(String),
    Texts(Vec<String>),
    Ids(Vec<u32>),
    ManyIds(Vec<Vec<u32>>),
}

/// A prompt as token ids, with what is told of its tokens.
struct Prompt {
    ids: Vec<u32>,
    text: String,
    tokens: Vec<String>,
    /// Characters of the text before each token.
    offsets: Vec<usize>,
}

pub(crate) async fn handle(
    State(app): State<Arc<App>>,
    Body(body): Body<Map<String, Value>>,
) -> Result<Json<Value>, Fault> {
    openai::only_offered(&body, &[&SETTINGS[..], &FIELDS[..]].concat())?;
    let body = Value::Object(body);
    let wrong = |error: serde_json::Error| Fault::bad("prompt", format!("the body: {error}"));
    let settings: Settings = serde_json::from_value(body.clone()).map_err(wrong)?;
    let fields: Fields = serde_json::from_value(body).map_err(wrong)?;
    if !app.description.has_language {
        return Err(Fault::bad(
            "model",
            "the model continues no text: it is no causal language model",
        ));
    }
    App::check_model(settings.model.as_deref(), &app.description.model)?;
    let max_tokens = fields.max_tokens.unwrap_or(MAX_TOKENS);
    let how = settings.generation(max_tokens, fields.logprobs.unwrap_or(0))?;
    let echo = fields.echo == Some(true);
    let told = fields.logprobs.is_some();
    let work = move |served: &crate::served::Served| {
        let language = served.language.as_ref().expect("a causal model is served");
        let prompts = prompts(language, &fields.prompt, max_tokens)?;
        let ids: Vec<Vec<u32>> = prompts.iter().map(|prompt| prompt.ids.clone()).collect();
        let found = language.go_on(&ids, echo && told, &how);
        let all = prompts.iter().zip(&found).enumerate();
        let choices: Vec<Value> = all
            .map(|(index, (prompt, found))| choice(language, index, (prompt, found), echo, told))
            .collect();
        let read = ids.iter().map(Vec::len).sum();
        let written = found.iter().map(|found| found.chosen.len()).sum();
        Ok::<_, Fault>((choices, Usage::of(read, written)))
    };
    let (choices, usage) = app.engine.ask(work).await??;
    app.metrics.tokens(usage);
    let (id, created) = app.stamp("cmpl");
    Ok(Json(json!({
        "id": id, "object": "text_completion", "created": created, "model": app.description.model[0], "choices": choices, "usage": usage,
    })))
}

fn prompts(language: &Language, asked: &Prompts, answer: usize) -> Result<Vec<Prompt>, Fault> {
    let prompts: Vec<Prompt> = match asked {
        Prompts::Text(text) => vec![of_text(language, text)?],
        Prompts::Texts(texts) => {
            let each = texts.iter().map(|text| of_text(language, text));
            each.collect::<Result<_, _>>()?
        }
        Prompts::Ids(ids) => vec![of_ids(language, ids)?],
        Prompts::ManyIds(many) => {
            let each = many.iter().map(|ids| of_ids(language, ids));
            each.collect::<Result<_, _>>()?
        }
    };
    if prompts.is_empty() || prompts.len() > MOST_PROMPTS {
        let message = format!("{} prompts, expected 1 to {MOST_PROMPTS}", prompts.len());
        return Err(Fault::bad("prompt", message));
    }
    for prompt in &prompts {
        openai::check_prompt(language, &prompt.ids, answer)?;
    }
    Ok(prompts)
}

fn of_text(language: &Language, text: &str) -> Result<Prompt, Fault> {
    let encoded = language.tokenizer.encode_with_spans(text, usize::MAX);
    let encoded = encoded.map_err(|error| Fault::bad("prompt", error.to_string()))?;
    let ids = encoded.encoded.ids;
    let mut prompt = Prompt {
        tokens: Vec::with_capacity(ids.len()),
        offsets: Vec::with_capacity(ids.len()),
        text: text.to_owned(),
        ids,
    };
    let (mut characters, mut bytes) = (0, 0);
    for (id, span) in prompt.ids.iter().zip(&encoded.spans) {
        if let Some(span) = span {
            // Spans rise; several tokens may be parts of one character.
            characters += text
                .get(bytes..span.start)
                .map_or(0, |part| part.chars().count());
            bytes = bytes.max(span.start);
        }
        let spelt = span.clone().and_then(|span| text.get(span));
        prompt
            .tokens
            .push(spelt.map_or_else(|| language.spelling(*id), str::to_owned));
        prompt.offsets.push(characters);
    }
    Ok(prompt)
}

fn of_ids(language: &Language, ids: &[u32]) -> Result<Prompt, Fault> {
    openai::check_prompt(language, ids, 0)?;
    let tokens: Vec<String> = ids.iter().map(|id| language.spelling(*id)).collect();
    Ok(Prompt {
        ids: ids.to_vec(),
        text: language.tokenizer.decode(ids, false),
        offsets: offsets(0, &tokens),
        tokens,
    })
}

/// Characters before each of `tokens`, the first of which stands at `start`.
fn offsets(start: usize, tokens: &[String]) -> Vec<usize> {
    let mut at = start;
    let next = |token: &String| {
        let own = at;
        at += token.chars().count();
        own
    };
    tokens.iter().map(next).collect()
}

fn choice(
    language: &Language,
    index: usize,
    (prompt, found): (&Prompt, &Continued),
    echo: bool,
    told: bool,
) -> Value {
    let text = if echo {
        format!("{}{}", prompt.text, found.text)
    } else {
        found.text.clone()
    };
    let logprobs = if told {
        log_probabilities(language, prompt, found, echo)
    } else {
        Value::Null
    };
    json!({"index": index, "text": text, "logprobs": logprobs, "finish_reason": found.finish.as_str()})
}

/// Of the prompt's tokens where it is echoed, then of those that were chosen. Alternatives are told of the latter.
fn log_probabilities(language: &Language, prompt: &Prompt, found: &Continued, echo: bool) -> Value {
    let spelt: Vec<String> = found
        .chosen
        .iter()
        .map(|c| language.spelling(c.id))
        .collect();
    let start = if echo { prompt.text.chars().count() } else { 0 };
    let mut places = offsets(start, &spelt);
    let mut tokens = spelt;
    let mut logs: Vec<Option<f64>> = found
        .chosen
        .iter()
        .map(|c| Some(c.log_probability))
        .collect();
    let mut top: Vec<Value> = found
        .chosen
        .iter()
        .map(|chosen| {
            let alternatives = chosen.top.iter();
            let named = alternatives.map(|(id, log)| (language.spelling(*id), json!(log)));
            Value::Object(named.collect())
        })
        .collect();
    if echo {
        tokens.splice(0..0, prompt.tokens.iter().cloned());
        logs.splice(0..0, found.prompt.iter().copied());
        places.splice(0..0, prompt.offsets.iter().copied());
        top.splice(0..0, prompt.tokens.iter().map(|_| Value::Null));
    }
    json!({"tokens": tokens, "token_logprobs": logs, "top_logprobs": top, "text_offset": places})
}
