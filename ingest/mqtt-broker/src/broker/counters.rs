//! Counters of the broker, and what they say at one moment.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;
use weir_mqtt_codec::ReasonCode;

use super::Shared;
use crate::drops::DropReason;
use crate::log_text::{LogLimit, shown};

/// First levels of topics that are told apart.
const MAX_LEVELS: usize = 100;
/// What all further ones are counted under.
const OTHERS: &str = "(other)";

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) connections: Gauge,
    pub(crate) received: AtomicU64,
    pub(crate) sent: AtomicU64,
    pub(crate) packets_received: AtomicU64,
    pub(crate) packets_sent: AtomicU64,
    payload_received: AtomicU64,
    pub(crate) payload_sent: AtomicU64,
    /// Sessions whose client is connected, at most.
    pub(crate) most_connected: AtomicUsize,
    pub(crate) expired_sessions: AtomicU64,
    /// Connections in all, ...
    pub(crate) opened: AtomicU64,
    /// ... and those whose CONNECT was accepted.
    pub(crate) admitted: AtomicU64,
    pub(crate) bytes_received: AtomicU64,
    pub(crate) bytes_sent: AtomicU64,
    pub(crate) refused_logins: AtomicU64,
    pub(crate) refused_publishes: AtomicU64,
    pub(crate) refused_subscribes: AtomicU64,
    pub(crate) not_retained: AtomicU64,
    closed: Mutex<BTreeMap<u8, u64>>,
    pub(crate) unread_bytes: Gauge,
    pub(crate) held_bytes: Gauge,
    pub(crate) stalled_subscribers: Gauge,
    pub(crate) published: AtomicU64,
    pub(crate) unrouted: Unrouted,
}

impl Counters {
    pub(crate) fn count_received(&self, publishes: u64, payload: u64) {
        self.received.fetch_add(publishes, Ordering::Relaxed);
        self.payload_received.fetch_add(payload, Ordering::Relaxed);
    }

    /// The broker has closed or refused a connection.
    pub(crate) fn count_closed(&self, reason: ReasonCode) {
        *self.closed.lock().entry(reason as u8).or_default() += 1;
    }

    fn closed(&self) -> Vec<(ReasonCode, u64)> {
        let closed = self.closed.lock();
        let known = closed.iter();
        known
            .filter_map(|(code, count)| Some((ReasonCode::from_u8(*code)?, *count)))
            .collect()
    }
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
            OTHERS.to_owned()
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
    /// Packets of any kind.
    pub packets_received: u64,
    pub packets_sent: u64,
    /// Bytes of the payloads of messages.
    pub payload_received: u64,
    pub payload_sent: u64,
    /// The most clients that were connected at once.
    pub most_connected: usize,
    /// Sessions that ended because their client stayed away.
    pub expired_sessions: u64,
    /// Connections that were opened, ...
    pub opened: u64,
    /// ... and those whose CONNECT was accepted.
    pub admitted: u64,
    /// Subscriptions to `$share/…`.
    pub shared_subscriptions: usize,
    pub bytes_received: u64,
    pub bytes_sent: u64,
    pub refused_logins: u64,
    pub refused_publishes: u64,
    pub refused_subscribes: u64,
    /// Messages that were routed and not retained: the store was full.
    pub not_retained: u64,
    /// Connections that the broker has closed or refused, by reason.
    pub closed: Vec<(ReasonCode, u64)>,
    /// Messages in the log that wait for their commit.
    pub uncommitted: usize,
    /// Bytes of acknowledgements that wait for a commit.
    pub held_bytes: usize,
    /// Messages that are queued, in flight or retained, and their bytes.
    pub messages: usize,
    pub message_bytes: usize,
    /// Bytes of packets that have not arrived in full.
    pub unread_bytes: usize,
    /// Connections that do not read what they are sent.
    pub stalled_subscribers: usize,
    /// Sessions whose queue is full, as of the last look.
    pub full_queues: usize,
    /// Weir's own publications that were routed.
    pub published: u64,
    /// Messages that subscribers did not get, by reason.
    pub dropped: Vec<(DropReason, u64)>,
    /// Publishes that nobody takes, by the first level of their topic, and
    /// `(other)` beyond 100 of these.
    pub unrouted: Vec<(String, u64)>,
}

impl BrokerStatus {
    /// Messages that subscribers did not get, whatever the reason.
    pub fn dropped_messages(&self) -> u64 {
        self.dropped.iter().map(|(_, count)| count).sum()
    }
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
            packets_received: count(&counters.packets_received),
            packets_sent: count(&counters.packets_sent),
            payload_received: count(&counters.payload_received),
            payload_sent: count(&counters.payload_sent),
            most_connected: counters.most_connected.load(Ordering::Relaxed),
            expired_sessions: count(&counters.expired_sessions),
            opened: count(&counters.opened),
            admitted: count(&counters.admitted),
            shared_subscriptions: router.shared_subscriptions(),
            bytes_received: count(&counters.bytes_received),
            bytes_sent: count(&counters.bytes_sent),
            refused_logins: count(&counters.refused_logins),
            refused_publishes: count(&counters.refused_publishes),
            refused_subscribes: count(&counters.refused_subscribes),
            not_retained: count(&counters.not_retained),
            closed: counters.closed(),
            uncommitted: self.uncommitted(),
            held_bytes: counters.held_bytes.get(),
            messages: self.budget.messages(),
            message_bytes: self.budget.used(),
            unread_bytes: counters.unread_bytes.get(),
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
