//! What one session has to send: a queue, messages in flight, and cursors over
//! retained messages. Pure: time and the buffer to fill are passed in.
//!
//! ```text
//! push ─▶ queue ─fill─▶ in flight ─PUBACK / PUBREC, PUBCOMP─▶ gone
//!            ▲
//!         cursors (retained messages, a page at a time, when the queue is short)
//! ```
//!
//! Packet identifiers follow from the session's sequence of QoS 1 and 2 messages
//! (number modulo 65,535, plus 1), so a log that is replayed assigns the same
//! ones. A message whose identifier is still in flight waits. After a reconnect
//! what was in flight is sent first, in its order, with DUP; of a QoS 2 message
//! that the client has received only PUBREL is.
//!
//! A full queue drops its oldest message. What is in flight is never dropped.

mod sending;

use std::collections::VecDeque;
use std::sync::Arc;

use weir_mqtt_codec::{AckKind, ReasonCode, Version, put_ack};

use crate::drops::{DropReason, Drops};
use crate::link::Link;
use crate::message::{Budget, Message};
use crate::retained::Cursor;
use crate::settings::QueueLimits;
use crate::topic_tree::GroupName;

const IDENTIFIERS: u64 = 65_535;
/// With fewer messages queued, retained ones are read.
const SHORT_QUEUE: usize = 64;

/// What a connection can take.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) link: Arc<Link>,
    pub(crate) version: Version,
    /// QoS 1 and 2 messages without acknowledgement.
    pub(crate) window: u16,
    pub(crate) max_packet: usize,
    pub(crate) topic_aliases: u16,
}

/// A message for a session.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    pub(crate) message: Arc<Message>,
    pub(crate) qos: u8,
    pub(crate) retain: bool,
    /// Rare: subscription identifiers and the group.
    pub(crate) extra: Option<Box<Extra>>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Extra {
    pub(crate) ids: Vec<u32>,
    /// The `$share` group that the message is for.
    pub(crate) group: Option<Arc<GroupName>>,
}

impl Outgoing {
    fn ids(&self) -> &[u32] {
        self.extra.as_ref().map_or(&[], |extra| &extra.ids)
    }
}

#[derive(Debug)]
struct Queued {
    outgoing: Outgoing,
    /// 0 with QoS 0.
    sequence: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// PUBLISH is sent, or to be sent again.
    Published,
    /// PUBREL is sent, or to be sent again.
    Released,
    Done,
}

#[derive(Debug)]
struct InFlight {
    sequence: u64,
    progress: Progress,
    /// It takes a place in the window of this connection.
    is_counted: bool,
    /// `None` once the client has it.
    outgoing: Option<Outgoing>,
}

#[derive(Debug)]
struct RetainedSource {
    cursor: Cursor,
    qos: u8,
    id: u32,
}

/// Bounds and counters that all outboxes share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds<'a> {
    pub(crate) queue: QueueLimits,
    pub(crate) budget: &'a Budget,
    pub(crate) drops: &'a Drops,
}

#[derive(Debug, Default)]
pub(crate) struct Outbox {
    queue: VecDeque<Queued>,
    queue_bytes: usize,
    /// Of the last message of QoS 1 or 2.
    sequence: u64,
    in_flight: VecDeque<InFlight>,
    /// Messages in flight from here on are to be sent again.
    resend_from: usize,
    window_used: usize,
    sources: VecDeque<RetainedSource>,
    peer: Option<Peer>,
    aliases: Vec<Box<str>>,
    /// The connection has been woken and has not looked since.
    is_scheduled: bool,
    /// Messages that this session has lost, but for QoS 0 while it was away.
    dropped: u64,
    /// How many of these were reported.
    reported: u64,
    /// Bytes of payload that were sent and not counted yet.
    sent_payload: u64,
}

fn packet_id(sequence: u64) -> u16 {
    (sequence % IDENTIFIERS) as u16 + 1
}

impl Outbox {
    pub(crate) fn peer_link(&self) -> Option<&Arc<Link>> {
        self.peer.as_ref().map(|peer| &peer.link)
    }

    pub(crate) fn is_full(&self, limits: QueueLimits) -> bool {
        self.queue.len() >= limits.messages || self.queue_bytes >= limits.bytes
    }

    /// Messages that were lost since the last call.
    pub(crate) fn take_new_losses(&mut self) -> u64 {
        self.dropped - std::mem::replace(&mut self.reported, self.dropped)
    }

    /// Bytes of payload that were sent since the last call.
    pub(crate) fn take_sent_payload(&mut self) -> u64 {
        std::mem::take(&mut self.sent_payload)
    }

    /// A connection begins.
    pub(crate) fn attach(&mut self, peer: Peer) {
        self.peer = Some(peer);
        self.aliases = Vec::new();
        self.is_scheduled = false;
        self.resend_from = 0;
        self.window_used = 0;
        for one in &mut self.in_flight {
            one.is_counted = false;
        }
    }

    /// The connection has ended: what is of QoS 0 is dropped.
    pub(crate) fn detach(&mut self, drops: &Drops) {
        self.peer = None;
        self.aliases = Vec::new();
        let before = self.queue.len();
        let mut freed = 0;
        self.queue.retain(|queued| {
            let is_kept = queued.outgoing.qos > 0;
            freed += if is_kept {
                0
            } else {
                queued.outgoing.message.size()
            };
            is_kept
        });
        self.queue_bytes -= freed;
        self.count_drops(drops, DropReason::Offline, before - self.queue.len());
        self.sources.retain(|source| source.qos > 0);
        self.queue.shrink_to_fit();
        self.in_flight.shrink_to_fit();
    }

    /// Queues a message. Returns the connection to wake, if it sleeps.
    pub(crate) fn push(&mut self, outgoing: Outgoing, bounds: Bounds<'_>) -> Option<Arc<Link>> {
        if outgoing.qos == 0 && self.peer.is_none() {
            self.count_drops(bounds.drops, DropReason::Offline, 1);
            return None;
        }
        self.make_room(outgoing.message.size(), bounds);
        self.enqueue(outgoing);
        self.schedule()
    }

    fn make_room(&mut self, size: usize, bounds: Bounds<'_>) {
        let Bounds {
            queue: limits,
            budget,
            drops,
        } = bounds;
        let mut reason = budget
            .is_exceeded_by(self.queue_bytes)
            .then_some(DropReason::MemoryFull);
        loop {
            if self.queue.len() >= limits.messages {
                reason = Some(DropReason::QueueFull);
            } else if self.queue_bytes + size > limits.bytes {
                reason = Some(DropReason::QueueBytes);
            }
            let Some(why) = reason.take() else { return };
            let Some(oldest) = self.queue.pop_front() else {
                return;
            };
            self.queue_bytes -= oldest.outgoing.message.size();
            self.count_drops(drops, why, 1);
        }
    }

    fn enqueue(&mut self, outgoing: Outgoing) {
        let mut sequence = 0;
        if outgoing.qos > 0 {
            self.sequence += 1;
            sequence = self.sequence;
        }
        self.queue_bytes += outgoing.message.size();
        self.queue.push_back(Queued { outgoing, sequence });
    }

    fn schedule(&mut self) -> Option<Arc<Link>> {
        let peer = self.peer.as_ref()?;
        match std::mem::replace(&mut self.is_scheduled, true) {
            true => None,
            false => Some(peer.link.clone()),
        }
    }

    /// Retained messages of a new subscription.
    pub(crate) fn push_cursor(&mut self, cursor: Cursor, qos: u8, id: u32) -> Option<Arc<Link>> {
        // A subscription that is made again starts over.
        self.sources
            .retain(|source| source.cursor.filter != cursor.filter);
        self.sources.push_back(RetainedSource { cursor, qos, id });
        self.schedule()
    }

    pub(crate) fn remove_cursor(&mut self, filter: &str) {
        self.sources
            .retain(|source| &*source.cursor.filter != filter);
    }

    /// A cursor to be read now, with [`Self::put_retained`] to follow.
    pub(crate) fn take_cursor(&mut self) -> Option<(Cursor, u8, u32)> {
        if self.queue.len() >= SHORT_QUEUE || self.peer.is_none() {
            return None;
        }
        let source = self.sources.pop_front()?;
        Some((source.cursor, source.qos, source.id))
    }

    /// Queues what was read with a cursor, which is kept if there may be more.
    pub(crate) fn put_retained(
        &mut self,
        messages: Vec<Arc<Message>>,
        rest: Option<Cursor>,
        qos: u8,
        id: u32,
        drops: &Drops,
    ) {
        for message in messages {
            if self.peer.is_none() && qos.min(message.qos) == 0 {
                self.count_drops(drops, DropReason::Offline, 1);
                continue;
            }
            let extra = (id > 0).then(|| {
                let ids = vec![id];
                Box::new(Extra { ids, group: None })
            });
            self.enqueue(Outgoing {
                qos: qos.min(message.qos),
                retain: true,
                message,
                extra,
            });
        }
        if let Some(cursor) = rest {
            self.sources.push_front(RetainedSource { cursor, qos, id });
        }
    }

    /// Handles PUBACK, PUBREC or PUBCOMP; the answer, if there is one, goes to
    /// `out`. An acknowledgement of nothing is ignored, as by other brokers.
    pub(crate) fn acknowledge(
        &mut self,
        kind: AckKind,
        id: u16,
        reason: ReasonCode,
        version: Version,
        out: &mut Vec<u8>,
    ) {
        let Some(index) = self.find(id) else {
            if kind == AckKind::PubRec && !reason.is_error() {
                let unknown = ReasonCode::PacketIdentifierNotFound;
                put_ack(AckKind::PubRel, id, unknown, version, out);
            }
            return;
        };
        let one = &mut self.in_flight[index];
        let qos = one.outgoing.as_ref().map_or(2, |outgoing| outgoing.qos);
        one.progress = match (kind, qos, one.progress) {
            (AckKind::PubAck, 1, Progress::Published) => Progress::Done,
            (AckKind::PubComp, _, Progress::Released) => Progress::Done,
            (AckKind::PubRec, 2, Progress::Published) if reason.is_error() => Progress::Done,
            (AckKind::PubRec, 2, Progress::Published | Progress::Released) => {
                put_ack(AckKind::PubRel, id, ReasonCode::Success, version, out);
                Progress::Released
            }
            _ => return,
        };
        one.outgoing = None;
        if one.progress == Progress::Done && std::mem::take(&mut one.is_counted) {
            self.window_used -= 1;
        }
        self.forget_done();
    }

    fn find(&self, id: u16) -> Option<usize> {
        let first = self.in_flight.front()?.sequence;
        let distance = (u64::from(id) + IDENTIFIERS - u64::from(packet_id(first))) % IDENTIFIERS;
        let sequence = first + distance;
        let at = self.in_flight.get(distance as usize);
        if at.is_some_and(|one| one.sequence == sequence) {
            return Some(distance as usize);
        }
        self.in_flight
            .binary_search_by_key(&sequence, |one| one.sequence)
            .ok()
    }

    fn forget_done(&mut self) {
        while self
            .in_flight
            .front()
            .is_some_and(|one| one.progress == Progress::Done)
        {
            self.in_flight.pop_front();
            self.resend_from = self.resend_from.saturating_sub(1);
        }
    }

    /// The session has ended. What it leaves undelivered is counted, but for
    /// messages of `$share` groups that another member can have.
    pub(crate) fn end(&mut self, drops: &Drops) -> Vec<Outgoing> {
        self.peer = None;
        self.sources.clear();
        let sent = self.in_flight.drain(..).filter_map(|one| {
            let was_sent_twice = one
                .outgoing
                .as_ref()
                .is_some_and(|outgoing| outgoing.qos == 2);
            Some((one.outgoing?, !was_sent_twice))
        });
        let queued = self.queue.drain(..).map(|queued| (queued.outgoing, true));
        let mut lost = 0;
        let mut orphans = Vec::new();
        // QoS 2: what one member may have must not go to another (4.8.2-5).
        for (outgoing, may_move) in sent.chain(queued) {
            let is_shared = outgoing
                .extra
                .as_ref()
                .is_some_and(|extra| extra.group.is_some());
            match is_shared && may_move {
                true => orphans.push(outgoing),
                false => lost += 1,
            }
        }
        self.queue_bytes = 0;
        self.count_drops(drops, DropReason::SessionEnded, lost);
        orphans
    }

    /// Drops queued messages that the client may not receive.
    pub(crate) fn retain_permitted(&mut self, drops: &Drops, may_receive: impl Fn(&str) -> bool) {
        let before = self.queue.len();
        let mut freed = 0;
        self.queue.retain(|queued| {
            let message = &queued.outgoing.message;
            let is_kept = may_receive(message.topic());
            freed += if is_kept { 0 } else { message.size() };
            is_kept
        });
        self.queue_bytes -= freed;
        self.count_drops(drops, DropReason::NotPermitted, before - self.queue.len());
    }

    fn count_drops(&mut self, drops: &Drops, reason: DropReason, count: usize) {
        if count > 0 {
            if reason != DropReason::Offline {
                self.dropped += count as u64;
            }
            drops.add(reason, count as u64);
        }
    }
}

#[cfg(test)]
mod tests;
