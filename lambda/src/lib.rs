//! Weir's functions on AWS Lambda, and on any platform that calls a container: an
//! event in, its effects out, the answer back.
//!
//! ```text
//! event ─▶ envelope ─▶ load memory ─▶ pipeline ─▶ quarantine, rows ─▶ commit ─▶ alerts, shadow ─▶ answer
//! ```
//!
//! What decides is the crate `weir-pipeline`, as in the server. This crate opens
//! events ([`envelope`]), keeps the memory of devices between invocations ([`state`]),
//! and brings effects to where they go ([`Outlets`]). It has no thread that lives
//! longer than an invocation, and no tokio: a process is frozen between two
//! invocations, and everything is confirmed before the answer.

mod answer;
mod aws;
pub mod check;
pub mod envelope;
mod handler;
mod http_host;
mod message;
mod metrics;
mod outlets;
mod parallel;
mod quarantine;
mod recorded;
mod rows;
mod run;
mod runtime;
mod samples;
pub mod settings;
mod shadow;
pub mod state;
mod stateful;
mod stateless;
mod sweep;

pub use answer::Answer;
pub use aws::{Aws, AwsSetupError, Region};
pub use handler::{Handled, Handler, Settings};
pub use http_host::{HttpHost, serve};
pub use message::{Incoming, MessageId, Outcome, Processed};
pub use metrics::Metrics;
pub use outlets::{Outlets, RefusedReading, Rejected, Report, Rows, Sent};
pub use recorded::{Record, Recorded};
pub use runtime::{Invocation, Runtime, RuntimeError};
pub use samples::{Sample, wrap};

#[cfg(test)]
mod tests;
