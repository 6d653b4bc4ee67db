//! Files and listings from a Hub into the cache, laid out as `huggingface_hub` lays it out: `blobs/<etag>`, and links to them from
//! `snapshots/<commit>/<name>`.
//!
//! What a Hub answers is not trusted: a name, an etag or a commit that would lead out of its folder is refused, an answer that stops is not
//! waited for, and a file has the length that was announced.

mod error;
mod repo;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, Read};
use std::time::Duration;

use hf_hub::{Cache, Repo, RepoType};
use indicatif::ProgressBar;
use ureq::{Agent, AgentBuilder, Request, Response};

use crate::inside;
use crate::name::OutsideName;
pub use error::ApiError;
pub use repo::{ApiRepo, RepoInfo, Sibling};

/// How long a Hub may take to be reached.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a Hub may stay silent in the middle of an answer.
pub(crate) const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// Redirects followed to where a file is.
const REDIRECTS: usize = 5;
/// A Hub, and where its files are kept.
#[derive(Clone, Debug)]
pub struct Api {
    endpoint: String,
    cache: Cache,
    agent: Agent,
    /// Follows no redirects.
    direct: Agent,
    token: Option<String>,
    progress: bool,
}

impl Api {
    pub(crate) fn new(
        endpoint: String,
        cache: Cache,
        token: Option<String>,
        progress: bool,
        read_timeout: Duration,
    ) -> Result<Self, ApiError> {
        if token
            .as_ref()
            .is_some_and(|token| !token.bytes().all(|byte| byte.is_ascii_graphic()))
        {
            return Err(ApiError::Token);
        }
        let builder = || {
            AgentBuilder::new()
                .try_proxy_from_env(true)
                .timeout_connect(CONNECT_TIMEOUT)
                .timeout_read(read_timeout)
                .timeout_write(read_timeout)
                .user_agent(concat!("adaptbench/", env!("CARGO_PKG_VERSION")))
        };
        let same_host = ureq::RedirectAuthHeaders::SameHost;
        Ok(Self {
            endpoint,
            cache,
            agent: builder().redirect_auth_headers(same_host).build(),
            direct: builder().redirects(0).build(),
            token,
            progress,
        })
    }

    /// A model or data set at a revision.
    pub fn repo(&self, repo: Repo) -> ApiRepo {
        ApiRepo {
            api: self.clone(),
            repo,
        }
    }

    /// A model at its newest revision.
    pub fn model(&self, id: String) -> ApiRepo {
        self.repo(Repo::new(id, RepoType::Model))
    }

    /// The token goes to the endpoint and to nobody that it names.
    fn with_token(&self, request: Request, url: &str) -> Request {
        let own = url
            .strip_prefix(&self.endpoint)
            .is_some_and(|rest| rest.starts_with('/'));
        match &self.token {
            Some(token) if own => request.set("Authorization", &format!("Bearer {token}")),
            _ => request,
        }
    }

    fn get(&self, agent: &Agent, url: &str) -> Request {
        self.with_token(agent.get(url), url)
    }

    /// Asks for the first byte of a file, to hear its etag, its commit and its length.
    fn describe(&self, url: &str) -> Result<Description, ApiError> {
        let first_byte = |agent: &Agent, url: &str| -> Result<Response, ApiError> {
            let request = self.get(agent, url).set("Range", "bytes=0-0");
            Ok(request.call().map_err(Box::new)?)
        };
        let mut response = first_byte(&self.direct, url)?;
        for _ in 0..REDIRECTS {
            // A redirect within the Hub, as for a data set that was renamed: what describes the file comes behind it.
            let within = location(&response)
                .filter(|location| location.starts_with('/') && !location.starts_with("//"));
            let Some(path) = within.map(|path| format!("{}{path}", origin(url))) else {
                break;
            };
            response = first_byte(&self.direct, &path)?;
        }
        let missing = |header| ApiError::MissingHeader {
            url: url.to_owned(),
            header,
        };
        let etag = response.header("x-linked-etag").or(response.header("etag"));
        let etag = etag.ok_or_else(|| missing("etag"))?;
        let etag = one_name(etag.strip_prefix("W/").unwrap_or(etag).trim_matches('"'))?;
        let commit = one_name(
            response
                .header("x-repo-commit")
                .ok_or_else(|| missing("x-repo-commit"))?,
        )?;
        if let Some(location) = location(&response) {
            response = first_byte(&self.agent, &location)?;
        }
        let range = response
            .header("content-range")
            .ok_or_else(|| missing("content-range"))?;
        let length = range
            .rsplit('/')
            .next()
            .and_then(|length| length.parse().ok());
        let length = length.ok_or_else(|| ApiError::Answer {
            url: url.to_owned(),
            found: format!("the range \"{}\"", range.escape_debug()),
            expected: "the length of the file behind a /",
        })?;
        Ok(Description {
            etag,
            commit,
            length,
        })
    }

    /// Appends to `file` what it lacks of the `length` bytes at `url`.
    fn append(
        &self,
        url: &str,
        file: &mut File,
        length: u64,
        shown: &ProgressBar,
    ) -> Result<(), ApiError> {
        let have = file.metadata()?.len();
        let request = self
            .get(&self.agent, url)
            .set("Range", &format!("bytes={have}-"));
        let response = request.call().map_err(Box::new)?;
        let have = match response.status() {
            206 => have,
            // All of it, although a part was asked for.
            _ => {
                file.set_len(0)?;
                0
            }
        };
        shown.set_position(have);
        let rest = response.into_reader().take(length - have + 1);
        io::copy(&mut shown.wrap_read(rest), file)?;
        let found = file.metadata()?.len();
        if found == length {
            return Ok(());
        }
        if found > length {
            file.set_len(0)?;
        }
        let problem = format!("{url} sent {found} bytes, expected {length}");
        Err(io::Error::new(io::ErrorKind::UnexpectedEof, problem).into())
    }
}

/// What a Hub says of a file.
struct Description {
    etag: String,
    commit: String,
    length: u64,
}

fn location(response: &Response) -> Option<String> {
    let redirects = matches!(response.status(), 301 | 302 | 303 | 307 | 308);
    response
        .header("location")
        .filter(|_| redirects)
        .map(str::to_owned)
}

/// `https://host:port` of a URL.
fn origin(url: &str) -> &str {
    let host = url.find("://").map_or(0, |at| at + 3);
    let end = url[host..].find('/').map_or(url.len(), |at| host + at);
    &url[..end]
}

/// A name that is one part of a path.
fn one_name(name: &str) -> Result<String, OutsideName> {
    match inside(name)?.components().count() {
        1 if !name.ends_with('/') => Ok(name.to_owned()),
        _ => Err(OutsideName {
            name: name.to_owned(),
        }),
    }
}
