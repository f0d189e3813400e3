//! Reconciles the open alarms of the database with those of the engine.
//!
//! After a replay they are the same, unless the replay decided differently than
//! the first run: under another configuration, or with another version. Without
//! this step some alarms would never be cleared, and others would be cleared
//! without a raise.

use redb::ReadableTable;
use tracing::warn;
use weir_alarms::OPERATIONAL_DEVICE;
use weir_model::Alert;

use crate::alarm_store::AlarmStore;
use crate::alarm_tables::{ALARMS, OPEN, alarm, extra, forced_clear, record_one};
use crate::store_error::AlarmStoreError;

impl AlarmStore {
    /// Clears the alarms that are open in the database and not in `open`, and
    /// records those of `open` that are not in the database. `open` has the last
    /// alert of each open alarm. Returns the new alerts. All alerts of the pipeline
    /// must have been recorded before.
    pub fn reconcile(&self, open: &[Alert]) -> Result<Vec<Alert>, AlarmStoreError> {
        let mut wanted: Vec<&str> = open.iter().map(|alert| &*alert.alarm_id).collect();
        wanted.sort_unstable();
        let stored = self.open_alarm_ids()?;
        let is_stale = |id: &&String| wanted.binary_search(&id.as_str()).is_err();
        let is_unknown = |alert: &&Alert| !stored.contains(&alert.alarm_id);
        let stale: Vec<&String> = stored.iter().filter(is_stale).collect();
        let unknown: Vec<&Alert> = open.iter().filter(is_unknown).collect();
        if stale.is_empty() && unknown.is_empty() {
            return Ok(Vec::new());
        }
        let mut new = Vec::new();
        let txn = self.database.begin_write()?;
        for alarm_id in stale {
            let Some(stored) = alarm(&txn.open_table(ALARMS)?, alarm_id)? else {
                continue;
            };
            // Alarms about Weir itself are not the engine's.
            if stored.last.device_id == OPERATIONAL_DEVICE {
                continue;
            }
            // Its condition is over, and it waits for an acknowledgement.
            if extra(&txn, alarm_id)?.latched.is_some() {
                continue;
            }
            warn!(
                alarm_id,
                "alarm cleared: it is open in the database, but not in the engine"
            );
            let reason = format!(
                "{}: cleared because no function has this alarm open after a replay",
                stored.last.sensor
            );
            let at = stored.last.timestamp;
            let clear = forced_clear(stored.last, at, reason);
            if record_one(&txn, &clear, false)? {
                new.push(clear);
            }
        }
        for alert in unknown {
            if record_one(&txn, alert, false)? {
                let alarm_id = &alert.alarm_id;
                warn!(
                    alarm_id,
                    "alarm recorded: it is open in the engine, but not in the database"
                );
                new.push(alert.clone());
            }
        }
        txn.commit()?;
        Ok(new)
    }

    fn open_alarm_ids(&self) -> Result<Vec<String>, AlarmStoreError> {
        let open = self.database.begin_read()?.open_table(OPEN)?;
        let ids = open.iter()?.map(|entry| Ok(entry?.1.value().to_owned()));
        ids.collect()
    }
}
