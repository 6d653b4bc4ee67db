//! The Hugging Face Hub, as the environment variables of `huggingface_hub` describe it: one client for models and data sets.
//!
//! What a Hub or a mirror says is not trusted with places on this machine: the names in its listings, and the etags and commits in its
//! headers, go through [`inside`].

mod client;
mod name;

use std::fmt;
use std::io::{self, IsTerminal};
use std::path::PathBuf;

pub use client::{Api, ApiError, ApiRepo, RepoInfo, Sibling};
pub use hf_hub::{Cache, Repo, RepoType};
pub use name::{OutsideName, inside};

/// Where the Hub is and where its files are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubSettings {
    /// `HF_ENDPOINT`; <https://huggingface.co> unless set.
    pub endpoint: String,
    /// `$HF_HOME/hub`; ~/.cache/huggingface/hub unless set.
    pub cache: PathBuf,
    /// `HF_HUB_OFFLINE`: only what is in the cache.
    pub offline: bool,
    /// `HF_TOKEN`, for what is private or gated; else the file that `hf auth login` wrote.
    pub token: Option<Token>,
}

/// A user's secret. Its debug form does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// Keeps a secret.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Token(not shown)")
    }
}

impl HubSettings {
    /// As the environment says.
    pub fn from_env() -> HubSettings {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let endpoint =
            variable("HF_ENDPOINT").unwrap_or_else(|| "https://huggingface.co".to_owned());
        HubSettings {
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            cache: Cache::from_env().path().clone(),
            offline: variable("HF_HUB_OFFLINE").is_some_and(|value| is_true(&value)),
            token: variable("HF_TOKEN").map(Token),
        }
    }

    /// The client; it shows its progress on a terminal.
    ///
    /// # Errors
    /// A token that no header can carry.
    pub fn api(&self) -> Result<Api, ApiError> {
        let cache = Cache::new(self.cache.clone());
        let token = match &self.token {
            Some(Token(secret)) => Some(secret.clone()),
            None => cache.token(),
        };
        let progress = std::io::stderr().is_terminal();
        Api::new(
            self.endpoint.clone(),
            cache,
            token,
            progress,
            client::READ_TIMEOUT,
        )
    }
}

/// The spellings that `huggingface_hub` takes for true.
fn is_true(value: &str) -> bool {
    ["1", "on", "yes", "true"].contains(&value.to_lowercase().as_str())
}

/// The HTTP status with which a Hub says that it does not have (404) or does not give (401, 403) a file.
pub fn refusal(error: &ApiError) -> Option<u16> {
    match error {
        ApiError::RequestError(error) => match **error {
            ureq::Error::Status(status @ (401 | 403 | 404), _) => Some(status),
            _ => None,
        },
        _ => None,
    }
}

/// Whether the Hub did not answer at all, or stopped in the middle.
pub fn is_unreachable(error: &ApiError) -> bool {
    use io::ErrorKind::{TimedOut, UnexpectedEof, WouldBlock};
    match error {
        ApiError::RequestError(error) => matches!(**error, ureq::Error::Transport(_)),
        ApiError::Io(error) => matches!(error.kind(), TimedOut | WouldBlock | UnexpectedEof),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_debug_form_does_not_show_the_token() {
        let settings = HubSettings {
            endpoint: "https://hub.example".to_owned(),
            cache: PathBuf::from("cache"),
            offline: false,
            token: Some(Token::new("hf_secret")),
        };
        let shown = format!("{settings:?} {settings:#?}");
        assert!(!shown.contains("hf_secret"), "{shown}");
        assert!(shown.contains("https://hub.example"), "{shown}");
    }

    #[test]
    fn flags_are_read_as_huggingface_hub_reads_them() {
        for value in ["1", "ON", "Yes", "true"] {
            assert!(is_true(value), "{value}");
        }
        for value in ["0", "off", "no", "2", "truth"] {
            assert!(!is_true(value), "{value}");
        }
    }
}
