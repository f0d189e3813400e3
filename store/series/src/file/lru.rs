//! A small cache with a cost limit. Finding the oldest entry is linear: limits are
//! set so that the cache holds hundreds of entries, not thousands.

use std::collections::HashMap;

#[derive(Debug)]
pub(crate) struct Lru<V> {
    entries: HashMap<u64, Entry<V>>,
    clock: u64,
    cost: usize,
    limit: usize,
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    used: u64,
    cost: usize,
}

impl<V> Lru<V> {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            entries: HashMap::new(),
            clock: 0,
            cost: 0,
            limit,
        }
    }

    pub(crate) fn get(&mut self, key: u64) -> Option<&mut V> {
        self.clock += 1;
        let entry = self.entries.get_mut(&key)?;
        entry.used = self.clock;
        Some(&mut entry.value)
    }

    /// Inserts an entry and evicts the least recently used ones until the cost fits.
    /// The new entry stays even if it alone exceeds the limit.
    pub(crate) fn put(&mut self, key: u64, value: V, cost: usize) {
        self.remove(key);
        while self.cost + cost > self.limit && !self.entries.is_empty() {
            let oldest = self.entries.iter().min_by_key(|(_, entry)| entry.used);
            let (key, _) = oldest.expect("the cache is not empty");
            self.remove(*key);
        }
        self.clock += 1;
        self.cost += cost;
        self.entries.insert(
            key,
            Entry {
                value,
                used: self.clock,
                cost,
            },
        );
    }

    pub(crate) fn remove(&mut self, key: u64) -> Option<V> {
        let entry = self.entries.remove(&key)?;
        self.cost -= entry.cost;
        Some(entry.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_unused_entries_go_first() {
        let mut lru = Lru::new(10);
        lru.put(1, "a", 4);
        lru.put(2, "b", 4);
        assert_eq!(lru.get(1), Some(&mut "a"));
        lru.put(3, "c", 4);
        assert_eq!(lru.get(2), None);
        assert_eq!(lru.get(1), Some(&mut "a"));
        lru.put(4, "d", 100);
        assert_eq!(lru.get(1), None);
        assert_eq!(lru.get(3), None);
        assert_eq!(lru.get(4), Some(&mut "d"));
    }
}
