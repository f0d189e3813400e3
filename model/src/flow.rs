//! Conservation: every reading ends in exactly one counted outcome.
//!
//! `received = stored + quarantined{reason} + deduplicated + expired{reason} +
//! in_flight`. The counters travel with the state they describe (they are part
//! of the checkpoint), so they hold across a restart.

use serde::{Deserialize, Serialize};

use crate::{ExpiryReason, QuarantineReason};

/// Outcomes of readings since the data folder was created.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadingCounts {
    pub received: u64,
    pub stored: u64,
    pub deduplicated: u64,
    /// Deduplicated readings whose value differed. The last value won.
    pub conflicts: u64,
    /// By [`QuarantineReason::index`].
    pub quarantined: Vec<u64>,
    /// By [`ExpiryReason::index`].
    pub expired: Vec<u64>,
}

impl Default for ReadingCounts {
    fn default() -> Self {
        Self {
            received: 0,
            stored: 0,
            deduplicated: 0,
            conflicts: 0,
            quarantined: vec![0; QuarantineReason::COUNT],
            expired: vec![0; ExpiryReason::COUNT],
        }
    }
}

impl ReadingCounts {
    pub fn quarantined_total(&self) -> u64 {
        self.quarantined.iter().sum()
    }

    pub fn expired_total(&self) -> u64 {
        self.expired.iter().sum()
    }

    /// Readings with an outcome.
    pub fn ended(&self) -> u64 {
        self.stored + self.deduplicated + self.quarantined_total() + self.expired_total()
    }

    /// Adds the counts of another stage. A shorter list, written by an older version,
    /// counts as zero beyond its end.
    pub fn add(&mut self, other: &Self) {
        self.received += other.received;
        self.stored += other.stored;
        self.deduplicated += other.deduplicated;
        self.conflicts += other.conflicts;
        add_all(&mut self.quarantined, &other.quarantined);
        add_all(&mut self.expired, &other.expired);
    }
}

fn add_all(into: &mut Vec<u64>, from: &[u64]) {
    if into.len() < from.len() {
        into.resize(from.len(), 0);
    }
    for (sum, n) in into.iter_mut().zip(from) {
        *sum += n;
    }
}
