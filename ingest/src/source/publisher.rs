//! Publishes to an external broker: alerts and shadow answers leave by the broker
//! that delivered the messages.
//!
//! It has a connection of its own (`{client_id}-out`, a clean session), so that
//! neither direction waits for the other. A publication is kept until the broker
//! has accepted it, which at QoS 1 is its PUBACK. After a reconnect the publications
//! in flight are sent again, in order and before newer ones.
//!
//! A broker may close the connection because of a publication (too large, a
//! forbidden topic), which would then be sent first for ever. So after a connection
//! that ended without a PUBACK only one publication is in flight at a time, and one
//! that ended five such connections in a row moves to the end of the queue, with a
//! warning: delayed, but not lost.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rumqttc::{Packet, PubAck, Publish, QoS};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};
use weir_config::Source;

use super::backoff::ReconnectBackoff;
use super::link::{Link, LinkError};
use super::options::{Identity, SourceError};
use crate::log_text::shown;
use crate::publisher::Delivered;
use crate::{Publication, PublishError, Publisher};

/// Publications in the queue and in flight at most.
const CAPACITY: usize = 10_000;
/// Publications in flight at most.
const WINDOW: usize = 256;
/// Connections that one publication may end before it moves to the end.
const PATIENCE: u32 = 5;
/// How long the queue may take to empty at shutdown.
const DRAIN_DEADLINE: Duration = Duration::from_secs(5);

/// Publishes to the broker of one `[[source]]`.
#[derive(Debug)]
pub struct SourcePublisher {
    shared: Arc<Shared>,
    task: Mutex<Option<JoinHandle<()>>>,
    stop: CancellationToken,
}

/// State and counters of a publisher, for `/metrics` and `/readyz`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourcePublisherStatus {
    pub client_id: String,
    pub connected: bool,
    /// Why the connection was lost or could not be made the last time.
    pub last_error: Option<String>,
    /// Lost connections and failed attempts.
    pub failures: u64,
    /// Publications in the queue and in flight.
    pub queued: u64,
    /// Publications that the broker accepted since the start of the process.
    pub delivered: u64,
}

struct Entry {
    publication: Publication,
    delivered: Delivered,
}

#[derive(Debug)]
struct Shared {
    client_id: String,
    state: Mutex<State>,
    /// The queue is not empty, or it was closed.
    queued: Notify,
}

#[derive(Default)]
struct State {
    /// Not in flight yet, oldest first.
    queue: VecDeque<Entry>,
    /// How many the task has in flight.
    in_flight: usize,
    closed: bool,
    connected: bool,
    last_error: Option<String>,
    failures: u64,
    delivered: u64,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("queued", &self.queue.len())
            .field("in_flight", &self.in_flight)
            .field("closed", &self.closed)
            .finish_non_exhaustive()
    }
}

impl SourcePublisher {
    /// Starts the task on the current tokio runtime. An unreachable broker is no
    /// error: publications wait.
    ///
    /// # Errors
    /// A file or certificate that the configuration names cannot be used.
    pub fn start(config: &Source, shutdown: CancellationToken) -> Result<Self, SourceError> {
        let client_id = format!("{}-out", config.client_id);
        let identity = Identity {
            client_id: client_id.clone(),
            clean_session: true,
        };
        let link = Link::new(Arc::new(config.clone()), identity)?;
        let shared = Arc::new(Shared {
            client_id,
            state: Mutex::default(),
            queued: Notify::new(),
        });
        let stop = shutdown.child_token();
        let sender = Sender {
            link,
            shared: shared.clone(),
            stop: stop.clone(),
            in_flight: VecDeque::new(),
            last_pkid: 0,
            failed_connections: 0,
        };
        let task = Mutex::new(Some(tokio::spawn(sender.run())));
        Ok(Self { shared, task, stop })
    }

    pub fn status(&self) -> SourcePublisherStatus {
        let state = self.shared.state.lock();
        SourcePublisherStatus {
            client_id: self.shared.client_id.clone(),
            connected: state.connected,
            last_error: state.last_error.clone(),
            failures: state.failures,
            queued: (state.queue.len() + state.in_flight) as u64,
            delivered: state.delivered,
        }
    }

    /// Refuses further publications, waits up to 5 s until the broker has accepted the
    /// queued ones, and disconnects. The rest is dropped undelivered; its owner still
    /// keeps it.
    pub async fn stop(&self) {
        self.shared.state.lock().closed = true;
        self.stop.cancel();
        let task = self.task.lock().take();
        if let Some(task) = task
            && let Err(error) = task.await
        {
            error!(client_id = self.shared.client_id, %error, "the task of a publisher ended early");
        }
    }
}

impl Publisher for SourcePublisher {
    fn publish(&self, publication: Publication, delivered: Delivered) -> Result<(), PublishError> {
        let mut state = self.shared.state.lock();
        if state.closed {
            return Err(PublishError::Closed);
        }
        if state.queue.len() + state.in_flight >= CAPACITY {
            return Err(PublishError::Full { capacity: CAPACITY });
        }
        if !is_publishable(&publication.topic) {
            // Sending it would end the connection. No retry can succeed, so it counts
            // as delivered.
            drop(state);
            error!(
                topic = ?shown(&publication.topic),
                "publication dropped: its topic is not valid in MQTT"
            );
            if let Some(delivered) = delivered {
                delivered();
            }
            return Ok(());
        }
        state.queue.push_back(Entry {
            publication,
            delivered,
        });
        drop(state);
        self.shared.queued.notify_one();
        Ok(())
    }

    fn room(&self) -> usize {
        let state = self.shared.state.lock();
        CAPACITY.saturating_sub(state.queue.len() + state.in_flight)
    }
}

/// MQTT 3.1.1, sections 3.3.2.1 and 4.7.3.
fn is_publishable(topic: &str) -> bool {
    !topic.is_empty() && topic.len() <= 65_535 && !topic.contains(['+', '#', '\0'])
}

/// The task: one connection after the other.
struct Sender {
    link: Link,
    shared: Arc<Shared>,
    stop: CancellationToken,
    /// Sent and not acknowledged, in the order of sending. The packet ids are those of
    /// the current connection.
    in_flight: VecDeque<(u16, Entry)>,
    last_pkid: u16,
    /// Connections in a row that ended with publications in flight and without a
    /// PUBACK.
    failed_connections: u32,
}

impl Sender {
    async fn run(mut self) {
        let mut backoff = ReconnectBackoff::new();
        loop {
            let since = Instant::now();
            let lost = match self.connect_and_serve().await {
                Ok(()) => break,
                Err(lost) => lost,
            };
            self.link.hang_up();
            let connected_for = self.note_loss(&lost).then(|| since.elapsed());
            self.requeue();
            if self.stop.is_cancelled() {
                break;
            }
            let delay = backoff.delay(connected_for);
            let client_id = self.link.client_id();
            warn!(client_id, error = %shown(&lost), ?delay, "publisher not connected; retrying");
            tokio::select! {
                biased;
                () = self.stop.cancelled() => break,
                () = sleep(delay) => {}
            }
        }
        let mut state = self.shared.state.lock();
        state.closed = true;
        state.connected = false;
        state.in_flight = 0;
        let left = state.queue.len() + self.in_flight.len();
        state.queue.clear();
        drop(state);
        if left > 0 {
            let client_id = self.link.client_id();
            warn!(
                client_id,
                publications = left,
                "publisher closed before the broker had accepted everything"
            );
        }
    }

    /// Returns whether there was a connection.
    fn note_loss(&mut self, lost: &LinkError) -> bool {
        let mut state = self.shared.state.lock();
        state.last_error = Some(lost.to_string());
        state.failures += 1;
        std::mem::take(&mut state.connected)
    }

    /// Puts the publications in flight back to the front of the queue, in order.
    fn requeue(&mut self) {
        if self.in_flight.is_empty() {
            return;
        }
        self.failed_connections += 1;
        let mut state = self.shared.state.lock();
        for (_, entry) in self.in_flight.drain(..).rev() {
            state.queue.push_front(entry);
        }
        state.in_flight = 0;
        if self.failed_connections > PATIENCE
            && let Some(entry) = state.queue.pop_front()
        {
            warn!(
                client_id = self.link.client_id(),
                topic = ?shown(&entry.publication.topic),
                bytes = entry.publication.payload.len(),
                "the broker closes the connection on this publication; retrying it after the others"
            );
            state.queue.push_back(entry);
            self.failed_connections = 1;
        }
    }

    async fn connect_and_serve(&mut self) -> Result<(), LinkError> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => return Ok(()),
            connack = self.link.connect() => connack?,
        };
        self.shared.state.lock().connected = true;
        info!(client_id = self.link.client_id(), "publisher connected");
        let every = self.link.ping_interval();
        let mut ping = interval_at(Instant::now() + every, every);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !self.stop.is_cancelled() {
            self.fill_window().await?;
            self.turn(&mut ping).await?;
        }
        let drained = timeout(DRAIN_DEADLINE, async {
            while self.has_work() {
                self.fill_window().await?;
                if !self.in_flight.is_empty() {
                    let packet = self.link.read().await?;
                    self.on_packet(packet)?;
                }
            }
            Ok::<(), LinkError>(())
        });
        // In time or not, `run` counts what is left.
        let _ = drained.await;
        self.link.disconnect().await;
        Ok(())
    }

    /// Waits for one event and handles it.
    async fn turn(&mut self, ping: &mut Interval) -> Result<(), LinkError> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => {}
            _ = ping.tick() => self.link.keep_alive(true).await?,
            () = self.shared.queued.notified(), if self.in_flight.len() < self.window() => {}
            packet = self.link.read() => {
                self.link.heard();
                self.on_packet(packet?)?;
                while let Some(packet) = self.link.read_ready().await {
                    self.on_packet(packet?)?;
                }
            }
        }
        Ok(())
    }

    fn window(&self) -> usize {
        if self.failed_connections == 0 {
            WINDOW
        } else {
            1
        }
    }

    fn has_work(&self) -> bool {
        !self.in_flight.is_empty() || !self.shared.state.lock().queue.is_empty()
    }

    /// Fills the window from the queue, with one flush.
    async fn fill_window(&mut self) -> Result<(), LinkError> {
        let first_new = self.in_flight.len();
        {
            let shared = self.shared.clone();
            let mut state = shared.state.lock();
            while self.in_flight.len() < self.window()
                && let Some(entry) = state.queue.pop_front()
            {
                let pkid = match entry.publication.qos {
                    0 => 0,
                    _ => self.next_pkid(),
                };
                self.in_flight.push_back((pkid, entry));
            }
            state.in_flight = self.in_flight.len();
        }
        if first_new == self.in_flight.len() {
            return Ok(());
        }
        let new = self.in_flight.range(first_new..);
        let packets: Vec<Packet> = new.map(|(pkid, entry)| packet(*pkid, entry)).collect();
        self.link.send(packets.into_iter()).await?;
        self.finish_qos_0(first_new);
        Ok(())
    }

    /// At QoS 0 a publication is delivered when it is flushed: there is no answer.
    fn finish_qos_0(&mut self, first_new: usize) {
        let mut ix = first_new;
        while ix < self.in_flight.len() {
            if self.in_flight[ix].0 == 0 {
                self.finish(ix);
            } else {
                ix += 1;
            }
        }
    }

    fn on_packet(&mut self, packet: Packet) -> Result<(), LinkError> {
        match packet {
            Packet::PubAck(PubAck { pkid }) => {
                // Brokers acknowledge in order, so it is nearly always the first.
                let found = self.in_flight.iter().position(|(sent, _)| *sent == pkid);
                let ix = found.ok_or(LinkError::Unexpected)?;
                self.failed_connections = 0;
                self.finish(ix);
                Ok(())
            }
            Packet::PingResp => Ok(()),
            _ => Err(LinkError::Unexpected),
        }
    }

    fn finish(&mut self, ix: usize) {
        let Some((_, entry)) = self.in_flight.remove(ix) else {
            return;
        };
        {
            let mut state = self.shared.state.lock();
            state.in_flight = self.in_flight.len();
            state.delivered += 1;
        }
        if let Some(delivered) = entry.delivered {
            delivered();
        }
    }

    /// 1 to 65,535 in turn; an id that is in flight is skipped.
    fn next_pkid(&mut self) -> u16 {
        loop {
            self.last_pkid = self.last_pkid.checked_add(1).unwrap_or(1);
            if !self
                .in_flight
                .iter()
                .any(|(pkid, _)| *pkid == self.last_pkid)
            {
                return self.last_pkid;
            }
        }
    }
}

fn packet(pkid: u16, entry: &Entry) -> Packet {
    let Publication {
        topic,
        payload,
        retain,
        ..
    } = &entry.publication;
    let qos = if pkid == 0 {
        QoS::AtMostOnce
    } else {
        QoS::AtLeastOnce
    };
    let mut publish = Publish::from_bytes(topic.as_str(), qos, payload.clone());
    (publish.pkid, publish.retain) = (pkid, *retain);
    Packet::Publish(publish)
}

#[cfg(test)]
mod tests;
