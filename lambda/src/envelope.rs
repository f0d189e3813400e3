//! Out of an event, its messages: one file per source. What an event is follows
//! from its members alone; an event of an unknown shape is refused with the names of
//! its members.
//!
//! | source | recognised by |
//! | --- | --- |
//! | `iot.rs` | `topic`, `payload` and nothing else but `client`, `received` |
//! | `event.rs` | `deviceId` and `data`, or an array of such |
//! | `sqs.rs` | `Records[].eventSource` is `aws:sqs` |
//! | `kinesis.rs` | `Records[].eventSource` is `aws:kinesis` |
//! | `http.rs` | `requestContext.http`, or `httpMethod` |
//! | `tick.rs` | `weir` is `tick` |

mod event;
mod http;
mod inner;
mod iot;
mod kinesis;
mod sqs;
mod tick;

use serde_json::Value;
use thiserror::Error;
use weir_model::Timestamp;

use crate::message::Incoming;

pub(crate) use http::topic_of_path;
pub(crate) use inner::{decode_base64, reference_topic};

/// What the host knows about an invocation.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// Kept over the retries of an asynchronous invocation.
    pub request_id: &'a str,
    /// The function's clock.
    pub now: Timestamp,
    /// When the host ends the invocation.
    pub deadline: Timestamp,
    /// Bytes of a payload that are taken; a larger body over HTTP is refused.
    pub max_payload: u64,
}

/// The messages of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub source: Source,
    pub messages: Vec<Incoming>,
}

/// Where an event comes from: it decides the form of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Iot,
    /// The reference event itself.
    Reference,
    Sqs {
        fifo: bool,
    },
    Kinesis,
    Http,
    /// Time passes.
    Tick {
        time: Timestamp,
    },
}

impl Source {
    /// The name in the log line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Iot => "iot",
            Self::Reference => "event",
            Self::Sqs { fifo: false } => "sqs",
            Self::Sqs { fifo: true } => "sqs_fifo",
            Self::Kinesis => "kinesis",
            Self::Http => "http",
            Self::Tick { .. } => "tick",
        }
    }
}

/// Why an event is not taken.
#[derive(Debug, Error)]
pub enum Refusal {
    #[error("the event is not JSON: {0}")]
    NotJson(serde_json::Error),
    #[error(
        "the event is of no known source; it has the members: {keys}. Known are IoT rules \
         (topic, payload, client, received), {{deviceId, data}}, SQS, Kinesis, API Gateway, \
         function URLs and {{\"weir\": \"tick\"}}"
    )]
    Unknown { keys: String },
    #[error("{source_name}: the record has no {member}")]
    Incomplete {
        source_name: &'static str,
        member: &'static str,
    },
    /// A request over HTTP, to be answered with this status.
    #[error("{detail}")]
    Http { status: u16, detail: String },
}

/// Reads an event.
pub fn open(bytes: &[u8], call: &Call<'_>) -> Result<Event, Refusal> {
    let event: Value = serde_json::from_slice(bytes).map_err(Refusal::NotJson)?;
    if tick::is_one(&event) {
        return Ok(tick::open(&event, call));
    }
    if http::is_one(&event) {
        return http::open(&event, call);
    }
    match event["Records"][0]["eventSource"].as_str() {
        Some("aws:sqs") => return sqs::open(&event, call),
        Some("aws:kinesis") => return kinesis::open(&event, call),
        _ => {}
    }
    if iot::is_one(&event) {
        return Ok(iot::open(&event, call));
    }
    if event::is_one(&event) {
        return Ok(event::open(&event, bytes, call));
    }
    Err(unknown(&event))
}

/// Most members that a refusal names.
const NAMED_MEMBERS: usize = 20;

fn unknown(event: &Value) -> Refusal {
    let keys = match event {
        Value::Object(members) => {
            let names: Vec<&str> = members.keys().map(String::as_str).collect();
            let first = names.iter().take(NAMED_MEMBERS);
            let mut text = first.copied().collect::<Vec<_>>().join(", ");
            if let Some(source) = event["Records"][0]["eventSource"].as_str() {
                text.push_str(&format!(" (eventSource {source})"));
            }
            if text.is_empty() {
                text.push_str("none");
            }
            text
        }
        Value::Array(items) => format!("none (an array of {})", items.len()),
        _ => "none (not an object)".to_owned(),
    };
    Refusal::Unknown { keys }
}

/// Milliseconds since the epoch, as a number or as text.
fn millis(value: &Value) -> Option<Timestamp> {
    let number = match value {
        Value::String(text) => text.parse().ok(),
        other => other
            .as_i64()
            .or_else(|| other.as_f64().map(|ms| ms as i64)),
    };
    number.and_then(Timestamp::from_millis)
}

fn text<'v>(value: &'v Value, names: &[&str]) -> Option<&'v str> {
    let mut at = value;
    for name in names {
        at = at.get(*name)?;
    }
    at.as_str()
}

#[cfg(test)]
mod tests;
