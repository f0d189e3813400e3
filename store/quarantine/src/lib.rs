//! The quarantine: rejected messages and readings, verbatim, in a redb file.
//!
//! `quarantine.rs` records, lists and expires entries; `replay.rs` groups them
//! by message, so that a message can be sent through the pipeline again after a
//! fix. `tables.rs` defines the file's format.

mod error;
mod quarantine;
mod replay;
mod tables;

pub use error::QuarantineError;
pub use quarantine::{Expired, Quarantine, QuarantineTotals};
pub use replay::{RejectedMessage, RejectedPage};
