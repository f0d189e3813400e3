//! The Runtime API of AWS Lambda: the next invocation, and its answer, over HTTP on
//! the same machine.
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::time::Duration;

use serde_json::json;
use thiserror::Error;
use weir_http_client::{HttpClient, HttpError, Method, Options, Request, Response, Trust};
use weir_model::Timestamp;

use crate::answer::Answer;

/// AWS sends events of up to 6 MB.
const MAX_EVENT: u64 = 16 << 20;
/// A process waits for its next invocation as long as it lives.
const PATIENCE: Duration = Duration::from_secs(365 * 24 * 3_600);

/// A client of the Runtime API.
#[derive(Clone, Debug)]
pub struct Runtime {
    http: HttpClient,
    base: String,
}

/// Why an invocation cannot be taken or answered.
#[derive(Debug, Error)]
pub enum RuntimeError {
    #[error("AWS_LAMBDA_RUNTIME_API is not set: this program is called by AWS Lambda")]
    NoAddress,
    #[error("AWS_LAMBDA_MAX_CONCURRENCY is {0}: this program takes one invocation at a time")]
    Concurrency(String),
    #[error("the Runtime API: {0}")]
    Http(#[from] HttpError),
    #[error("the Runtime API answered {status} to {call}")]
    Refused { call: &'static str, status: u16 },
    #[error("an invocation has no {header}")]
    NoHeader { header: &'static str },
}

/// One event to handle.
#[derive(Debug)]
pub struct Invocation {
    pub request_id: String,
    pub deadline: Timestamp,
    pub trace_id: Option<String>,
    pub event: Vec<u8>,
}

impl Runtime {
    /// At the address that the host of the function gives.
    pub fn from_environment() -> Result<Self, RuntimeError> {
        let address = std::env::var("AWS_LAMBDA_RUNTIME_API");
        let address = address.map_err(|_| RuntimeError::NoAddress)?;
        let most = std::env::var("AWS_LAMBDA_MAX_CONCURRENCY").unwrap_or_default();
        if most.parse::<u32>().is_ok_and(|most| most > 1) {
            return Err(RuntimeError::Concurrency(most));
        }
        Ok(Self::at(&address))
    }

    /// `host:port`
    pub fn at(address: &str) -> Self {
        let options = Options {
            timeout: PATIENCE,
            allow_private: true,
        };
        Self {
            // It speaks no TLS.
            http: HttpClient::new(options, &Trust::Only(Vec::new())),
            base: format!("http://{address}/2018-06-01/runtime"),
        }
    }

    /// Waits for the next event.
    pub fn next(&self) -> Result<Invocation, RuntimeError> {
        let call = "invocation/next";
        let response = self.send(Method::Get, call, call, &[], b"")?;
        let header = |header| {
            let found = response.header(header).map(str::to_owned);
            found.ok_or(RuntimeError::NoHeader { header })
        };
        let deadline = header("lambda-runtime-deadline-ms")?.parse().ok();
        Ok(Invocation {
            request_id: header("lambda-runtime-aws-request-id")?,
            deadline: deadline
                .and_then(Timestamp::from_millis)
                .unwrap_or(Timestamp(i64::MAX)),
            trace_id: header("lambda-runtime-trace-id").ok(),
            event: response.body,
        })
    }

    /// Answers an invocation.
    pub fn answer(&self, request_id: &str, answer: &Answer) -> Result<(), RuntimeError> {
        match answer {
            Answer::Result(value) => {
                let path = format!("invocation/{request_id}/response");
                let body = value.to_string();
                self.send(Method::Post, "response", &path, &[], body.as_bytes())?;
            }
            Answer::Error { kind, message } => {
                let path = format!("invocation/{request_id}/error");
                self.fail("error", &path, kind, message)?;
            }
        }
        Ok(())
    }

    /// Reports that the program cannot start.
    pub fn init_error(&self, message: &str) -> Result<(), RuntimeError> {
        self.fail("init/error", "init/error", "Init", message)
    }

    fn fail(
        &self,
        call: &'static str,
        path: &str,
        kind: &str,
        message: &str,
    ) -> Result<(), RuntimeError> {
        let kind = format!("Weir.{kind}");
        let body = json!({"errorType": kind, "errorMessage": message, "stackTrace": []});
        let headers = [("lambda-runtime-function-error-type", &*kind)];
        self.send(
            Method::Post,
            call,
            path,
            &headers,
            body.to_string().as_bytes(),
        )?;
        Ok(())
    }

    fn send(
        &self,
        method: Method,
        call: &'static str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Response, RuntimeError> {
        let response = self.http.send(&Request {
            method,
            url: &format!("{}/{path}", self.base),
            headers,
            body,
            max_response: MAX_EVENT,
        })?;
        match response.is_success() {
            true => Ok(response),
            false => Err(RuntimeError::Refused {
                call,
                status: response.status,
            }),
        }
    }
}
