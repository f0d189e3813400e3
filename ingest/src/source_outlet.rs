//! Publishes to an external broker: alerts and shadow answers leave by the
//! broker that the messages came in by.
//!
//! It has a connection of its own (`{client_id}-out`, a clean session), so that
//! neither direction waits for the other. A publication is kept until the
//! broker has it, which at QoS 1 is its PUBACK; after a reconnect what was
//! under way is sent again, in order and before anything newer.
//!
//! A publication that the broker answers by hanging up (too large for it, a
//! topic that it forbids) would be sent first for ever. So after a connection
//! that ended without one PUBACK only one publication is under way at a time,
//! and one that five such connections in a row died of goes to the end of the
//! queue, with a warning: later, but not lost.

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

use crate::source::SourceError;
use crate::source::backoff::Backoff;
use crate::source::link::{Link, LinkError};
use crate::source::options::Identity;
use crate::{Outlet, OutletError, Publication};

/// Publications that are kept at most, under way or not.
const CAPACITY: usize = 10_000;
/// Publications under way at most.
const WINDOW: usize = 256;
/// Connections that may die of one publication before it goes to the end.
const PATIENCE: u32 = 5;
/// How long the queue may take to empty at shutdown.
const DRAIN_DEADLINE: Duration = Duration::from_secs(5);

/// See [`Outlet::publish`].
type Delivered = Option<Box<dyn FnOnce() + Send>>;

/// The way out to one `[[source]]`.
#[derive(Debug)]
pub struct SourceOutlet {
    shared: Arc<Shared>,
    task: Mutex<Option<JoinHandle<()>>>,
    stop: CancellationToken,
}

/// How an outlet stands, for `/metrics` and `/readyz`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceOutletStatus {
    pub client_id: String,
    pub connected: bool,
    /// Why the connection was lost or could not be made, last time.
    pub last_error: Option<String>,
    /// Connections lost and attempts in vain.
    pub failures: u64,
    /// Publications kept, under way or not.
    pub queued: u64,
    /// Publications that the broker took, since the start of the process.
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
    /// There is something in the queue, or it was closed.
    queued: Notify,
}

#[derive(Default)]
struct State {
    /// Not under way yet, oldest first.
    queue: VecDeque<Entry>,
    /// How many the task has under way.
    under_way: usize,
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
            .field("under_way", &self.under_way)
            .field("closed", &self.closed)
            .finish_non_exhaustive()
    }
}

impl SourceOutlet {
    /// Starts the task on the current tokio runtime. That the broker cannot be
    /// reached is no error: publications wait until it can.
    ///
    /// # Errors
    /// What the configuration names cannot be used: a file, a certificate.
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
            under_way: VecDeque::new(),
            last_pkid: 0,
            barren: 0,
        };
        let task = Mutex::new(Some(tokio::spawn(sender.run())));
        Ok(Self { shared, task, stop })
    }

    pub fn status(&self) -> SourceOutletStatus {
        let state = self.shared.state.lock();
        SourceOutletStatus {
            client_id: self.shared.client_id.clone(),
            connected: state.connected,
            last_error: state.last_error.clone(),
            failures: state.failures,
            queued: (state.queue.len() + state.under_way) as u64,
            delivered: state.delivered,
        }
    }

    /// Takes no more, waits up to 5 s until the broker has what was taken, and
    /// disconnects. What it does not have by then is dropped undelivered; its
    /// owner still keeps it.
    pub async fn stop(&self) {
        self.shared.state.lock().closed = true;
        self.stop.cancel();
        let task = self.task.lock().take();
        if let Some(task) = task
            && let Err(error) = task.await
        {
            error!(client_id = self.shared.client_id, %error, "the outlet's task had ended early");
        }
    }
}

impl Outlet for SourceOutlet {
    fn publish(&self, publication: Publication, delivered: Delivered) -> Result<(), OutletError> {
        let mut state = self.shared.state.lock();
        if state.closed {
            return Err(OutletError::Closed);
        }
        if state.queue.len() + state.under_way >= CAPACITY {
            return Err(OutletError::Full { capacity: CAPACITY });
        }
        if !is_publishable(&publication.topic) {
            // To send it would only cost the connection. Nobody can mend it, so
            // it counts as delivered: to be offered again would change nothing.
            drop(state);
            error!(
                topic = publication.topic,
                "not published: not a topic that MQTT allows"
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
        CAPACITY.saturating_sub(state.queue.len() + state.under_way)
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
    /// Sent and not acknowledged, in the order of sending. Packet ids are those
    /// of the current connection.
    under_way: VecDeque<(u16, Entry)>,
    last_pkid: u16,
    /// Connections in a row that ended with something under way and without one
    /// PUBACK.
    barren: u32,
}

impl Sender {
    async fn run(mut self) {
        let mut backoff = Backoff::new();
        loop {
            let since = Instant::now();
            let lost = match self.connect_and_serve().await {
                Ok(()) => break,
                Err(lost) => lost,
            };
            self.link.hang_up();
            let held = self.note_loss(&lost).then(|| since.elapsed());
            self.take_back();
            if self.stop.is_cancelled() {
                break;
            }
            let delay = backoff.delay(held);
            let client_id = self.link.client_id();
            warn!(client_id, error = %lost, ?delay, "outlet not connected, trying again");
            tokio::select! {
                biased;
                () = self.stop.cancelled() => break,
                () = sleep(delay) => {}
            }
        }
        let mut state = self.shared.state.lock();
        state.closed = true;
        state.connected = false;
        state.under_way = 0;
        let left = state.queue.len() + self.under_way.len();
        state.queue.clear();
        drop(state);
        if left > 0 {
            let client_id = self.link.client_id();
            warn!(
                client_id,
                publications = left,
                "outlet closed before the broker had everything"
            );
        }
    }

    /// Answers whether there was a connection.
    fn note_loss(&mut self, lost: &LinkError) -> bool {
        let mut state = self.shared.state.lock();
        state.last_error = Some(lost.to_string());
        state.failures += 1;
        std::mem::take(&mut state.connected)
    }

    /// Puts what was under way back to the front of the queue, in its order.
    fn take_back(&mut self) {
        if self.under_way.is_empty() {
            return;
        }
        self.barren += 1;
        let mut state = self.shared.state.lock();
        for (_, entry) in self.under_way.drain(..).rev() {
            state.queue.push_front(entry);
        }
        state.under_way = 0;
        if self.barren > PATIENCE
            && let Some(entry) = state.queue.pop_front()
        {
            warn!(
                client_id = self.link.client_id(),
                topic = entry.publication.topic,
                bytes = entry.publication.payload.len(),
                "the broker hangs up on this publication: it is tried again after the others"
            );
            state.queue.push_back(entry);
            self.barren = 1;
        }
    }

    async fn connect_and_serve(&mut self) -> Result<(), LinkError> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => return Ok(()),
            connack = self.link.connect() => connack?,
        };
        self.shared.state.lock().connected = true;
        info!(client_id = self.link.client_id(), "outlet connected");
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
                if !self.under_way.is_empty() {
                    let packet = self.link.read().await?;
                    self.on_packet(packet)?;
                }
            }
            Ok::<(), LinkError>(())
        });
        // Whatever it ended with, it is over: what is left is counted in `run`.
        let _ = drained.await;
        self.link.disconnect().await;
        Ok(())
    }

    /// Waits until something happens, and sees to it.
    async fn turn(&mut self, ping: &mut Interval) -> Result<(), LinkError> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => {}
            _ = ping.tick() => self.link.keep_alive(true).await?,
            () = self.shared.queued.notified(), if self.under_way.len() < self.window() => {}
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
        if self.barren == 0 { WINDOW } else { 1 }
    }

    fn has_work(&self) -> bool {
        !self.under_way.is_empty() || !self.shared.state.lock().queue.is_empty()
    }

    /// Sends from the queue as far as the window goes, with one flush.
    async fn fill_window(&mut self) -> Result<(), LinkError> {
        let first_new = self.under_way.len();
        {
            let shared = self.shared.clone();
            let mut state = shared.state.lock();
            while self.under_way.len() < self.window()
                && let Some(entry) = state.queue.pop_front()
            {
                let pkid = match entry.publication.qos {
                    0 => 0,
                    _ => self.next_pkid(),
                };
                self.under_way.push_back((pkid, entry));
            }
            state.under_way = self.under_way.len();
        }
        if first_new == self.under_way.len() {
            return Ok(());
        }
        let new = self.under_way.range(first_new..);
        let packets: Vec<Packet> = new.map(|(pkid, entry)| packet(*pkid, entry)).collect();
        self.link.send(packets.into_iter()).await?;
        self.finish_qos_0(first_new);
        Ok(())
    }

    /// At QoS 0 the broker has it when it is flushed: nothing else will tell.
    fn finish_qos_0(&mut self, first_new: usize) {
        let mut ix = first_new;
        while ix < self.under_way.len() {
            if self.under_way[ix].0 == 0 {
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
                let found = self.under_way.iter().position(|(sent, _)| *sent == pkid);
                let ix = found.ok_or(LinkError::Unexpected)?;
                self.barren = 0;
                self.finish(ix);
                Ok(())
            }
            Packet::PingResp => Ok(()),
            _ => Err(LinkError::Unexpected),
        }
    }

    fn finish(&mut self, ix: usize) {
        let Some((_, entry)) = self.under_way.remove(ix) else {
            return;
        };
        {
            let mut state = self.shared.state.lock();
            state.under_way = self.under_way.len();
            state.delivered += 1;
        }
        if let Some(delivered) = entry.delivered {
            delivered();
        }
    }

    /// 1 to 65,535 in turn; an id that is still under way is passed over.
    fn next_pkid(&mut self) -> u16 {
        loop {
            self.last_pkid = self.last_pkid.checked_add(1).unwrap_or(1);
            if !self
                .under_way
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
