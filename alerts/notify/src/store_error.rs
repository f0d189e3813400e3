//! Errors of the alarm database, by what the caller can do.

use std::path::PathBuf;

use thiserror::Error;

#[derive(Debug, Error)]
pub enum AlarmStoreError {
    #[error(transparent)]
    Open(#[from] weir_kv::OpenError),
    /// Another version of Weir wrote it.
    #[error("the alarm database {path} has format {found}; this Weir reads {supported}")]
    Format {
        path: PathBuf,
        found: u64,
        supported: u64,
    },
    #[error("no alarm has the id {alarm_id:?}")]
    NotFound { alarm_id: String },
    #[error("{field} has {bytes} bytes, more than {limit}")]
    TooLong {
        field: &'static str,
        bytes: usize,
        limit: usize,
    },
    /// The disk failed or is full. Nothing of the call was stored.
    #[error("the alarm database failed: {0}")]
    Storage(#[source] Box<redb::Error>),
    /// An entry has another layout than this version writes.
    #[error("an entry of the alarm database is malformed: {0}")]
    Entry(#[from] postcard::Error),
}

weir_kv::from_redb!(AlarmStoreError::Storage);
