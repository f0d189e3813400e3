//! Why the quarantine could not be read or written.

use thiserror::Error;

/// Why the quarantine could not be read or written.
#[derive(Debug, Error)]
pub enum QuarantineError {
    #[error(transparent)]
    Open(#[from] weir_kv::OpenError),
    #[error("the quarantine's file: {0}")]
    Database(Box<redb::Error>),
    #[error("an entry of the quarantine cannot be encoded: {0}")]
    Encode(postcard::Error),
}

weir_kv::from_redb!(QuarantineError::Database);
