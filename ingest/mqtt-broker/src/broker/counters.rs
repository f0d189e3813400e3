//! Counters of the broker, and what they say at one moment.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::Shared;
use crate::drops::DropReason;
use crate::log_text::{LogLimit, shown};

/// First levels of topics that are told apart.
const MAX_LEVELS: usize = 100;

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) connections: Gauge,
    pub(crate) received: AtomicU64,
    pub(crate) sent: AtomicU64,
    pub(crate) bytes_received: AtomicU64,
    pub(crate) bytes_sent: AtomicU64,
    pub(crate) refused_logins: AtomicU64,
    pub(crate) refused_publishes: AtomicU64,
    pub(crate) refused_subscribes: AtomicU64,
    pub(crate) not_retained: AtomicU64,
    pub(crate) too_large: AtomicU64,
    pub(crate) held_bytes: Gauge,
    pub(crate) stalled_subscribers: Gauge,
    pub(crate) published: AtomicU64,
    pub(crate) unrouted: Unrouted,
}

/// A sum over connections.
#[derive(Debug, Default)]
pub(crate) struct Gauge(AtomicUsize);

impl Gauge {
    pub(crate) fn change(&self, from: usize, to: usize) {
        if to != from {
            // Wraps back: every connection takes away what it has added.
            self.0.fetch_add(to.wrapping_sub(from), Ordering::Relaxed);
        }
    }

    pub(crate) fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// Publishes that nobody takes: no route, no subscriber, not retained. By the
/// first level of their topic, where a typing error shows.
#[derive(Debug)]
pub(crate) struct Unrouted {
    levels: Mutex<Levels>,
    log: LogLimit,
}

#[derive(Debug, Default)]
struct Levels {
    counts: BTreeMap<String, u64>,
    /// A topic since the last line of the log, and how many.
    example: Option<(String, u64)>,
}

impl Default for Unrouted {
    fn default() -> Self {
        Self {
            levels: Mutex::default(),
            log: LogLimit::per_minute(),
        }
    }
}

impl Unrouted {
    pub(crate) fn add(&self, topic: &str) {
        let first = topic.split('/').next().unwrap_or_default();
        let mut levels = self.levels.lock();
        match &mut levels.example {
            Some((_, count)) => *count += 1,
            none => *none = Some((shown(topic), 1)),
        }
        let name = shown(first);
        let is_known = levels.counts.contains_key(&name);
        let name = if is_known || levels.counts.len() < MAX_LEVELS {
            name
        } else {
            String::new()
        };
        *levels.counts.entry(name).or_default() += 1;
    }

    /// Reports what has come since the last report, at most once a minute.
    pub(crate) fn log(&self) {
        let mut levels = self.levels.lock();
        if levels.example.is_none() || self.log.admit().is_none() {
            return;
        }
        if let Some((topic, messages)) = levels.example.take() {
            tracing::warn!(
                topic,
                messages,
                "messages to topics that no route and no subscriber takes"
            );
        }
    }

    fn counts(&self) -> Vec<(String, u64)> {
        let levels = self.levels.lock();
        levels
            .counts
            .iter()
            .map(|(name, count)| (name.clone(), *count))
            .collect()
    }
}

/// How the broker is doing. Counters run since the start of the process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BrokerStatus {
    /// Connections now.
    pub connections: usize,
    /// Sessions whose client is connected.
    pub connected_sessions: usize,
    /// Sessions in all.
    pub sessions: usize,
    pub subscriptions: usize,
    pub retained: usize,
    pub retained_bytes: usize,
    /// Messages that were published by clients.
    pub received: u64,
    /// Messages that were sent to clients.
    pub sent: u64,
    pub bytes_received: u64,
    pub bytes_sent: u64,
    pub refused_logins: u64,
    pub refused_publishes: u64,
    pub refused_subscribes: u64,
    /// Messages that were routed and not retained: the store was full.
    pub not_retained: u64,
    /// Connections that were closed for a packet over the limit.
    pub too_large: u64,
    /// Messages in the log that wait for their commit.
    pub uncommitted: usize,
    /// Bytes of acknowledgements that wait for a commit.
    pub held_bytes: usize,
    /// Bytes of messages that are queued, in flight or retained.
    pub message_bytes: usize,
    /// Connections that do not read what they are sent.
    pub stalled_subscribers: usize,
    /// Sessions whose queue is full, as of the last look.
    pub full_queues: usize,
    /// Weir's own publications that were routed.
    pub published: u64,
    /// Messages that subscribers did not get, by reason.
    pub dropped: Vec<(DropReason, u64)>,
    /// Publishes that nobody takes, by the first level of their topic; the
    /// empty name is all others.
    pub unrouted: Vec<(String, u64)>,
}

impl Shared {
    pub(crate) fn status(&self) -> BrokerStatus {
        let counters = &self.counters;
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let router = self.router.read();
        BrokerStatus {
            connections: counters.connections.get(),
            connected_sessions: router.connected(),
            sessions: router.sessions(),
            subscriptions: router.subscriptions(),
            retained: router.retained.len(),
            retained_bytes: router.retained.bytes(),
            received: count(&counters.received),
            sent: count(&counters.sent),
            bytes_received: count(&counters.bytes_received),
            bytes_sent: count(&counters.bytes_sent),
            refused_logins: count(&counters.refused_logins),
            refused_publishes: count(&counters.refused_publishes),
            refused_subscribes: count(&counters.refused_subscribes),
            not_retained: count(&counters.not_retained),
            too_large: count(&counters.too_large),
            uncommitted: self.uncommitted(),
            held_bytes: counters.held_bytes.get(),
            message_bytes: self.budget.used(),
            stalled_subscribers: counters.stalled_subscribers.get(),
            full_queues: router.full_queues(),
            published: count(&counters.published),
            dropped: DropReason::ALL
                .iter()
                .map(|reason| (*reason, self.drops.get(*reason)))
                .collect(),
            unrouted: counters.unrouted.counts(),
        }
    }
}
