//! Errors of queries as gRPC has them.

use tonic::Status;
use tracing::error;
use weir_sql::QueryError;

/// Longest sentence of an error: it travels in a header.
const MAX_MESSAGE: usize = 4_096;

pub(super) fn internal(error: impl std::fmt::Display) -> Status {
    error!(%error, "a Flight SQL request failed");
    Status::internal("an internal error; the log says more")
}

pub(super) fn status(error: QueryError) -> Status {
    let mut message = error.to_string();
    if message.len() > MAX_MESSAGE {
        message.truncate(message.floor_char_boundary(MAX_MESSAGE));
        message.push('…');
    }
    match error {
        QueryError::Invalid(_) | QueryError::TooLong { .. } | QueryError::Failed(_) => {
            Status::invalid_argument(message)
        }
        QueryError::Refused { .. } => Status::permission_denied(message),
        QueryError::Timeout { .. } => Status::deadline_exceeded(message),
        QueryError::TooManyRows { .. } | QueryError::Memory(_) => {
            Status::resource_exhausted(message)
        }
        QueryError::Busy { .. } => Status::unavailable(message),
        QueryError::Store(_) => internal(message),
    }
}
