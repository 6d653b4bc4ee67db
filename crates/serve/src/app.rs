//! What handlers share, and how a body becomes a request.

use crate::engine::Engine;
use crate::faults::Fault;
use crate::metrics::Metrics;
use crate::served::Description;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use serde::de::DeserializeOwned;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// The server's state.
pub(crate) struct App {
    pub(crate) engine: Engine,
    pub(crate) description: Description,
    pub(crate) metrics: Metrics,
    pub(crate) answered: AtomicU64,
}

impl App {
    /// A name for an answer, and the seconds since 1970.
    pub(crate) fn stamp(&self, kind: &str) -> (String, u64) {
        let number = self.answered.fetch_add(1, Ordering::Relaxed);
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        (format!("{kind}-{number}"), since.map_or(0, |d| d.as_secs()))
    }

    /// Refuses a request for another model than those named `served`. One that names none is for the one that is here.
    pub(crate) fn check_model(asked: Option<&str>, served: &[String]) -> Result<(), Fault> {
        match asked {
            Some(asked) if !served.iter().any(|name| name == asked) => {
                Err(Fault::no_such_model(asked, served))
            }
            _ => Ok(()),
        }
    }
}

/// A JSON body. Its type must be said: a page in somebody's browser can post plain text to a server on that machine, and no JSON.
pub(crate) struct Body<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Fault;

    async fn from_request(request: Request, state: &S) -> Result<Self, Fault> {
        let kind = request.headers().get(header::CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or("");
        let is_json = kind.split(';').next().map(str::trim) == Some("application/json");
        if !is_json {
            return Err(Fault::refused(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                format!("the body is {kind:?}, expected application/json"),
            ));
        }
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(|refused| Fault::refused(refused.status(), refused.body_text()))?;
        let parsed = serde_json::from_slice(&bytes);
        parsed
            .map(Self)
            .map_err(|error| Fault::refused(StatusCode::BAD_REQUEST, format!("the body: {error}")))
    }
}
