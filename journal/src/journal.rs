//! What a journal guarantees, whatever it is made of.
//!
//! - **Appended**: the message has a place in the order and will be written.
//! - **Written**: readers see it; it survives the death of the process.
//! - **Committed**: it survives the loss of power. Only now may the sender be
//!   acknowledged, and only what is committed may become durable elsewhere.
//!
//! The interface has two halves. Endpoints write through an [`Appender`] and
//! identify their messages by [`Ticket`]s. Consumers read a [`Log`], whose
//! records have [`Position`]s. In the local journal a ticket is a position.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use weir_model::{Message, Position};

use crate::record::Chunk;

/// Identifies an appended message to the [`Appender`] that accepted it, and to
/// nobody else. Tickets of one appender are ordered as its appends are.
///
/// The local journal uses the message's position.
pub type Ticket = Position;

/// The tickets of one append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Ticket of the first message.
    pub first: Ticket,
    /// Ticket behind the last message: acknowledge when the commit reaches it.
    pub end: Ticket,
}

/// Receives the outcome of its appends. Called on the journal's own thread, so
/// it must not block.
pub trait CommitListener: Send + Sync {
    /// Everything this listener appended before `ticket` is committed.
    fn committed(&self, ticket: Ticket);
    /// What is not committed yet never will be: do not acknowledge it.
    fn failed(&self);
}

/// Why nothing was appended.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum AppendError {
    /// Wait for [`Appender::room`] and try again; meanwhile acknowledge nothing.
    #[error("the journal is full: {used} of {limit} bytes")]
    Full { used: u64, limit: u64 },
    /// Too many bytes wait in memory for their commit. As `Full`, but short.
    #[error("{pending} bytes wait for their commit")]
    Busy { pending: u64 },
    #[error(transparent)]
    Failed(#[from] JournalFailed),
}

/// The disk failed in a way that must not be retried (a failed fsync): nothing
/// is acknowledged until Weir restarts.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("the journal has failed and acknowledges nothing until a restart: {reason}")]
pub struct JournalFailed {
    pub reason: Arc<str>,
}

/// Why a reader cannot continue.
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

/// State and counters of a journal, for `/metrics`, `/readyz` and `/api/v1/flow`.
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
    /// Records found since the start that did not match their checksum.
    pub corrupt_records: u64,
    /// Bytes truncated from the end at the last start: a write that a power loss
    /// or a kill interrupted. They were never acknowledged.
    pub torn_bytes: u64,
    /// Why nothing is acknowledged now: full, no space, failed.
    pub stalled: Option<String>,
    /// Consumers and the positions they have committed.
    pub consumers: Vec<(String, Position)>,
}

/// What both halves of a journal report about themselves.
pub trait ReportStatus: Send + Sync + fmt::Debug {
    fn status(&self) -> JournalStatus;
}

/// The writing half: accepts messages and reports their commit.
pub trait Appender: ReportStatus {
    /// Appends messages in order, all or none. Returns at once; `listener` is
    /// notified when they are committed.
    fn append(
        &self,
        messages: &[Message<'_>],
        listener: Option<&Arc<dyn CommitListener>>,
    ) -> Result<Appended, AppendError>;

    /// Resolves when an append that was refused as `Full` or `Busy` is worth
    /// another try, or when the journal has failed.
    fn room(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// The reading half: an ordered, durable log of messages.
pub trait Log: ReportStatus {
    /// Reads from `from` on: first what is on disk, then live.
    fn reader(&self, from: Position) -> Result<Box<dyn JournalReader>, ReadError>;

    /// The oldest position that can still be read.
    fn start(&self) -> Position;

    /// The position behind the last record that readers can see.
    fn end(&self) -> Position;

    /// Blocks until everything before `position` is committed. Call it before
    /// anything that `position` stands for becomes durable elsewhere, so that no
    /// other store is ever ahead of the journal.
    fn wait_committed(&self, position: Position) -> Result<(), JournalFailed>;

    /// The position that the consumer `name` has trimmed to last; `None` when the log does
    /// not know the name.
    fn consumer(&self, name: &str) -> Option<Position>;

    /// Records durably that `consumer` needs nothing before `position`, once
    /// that is committed. Removes what no consumer needs.
    fn trim(&self, consumer: &str, position: Position) -> Result<(), std::io::Error>;
}

/// Both halves in one object.
pub trait Journal: Appender + Log {
    /// The former name of [`Log::trim`].
    fn commit_consumer(&self, name: &str, position: Position) -> Result<(), std::io::Error> {
        self.trim(name, position)
    }
}

impl<T: Appender + Log> Journal for T {}

/// One consumer's cursor in a [`Log`].
pub trait JournalReader: Send + fmt::Debug {
    /// The next written records, in order; `None` when none came within
    /// `timeout`. Blocks.
    fn next(&mut self, timeout: Duration) -> Result<Option<Chunk>, ReadError>;
}
