//! Former names, for the facade `weir-alerts`. Removed with it.

use std::time::Duration;

use weir_model::Alert;

use crate::alarm_store::AlarmStore;
use crate::outbox::RoutedUpTo;
use crate::queued::Queued;
use crate::store_error::AlarmStoreError;

#[doc(hidden)]
impl AlarmStore {
    pub fn wait_news(&self, seen: u64, wait: Duration) -> u64 {
        self.wait_for_change(seen, wait)
    }

    pub fn has_news(&self, up_to: RoutedUpTo) -> Result<bool, AlarmStoreError> {
        self.has_changes_after(up_to)
    }

    pub fn bury(&self, queued: &Queued, reason: &str, at: i64) -> Result<(), AlarmStoreError> {
        self.move_to_dead_letters(queued, reason, at)
    }

    pub fn revive(&self, n: Option<u64>, now: i64) -> Result<u64, AlarmStoreError> {
        self.retry_dead_letters(n, now)
    }

    pub fn lately_cleared(&self, limit: usize) -> Result<Vec<Alert>, AlarmStoreError> {
        self.recently_cleared(limit)
    }
}
