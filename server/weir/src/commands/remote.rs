//! Talking to a running Weir over HTTP.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use ureq::http::Response;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body};

use crate::cli::Remote;

/// Answers larger than this are cut off with an error.
const LIMIT: u64 = 1 << 30;

impl Remote {
    pub(crate) fn get(&self, path: &str) -> Result<Response<Body>> {
        let url = self.address(path);
        self.checked(self.agent()?.get(&url).call())
    }

    /// `None` when there is nothing at this path.
    pub(crate) fn find(&self, path: &str) -> Result<Option<Response<Body>>> {
        let url = self.address(path);
        match self.agent()?.get(&url).call() {
            Ok(response) if response.status() == 404 => Ok(None),
            result => self.checked(result).map(Some),
        }
    }

    pub(crate) fn delete(&self, path: &str) -> Result<Response<Body>> {
        let url = self.address(path);
        self.checked(self.agent()?.delete(&url).call())
    }

    pub(crate) fn post(&self, path: &str, accept: &str, body: &str) -> Result<Response<Body>> {
        let url = self.address(path);
        let request = self
            .agent()?
            .post(&url)
            .header("accept", accept)
            .header("content-type", "application/json");
        self.checked(request.send(body))
    }

    /// Weir is asked directly: a proxy of the environment is for the world outside.
    fn agent(&self) -> Result<Agent> {
        let mut config = Agent::config_builder()
            .proxy(None)
            .http_status_as_error(false);
        if self.url.starts_with("https:") {
            let roots = RootCerts::new_with_certs(&self.roots()?);
            config = config.tls_config(TlsConfig::builder().root_certs(roots).build());
        }
        if let Some(file) = &self.token_file {
            // The token would be anybody's on the way.
            ensure!(
                self.url.starts_with("https:") || is_local(&self.url),
                "a token is sent to https:// or to this machine only, not to {}",
                self.url
            );
            let authorization = format!("Bearer {}", token(file)?);
            config = config.middleware(
                move |mut request: ureq::http::Request<ureq::SendBody<'_>>,
                      next: ureq::middleware::MiddlewareNext<'_>| {
                    let value = authorization.parse().map_err(ureq::http::Error::from)?;
                    request.headers_mut().insert("authorization", value);
                    next.handle(request)
                },
            );
        }
        Ok(config.build().into())
    }

    fn roots(&self) -> Result<Vec<Certificate<'static>>> {
        let Some(file) = &self.ca_file else {
            let system = rustls_native_certs::load_native_certs().certs;
            return Ok(system
                .iter()
                .map(|der| Certificate::from_der(der).to_owned())
                .collect());
        };
        let context = || format!("cannot read {}", file.display());
        let pem = fs::read(file).with_context(context)?;
        let mut roots = Vec::new();
        for item in parse_pem(&pem) {
            if let PemItem::Certificate(certificate) = item.with_context(context)? {
                roots.push(certificate);
            }
        }
        ensure!(!roots.is_empty(), "{} has no certificate", file.display());
        Ok(roots)
    }

    fn address(&self, path: &str) -> String {
        format!("{}{path}", self.url.trim_end_matches('/'))
    }

    /// Turns a problem document into an error that says what it says.
    fn checked(&self, result: Result<Response<Body>, ureq::Error>) -> Result<Response<Body>> {
        let mut response = result.with_context(|| {
            format!(
                "cannot reach a running Weir at {}; is `weir up` running? (--url, WEIR_URL)",
                self.url
            )
        })?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let body = response
            .body_mut()
            .with_config()
            .limit(LIMIT)
            .read_to_string()?;
        let problem: Value = serde_json::from_str(&body).unwrap_or_default();
        let detail = problem["detail"]
            .as_str()
            .or(problem["message"].as_str())
            .unwrap_or(&body);
        bail!("{detail} ({status})")
    }
}

/// A whole answer as text.
pub(crate) fn text(mut response: Response<Body>) -> Result<String> {
    Ok(response
        .body_mut()
        .with_config()
        .limit(LIMIT)
        .read_to_string()?)
}

fn token(file: &Path) -> Result<String> {
    let text =
        fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let token = text.lines().next().unwrap_or_default().trim();
    ensure!(!token.is_empty(), "{} holds no token", file.display());
    Ok(token.to_owned())
}

/// `http://127.0.0.1:8080`, `http://localhost`, `http://[::1]:1`.
fn is_local(url: &str) -> bool {
    let authority = url.strip_prefix("http://").unwrap_or_default();
    let authority = authority.split('/').next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::is_local;

    #[test]
    fn a_token_stays_on_this_machine_without_tls() {
        for (url, expect) in [
            ("http://127.0.0.1:8080", true),
            ("http://localhost", true),
            ("http://[::1]:8080/", true),
            ("http://localhost.evil:80", false),
            ("http://10.0.0.1", false),
            ("http://127.0.0.1@evil", false),
            ("localhost", false),
        ] {
            assert_eq!(is_local(url), expect, "{url}");
        }
    }
}
