//! A blocking HTTP client that takes any status as an answer.

use std::time::Duration;

use serde_json::Value;
use ureq::Agent;
use ureq::http::Request;

use crate::Address;

/// Larger than any answer that a scenario asks for.
const MAX_BODY: u64 = 256 * 1024 * 1024;

/// Requests to one server.
#[derive(Clone, Debug)]
pub struct Http {
    agent: Agent,
    address: Address,
    /// The value of `Authorization`.
    authorization: Option<String>,
}

/// An answer, whatever its status.
#[derive(Clone, Debug)]
pub struct Response {
    pub status: u16,
    pub content_type: String,
    pub body: Vec<u8>,
}

impl Response {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("not JSON ({error}): {} {}", self.status, self.text()))
    }

    /// The body of an answer with this status; panics on another one.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }
}

impl Http {
    pub fn new(address: &Address) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .max_idle_connections(0)
            .timeout_global(Some(Duration::from_secs(60)))
            .build();
        Self {
            agent: config.new_agent(),
            address: address.clone(),
            authorization: None,
        }
    }

    /// The same server, asked with this `Authorization`.
    #[must_use]
    pub fn authorized(&self, authorization: &str) -> Self {
        Self {
            authorization: Some(authorization.to_owned()),
            ..self.clone()
        }
    }

    /// Fails only when there is no answer.
    pub fn send(
        &self,
        method: &str,
        path: &str,
        accept: &str,
        body: &[u8],
    ) -> Result<Response, ureq::Error> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.address.get()))
            .header("Accept", accept);
        if let Some(authorization) = &self.authorization {
            request = request.header("Authorization", authorization);
        }
        if !body.is_empty() {
            request = request.header("Content-Type", "application/json");
        }
        let mut response = match body {
            [] => self.agent.run(request.body(())?)?,
            body => self.agent.run(request.body(body)?)?,
        };
        let content_type = response.headers().get("content-type");
        let content_type = content_type
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        Ok(Response {
            status: response.status().as_u16(),
            content_type: content_type.to_owned(),
            body: response
                .body_mut()
                .with_config()
                .limit(MAX_BODY)
                .read_to_vec()?,
        })
    }

    /// Whether `GET` is answered with 200.
    pub fn answers(&self, path: &str) -> bool {
        let answer = self.send("GET", path, "*/*", &[]);
        answer.is_ok_and(|answer| answer.status == 200)
    }

    #[track_caller]
    pub fn get(&self, path: &str) -> Response {
        self.request("GET", path, &[])
    }

    #[track_caller]
    pub fn post(&self, path: &str, body: impl AsRef<[u8]>) -> Response {
        self.request("POST", path, body.as_ref())
    }

    #[track_caller]
    pub fn request(&self, method: &str, path: &str, body: &[u8]) -> Response {
        match self.send(method, path, "application/json", body) {
            Ok(response) => response,
            Err(error) => panic!("{method} {path}: {error}"),
        }
    }
}
