//! Requests that are sent as often as it takes, and answered once for all processes of a run.

use crate::error::AskError;
use crate::key::Key;
use crate::ledger::{Claim, Ledger, Ticket};
use crate::lines::Kept;
use crate::pace::{LONGEST_WAIT, Pace, backoff};
use crate::price::{Prices, Tokens};
use crate::server::Server;
use crate::transport::{Attempt, Failure, Transport};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

/// How patient a client is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Calls under way at a time; connections to keep.
    pub at_once: usize,
    /// For all of a call.
    pub timeout: Duration,
    /// Attempts after the first.
    pub retries: u32,
    /// Before the second attempt; doubled with every further one.
    pub first_wait: Duration,
}

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Below the server's address, such as `completions`.
    pub path: &'a str,
    /// JSON.
    pub body: &'a Value,
    /// Most tokens that the answer may have, all choices together.
    pub most_output: u64,
}

/// An answer and what it took.
#[derive(Clone, Debug, PartialEq)]
pub struct Answered<T> {
    /// What was read of it.
    pub answer: T,
    /// As the server counted them.
    pub tokens: Tokens,
    /// What it costs; `None` where price or tokens are not known.
    pub usd: Option<f64>,
    /// From sending the request to the answer's end, failed attempts and waits aside.
    pub seconds: f64,
    /// Attempts that failed before it.
    pub failed: u32,
    /// Whether it was on record and nothing was sent.
    pub is_kept: bool,
}

/// Asks one server.
#[derive(Debug)]
pub struct Client {
    server: Server,
    transport: Transport,
    ledger: Arc<Ledger>,
    prices: Option<Prices>,
    limits: Limits,
    pace: Pace,
}

impl Client {
    /// A client that keeps its answers in `ledger`.
    pub fn new(
        server: Server,
        key: Key,
        prices: Option<Prices>,
        limits: Limits,
        ledger: Arc<Ledger>,
    ) -> Self {
        Self {
            transport: Transport::new(key, limits.timeout, limits.at_once, server.is_local()),
            server,
            ledger,
            prices,
            limits,
            pace: Pace::default(),
        }
    }

    /// Where answers are kept.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The answer to a request, as `read` reads it; what `read` refuses is no answer and is asked for again. What it gives is kept, so it holds
    /// nothing of the request's texts.
    ///
    /// # Errors
    /// A refusal, no answer after all attempts, a limit of cost, or a ledger that cannot be written.
    pub fn ask<T: Serialize + DeserializeOwned>(
        &self,
        request: Request<'_>,
        read: impl Fn(&Value) -> Result<T, String>,
    ) -> Result<Answered<T>, AskError> {
        let url = self.server.url(request.path);
        let text = request.body.to_string();
        let digest = format!("{:x}", Sha256::digest(format!("{url}\n{text}")));
        let most_usd = self.most_usd(&text, request.most_output);
        let mut attempts = 0;
        loop {
            let ticket = match self.ledger.claim(&digest, most_usd)? {
                Claim::Known(kept) => {
                    return answered(kept, true).map_err(|error| self.unreadable(error));
                }
                Claim::Granted(ticket) => ticket,
                Claim::OverCost {
                    limit_usd,
                    spent_usd,
                } => {
                    return Err(AskError::OverCost {
                        limit_usd,
                        spent_usd,
                        next_usd: most_usd,
                    });
                }
            };
            self.pace.wait();
            attempts += 1;
            let failure = match self.transport.post(&url, &text) {
                Attempt::Rejected(error) => {
                    self.ledger.settle(ticket, 0.0, None)?;
                    return Err(AskError::Rejected(error));
                }
                Attempt::Answered { body, seconds } => match read(&body) {
                    Ok(answer) => {
                        return self.keep(ticket, &answer, &body, (seconds, attempts, most_usd));
                    }
                    Err(reason) => Failure {
                        reason: self
                            .transport
                            .hide(&format!("{url} gave no answer: {reason}")),
                        may_be_charged: true,
                        ..Failure::default()
                    },
                },
                Attempt::Failed(failure) => failure,
            };
            let charged = if failure.may_be_charged {
                most_usd
            } else {
                0.0
            };
            self.ledger.settle(ticket, charged, None)?;
            self.wait_after(failure, attempts, &digest)?;
        }
    }

    /// The answer to a request beside the interface that costs nothing; it is not kept.
    ///
    /// # Errors
    /// A refusal, or no answer after all attempts.
    pub fn fetch<T>(
        &self,
        path: &str,
        body: &Value,
        read: impl Fn(&Value) -> Result<T, String>,
    ) -> Result<T, AskError> {
        let url = self.server.url_beside(path);
        let text = body.to_string();
        let mut attempts = 0;
        loop {
            self.pace.wait();
            attempts += 1;
            let failure = match self.transport.post(&url, &text) {
                Attempt::Rejected(error) => return Err(AskError::Rejected(error)),
                Attempt::Answered { body, .. } => match read(&body) {
                    Ok(answer) => return Ok(answer),
                    Err(reason) => Failure {
                        reason: format!("{url} gave no answer: {reason}"),
                        ..Failure::default()
                    },
                },
                Attempt::Failed(failure) => failure,
            };
            self.wait_after(failure, attempts, &text)?;
        }
    }

    /// The most that a call can cost: no token is shorter than a byte, and what a server puts around messages is short.
    fn most_usd(&self, body: &str, most_output: u64) -> f64 {
        const AROUND: u64 = 256;
        let input = body.len() as u64 + AROUND;
        let of = |prices: Prices| prices.of_counts(input, most_output);
        self.prices.map_or(0.0, of)
    }

    fn keep<T: Serialize + DeserializeOwned>(
        &self,
        ticket: Ticket,
        answer: &T,
        body: &Value,
        (seconds, attempts, most_usd): (f64, u32, f64),
    ) -> Result<Answered<T>, AskError> {
        let count = |name: &str| body.get("usage")?.get(name)?.as_u64();
        let tokens = Tokens {
            input: count("prompt_tokens"),
            output: count("completion_tokens"),
        };
        let kept = Kept {
            answer: serde_json::to_value(answer).expect("an answer serialises"),
            tokens,
            usd: self.prices.and_then(|prices| prices.of(tokens)),
            seconds,
            attempts,
        };
        let usd = kept.usd.unwrap_or(most_usd);
        self.ledger.settle(ticket, usd, Some(kept.clone()))?;
        answered(kept, false).map_err(|error| self.unreadable(error))
    }

    /// Waits before the next attempt, if there is one.
    fn wait_after(&self, failure: Failure, attempts: u32, draw: &str) -> Result<(), AskError> {
        let Failure {
            reason,
            retry_after,
            is_busy,
            ..
        } = failure;
        let too_late = retry_after.is_some_and(|wait| wait > LONGEST_WAIT);
        if attempts > self.limits.retries || too_late {
            return Err(AskError::Unanswered { attempts, reason });
        }
        let draw = draw.bytes().fold(u64::from(attempts), |sum, byte| {
            sum.wrapping_mul(31).wrapping_add(u64::from(byte))
        });
        let own = backoff(self.limits.first_wait, attempts, draw);
        let wait = retry_after.map_or(own, |asked| asked.max(own));
        if is_busy {
            self.pace.hold(wait);
        } else {
            sleep(wait);
        }
        Ok(())
    }

    fn unreadable(&self, error: serde_json::Error) -> AskError {
        self.ledger.unreadable(error).into()
    }
}

fn answered<T: DeserializeOwned>(
    kept: Kept,
    is_kept: bool,
) -> Result<Answered<T>, serde_json::Error> {
    Ok(Answered {
        answer: serde_json::from_value(kept.answer)?,
        tokens: kept.tokens,
        usd: kept.usd,
        seconds: kept.seconds,
        failed: kept.attempts.saturating_sub(1),
        is_kept,
    })
}

#[cfg(test)]
mod tests;
