//! The items that this environment has seen last, up to a number of bytes. They may
//! be old: a commit then conflicts, and brings the newer item.

use std::collections::BTreeMap;

use crate::state::Item;

/// Bytes of all cached items together.
const MAX_BYTES: usize = 64 << 20;
/// What an item takes beside its memory and its outbox.
const OVERHEAD: usize = 512;

#[derive(Debug, Default)]
pub(crate) struct Cache {
    items: BTreeMap<String, (Item, u64)>,
    /// Devices by their last use, the oldest first.
    used: BTreeMap<u64, String>,
    next: u64,
    bytes: usize,
}

impl Cache {
    pub(crate) fn get(&mut self, device: &str) -> Option<Item> {
        let (item, used) = self.items.get_mut(device)?;
        let item = item.clone();
        self.used.remove(used);
        *used = self.next;
        self.used.insert(self.next, device.to_owned());
        self.next += 1;
        Some(item)
    }

    pub(crate) fn put(&mut self, item: Item) {
        self.remove(&item.device);
        self.bytes += size(&item);
        self.used.insert(self.next, item.device.clone());
        self.items.insert(item.device.clone(), (item, self.next));
        self.next += 1;
        while self.bytes > MAX_BYTES {
            let Some((_, oldest)) = self.used.first_key_value() else {
                break;
            };
            let oldest = oldest.clone();
            self.remove(&oldest);
        }
    }

    pub(crate) fn remove(&mut self, device: &str) {
        if let Some((item, used)) = self.items.remove(device) {
            self.used.remove(&used);
            self.bytes -= size(&item);
        }
    }
}

fn size(item: &Item) -> usize {
    let report = item.outbox.report.as_ref().map_or(0, Vec::len);
    item.memory.len() + report + OVERHEAD * (1 + item.outbox.alerts.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(device: &str, bytes: usize) -> Item {
        Item {
            device: device.to_owned(),
            memory: vec![0; bytes],
            ..Item::default()
        }
    }

    #[test]
    fn the_item_that_was_not_used_for_longest_makes_room() {
        let mut cache = Cache::default();
        for device in ["a", "b"] {
            cache.put(item(device, MAX_BYTES / 2 - OVERHEAD));
        }
        assert!(cache.get("a").is_some());
        cache.put(item("c", 1));
        assert!(cache.get("b").is_none() && cache.get("a").is_some() && cache.get("c").is_some());
        cache.put(item("a", 1));
        cache.remove("c");
        assert_eq!((cache.items.len(), cache.used.len()), (1, 1));
        assert_eq!(cache.bytes, 1 + OVERHEAD);
    }
}
