//! Why a query failed, by what a caller can do about it.

use std::time::Duration;

use arrow::error::ArrowError;
use datafusion::error::DataFusionError;
use thiserror::Error;
use weir_series::ReadError;

#[derive(Debug, Error)]
pub enum QueryError {
    /// It cannot be parsed or names something unknown: the sender's fault.
    #[error("{0}")]
    Invalid(#[source] DataFusionError),
    /// It is not a query.
    #[error("only queries are allowed, not {what}")]
    Refused { what: String },
    #[error("the statement has {bytes} bytes, more than {limit}")]
    TooLong { bytes: usize, limit: usize },
    #[error("the query took longer than {after:?}")]
    Timeout { after: Duration },
    #[error("no place for the query became free within {after:?}: too many others are running")]
    Busy { after: Duration },
    #[error("the query gives more than {limit} rows: add a LIMIT or aggregate")]
    TooManyRows { limit: usize },
    #[error("the query needs more memory than it may use: {0}")]
    Memory(#[source] DataFusionError),
    /// It failed on the data, for example by a division by zero: the sender's fault.
    #[error("{0}")]
    Failed(#[source] DataFusionError),
    /// The store could not be read.
    #[error("cannot read the store: {0}")]
    Store(#[source] DataFusionError),
}

impl QueryError {
    /// To be carried through a stream of DataFusion.
    pub(crate) fn into_datafusion(self) -> DataFusionError {
        DataFusionError::External(Box::new(self))
    }
}

/// An error of the series store, to be carried through a stream of DataFusion.
pub(crate) fn read_failed(error: ReadError) -> DataFusionError {
    match error {
        ReadError::Arrow(error) => error.into(),
        error @ ReadError::ColumnNotRead(_) => DataFusionError::Internal(error.to_string()),
        error @ ReadError::File(_) => DataFusionError::External(Box::new(error)),
    }
}

impl From<ArrowError> for QueryError {
    fn from(error: ArrowError) -> Self {
        DataFusionError::from(error).into()
    }
}

impl From<DataFusionError> for QueryError {
    fn from(error: DataFusionError) -> Self {
        match error {
            DataFusionError::External(inner) => match inner.downcast::<Self>() {
                Ok(ours) => *ours,
                Err(other) => Self::Store(DataFusionError::External(other)),
            },
            error => match error.find_root() {
                DataFusionError::ResourcesExhausted(_) => Self::Memory(error),
                DataFusionError::SQL(..)
                | DataFusionError::Plan(_)
                | DataFusionError::SchemaError(..)
                | DataFusionError::NotImplemented(_)
                | DataFusionError::Configuration(_) => Self::Invalid(error),
                DataFusionError::External(_) | DataFusionError::IoError(_) => Self::Store(error),
                _ => Self::Failed(error),
            },
        }
    }
}
