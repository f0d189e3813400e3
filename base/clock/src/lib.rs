//! The wall clock, read in one place.
//!
//! Everything that decides takes time as a value. Only threads and endpoints at
//! the edge call [`now`].

use std::time::{SystemTime, UNIX_EPOCH};

use weir_model::Timestamp;

/// The current time. A clock before 1970 reads as 1970.
pub fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}
