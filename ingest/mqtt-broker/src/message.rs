//! A message that subscribers share, and the budget that all of them draw on.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use weir_mqtt_codec::{Properties, Property};

use crate::time::Time;

/// What a shared message costs besides its bytes: two allocations.
const OVERHEAD: usize = 96;

/// A queue of up to so many bytes is short.
const SHARE: usize = 1024 * 1024;

/// Bytes of messages that are held in memory: queued, in flight or retained.
/// A message that many sessions wait for is counted once.
#[derive(Debug)]
pub(crate) struct Budget {
    used: AtomicUsize,
    messages: AtomicUsize,
    limit: usize,
}

impl Budget {
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        let used = AtomicUsize::new(0);
        let messages = AtomicUsize::new(0);
        Arc::new(Self {
            used,
            messages,
            limit,
        })
    }

    pub(crate) fn messages(&self) -> usize {
        self.messages.load(Ordering::Relaxed)
    }

    pub(crate) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Whether a queue that holds so many bytes may not grow: half of the budget is
    /// for those that hold little, whatever the others do.
    pub(crate) fn is_exceeded_by(&self, queue_bytes: usize) -> bool {
        let limit = match queue_bytes > SHARE {
            true => self.limit / 2,
            false => self.limit,
        };
        self.used() > limit
    }
}

/// A publish as it came in, borrowed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Published<'a> {
    pub(crate) topic: &'a str,
    pub(crate) payload: &'a [u8],
    /// Those that are forwarded, in order: neither expiry nor topic alias.
    pub(crate) properties: &'a [u8],
    pub(crate) qos: u8,
    pub(crate) retain: bool,
    pub(crate) expires: Time,
    /// The session that published it; 0 is Weir itself.
    pub(crate) publisher: u64,
}

/// One message, shared by reference between all who get it.
#[derive(Debug)]
pub(crate) struct Message {
    /// Topic, properties, payload.
    bytes: Box<[u8]>,
    topic_len: u16,
    properties_len: u32,
    pub(crate) qos: u8,
    pub(crate) expires: Time,
    budget: Arc<Budget>,
}

impl Message {
    pub(crate) fn new(published: &Published<'_>, budget: &Arc<Budget>) -> Arc<Self> {
        let Published {
            topic,
            payload,
            properties,
            ..
        } = *published;
        let mut bytes = Vec::with_capacity(topic.len() + properties.len() + payload.len());
        bytes.extend_from_slice(topic.as_bytes());
        bytes.extend_from_slice(properties);
        bytes.extend_from_slice(payload);
        let message = Self {
            topic_len: topic.len() as u16,
            properties_len: properties.len() as u32,
            bytes: bytes.into_boxed_slice(),
            qos: published.qos,
            expires: published.expires,
            budget: budget.clone(),
        };
        budget.used.fetch_add(message.size(), Ordering::Relaxed);
        budget.messages.fetch_add(1, Ordering::Relaxed);
        Arc::new(message)
    }

    pub(crate) fn topic(&self) -> &str {
        // Checked when it came in; an empty topic matches nothing.
        std::str::from_utf8(&self.bytes[..usize::from(self.topic_len)]).unwrap_or_default()
    }

    pub(crate) fn properties(&self) -> &[u8] {
        let start = usize::from(self.topic_len);
        &self.bytes[start..start + self.properties_len as usize]
    }

    pub(crate) fn payload(&self) -> &[u8] {
        &self.bytes[usize::from(self.topic_len) + self.properties_len as usize..]
    }

    /// Bytes that it holds.
    pub(crate) fn size(&self) -> usize {
        self.bytes.len() + OVERHEAD
    }

    pub(crate) fn is_expired(&self, now: Time) -> bool {
        self.expires <= now
    }

    /// What is left of the message expiry interval, in whole seconds.
    pub(crate) fn expiry_left(&self, now: Time) -> Option<u32> {
        if self.expires == Time::NEVER {
            return None;
        }
        let left = self.expires.since(now).as_millis().div_ceil(1_000);
        Some(u32::try_from(left).unwrap_or(u32::MAX))
    }
}

impl Drop for Message {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.size(), Ordering::Relaxed);
        self.budget.messages.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Takes the properties of a publish or a will apart: those that are forwarded
/// are appended to `forwarded` as they came; returns the expiry.
pub(crate) fn split_properties(
    properties: Properties<'_>,
    now: Time,
    forwarded: &mut Vec<u8>,
) -> Time {
    let mut expires = Time::NEVER;
    for (property, bytes) in properties.iter_raw() {
        match property {
            Property::MessageExpiryInterval(seconds) => expires = now.plus_seconds(seconds),
            Property::TopicAlias(_) | Property::WillDelayInterval(_) => {}
            _ => forwarded.extend_from_slice(bytes),
        }
    }
    expires
}
