//! State and counters of a source, for `/metrics` and `/readyz`.
//!
//! A connection's task updates its [`Gauge`]: counters once per batch, texts on a
//! change of state. A [`SourceStatus`] is a snapshot with ages.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::Instant;

/// One `[[source]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceStatus {
    /// The configuration's `client_id`.
    pub name: String,
    /// In the order of their client ids.
    pub connections: Vec<ConnectionStatus>,
    /// For how long nothing has arrived, when the source is connected and that is at
    /// least `silent_after`. Members of a share group count together, because a
    /// broker may prefer one of them.
    pub silent_for: Option<Duration>,
}

/// One connection of a source. Counters start with the process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionStatus {
    pub client_id: String,
    pub connected: bool,
    /// The broker has granted every subscription, at QoS 1.
    pub subscribed: bool,
    /// Why the connection was lost or could not be made the last time. It stays after
    /// the reconnect.
    pub last_error: Option<String>,
    /// Filters that the broker refused, or granted at QoS 0 only.
    pub refused_filters: Vec<String>,
    /// Why nothing is received although the connection is open: the answer of the
    /// journal.
    pub waiting: Option<String>,
    /// The journal has failed: this connection stays closed until a restart.
    pub failed: bool,
    /// Connections made after the first one.
    pub reconnects: u64,
    /// Lost connections and failed attempts.
    pub failures: u64,
    /// Messages appended to the journal.
    pub received: u64,
    /// Messages acknowledged after their commit.
    pub acknowledged: u64,
    /// Messages larger than `max_packet`: a notice was journaled instead.
    pub oversized: u64,
    /// Appended messages that are not acknowledged yet.
    pub unacked: u64,
    /// Since the last message; `None` before the first one.
    pub last_message_age: Option<Duration>,
}

impl SourceStatus {
    /// Why the source is not ready: the client id of the connection and a reason, at
    /// most one per client id.
    pub fn unhealthy(&self) -> Vec<(String, String)> {
        let mut found: Vec<(String, String)> = self
            .connections
            .iter()
            .filter_map(|connection| Some((connection.client_id.clone(), connection.problem()?)))
            .collect();
        if let Some(silent_for) = self.silent_for
            && found.is_empty()
        {
            let reason = format!("connected but silent for {} s", silent_for.as_secs());
            found.push((self.name.clone(), reason));
        }
        found
    }
}

impl ConnectionStatus {
    fn problem(&self) -> Option<String> {
        let error = self
            .last_error
            .as_deref()
            .unwrap_or("the first attempt is under way");
        if self.failed {
            Some(format!("closed until a restart: {error}"))
        } else if !self.connected {
            Some(format!("not connected: {error}"))
        } else if let Some(waiting) = &self.waiting {
            Some(format!("connected, but receives nothing: {waiting}"))
        } else if !self.refused_filters.is_empty() {
            let filters = self.refused_filters.join(", ");
            Some(format!("the broker refuses to deliver at QoS 1: {filters}"))
        } else if !self.subscribed {
            Some("connected, but not subscribed yet".to_owned())
        } else {
            None
        }
    }
}

/// The state of one connection, updated by its task.
#[derive(Debug)]
pub(super) struct Gauge {
    client_id: String,
    started: Instant,
    received: AtomicU64,
    acknowledged: AtomicU64,
    oversized: AtomicU64,
    unacked: AtomicU64,
    /// Milliseconds from `started`, plus one; 0 when there was none.
    last_message: AtomicU64,
    state: Mutex<State>,
    /// The revision of the filters that the broker has answered for;
    /// [`NOT_CONNECTED`] without a connection.
    settled: watch::Sender<u64>,
}

/// Above every revision: without a connection nothing is delivered.
const NOT_CONNECTED: u64 = u64::MAX;

#[derive(Debug, Default)]
struct State {
    connected_since: Option<Instant>,
    subscribed: bool,
    last_error: Option<String>,
    refused_filters: Vec<String>,
    waiting: Option<String>,
    failed: bool,
    connects: u64,
    failures: u64,
}

impl Gauge {
    pub(super) fn new(client_id: String) -> Self {
        Self {
            client_id,
            started: Instant::now(),
            received: AtomicU64::new(0),
            acknowledged: AtomicU64::new(0),
            oversized: AtomicU64::new(0),
            unacked: AtomicU64::new(0),
            last_message: AtomicU64::new(0),
            state: Mutex::default(),
            settled: watch::Sender::new(NOT_CONNECTED),
        }
    }

    /// The broker has answered for the filters of this revision.
    pub(super) fn settled(&self, revision: u64) {
        self.settled.send_replace(revision);
    }

    pub(super) async fn wait_settled(&self, revision: u64) {
        let mut settled = self.settled.subscribe();
        // An error would mean that the sender is gone, which is in `self`.
        let _ = settled.wait_for(|settled| *settled >= revision).await;
    }

    pub(super) fn connected(&self) {
        self.settled.send_replace(0);
        let mut state = self.state.lock();
        state.connected_since = Some(Instant::now());
        state.subscribed = false;
        state.connects += 1;
    }

    /// Returns how long the connection lasted, if there was one.
    pub(super) fn lost(&self, error: String) -> Option<Duration> {
        self.settled.send_replace(NOT_CONNECTED);
        let mut state = self.state.lock();
        state.last_error = Some(error);
        state.failures += 1;
        state.subscribed = false;
        state.connected_since.take().map(|since| since.elapsed())
    }

    pub(super) fn failed(&self, reason: String) {
        self.lost(reason);
        self.state.lock().failed = true;
    }

    pub(super) fn stopped(&self) {
        self.settled.send_replace(NOT_CONNECTED);
        self.state.lock().connected_since = None;
    }

    pub(super) fn subscribed(&self, refused_filters: Vec<String>) {
        let mut state = self.state.lock();
        state.subscribed = refused_filters.is_empty();
        state.refused_filters = refused_filters;
    }

    /// The broker kept the session with its subscriptions.
    pub(super) fn resumed(&self) {
        self.state.lock().subscribed = true;
    }

    pub(super) fn waiting(&self, reason: Option<String>) {
        self.state.lock().waiting = reason;
    }

    pub(super) fn appended(&self, messages: u64, unacked: u64) {
        self.received.fetch_add(messages, Ordering::Relaxed);
        self.unacked.store(unacked, Ordering::Relaxed);
        let now = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX - 1);
        self.last_message.store(now + 1, Ordering::Relaxed);
    }

    pub(super) fn acknowledged(&self, messages: u64, unacked: u64) {
        self.acknowledged.fetch_add(messages, Ordering::Relaxed);
        self.unacked.store(unacked, Ordering::Relaxed);
    }

    pub(super) fn nothing_unacked(&self) {
        self.unacked.store(0, Ordering::Relaxed);
    }

    pub(super) fn oversized(&self) {
        self.oversized.fetch_add(1, Ordering::Relaxed);
    }

    fn last_message_age(&self) -> Option<Duration> {
        let at = self.last_message.load(Ordering::Relaxed).checked_sub(1)?;
        Some(
            self.started
                .elapsed()
                .saturating_sub(Duration::from_millis(at)),
        )
    }

    fn status(&self) -> ConnectionStatus {
        let state = self.state.lock();
        ConnectionStatus {
            client_id: self.client_id.clone(),
            connected: state.connected_since.is_some(),
            subscribed: state.subscribed,
            last_error: state.last_error.clone(),
            refused_filters: state.refused_filters.clone(),
            waiting: state.waiting.clone(),
            failed: state.failed,
            reconnects: state.connects.saturating_sub(1),
            failures: state.failures,
            received: self.received.load(Ordering::Relaxed),
            acknowledged: self.acknowledged.load(Ordering::Relaxed),
            oversized: self.oversized.load(Ordering::Relaxed),
            unacked: self.unacked.load(Ordering::Relaxed),
            last_message_age: self.last_message_age(),
        }
    }

    /// Since the last message on this connection, or since it was made when
    /// that was later; `None` while it is not connected.
    fn quiet_for(&self) -> Option<Duration> {
        let connected_for = self.state.lock().connected_since?.elapsed();
        Some(
            self.last_message_age()
                .map_or(connected_for, |age| age.min(connected_for)),
        )
    }
}

/// The status of all connections of a source. `silent_after` of zero: no watchdog.
pub(super) fn source_status(
    name: &str,
    gauges: &[std::sync::Arc<Gauge>],
    silent_after: Duration,
) -> SourceStatus {
    let quiet_for = gauges.iter().filter_map(|gauge| gauge.quiet_for()).min();
    SourceStatus {
        name: name.to_owned(),
        connections: gauges.iter().map(|gauge| gauge.status()).collect(),
        silent_for: quiet_for
            .filter(|&quiet_for| !silent_after.is_zero() && quiet_for >= silent_after),
    }
}
