//! The task of a publisher: one connection after the other, each with a window of
//! publications in flight.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use rumqttc::{Packet, PubAck, Publish, QoS};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{Entry, Shared};
use crate::Publication;
use crate::log_text::shown;
use crate::source::backoff::ReconnectBackoff;
use crate::source::link::{Link, LinkError};

/// Publications in flight at most.
pub(super) const WINDOW: usize = 256;
/// Connections that one publication may end before it moves to the end.
const PATIENCE: u32 = 5;
/// How long the queue may take to empty at shutdown.
const DRAIN_DEADLINE: Duration = Duration::from_secs(5);

/// The task: one connection after the other.
pub(super) struct Sender {
    pub(super) link: Link,
    pub(super) shared: Arc<Shared>,
    pub(super) stop: CancellationToken,
    /// Sent and not acknowledged, in the order of sending. The packet ids are those of
    /// the current connection.
    pub(super) in_flight: VecDeque<(u16, Entry)>,
    pub(super) last_pkid: u16,
    /// Connections in a row that ended with publications in flight and without a
    /// PUBACK.
    pub(super) failed_connections: u32,
}

impl Sender {
    pub(super) async fn run(mut self) {
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
