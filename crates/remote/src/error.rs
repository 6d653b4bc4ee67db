//! Why a request has no answer.

use serde_json::Value;
use std::fmt;
use std::io;
use std::path::PathBuf;
use thiserror::Error;

/// A request without an answer.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AskError {
    /// Asking might cost more than is allowed.
    #[error(
        "the limit of {limit_usd} USD would be exceeded: {spent_usd:.6} USD are spent, and the next call may cost {next_usd:.6}; raise \
         --max-cost and give the same command with --retry-failed to go on from here"
    )]
    OverCost {
        /// The limit.
        limit_usd: f64,
        /// What is spent, and what calls may have cost that were cut off.
        spent_usd: f64,
        /// The most that the next call may cost.
        next_usd: f64,
    },
    /// The server refuses the request as it stands; another attempt would change nothing.
    #[error("{0}")]
    Rejected(ServerError),
    /// No attempt brought an answer.
    #[error("no answer after {attempts} attempts; the last: {reason}")]
    Unanswered {
        /// How often it was asked.
        attempts: u32,
        /// What became of the last.
        reason: String,
    },
    /// The file of answers cannot be used.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// A ledger that cannot be read or written.
#[derive(Debug, Error)]
#[error("cannot keep answers in {}: {source}", path.display())]
pub struct LedgerError {
    /// The file.
    pub path: PathBuf,
    /// What the operating system says.
    #[source]
    pub source: io::Error,
}

/// What a server says where it refuses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerError {
    /// Where it was asked.
    pub url: String,
    /// HTTP's status.
    pub status: u16,
    /// Its words.
    pub message: String,
    /// Which field it is about.
    pub param: Option<String>,
    /// A name for the kind of error.
    pub code: Option<String>,
}

impl ServerError {
    /// Reads `{"error": {"message", "param", "code"}}`, or `{"error": ".."}`, or `{"message": ".."}`, as servers write it.
    pub(crate) fn read(url: &str, status: u16, body: &str) -> Self {
        const LONGEST: usize = 300;
        let parsed: Value = serde_json::from_str(body).unwrap_or_default();
        let inner = parsed.get("error").unwrap_or(&parsed);
        let text = |name: &str| inner.get(name).and_then(Value::as_str).map(str::to_owned);
        let message = text("message").or_else(|| inner.as_str().map(str::to_owned));
        let message = message.unwrap_or_else(|| body.to_owned());
        Self {
            url: url.to_owned(),
            status,
            message: files::printable(message.trim())
                .chars()
                .take(LONGEST)
                .collect(),
            param: text("param"),
            code: text("code").or_else(|| text("type")),
        }
    }

    /// Whether it says that a text is longer than the model reads.
    pub fn is_too_long(&self) -> bool {
        self.code.as_deref() == Some("context_length_exceeded")
            || self.message.contains("maximum context length")
    }

    /// Whether it refuses the text for what it says.
    pub fn is_filtered(&self) -> bool {
        let filters = ["content_filter", "content_policy_violation"];
        self.code
            .as_deref()
            .is_some_and(|code| filters.contains(&code))
    }

    /// Whether it refuses a request for having this field.
    pub fn is_about(&self, field: &str) -> bool {
        let refuses = matches!(self.status, 400 | 404 | 422 | 501);
        let names = self.param.as_deref() == Some(field) || self.message.contains(field);
        refuses && names
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} refuses the request with {}",
            self.url, self.status
        )?;
        if !self.message.is_empty() {
            write!(formatter, ": {}", self.message)?;
        }
        formatter.write_str(match self.status {
            401 | 403 => "; set OPENAI_API_KEY to a key that this server takes",
            404 => "; check the base URL and the model's name",
            _ => "",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_read_as_servers_write_them() {
        let read = |body: &str| ServerError::read("http://x/v1/completions", 400, body);
        let own = read(
            r#"{"error":{"message":"echo is not supported","param":"echo","code":null,"type":"invalid"}}"#,
        );
        assert_eq!(
            (own.param.as_deref(), own.code.as_deref()),
            (Some("echo"), Some("invalid"))
        );
        assert!(own.is_about("echo") && !own.is_about("logprobs"));
        assert_eq!(
            read(r#"{"error":"no such model"}"#).message,
            "no such model"
        );
        assert_eq!(read(r#"{"message":"m","code":40303}"#).message, "m");
        assert_eq!(read("<html>").message, "<html>");
        let long = read(r#"{"error":{"message":"m","code":"context_length_exceeded"}}"#);
        assert!(long.is_too_long() && !long.is_filtered());
        let key = ServerError { status: 401, ..own };
        assert!(key.to_string().contains("OPENAI_API_KEY") && !key.is_about("echo"));
    }
}
