//! One request over the wire, and what became of it.

use crate::error::ServerError;
use crate::key::Key;
use crate::pace::retry_after;
use serde_json::Value;
use std::io::Read;
use std::time::{Duration, Instant, SystemTime};
use ureq::{Agent, AgentBuilder, ErrorKind, Response};

/// How long a server may take to be reached.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);

/// Bound for an answer.
const LONGEST_ANSWER: u64 = 64 << 20;

/// What became of a request.
#[derive(Debug)]
pub(crate) enum Attempt {
    /// JSON, and how long it took to come.
    Answered { body: Value, seconds: f64 },
    /// Another attempt would be refused as well.
    Rejected(ServerError),
    /// Another attempt may succeed.
    Failed(Failure),
}

/// Why an attempt failed.
#[derive(Debug, Default)]
pub(crate) struct Failure {
    pub(crate) reason: String,
    /// When the server wants to be asked again.
    pub(crate) retry_after: Option<Duration>,
    /// Whether it asks for fewer calls: all wait.
    pub(crate) is_busy: bool,
    /// Whether the server may have done the work, and charge for it.
    pub(crate) may_be_charged: bool,
}

/// Sends requests.
#[derive(Debug)]
pub(crate) struct Transport {
    agent: Agent,
    key: Key,
}

impl Transport {
    /// `timeout`: for all of a call. `is_local`: no proxy leads there.
    pub(crate) fn new(key: Key, timeout: Duration, at_once: usize, is_local: bool) -> Self {
        let agent = AgentBuilder::new()
            .try_proxy_from_env(!is_local)
            .timeout_connect(CONNECT_TIMEOUT.min(timeout))
            .timeout(timeout)
            // The key goes to the server that was named and to none that it names.
            .redirects(0)
            .max_idle_connections_per_host(at_once)
            .user_agent(concat!("adaptbench/", env!("CARGO_PKG_VERSION")))
            .build();
        Self { agent, key }
    }

    /// The text without the key.
    pub(crate) fn hide(&self, text: &str) -> String {
        self.key.hide(text)
    }

    /// Posts JSON.
    pub(crate) fn post(&self, url: &str, body: &str) -> Attempt {
        let mut request = self
            .agent
            .post(url)
            .set("Content-Type", "application/json")
            .set("Accept", "application/json");
        if let Some(header) = self.key.header() {
            request = request.set("Authorization", &header);
        }
        let began = Instant::now();
        match request.send_string(body) {
            Ok(response) => self.answer(url, response, began),
            Err(ureq::Error::Status(status, response)) => self.refusal(url, status, response),
            Err(ureq::Error::Transport(error)) => {
                let unsent = [
                    ErrorKind::Dns,
                    ErrorKind::ConnectionFailed,
                    ErrorKind::ProxyConnect,
                ];
                Attempt::Failed(Failure {
                    reason: self.hide(&error.to_string()),
                    may_be_charged: !unsent.contains(&error.kind()),
                    ..Failure::default()
                })
            }
        }
    }

    fn answer(&self, url: &str, response: Response, began: Instant) -> Attempt {
        let charged = |reason: String| {
            Attempt::Failed(Failure {
                reason: self.hide(&format!("{url} {reason}")),
                may_be_charged: true,
                ..Failure::default()
            })
        };
        if (300..400).contains(&response.status()) {
            let to = response.header("location").unwrap_or("elsewhere");
            let message = format!("it is at {to}; give that as base URL");
            return Attempt::Rejected(ServerError {
                url: url.to_owned(),
                status: response.status(),
                message: self.hide(&message),
                ..ServerError::default()
            });
        }
        // Where a server does not say, what it sends may still be JSON.
        let kind = response
            .header("content-type")
            .map(|_| response.content_type().to_owned());
        if let Some(kind) = kind.filter(|kind| !kind.to_ascii_lowercase().contains("json")) {
            return charged(format!(
                "answered with {}, expected application/json",
                files::printable(&kind)
            ));
        }
        match text_of(response) {
            Err(reason) => charged(format!("broke off its answer: {reason}")),
            Ok(text) => match serde_json::from_str(&text) {
                Ok(body) => Attempt::Answered {
                    body,
                    seconds: began.elapsed().as_secs_f64(),
                },
                Err(error) => charged(format!("answered what is no JSON: {error}")),
            },
        }
    }

    fn refusal(&self, url: &str, status: u16, response: Response) -> Attempt {
        let wait = response.header("retry-after");
        let wait = wait.and_then(|value| retry_after(value, SystemTime::now()));
        let body = self.hide(&text_of(response).unwrap_or_default());
        let error = ServerError::read(url, status, &body);
        let is_busy = status == 429;
        // 408 and 409: the server did not get or not begin the request in time.
        if !is_busy && status < 500 && !matches!(status, 408 | 409) || status == 501 {
            return Attempt::Rejected(error);
        }
        Attempt::Failed(Failure {
            reason: format!("{url} answered {status}: {}", error.message),
            retry_after: wait,
            is_busy,
            may_be_charged: false,
        })
    }
}

/// The whole body.
fn text_of(response: Response) -> Result<String, String> {
    let mut bytes = Vec::new();
    let mut reader = response.into_reader().take(LONGEST_ANSWER + 1);
    reader
        .read_to_end(&mut bytes)
        .map_err(|error| error.to_string())?;
    if bytes.len() as u64 > LONGEST_ANSWER {
        return Err(format!("it is longer than {LONGEST_ANSWER} bytes"));
    }
    String::from_utf8(bytes).map_err(|error| error.to_string())
}
