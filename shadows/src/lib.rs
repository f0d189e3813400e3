//! Device shadows with the semantics of the AWS IoT Device Shadow service.
//!
//! [`Document`] is the pure part: an update, a version, a delta. [`UpdateRequest`]
//! reads a request and [`Rejected`] says why one was refused. [`ShadowStore`]
//! keeps the documents and applies requests in batches, one durable transaction
//! each; it hands out the answers, and publishing them is left to its caller.

mod document;
mod guard;
mod in_flight;
mod refusal;
mod rejected;
mod report;
mod request;
mod shadow_store;
mod shadow_tables;
mod store_error;
mod topic;
mod tree;

pub use document::{Document, Updated, Wanted};
pub use refusal::refusal;
pub use rejected::Rejected;
pub use report::report_payload;
pub use request::{Operation, Parsed, Request, Section, UpdateRequest, client_token};
pub use shadow_store::{Answer, Change, ShadowStore};
pub use store_error::StoreError;
pub use topic::{AnswerKind, Target, answer_topic, check_shadow, parse_topic};
