//! The quarantine: rejected messages and readings, verbatim, in a redb file.
//!
//! `quarantine.rs` records, lists and expires entries; `messages.rs` groups them by
//! message; `replay.rs` goes through the messages that are sent through the pipeline
//! again after a fix; `reasons.rs` counts what is stored. `tables.rs` defines the file's
//! format.

mod error;
mod messages;
mod quarantine;
mod reasons;
mod replay;
mod tables;

pub use error::QuarantineError;
pub use messages::{Newest, RejectedMessage, RejectedPage, Rejection};
pub use quarantine::{Expired, Quarantine, QuarantineTotals};
pub use reasons::StoredReason;
