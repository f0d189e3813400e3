//! Why a snapshot was not taken.

use thiserror::Error;

/// The version that is written.
pub(super) const VERSION: u8 = 3;

/// Why a snapshot was not taken.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SnapshotError {
    #[error("the engine's snapshot is empty")]
    Empty,
    #[error("the engine's snapshot has version {found}; this Weir reads {VERSION}")]
    Version { found: u8 },
    #[error("the engine's snapshot is malformed: {0}")]
    Malformed(#[from] postcard::Error),
    #[error("the engine's snapshot contradicts itself: {what}")]
    Inconsistent { what: &'static str },
}
