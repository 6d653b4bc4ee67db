//! Where a server is.

/// The address of a server's interface, such as `http://127.0.0.1:8000/v1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    base: String,
}

impl Server {
    /// # Errors
    /// Anything but http or https and a host; an address with a name and a password or with parameters, since it stands in every record.
    pub fn new(base_url: &str) -> Result<Self, String> {
        let base = base_url.trim().trim_end_matches('/');
        let rest = ["http://", "https://"]
            .iter()
            .find_map(|scheme| base.strip_prefix(scheme));
        let refuse = |reason: &str| {
            Err(format!(
                "{reason}, expected an address such as http://127.0.0.1:8000/v1"
            ))
        };
        let Some(rest) = rest else {
            return refuse("it begins with neither http:// nor https://");
        };
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if host.contains('@') {
            return refuse(
                "it holds a name or a password, which would stand in every record (a key comes from OPENAI_API_KEY)",
            );
        }
        if host.is_empty() || rest.contains(char::is_whitespace) {
            return refuse("it names no host");
        }
        if rest.contains(['?', '#']) {
            return refuse("it holds parameters, which would stand in every record");
        }
        Ok(Self {
            base: base.to_owned(),
        })
    }

    /// The address of `path` under the interface's.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.base)
    }

    /// The address of `path` beside the interface, which most servers have under `/v1`.
    pub(crate) fn url_beside(&self, path: &str) -> String {
        let root = self.base.strip_suffix("/v1").unwrap_or(&self.base);
        format!("{root}/{path}")
    }

    /// Whether it is this machine, which no proxy leads to.
    pub(crate) fn is_local(&self) -> bool {
        let host = self.base.split("://").nth(1).unwrap_or_default();
        let host = host.split('/').next().unwrap_or_default();
        let local = ["127.", "localhost", "[::1]"];
        local.iter().any(|name| host.starts_with(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_host_and_no_secrets() {
        let server = Server::new(" http://localhost:8000/v1/ ").unwrap();
        assert_eq!(
            server.url("completions"),
            "http://localhost:8000/v1/completions"
        );
        assert_eq!(
            server.url_beside("tokenize"),
            "http://localhost:8000/tokenize"
        );
        assert!(server.is_local() && !Server::new("https://example.org/v1").unwrap().is_local());
        for (wrong, named) in [
            ("localhost:8000", "http://"),
            ("http:///v1", "no host"),
            ("https://me:secret@example.org/v1", "OPENAI_API_KEY"),
            ("https://example.org/v1?key=secret", "parameters"),
        ] {
            let error = Server::new(wrong).unwrap_err();
            assert!(
                error.contains(named) && !error.contains("secret"),
                "{wrong}: {error}"
            );
        }
    }
}
