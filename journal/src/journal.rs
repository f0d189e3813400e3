//! What a journal promises, whatever it is made of.
//!
//! - **Appended**: it has a position and will be written in that order.
//! - **Written**: readers see it; it survives the death of the process.
//! - **Committed**: it survives the loss of power. Only now may the sender be
//!   acknowledged, and only what is committed may become durable elsewhere.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use weir_model::{Message, Position};

use crate::record::Chunk;

/// Where a call's messages went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Position of the first message.
    pub first: Position,
    /// Position behind the last one: acknowledge when the commit reaches it.
    pub end: Position,
}

/// Told about the fate of what it appended. Called from the journal's own
/// thread: it must not block.
pub trait CommitListener: Send + Sync {
    /// Everything this listener appended before `position` is committed.
    fn committed(&self, position: Position);
    /// Nothing that is not committed yet ever will be: do not acknowledge it.
    fn failed(&self);
}

/// Why nothing was appended.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum AppendError {
    /// Wait for [`Journal::room`] and try again; meanwhile acknowledge nothing.
    #[error("the journal is full: {used} of {limit} bytes")]
    Full { used: u64, limit: u64 },
    /// Too much waits in memory for its commit. As `Full`, but it passes soon.
    #[error("{pending} bytes wait for their commit")]
    Busy { pending: u64 },
    #[error(transparent)]
    Failed(#[from] JournalFailed),
}

/// The disk failed in a way that must not be retried (a failed fsync): nothing
/// is acknowledged until Weir is started again.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("the journal has failed and acknowledges nothing more: {reason}")]
pub struct JournalFailed {
    pub reason: Arc<str>,
}

/// Why a reader cannot go on.
#[derive(Debug, Error)]
pub enum ReadError {
    #[error("position {position} is gone: the journal starts at {start}")]
    Gone { position: Position, start: Position },
    #[error("cannot read the journal at {position}: {source}")]
    Io {
        position: Position,
        source: std::io::Error,
    },
    #[error("the journal is closed")]
    Closed,
}

/// How the journal stands, for `/metrics`, `/readyz` and `/api/v1/flow`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JournalStatus {
    pub start: Position,
    pub written: Position,
    pub committed: Position,
    /// Messages appended since the start of the process.
    pub appended_messages: u64,
    /// Messages committed since the start of the process.
    pub committed_messages: u64,
    pub commits: u64,
    /// Nanoseconds spent in fdatasync since the start of the process.
    pub sync_ns: u64,
    pub used_bytes: u64,
    pub limit_bytes: u64,
    /// Records that did not match their checksum, found since the start.
    pub corrupt_records: u64,
    /// Bytes cut off the end at the last start: a write that power or a kill
    /// interrupted, never acknowledged.
    pub torn_bytes: u64,
    /// Why nothing is being acknowledged now: full, no space, failed.
    pub stalled: Option<String>,
    /// Consumers and the positions they have committed.
    pub consumers: Vec<(String, Position)>,
}

/// A durable log of messages.
pub trait Journal: Send + Sync + fmt::Debug {
    /// Appends messages in order, all or none. Returns at once; `listener` is
    /// told when they are committed.
    fn append(
        &self,
        messages: &[Message<'_>],
        listener: Option<&Arc<dyn CommitListener>>,
    ) -> Result<Appended, AppendError>;

    /// Resolves when an append that was refused as `Full` or `Busy` is worth
    /// another try, or when the journal has failed.
    fn room(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;

    /// Everything before it is committed.
    fn committed(&self) -> Position;

    /// Blocks until everything before `position` is committed. Whatever becomes
    /// durable elsewhere waits here first, so that it never is ahead of the journal.
    fn wait_committed(&self, position: Position) -> Result<(), JournalFailed>;

    /// Reads from `from` on: what is on disk first, then live.
    fn reader(&self, from: Position) -> Result<Box<dyn JournalReader>, ReadError>;

    /// The oldest position that can still be read.
    fn start(&self) -> Position;

    /// The position that a consumer committed last.
    fn consumer(&self, name: &str) -> Option<Position>;

    /// Commits a consumer's position; what all consumers have passed may go.
    fn commit_consumer(&self, name: &str, position: Position) -> Result<(), std::io::Error>;

    fn status(&self) -> JournalStatus;
}

/// One consumer's way through the journal.
pub trait JournalReader: Send + fmt::Debug {
    /// The next written records, in order; `None` when none came within
    /// `timeout`. Blocks.
    fn next(&mut self, timeout: Duration) -> Result<Option<Chunk>, ReadError>;
}
