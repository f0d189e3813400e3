//! Retained messages of a device: a broker sends them again on every subscription,
//! and a message that is only sent again is no new reading.

use serde::{Deserialize, Serialize};

use crate::text::stable_hash;

/// How many topics are remembered per device.
const MAX_TOPICS: usize = 64;

/// The last retained message of each topic.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Retained(Vec<Entry>);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Entry {
    topic_hash: u64,
    payload_hash: u64,
    position: u64,
}

impl Retained {
    /// Whether this message repeats the last one of its topic. Remembers it.
    pub(crate) fn is_replayed(&mut self, topic: &str, payload: &[u8], position: u64) -> bool {
        let new = Entry {
            topic_hash: stable_hash(topic.as_bytes()),
            payload_hash: stable_hash(payload),
            position,
        };
        let mut known = self.0.iter_mut();
        if let Some(entry) = known.find(|entry| entry.topic_hash == new.topic_hash) {
            // Two events of one message are no repetition of each other.
            let replayed = entry.payload_hash == new.payload_hash && entry.position != new.position;
            if !replayed {
                *entry = new;
            }
            return replayed;
        }
        if self.0.len() == MAX_TOPICS {
            self.0.remove(0);
        }
        self.0.push(new);
        false
    }
}
