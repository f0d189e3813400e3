//! A store in this process: for `weir lambda invoke`, and the fake of the table in
//! tests.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use weir_model::Timestamp;

use crate::state::{Committed, Item, Outbox, StateStore, StoreError};

/// Keeps items as long as the process runs.
#[derive(Debug, Default)]
pub struct InMemory {
    items: Mutex<BTreeMap<String, Item>>,
}

impl InMemory {
    /// All items, by device.
    pub fn items(&self) -> BTreeMap<String, Item> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Item>> {
        self.items.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StateStore for InMemory {
    fn load(&self, devices: &[&str]) -> Result<Vec<Item>, StoreError> {
        let items = self.lock();
        let found = devices.iter().map(|device| {
            let absent = || Item {
                device: (*device).to_owned(),
                ..Item::default()
            };
            items.get(*device).cloned().unwrap_or_else(absent)
        });
        Ok(found.collect())
    }

    fn commit(&self, new: &[Item]) -> Vec<Committed> {
        let mut items = self.lock();
        let mut commit = |item: &Item| match items.get(&item.device) {
            Some(stored) if stored.version + 1 != item.version => {
                Committed::Conflict(Box::new(stored.clone()))
            }
            None if item.version != 1 => Committed::Conflict(Box::new(Item {
                device: item.device.clone(),
                ..Item::default()
            })),
            _ => {
                items.insert(item.device.clone(), item.clone());
                Committed::Done
            }
        };
        new.iter().map(&mut commit).collect()
    }

    fn clear_outbox(&self, item: &Item) -> Result<bool, StoreError> {
        let mut items = self.lock();
        match items.get_mut(&item.device) {
            Some(stored) if stored.version == item.version => {
                stored.outbox = Outbox::default();
                stored.due = item.due;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<String>, StoreError> {
        let items = self.lock();
        let due = items
            .values()
            .filter(|item| item.due.is_some_and(|due| due <= now));
        Ok(due.take(limit).map(|item| item.device.clone()).collect())
    }
}
