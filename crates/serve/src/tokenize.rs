//! `POST /tokenize`: the token ids of a text, so that a client can put prompts together from them. The form is vLLM's.

use crate::app::{App, Body};
use crate::faults::Fault;
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// The body of a request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    model: Option<String>,
    prompt: String,
    #[serde(default = "yes")]
    add_special_tokens: bool,
}

fn yes() -> bool {
    true
}

pub(crate) async fn handle(
    State(app): State<Arc<App>>,
    Body(request): Body<Request>,
) -> Result<Json<Value>, Fault> {
    if !app.description.has_language {
        return Err(Fault::bad(
            "model",
            "the model continues no text: it is no causal language model",
        ));
    }
    App::check_model(request.model.as_deref(), &app.description.model)?;
    let work = move |served: &crate::served::Served| {
        let language = served.language.as_ref().expect("a causal model is served");
        let tokenizer = &language.tokenizer;
        let ids = if request.add_special_tokens {
            let encoded = tokenizer.encode(&[(request.prompt.as_str(), None)], usize::MAX);
            encoded.map(|mut encoded| encoded.swap_remove(0).ids)
        } else {
            tokenizer.encode_plain(&request.prompt)
        };
        let ids = ids.map_err(|error| Fault::bad("prompt", error.to_string()))?;
        Ok::<_, Fault>((ids, language.window))
    };
    let (ids, window) = app.engine.ask(work).await??;
    Ok(Json(
        json!({"count": ids.len(), "max_model_len": window, "tokens": ids}),
    ))
}
