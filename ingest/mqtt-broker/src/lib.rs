//! An MQTT broker (3.1, 3.1.1 and 5) that acknowledges only what its log has
//! committed.
//!
//! The crate has no listeners and no files. Streams come in through
//! [`Broker::serve`]; the log, the access rules and the routes are traits:
//! [`CommitLog`], [`Access`], [`Routes`].
//!
//! ```text
//! stream ─▶ driver ─▶ connection ─append─▶ log ─commit─▶ router ─▶ outboxes ─▶ streams
//!                         ▲                                │
//!                         └───────── acknowledgements ◀────┘
//! ```
//!
//! - `driver`: the task of one connection, the only place with a socket.
//! - `connection`: the protocol of one connection, bytes in and bytes out.
//! - `broker`: what connections share, and the order of the log.
//! - `router`: sessions, subscriptions, retained messages, wills.
//! - `outbox`: what one session has to send.
//!
//! PUBACK, PUBREC, PUBCOMP, and SUBACK of sessions that outlive their
//! connection, wait for the log. Messages reach subscribers after the commit, so
//! nobody sees what a crash can lose. The router is deterministic: its state is
//! meant to be a fold over the [`Record`]s.

#![forbid(unsafe_code)]

mod access;
mod batch;
mod broker;
mod commit_log;
mod connection;
mod driver;
mod drops;
mod handle;
mod link;
mod log_text;
mod message;
#[cfg(test)]
mod model_test;
mod outbox;
mod retained;
mod router;
mod session;
mod settings;
mod time;
mod topic_tree;

pub use access::{Access, BoxFuture, Login, Origin, Permissions, Routes};
pub use broker::{BrokerStatus, Publication};
pub use commit_log::{AppendError, CommitListener, CommitLog, PublishRecord, Record};
pub use drops::DropReason;
pub use handle::Broker;
pub use retained::RetainedLimits;
pub use settings::{QueueLimits, Settings};
pub use weir_mqtt_codec::ReasonCode;
