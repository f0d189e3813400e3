//! Talking to a running Weir over HTTP.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use ureq::Body;
use ureq::http::Response;

use crate::cli::Remote;

/// Answers larger than this are cut off with an error.
const LIMIT: u64 = 1 << 30;

impl Remote {
    pub(crate) fn get(&self, path: &str) -> Result<Response<Body>> {
        let url = self.address(path);
        self.checked(agent().get(&url).call())
    }

    /// `None` when there is nothing at this path.
    pub(crate) fn find(&self, path: &str) -> Result<Option<Response<Body>>> {
        let url = self.address(path);
        match agent().get(&url).call() {
            Ok(response) if response.status() == 404 => Ok(None),
            result => self.checked(result).map(Some),
        }
    }

    pub(crate) fn delete(&self, path: &str) -> Result<Response<Body>> {
        let url = self.address(path);
        self.checked(agent().delete(&url).call())
    }

    pub(crate) fn post(&self, path: &str, accept: &str, body: &str) -> Result<Response<Body>> {
        let url = self.address(path);
        let request = agent()
            .post(&url)
            .header("accept", accept)
            .header("content-type", "application/json");
        self.checked(request.send(body))
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

/// A path segment or query value.
pub(crate) fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes().fold(String::new(), |mut url, byte| {
        if plain(byte) {
            url.push(char::from(byte));
        } else {
            url.push_str(&format!("%{byte:02X}"));
        }
        url
    })
}

/// Weir is asked directly: a proxy of the environment is for the world outside.
fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .proxy(None)
        .http_status_as_error(false)
        .build()
        .into()
}
