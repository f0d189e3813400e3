//! The wall clock, read in one place.
//!
//! Everything that decides takes time as a value. Only threads and endpoints at
//! the edge call [`now`].

use weir_model::Timestamp;

/// The current time. A clock before 1970 reads as 1970.
pub fn now() -> Timestamp {
    Timestamp::now()
}
