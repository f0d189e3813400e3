//! The audit of what people change besides alarms: a bounded log in the alarm database,
//! because that holds the audit of alarms.

use redb::{ReadableTable, ReadableTableMetadata};
use serde::{Deserialize, Serialize};

use crate::alarm_store::AlarmStore;
use crate::alarm_tables::{CHANGES, next};
use crate::store_error::AlarmStoreError;

/// Entries that are kept.
const KEEP: u64 = 10_000;
/// Bytes of one text of an entry.
const MAX_TEXT_BYTES: usize = 1_024;

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeEntry {
    /// `replay-quarantine`, `update-shadow`, ...
    pub action: String,
    /// What was changed: the path of the request.
    pub target: String,
    pub by: String,
    /// The address of the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Milliseconds since the epoch, by Weir's clock.
    pub at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl AlarmStore {
    /// Appends an entry; durable on return. Long texts are cut.
    pub fn record_change(&self, entry: &ChangeEntry) -> Result<(), AlarmStoreError> {
        let mut entry = entry.clone();
        for text in [&mut entry.target, &mut entry.by]
            .into_iter()
            .chain(&mut entry.note)
        {
            text.truncate(text.floor_char_boundary(MAX_TEXT_BYTES));
        }
        let json = serde_json::to_vec(&entry).expect("texts and integers are JSON");
        let txn = self.database.begin_write()?;
        {
            let n = next(&txn, "next_change")?;
            let mut changes = txn.open_table(CHANGES)?;
            changes.insert(n, &*json)?;
            while changes.len()? > KEEP {
                changes.pop_first()?;
            }
        }
        txn.commit()?;
        Ok(())
    }

    /// The last entries, the newest first.
    pub fn changes(&self, limit: usize) -> Result<Vec<ChangeEntry>, AlarmStoreError> {
        let changes = self.database.begin_read()?.open_table(CHANGES)?;
        let mut entries = Vec::new();
        for entry in changes.iter()?.rev().take(limit) {
            entries.extend(serde_json::from_slice::<ChangeEntry>(entry?.1.value()).ok());
        }
        Ok(entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_kept_the_newest_first_and_long_texts_are_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alarms.redb");
        let store = AlarmStore::open(&path).unwrap();
        let entry = |target: &str| ChangeEntry {
            action: "update-shadow".to_owned(),
            target: target.to_owned(),
            by: "ana".to_owned(),
            from: Some("127.0.0.1".to_owned()),
            at: 7,
            note: None,
        };
        assert_eq!(store.changes(10).unwrap(), []);
        store.record_change(&entry("/things/a/shadow")).unwrap();
        store.record_change(&entry(&"x".repeat(5_000))).unwrap();
        drop(store);
        let store = AlarmStore::open(&path).unwrap();
        let [last, first] = store.changes(10).unwrap().try_into().unwrap();
        assert_eq!(first, entry("/things/a/shadow"));
        assert_eq!(last.target.len(), MAX_TEXT_BYTES);
        assert_eq!(store.changes(1).unwrap(), [last]);
    }
}
