//! One connection without its socket: bytes in, bytes out.
//!
//! [`Connection::receive`] handles the packets in what was read and appends the
//! publishes among them to the log in one call. [`Connection::transmit`] fills a
//! buffer: what answers at once (CONNACK, PINGRESP, PUBREL), then the
//! acknowledgements that the log has released, then messages of the session.
//! Time is passed in. The task that owns the socket is in `driver.rs`.

mod ack_gate;
mod connect;
mod output;
mod publish;
mod subscribe;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use weir_mqtt_codec::{
    Ack, AckKind, DecodeError, Disconnect, Frame, Packet, Peer as From, ReasonCode, Split, Version,
    split,
};

use self::ack_gate::AckGate;
use self::connect::PendingConnect;
use crate::access::{Login, Origin, Permissions};
use crate::batch::{Batch, Publisher};
use crate::broker::Shared;
use crate::commit_log::AppendError;
use crate::link::Link;
use crate::router::{Ending, Scratch};
use crate::session::Session;
use crate::time::Time;
use crate::topic_tree::SessionIx;

/// Publishes that are appended together at most, ...
const MAX_BATCH: usize = 512;
/// ... and bytes of them, give or take one message.
const MAX_BATCH_BYTES: usize = 256 * 1024;
/// Bytes of answers that wait for the client to read, give or take one packet;
/// then nothing more is read from it.
const MAX_WAITING_BYTES: usize = 256 * 1024;

/// A connection as a state machine.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) shared: Arc<Shared>,
    pub(crate) link: Arc<Link>,
    origin: Arc<Origin>,
    phase: Phase,
    version: Version,
    client: Option<Client>,
    /// What answers at once, ...
    immediate: Vec<u8>,
    /// ... in so many packets.
    immediate_packets: u64,
    gate: AckGate,
    batch: Batch,
    /// The log had no room for the batch.
    is_stalled: bool,
    /// QoS 1 and 2 publishes without acknowledgement.
    unacknowledged: usize,
    /// Topics by alias, less one.
    aliases: Vec<Option<Arc<str>>>,
    scratch: Scratch,
}

#[derive(Debug)]
enum Phase {
    /// Before CONNECT.
    Fresh,
    /// The client waits for its CONNACK.
    LoggingIn(Box<PendingConnect>),
    Open,
    /// CONNECT was not accepted, and CONNACK is to say so.
    Refused,
    /// The client has said goodbye.
    Left(Ending),
    Closed,
}

/// What CONNECT has made of the connection.
#[derive(Debug)]
struct Client {
    ix: SessionIx,
    session: Arc<Session>,
    permissions: Arc<dyn Permissions>,
    /// Seconds.
    expiry: u32,
    is_bridge: bool,
}

/// What [`Connection::receive`] did.
#[derive(Debug, Default)]
pub(crate) struct Received {
    /// Bytes of the input that were handled. The rest is to be passed again,
    /// with what follows, once [`Connection::may_receive`].
    pub(crate) consumed: usize,
    /// To be answered with [`Connection::admit`].
    pub(crate) login: Option<Login>,
}

/// Why a connection must be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A packet that breaks a rule.
    Packet(DecodeError),
    /// CONNECT was refused; the answer is written.
    Refused(ReasonCode),
    LogFailed,
}

impl std::convert::From<DecodeError> for Fault {
    fn from(error: DecodeError) -> Self {
        Self::Packet(error)
    }
}

impl Connection {
    pub(crate) fn new(shared: Arc<Shared>, origin: Origin, now: Time) -> Self {
        let link = shared.link(now);
        link.set_patience(shared.settings.connect_timeout_ms);
        if shared.closing.is_cancelled() {
            link.close(ReasonCode::ServerShuttingDown);
        }
        shared.counters.connections.change(0, 1);
        shared.counters.opened.fetch_add(1, Ordering::Relaxed);
        Self {
            shared,
            link,
            origin: Arc::new(origin),
            phase: Phase::Fresh,
            version: Version::V311,
            client: None,
            immediate: Vec::new(),
            immediate_packets: 0,
            gate: AckGate::default(),
            batch: Batch::default(),
            is_stalled: false,
            unacknowledged: 0,
            aliases: Vec::new(),
            scratch: Scratch::default(),
        }
    }

    pub(crate) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Escaped, for the log.
    pub(crate) fn client_id(&self) -> String {
        let client_id = self
            .client
            .as_ref()
            .map(|client| &*client.session.client_id);
        crate::log_text::shown(client_id.unwrap_or_default())
    }

    /// Of the client that has logged in, for the log.
    fn identity(&self) -> &str {
        let permissions = self.client.as_ref().map(|client| &client.permissions);
        permissions.map_or("", |permissions| permissions.identity())
    }

    /// CONNECT has not come in full. Its deadline runs from the beginning, however
    /// often another byte comes.
    pub(crate) fn awaits_connect(&self) -> bool {
        matches!(self.phase, Phase::Fresh)
    }

    /// The client has said goodbye.
    pub(crate) fn has_left(&self) -> bool {
        matches!(self.phase, Phase::Left(_))
    }

    /// The log had no room: nothing is handled until [`Self::retry`] succeeds.
    pub(crate) fn is_stalled(&self) -> bool {
        self.is_stalled
    }

    /// Whether packets can be handled now.
    pub(crate) fn may_receive(&self) -> bool {
        !self.is_stalled
            && matches!(self.phase, Phase::Fresh | Phase::Open)
            && self.gate.len() + self.immediate.len() < MAX_WAITING_BYTES
            && (self.version.is_v5() || self.has_window())
    }

    fn has_window(&self) -> bool {
        self.unacknowledged < usize::from(self.shared.settings.receive_maximum)
    }

    /// Handles the packets in `input`.
    pub(crate) fn receive(&mut self, now: Time, input: &[u8]) -> Result<Received, Fault> {
        let mut received = Received::default();
        let handled = self.handle_packets(now, input, &mut received);
        // What came before a fault was right.
        let flushed = self.flush();
        handled.and(flushed).map(|()| received)
    }

    fn handle_packets(
        &mut self,
        now: Time,
        input: &[u8],
        received: &mut Received,
    ) -> Result<(), Fault> {
        while self.may_receive() {
            let rest = &input[received.consumed..];
            if let (Phase::Fresh, Some(first)) = (&self.phase, rest.first()) {
                connect::check_first_byte(*first)?;
            }
            let (frame, len) = match split(rest, self.shared.settings.max_packet) {
                Ok(Split::Packet(frame, len)) => (frame, len),
                Ok(Split::Incomplete { .. }) => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            if changes_subscriptions(frame) {
                // It takes its place behind the publishes before it.
                self.flush()?;
                if self.is_stalled {
                    return Ok(());
                }
            }
            received.consumed += len;
            self.shared
                .counters
                .packets_received
                .fetch_add(1, Ordering::Relaxed);
            if let Phase::Fresh = self.phase {
                received.login = Some(self.begin(frame)?);
                return Ok(());
            }
            let packet = Packet::decode(frame, self.version, From::Client)?;
            self.handle(now, packet)?;
            if self.batch.publishes() >= MAX_BATCH || self.batch.bytes() >= MAX_BATCH_BYTES {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn handle(&mut self, now: Time, packet: Packet<'_>) -> Result<(), Fault> {
        match packet {
            Packet::Publish(publish) => self.publish(now, publish),
            Packet::Ack(ack) => self.acknowledge(ack),
            Packet::PingReq => {
                self.put_immediate(&Packet::PingResp);
                Ok(())
            }
            Packet::Subscribe(subscribe) => self.subscribe(subscribe),
            Packet::Unsubscribe(unsubscribe) => self.unsubscribe(unsubscribe),
            Packet::Disconnect(disconnect) => self.leave(disconnect),
            Packet::Auth(_) => {
                Err(DecodeError::protocol("AUTH without an authentication method").into())
            }
            _ => Err(DecodeError::protocol("second CONNECT").into()),
        }
    }

    fn acknowledge(&mut self, ack: Ack<'_>) -> Result<(), Fault> {
        if ack.kind == AckKind::PubRel {
            return self.release(ack.packet_id);
        }
        if let Some(client) = &self.client {
            let before = self.immediate.len();
            let mut outbox = client.session.outbox.lock();
            outbox.acknowledge(
                ack.kind,
                ack.packet_id,
                ack.reason,
                self.version,
                &mut self.immediate,
            );
            self.immediate_packets += u64::from(self.immediate.len() > before);
        }
        Ok(())
    }

    fn leave(&mut self, disconnect: Disconnect<'_>) -> Result<(), Fault> {
        let expiry = disconnect.session_expiry();
        let had_expiry = self.client.as_ref().is_some_and(|client| client.expiry > 0);
        if expiry.is_some_and(|expiry| expiry > 0) && !had_expiry {
            return Err(DecodeError::protocol("session expiry raised from 0").into());
        }
        self.phase = Phase::Left(Ending {
            discards_will: disconnect.reason == ReasonCode::Success,
            expiry,
        });
        Ok(())
    }

    fn put_immediate(&mut self, packet: &Packet<'_>) {
        // Only packets of a client's length can be too large, and these are not.
        let _ = packet.encode(self.version, &mut self.immediate);
        self.immediate_packets += 1;
    }

    /// Appends the batch and lets its acknowledgements wait for the commit.
    fn flush(&mut self) -> Result<(), Fault> {
        if self.batch.is_empty() && !self.gate.has_open() {
            return Ok(());
        }
        let Some(client) = &self.client else {
            return Ok(());
        };
        let publisher = Publisher {
            session: client.session.number,
            client_id: &client.session.client_id,
            identity: client.permissions.identity(),
        };
        let qos2 = std::mem::take(&mut self.batch.qos2);
        match self.shared.append(&mut self.batch, publisher, &self.link) {
            Ok(end) => {
                for packet_id in qos2 {
                    client.session.receive(packet_id, self.link.id);
                }
                self.is_stalled = false;
                self.gate.seal(end, &self.shared.counters.held_bytes);
                Ok(())
            }
            Err(AppendError::NoRoom) => {
                self.batch.qos2 = qos2;
                self.is_stalled = true;
                Ok(())
            }
            Err(AppendError::Failed) => Err(Fault::LogFailed),
        }
    }

    /// Tries again what the log had no room for.
    pub(crate) fn retry(&mut self) -> Result<(), Fault> {
        self.flush()
    }

    /// The connection is over and the log has no room: forgets what the client
    /// will send again. Whether something is left that has no other copy.
    pub(crate) fn forget_repeated(&mut self) -> bool {
        self.gate.forget_open();
        let is_left = self.batch.forget_repeated();
        self.is_stalled = is_left;
        is_left
    }
}

/// SUBSCRIBE or UNSUBSCRIBE.
fn changes_subscriptions(frame: Frame<'_>) -> bool {
    matches!(frame.header >> 4, 8 | 10)
}

impl Drop for Connection {
    fn drop(&mut self) {
        // A task that was dropped has not closed its connection.
        if !matches!(self.phase, Phase::Closed) {
            self.close(self.shared.now());
        }
        self.gate.forget_all(&self.shared.counters.held_bytes);
        self.shared.unlink(&self.link);
        self.shared.counters.connections.change(1, 0);
        // A broker that closes waits for its last connection.
        self.shared.commits().changed.notify_one();
    }
}
