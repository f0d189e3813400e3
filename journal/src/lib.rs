//! The journal: the only queue in Weir.
//!
//! A door appends a message and may acknowledge it once the journal says that
//! it is committed. Everything downstream reads the journal at its own pace
//! and keeps its own position; what the slowest named consumer has passed is
//! let go. [`Journal`] is the interface, [`LocalJournal`] keeps it in files,
//! and [`JournalFiles`] looks at those without changing any.

mod frame;
mod journal;
mod local;
mod record;

pub use journal::{
    AppendError, Appended, CommitListener, Journal, JournalFailed, JournalReader, JournalStatus,
    ReadError,
};
pub use local::{JournalFiles, LocalJournal, OpenError};
pub use record::{Chunk, Corrupt, Record};
