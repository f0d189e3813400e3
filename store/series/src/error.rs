//! Why the store could not be opened, checkpointed or read.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

use arrow::error::ArrowError;
use parquet::errors::ParquetError;
use thiserror::Error;

use crate::file::manifest::ManifestError;
use crate::file::segment::SegmentError;

/// An error of the caller.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// Why a store could not be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    #[error("cannot use the store's folder {path}: {source}")]
    Io { path: PathBuf, source: io::Error },
    #[error("no manifest of the store can be used; the newest, {path}: {source}")]
    Manifest {
        path: PathBuf,
        source: ManifestError,
    },
}

/// Why a checkpoint did not commit. Nothing has changed; it can be repeated.
#[derive(Debug, Error)]
pub enum StoreError {
    #[error("cannot write {path}: {source}")]
    Io { path: PathBuf, source: io::Error },
    #[error("cannot make or read a file: {0}")]
    Segment(#[source] BoxError),
    #[error("cannot encode the manifest: {0}")]
    Encode(#[source] postcard::Error),
    #[error("what the store waits for has failed: {0}")]
    BeforeCommit(#[source] BoxError),
}

impl StoreError {
    pub(crate) fn io(path: &Path, source: io::Error) -> Self {
        Self::Io {
            path: path.to_owned(),
            source,
        }
    }
}

impl From<SegmentError> for StoreError {
    fn from(error: SegmentError) -> Self {
        Self::Segment(error.into())
    }
}

impl From<ArrowError> for StoreError {
    fn from(error: ArrowError) -> Self {
        Self::from(SegmentError::Encode(ParquetError::from(error)))
    }
}

/// Why readings could not be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// A file could not be read. Damaged files are skipped instead.
    #[error("{0}")]
    File(#[source] BoxError),
    #[error(transparent)]
    Arrow(#[from] ArrowError),
    /// A fault of the store: a scan needs a column that it did not read.
    #[error("column {0} was not read")]
    ColumnNotRead(usize),
}

impl From<SegmentError> for ReadError {
    fn from(error: SegmentError) -> Self {
        Self::File(error.into())
    }
}
