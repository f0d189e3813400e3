//! The InfluxDB sink: encodes readings as line protocol, writes them, and decides
//! what an answer means.
//!
//! `line_protocol.rs` encodes; `sink.rs` sends one request; `answer.rs` classifies
//! the answer; `batch.rs` writes several lanes at once and bisects a refused
//! request until the refused lines are isolated. The crate keeps no state on
//! disk: the caller holds the lines until they are written or quarantined.

mod answer;
mod batch;
mod line_protocol;
mod sink;

pub use answer::SinkError;
pub use batch::{RefusedLine, Written};
pub use line_protocol::{LineBatch, encode_lines};
pub use sink::{InfluxConfigError, InfluxSink};
