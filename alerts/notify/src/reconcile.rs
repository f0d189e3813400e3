//! Brings the alarms that stand open in the database in line with those that
//! the engine has open.
//!
//! After a replay they are the same, unless the replay decided otherwise than
//! Weir did the first time: under another configuration that could not be told
//! from the first, or as another version. Then there would be alarms that are
//! never cleared, and clears of alarms that nobody was told of.

use redb::ReadableTable;
use tracing::warn;
use weir_model::Alert;

use crate::AlarmStore;
use crate::OPERATIONAL_DEVICE;
use crate::alarm_tables::{ALARMS, OPEN, alarm, extra, lost_track, record_one};
use crate::store_error::AlarmStoreError;

impl AlarmStore {
    /// Clears what is open here and not in `open`, the last alerts of the alarms
    /// that are; takes in those that are not open here. Returns the alerts that
    /// are new. What was told must be recorded before.
    pub fn reconcile(&self, open: &[Alert]) -> Result<Vec<Alert>, AlarmStoreError> {
        let mut wanted: Vec<&str> = open.iter().map(|alert| &*alert.alarm_id).collect();
        wanted.sort_unstable();
        let stored = self.open_alarm_ids()?;
        let forgotten = stored
            .iter()
            .filter(|id| wanted.binary_search(&id.as_str()).is_err());
        let unknown = open
            .iter()
            .filter(|alert| !stored.contains(&alert.alarm_id));
        let (forgotten, unknown): (Vec<_>, Vec<_>) = (forgotten.collect(), unknown.collect());
        if forgotten.is_empty() && unknown.is_empty() {
            return Ok(Vec::new());
        }
        let mut new = Vec::new();
        let txn = self.database.begin_write()?;
        for alarm_id in forgotten {
            let Some(stored) = alarm(&txn.open_table(ALARMS)?, alarm_id)? else {
                continue;
            };
            // Those of Weir itself are not the engine's: their watch goes on.
            if stored.last.device_id == OPERATIONAL_DEVICE {
                continue;
            }
            // Its condition is over, and it waits for somebody to say so.
            if extra(&txn, alarm_id)?.latched.is_some() {
                continue;
            }
            warn!(
                alarm_id,
                "an alarm was open that no function has open: cleared"
            );
            let reason = format!("{} is not watched as it was", stored.last.sensor);
            let at = stored.last.timestamp;
            let clear = lost_track(stored.last, at, reason);
            if record_one(&txn, &clear, false)? {
                new.push(clear);
            }
        }
        for alert in unknown {
            if record_one(&txn, alert, false)? {
                let alarm_id = &alert.alarm_id;
                warn!(
                    alarm_id,
                    "an alarm is open that was not recorded: recorded now"
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
