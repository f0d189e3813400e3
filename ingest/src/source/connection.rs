//! One receiving connection: from the broker into the journal, and the
//! acknowledgements back.
//!
//! All messages that have arrived become one append; a commit becomes one flush of
//! all acknowledgements that it makes due. Nothing is acknowledged before its
//! commit, out of the order of receipt, or over another connection
//! ([`super::acks`]).
//!
//! Subscriptions request QoS 1, so a broker delivers QoS 2 publishes at QoS 1. A
//! session with an older subscription at QoS 2 is served too (PUBREC after the
//! commit). QoS 0 is appended and not acknowledged.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rumqttc::{Packet, PubComp, PubRel, Publish, SubAck};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};
use weir_journal::{AppendError, Appender, CommitListener, JournalFailed};
use weir_model::oversized_notice;

use super::acks::{Ack, CommitSignal, OwedAcks};
use super::backoff::ReconnectBackoff;
use super::batch::{self, Batch};
use super::link::{Link, LinkError};
use super::status::Gauge;
use super::subscription::{Filters, Subscription};
use crate::log_text::shown;

/// How long the last commits and acknowledgements may take at shutdown.
const DRAIN_DEADLINE: Duration = Duration::from_secs(5);
/// Between attempts to append when the journal reports room that another endpoint
/// has already taken.
const RETRY_PAUSE: Duration = Duration::from_millis(10);

/// What a connection is made of.
pub(super) struct Parts {
    pub(super) link: Link,
    pub(super) subscription: Subscription,
    /// The topics to subscribe to; they may change.
    pub(super) filters: watch::Receiver<Filters>,
    pub(super) journal: Arc<dyn Appender>,
    pub(super) gauge: Arc<Gauge>,
    pub(super) shutdown: CancellationToken,
    /// Largest topic plus payload in bytes.
    pub(super) max_packet: u64,
    /// Unacknowledged messages at which receiving pauses.
    pub(super) max_inflight: usize,
}

/// Why a connection ended.
enum End {
    Lost(LinkError),
    JournalFailed(JournalFailed),
    Stopped,
}

impl From<LinkError> for End {
    fn from(error: LinkError) -> Self {
        Self::Lost(error)
    }
}

/// See the module.
pub(super) struct Connection {
    parts: Parts,
    signal: Arc<CommitSignal>,
    listener: Arc<dyn CommitListener>,
    /// Received, not appended yet. Bounded by the batch limits: while it waits for
    /// room in the journal nothing is read.
    batch: Batch,
    /// The journal refused the batch.
    refused: bool,
    owed: OwedAcks,
    /// PUBCOMPs to write next.
    replies: Vec<Packet>,
}

impl Connection {
    pub(super) fn new(parts: Parts) -> Self {
        let signal = Arc::new(CommitSignal::default());
        Self {
            parts,
            listener: signal.clone(),
            signal,
            batch: Batch::default(),
            refused: false,
            owed: OwedAcks::default(),
            replies: Vec::new(),
        }
    }

    /// Connects and reconnects until shutdown or until the journal fails.
    pub(super) async fn run(mut self) {
        let mut backoff = ReconnectBackoff::new();
        loop {
            let end = self.session().await;
            self.forget_connection();
            let client_id = self.parts.link.client_id();
            match end {
                End::Stopped => return self.parts.gauge.stopped(),
                End::JournalFailed(failure) => {
                    // Disconnecting leaves the messages to the other members of the
                    // share group and to the broker's queue.
                    error!(client_id, error = %failure, "source closed: nothing can be acknowledged");
                    return self.parts.gauge.failed(failure.to_string());
                }
                End::Lost(lost) => {
                    let connected_for = self.parts.gauge.lost(lost.to_string());
                    let delay = backoff.delay(connected_for);
                    warn!(client_id, error = %shown(&lost), ?delay, "source not connected; retrying");
                    tokio::select! {
                        biased;
                        () = self.parts.shutdown.cancelled() => return self.parts.gauge.stopped(),
                        () = sleep(delay) => {}
                    }
                }
            }
        }
    }

    /// Packet ids are invalid on the next connection. What waits for room at QoS 1 and
    /// 2 is delivered again; QoS 0 is not, so that is kept.
    fn forget_connection(&mut self) {
        self.parts.link.hang_up();
        self.parts.subscription.forget_answers();
        self.owed.clear();
        self.replies.clear();
        self.parts.gauge.nothing_unacked();
        self.batch.keep_qos_0();
        if self.batch.is_empty() && std::mem::take(&mut self.refused) {
            self.parts.gauge.waiting(None);
        }
    }

    /// One connection, from CONNECT to its end.
    async fn session(&mut self) -> End {
        match self.connect_and_serve().await {
            Ok(()) => End::Stopped,
            Err(end) => end,
        }
    }

    async fn connect_and_serve(&mut self) -> Result<(), End> {
        let connack = tokio::select! {
            biased;
            () = self.parts.shutdown.cancelled() => return Err(End::Stopped),
            connack = self.parts.link.connect() => connack?,
        };
        self.parts.gauge.connected();
        let client_id = self.parts.link.client_id();
        info!(
            client_id,
            session_present = connack.session_present,
            "source connected"
        );
        let filters = self.parts.filters.borrow_and_update().clone();
        let mut packets = self.parts.subscription.change(filters);
        if self.parts.subscription.is_needed(connack.session_present) {
            packets = self.parts.subscription.ask();
        } else {
            self.parts.gauge.resumed();
            self.report_settled();
        }
        if !packets.is_empty() {
            self.parts.link.send(packets.into_iter()).await?;
        }
        self.serve().await
    }

    /// Receives and acknowledges until the connection is lost (an error) or the
    /// shutdown is complete.
    async fn serve(&mut self) -> Result<(), End> {
        let journal = self.parts.journal.clone();
        let every = self.parts.link.ping_interval();
        let mut ping = interval_at(Instant::now() + every, every);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let receiving = self.is_receiving();
            tokio::select! {
                biased;
                () = self.parts.shutdown.cancelled() => return self.drain().await,
                () = self.signal.changed() => self.acknowledge().await?,
                _ = ping.tick() => self.tick(receiving).await?,
                Ok(()) = self.parts.filters.changed() => self.change_filters().await?,
                () = journal.room(), if self.refused => self.append_again().await?,
                packet = self.parts.link.read(), if receiving => self.receive(packet?).await?,
            }
        }
    }

    /// Backpressure means not reading: the TCP window fills, then the broker's queue.
    /// Pings continue, so the connection stays open until there is room.
    fn is_receiving(&self) -> bool {
        !self.refused && self.owed.len() < self.parts.max_inflight
    }

    /// Handles one packet and all that have arrived already.
    async fn receive(&mut self, first: Packet) -> Result<(), End> {
        self.parts.link.heard();
        let mut lost = self.on_packet(first).err();
        while lost.is_none() && !self.batch.is_full() {
            match self.parts.link.read_ready().await {
                None => break,
                Some(Ok(packet)) => lost = self.on_packet(packet).err(),
                Some(Err(error)) => lost = Some(error.into()),
            }
        }
        // Also when the connection is lost: QoS 0 is not delivered again.
        self.append()?;
        if let Some(lost) = lost {
            return Err(lost);
        }
        if !self.replies.is_empty() {
            self.parts.link.send(self.replies.drain(..)).await?;
        }
        Ok(())
    }

    fn on_packet(&mut self, packet: Packet) -> Result<(), End> {
        match packet {
            Packet::Publish(publish) => self.on_publish(publish),
            // PUBREC was sent after the commit, over this connection or an earlier
            // one: either way the message is safe.
            Packet::PubRel(PubRel { pkid }) => {
                self.replies.push(Packet::PubComp(PubComp::new(pkid)));
            }
            Packet::SubAck(suback) => self.on_suback(&suback)?,
            Packet::UnsubAck(unsuback) => {
                self.parts.subscription.on_unsuback(unsuback.pkid);
                self.report_settled();
            }
            Packet::PingResp => {}
            _ => return Err(LinkError::Unexpected.into()),
        }
        Ok(())
    }

    fn on_publish(&mut self, mut publish: Publish) {
        let bytes = batch::size(&publish);
        if bytes as u64 > self.parts.max_packet {
            // A broker delivers a refused message again for ever, and the journal has
            // no room for it. A notice replaces it: the message is acknowledged and
            // quarantined under its topic.
            warn!(
                client_id = self.parts.link.client_id(),
                topic = ?shown(&publish.topic),
                bytes,
                max_packet = self.parts.max_packet,
                "message larger than max_packet: quarantined without its payload"
            );
            self.parts.gauge.oversized();
            publish.payload = Bytes::from(oversized_notice(bytes as u64, self.parts.max_packet));
        }
        self.batch.push(publish);
    }

    fn on_suback(&mut self, suback: &SubAck) -> Result<(), End> {
        if let Some(refused) = self.parts.subscription.on_suback(suback)? {
            if !refused.is_empty() {
                let client_id = self.parts.link.client_id();
                warn!(client_id, filters = ?refused, "the broker refused QoS 1 subscriptions");
            }
            self.parts.gauge.subscribed(refused.to_vec());
        }
        self.report_settled();
        Ok(())
    }

    /// The routes have changed.
    async fn change_filters(&mut self) -> Result<(), End> {
        let filters = self.parts.filters.borrow_and_update().clone();
        let packets = self.parts.subscription.change(filters);
        info!(
            client_id = self.parts.link.client_id(),
            packets = packets.len(),
            "the topics have changed; updating the subscriptions"
        );
        self.parts.link.send(packets.into_iter()).await?;
        if !self.parts.subscription.is_asking() {
            // A refused filter that is no longer wanted is not reported.
            let refused = self.parts.subscription.refused().to_vec();
            self.parts.gauge.subscribed(refused);
        }
        self.report_settled();
        Ok(())
    }

    fn report_settled(&self) {
        let subscription = &self.parts.subscription;
        if subscription.is_settled() {
            self.parts.gauge.settled(subscription.revision());
        }
    }

    /// Appends the batch. Without room it stays.
    fn append(&mut self) -> Result<(), End> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let messages = self.batch.messages();
        let count = messages.len() as u64;
        let gauge = &self.parts.gauge;
        match self.parts.journal.append(&messages, Some(&self.listener)) {
            Ok(appended) => {
                self.owed.add(
                    self.batch.publishes().iter().filter_map(Ack::of),
                    appended.end,
                );
                gauge.appended(count, self.owed.len() as u64);
                self.batch.clear();
                if std::mem::take(&mut self.refused) {
                    gauge.waiting(None);
                }
                Ok(())
            }
            Err(AppendError::Failed(failure)) => Err(End::JournalFailed(failure)),
            Err(no_room @ (AppendError::Full { .. } | AppendError::Busy { .. })) => {
                gauge.waiting(Some(no_room.to_string()));
                self.refused = true;
                Ok(())
            }
        }
    }

    async fn append_again(&mut self) -> Result<(), End> {
        self.append()?;
        if self.refused {
            sleep(RETRY_PAUSE).await;
        }
        Ok(())
    }

    /// Writes the acknowledgements that are due.
    async fn acknowledge(&mut self) -> Result<(), End> {
        let due = self.owed.settle(self.signal.committed());
        if due > 0 {
            self.parts.link.send(self.owed.take(due)).await?;
            self.parts
                .gauge
                .acknowledged(due as u64, self.owed.len() as u64);
        }
        if self.signal.has_failed() {
            let stalled = self.parts.journal.status().stalled;
            let reason = stalled
                .unwrap_or_else(|| "a commit failed".to_owned())
                .into();
            return Err(End::JournalFailed(JournalFailed { reason }));
        }
        Ok(())
    }

    async fn tick(&mut self, receiving: bool) -> Result<(), End> {
        self.parts.link.keep_alive(receiving).await?;
        let packets = self.parts.subscription.ask_again();
        if !packets.is_empty() {
            self.parts.link.send(packets.into_iter()).await?;
        }
        Ok(())
    }

    /// Stops receiving, waits for a time until appended messages are committed and
    /// acknowledged, and disconnects. The broker keeps the rest.
    async fn drain(&mut self) -> Result<(), End> {
        let settle = async {
            self.acknowledge().await?;
            while self.owed.len() > 0 {
                self.signal.changed().await;
                self.acknowledge().await?;
            }
            Ok::<(), End>(())
        };
        match timeout(DRAIN_DEADLINE, settle).await {
            Ok(settled) => settled?,
            Err(_) => warn!(
                client_id = self.parts.link.client_id(),
                unacked = self.owed.len(),
                "stopping before everything is committed; the broker delivers it again"
            ),
        }
        self.parts.link.disconnect().await;
        Ok(())
    }
}
