//! Errors of the shadow database, by what the caller can do.

use std::path::PathBuf;

use thiserror::Error;

#[derive(Debug, Error)]
pub enum StoreError {
    #[error(transparent)]
    Open(#[from] weir_kv::OpenError),
    /// Another version of Weir wrote it.
    #[error("the shadow database {path} has format {found}; this Weir reads {supported}")]
    Format {
        path: PathBuf,
        found: u64,
        supported: u64,
    },
    /// The disk failed or is full. Nothing of the call was stored.
    #[error("the shadow database failed: {0}")]
    Storage(#[source] Box<redb::Error>),
    /// A document has another layout than this version writes.
    #[error("a document of the shadow database is malformed: {0}")]
    Document(#[from] postcard::Error),
}

weir_kv::from_redb!(StoreError::Storage);
