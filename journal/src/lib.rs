//! The journal: the only queue in Weir.
//!
//! An endpoint appends a message and may acknowledge it once the journal reports
//! the commit ([`Appender`]). Consumers read the journal at their own pace and
//! keep their own position ([`Log`]); what every named consumer has passed is
//! removed. [`LocalJournal`] implements both in files, and [`JournalFiles`] reads
//! those files without changing them.

mod frame;
mod journal;
mod local;
mod record;

pub use journal::{
    AppendError, Appended, Appender, CommitListener, Journal, JournalFailed, JournalReader,
    JournalStatus, Log, ReadError, ReportStatus, Ticket,
};
pub use local::{JournalFiles, LocalJournal, OpenError};
pub use record::{Chunk, Corrupt, Record};
