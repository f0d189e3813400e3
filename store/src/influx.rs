//! The way to InfluxDB: writes line protocol and says what is to be done when
//! that fails.
//!
//! A batch may be written again at any time: the same series and time overwrite
//! themselves. What the server will never take is found by halving and handed
//! back line by line, so one bad line does not stop the others.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use influxdb2::{Client, ClientBuilder, RequestError};
use reqwest_influx::redirect::Policy;
use reqwest_influx::{StatusCode, Url};
use thiserror::Error;
use weir_config::InfluxDb;

use crate::line_protocol::split_lines;

/// Longest message of the server that is kept, in bytes.
const MAX_MESSAGE_BYTES: usize = 512;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Why the sink could not be made.
#[derive(Debug, Error)]
pub enum InfluxConfigError {
    #[error("cannot read the token file {path}: {source}")]
    Token { path: PathBuf, source: io::Error },
    #[error("{url:?} is not a URL of a server")]
    Url { url: String },
    #[error("cannot make the HTTP client: {0}")]
    Client(#[from] influxdb2::BuildError),
}

/// Why lines were not written, by what to do about it.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SinkError {
    /// Try the same again: after the given time if the server named one.
    #[error("{message}")]
    Retry {
        after: Option<Duration>,
        message: String,
    },
    /// The token is not accepted: try again slowly, and tell someone.
    #[error("the token is not accepted: {message}")]
    Auth { message: String },
    /// Send less at once.
    #[error("too much at once: {message}")]
    TooLarge { message: String },
    /// Some line will never be taken.
    #[error("rejected: {message}")]
    Rejected { message: String },
}

/// A client of one bucket.
#[derive(Clone, Debug)]
pub struct InfluxSink {
    client: Client,
    org: String,
    bucket: String,
}

impl InfluxSink {
    pub fn new(config: &InfluxDb) -> Result<Self, InfluxConfigError> {
        let token = match &config.token_file {
            None => String::new(),
            Some(path) => {
                std::fs::read_to_string(path).map_err(|source| InfluxConfigError::Token {
                    path: path.clone(),
                    source,
                })?
            }
        };
        let host = Url::parse(&config.url).ok().filter(Url::has_host);
        if host.is_none() {
            return Err(InfluxConfigError::Url {
                url: config.url.clone(),
            });
        }
        // A redirect would carry readings to somewhere that nobody configured.
        let http = reqwest_influx::Client::builder()
            .timeout(config.timeout)
            .connect_timeout(config.timeout.min(CONNECT_TIMEOUT))
            .redirect(Policy::none())
            .http1_only();
        let client =
            ClientBuilder::with_builder(http, &config.url, &config.org, token.trim()).build()?;
        Ok(Self {
            client,
            org: config.org.clone(),
            bucket: config.bucket.clone(),
        })
    }

    /// Writes lines as one request.
    pub async fn write(&self, lines: &str) -> Result<(), SinkError> {
        let body = lines.to_owned();
        match self
            .client
            .write_line_protocol(&self.org, &self.bucket, body)
            .await
        {
            Ok(()) => Ok(()),
            Err(error) => classify(&error),
        }
    }

    /// Writes lines, in as many requests as it takes, and returns those that the
    /// server will not take, each with its reason.
    ///
    /// # Errors
    ///
    /// [`SinkError::Retry`] or [`SinkError::Auth`]: some of the lines may have
    /// been written; all of them are to be written again.
    pub async fn write_batch(&self, lines: &str) -> Result<Vec<(String, String)>, SinkError> {
        let first = match self.write(lines).await {
            Ok(()) => return Ok(Vec::new()),
            Err(error) => error,
        };
        let lines = split_lines(lines);
        let mut rejected = Vec::new();
        // Parts in order, the next one on top; the first has failed already.
        let mut parts = vec![&lines[..]];
        let mut failure = Some(first);
        while let Some(part) = parts.pop() {
            let result = match failure.take() {
                Some(error) => Err(error),
                None => self.write(&part.join("\n")).await,
            };
            match (result, part) {
                (Ok(()), _) | (_, []) => {}
                (
                    Err(SinkError::Rejected { message } | SinkError::TooLarge { message }),
                    [line],
                ) => rejected.push(((*line).to_owned(), message)),
                (Err(SinkError::Rejected { .. } | SinkError::TooLarge { .. }), _) => {
                    let (front, back) = part.split_at(part.len() / 2);
                    parts.push(back);
                    parts.push(front);
                }
                (Err(error), _) => return Err(error),
            }
        }
        Ok(rejected)
    }
}

fn classify(error: &RequestError) -> Result<(), SinkError> {
    let RequestError::Http { status, text } = error else {
        return Err(SinkError::Retry {
            after: None,
            message: chain(error),
        });
    };
    let message = format!("{status}: {}", shorten(text));
    match *status {
        status if status.is_success() => Ok(()),
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => {
            Err(SinkError::Rejected { message })
        }
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(SinkError::Auth { message }),
        StatusCode::PAYLOAD_TOO_LARGE => Err(SinkError::TooLarge { message }),
        // The client library does not hand on Retry-After: the caller backs off.
        _ => Err(SinkError::Retry {
            after: None,
            message,
        }),
    }
}

fn shorten(text: &str) -> &str {
    let text = text.trim();
    &text[..text.floor_char_boundary(MAX_MESSAGE_BYTES)]
}

/// An error with its causes: the outermost says only that a request failed.
fn chain(error: &dyn std::error::Error) -> String {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !message.contains(&text) {
            message.push_str(": ");
            message.push_str(&text);
        }
        cause = error.source();
    }
    message
}

#[cfg(test)]
mod tests;
