//! What goes wrong with a request, as OpenAI's interface says it: `{"error": {"message", "type", "param", "code"}}`.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// An answer that is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) status: StatusCode,
    pub(crate) message: String,
    /// The field of the request that is meant.
    param: Option<String>,
    code: Option<&'static str>,
}

impl Fault {
    fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            param: None,
            code: None,
        }
    }

    /// A request that cannot be meant so.
    pub(crate) fn bad(param: &str, message: impl Into<String>) -> Self {
        Self {
            param: Some(param.to_owned()),
            ..Self::new(StatusCode::BAD_REQUEST, message)
        }
    }

    /// A field, or a value of it, that other servers offer and this one does not.
    pub(crate) fn not_offered(param: &str) -> Self {
        Self::bad(
            param,
            format!("{param} is not offered by this server; leave it out"),
        )
    }

    /// More tokens than the model reads.
    pub(crate) fn too_long(found: usize, window: usize) -> Self {
        Self {
            code: Some("context_length_exceeded"),
            ..Self::bad(
                "prompt",
                format!("prompt and answer take {found} tokens, and the model reads {window}"),
            )
        }
    }

    pub(crate) fn no_such_model(asked: &str, served: &[String]) -> Self {
        Self {
            param: Some("model".to_owned()),
            code: Some("model_not_found"),
            ..Self::new(
                StatusCode::NOT_FOUND,
                format!("no model {asked:?} here, expected {}", served.join(" or ")),
            )
        }
    }

    /// More requests at a time than the server takes.
    pub(crate) fn busy(most: usize) -> Self {
        Self {
            code: Some("rate_limit_exceeded"),
            ..Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                format!(
                    "{most} requests are under way, which is the most that are taken at a time; try again"
                ),
            )
        }
    }

    /// No answer in time.
    pub(crate) fn slow(seconds: f64) -> Self {
        Self {
            code: Some("timeout"),
            ..Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                format!("there was no answer within {seconds} s; ask for less, or try again"),
            )
        }
    }

    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, message)
    }

    /// With the status that the web framework refused a body with.
    pub(crate) fn refused(status: StatusCode, message: impl Into<String>) -> Self {
        Self::new(status, message)
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let kind = match self.status {
            StatusCode::TOO_MANY_REQUESTS => "rate_limit_error",
            status if status.is_server_error() => "server_error",
            _ => "invalid_request_error",
        };
        let error =
            json!({"message": self.message, "type": kind, "param": self.param, "code": self.code});
        let mut response = (self.status, Json(json!({"error": error}))).into_response();
        let again = [
            StatusCode::TOO_MANY_REQUESTS,
            StatusCode::SERVICE_UNAVAILABLE,
        ];
        if again.contains(&self.status) {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
