//! Notifications in the queues of the channels, and those that were given up.

use serde::{Deserialize, Serialize};
use weir_alarms::Notification;

/// A notification that waits for its delivery.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Queued {
    /// Grows with every notification, over all channels.
    pub n: u64,
    pub notification: Notification,
}

/// A notification that was given up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// The number for `weir alarms retry`.
    pub n: u64,
    /// Milliseconds since the epoch, by Weir's clock.
    pub at: i64,
    /// The error of the last attempt.
    pub reason: String,
    pub notification: Notification,
}

/// Which notifications a channel takes next.
#[derive(Clone, Copy, Debug)]
pub struct DequeueRequest {
    /// At most so many.
    pub limit: usize,
    /// How many the channel has taken so far: it decides which places go by age.
    pub taken: u64,
    /// Only those of high priority, and those that must precede them.
    pub high_priority_only: bool,
}
