//! Device shadows with the semantics of the AWS IoT Device Shadow service: pure.
//! The time is an argument, and the results are values.
//!
//! - [`Document`]: update, report, delete, get; version and delta.
//! - [`UpdateRequest`] parses a request, [`Rejected`] is why one is refused.
//! - [`parse_topic`], [`answer_topic`]: the MQTT topics.
//! - [`report_payload`]: what Weir reports about a device.
//!
//! `weir-shadow-store` keeps documents in a database.

mod answer;
mod document;
mod guard;
mod rejected;
mod report;
mod request;
mod topic;
mod tree;

pub use answer::{Answer, rejected_answer};
pub use document::{Document, Updated, VERSION_KEPT_S, Wanted};
pub use rejected::Rejected;
pub use report::report_payload;
pub use request::{Operation, Parsed, Request, Section, UpdateRequest, client_token};
pub use topic::{AnswerKind, Target, answer_topic, check_shadow, parse_topic};
