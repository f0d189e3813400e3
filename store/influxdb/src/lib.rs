//! The InfluxDB sink: encodes readings as line protocol, writes them, and decides
//! what an answer means.
//!
//! `line_protocol.rs` encodes; `sink.rs` sends one request; `answer.rs` classifies
//! the answer; `batch.rs` writes several lanes at once and bisects a refused
//! request until the refused lines are isolated. The crate keeps no state on
//! disk: the caller holds the lines until they are written or quarantined.
//!
//! Sending is the feature `client`. A caller with an HTTP client of its own
//! encodes lines and classifies answers without it.

mod answer;
#[cfg(feature = "client")]
mod batch;
mod line_protocol;
#[cfg(feature = "client")]
mod sink;

pub use answer::{Failure, SinkError, judge, names_a_line, retry_after};
#[cfg(feature = "client")]
pub use batch::{RefusedLine, Written};
pub use line_protocol::{LineBatch, Origin, encode_lines};
#[cfg(feature = "client")]
pub use sink::{InfluxConfigError, InfluxSink};
