//! From the queue to the buffer of the connection: windows, repetitions, topic
//! aliases and the client's maximum packet size.

use weir_mqtt_codec::{AckKind, Delivery, ReasonCode, put_ack};

use super::{IDENTIFIERS, InFlight, Outbox, Outgoing, Peer, Progress, Queued, packet_id};
use crate::drops::{DropReason, Drops};
use crate::time::Time;

impl Outbox {
    /// Appends packets to `out` until it holds `limit` bytes, give or take one
    /// packet, or nothing more can be sent. Returns how many messages that were.
    pub(crate) fn fill(
        &mut self,
        now: Time,
        out: &mut Vec<u8>,
        limit: usize,
        drops: &Drops,
    ) -> u64 {
        self.is_scheduled = false;
        let Some(peer) = self.peer.take() else {
            return 0;
        };
        let mut sent = 0;
        while out.len() < limit && self.resend_from < self.in_flight.len() {
            match self.send_again(&peer, now, out, drops) {
                Some(count) => sent += count,
                None => break,
            }
        }
        if self.resend_from == self.in_flight.len() {
            while out.len() < limit
                && let Some(next) = self.queue.front()
                && (next.sequence == 0 || self.may_send(next.sequence, &peer))
                && let Some(next) = self.queue.pop_front()
            {
                sent += u64::from(self.send(next, &peer, now, out, drops));
            }
        }
        self.peer = Some(peer);
        sent
    }

    fn may_send(&self, sequence: u64, peer: &Peer) -> bool {
        let is_free = self
            .in_flight
            .front()
            .is_none_or(|oldest| sequence - oldest.sequence < IDENTIFIERS);
        self.window_used < usize::from(peer.window) && is_free
    }

    /// Sends one message again, or its PUBREL; `None` when the window is full.
    fn send_again(
        &mut self,
        peer: &Peer,
        now: Time,
        out: &mut Vec<u8>,
        drops: &Drops,
    ) -> Option<u64> {
        let one = &mut self.in_flight[self.resend_from];
        let id = packet_id(one.sequence);
        let mut sent = 0;
        match (one.progress, &one.outgoing) {
            (Progress::Released, _) => {
                put_ack(AckKind::PubRel, id, ReasonCode::Success, peer.version, out);
            }
            (Progress::Published, Some(outgoing)) => {
                if self.window_used >= usize::from(peer.window) {
                    return None;
                }
                let delivery = Delivery {
                    dup: true,
                    ..delivery(outgoing, id, now)
                };
                if encode(delivery, peer, &mut self.aliases, out) {
                    self.sent_payload += outgoing.message.payload().len() as u64;
                    one.is_counted = true;
                    self.window_used += 1;
                    sent = 1;
                } else {
                    one.progress = Progress::Done;
                    one.outgoing = None;
                    self.count_drops(drops, DropReason::PacketTooLarge, 1);
                }
            }
            (Progress::Published | Progress::Done, _) => {}
        }
        self.resend_from += 1;
        self.forget_done();
        Some(sent)
    }

    fn send(
        &mut self,
        queued: Queued,
        peer: &Peer,
        now: Time,
        out: &mut Vec<u8>,
        drops: &Drops,
    ) -> bool {
        let Queued { outgoing, sequence } = queued;
        self.queue_bytes -= outgoing.message.size();
        if outgoing.message.is_expired(now) {
            self.count_drops(drops, DropReason::Expired, 1);
            return false;
        }
        let id = if sequence == 0 {
            0
        } else {
            packet_id(sequence)
        };
        if !encode(delivery(&outgoing, id, now), peer, &mut self.aliases, out) {
            self.count_drops(drops, DropReason::PacketTooLarge, 1);
            return false;
        }
        self.sent_payload += outgoing.message.payload().len() as u64;
        if sequence > 0 {
            self.in_flight.push_back(InFlight {
                sequence,
                progress: Progress::Published,
                is_counted: true,
                outgoing: Some(outgoing),
            });
            self.resend_from = self.in_flight.len();
            self.window_used += 1;
        }
        true
    }
}

fn delivery(outgoing: &Outgoing, packet_id: u16, now: Time) -> Delivery<'_> {
    let message = &outgoing.message;
    Delivery {
        dup: false,
        qos: outgoing.qos,
        retain: outgoing.retain,
        topic: message.topic(),
        packet_id,
        payload: message.payload(),
        properties: message.properties(),
        expiry: message.expiry_left(now),
        topic_alias: None,
        subscription_ids: outgoing.ids(),
    }
}

/// False: the packet is larger than the client takes.
fn encode(
    mut delivery: Delivery<'_>,
    peer: &Peer,
    aliases: &mut Vec<Box<str>>,
    out: &mut Vec<u8>,
) -> bool {
    let topic = delivery.topic;
    let mut new_alias = None;
    if peer.topic_aliases > 0 {
        match aliases.iter().position(|known| &**known == topic) {
            Some(index) => {
                delivery.topic_alias = Some(index as u16 + 1);
                delivery.topic = "";
            }
            None if aliases.len() < usize::from(peer.topic_aliases) => {
                new_alias = Some(aliases.len() as u16 + 1);
                delivery.topic_alias = new_alias;
            }
            None => {}
        }
    }
    if new_alias.is_some() && delivery.encoded_len(peer.version) > peer.max_packet {
        // Without the alias it may fit.
        new_alias = None;
        delivery.topic_alias = None;
    }
    if peer.max_packet < usize::MAX && delivery.encoded_len(peer.version) > peer.max_packet {
        return false;
    }
    let is_written = delivery.encode(peer.version, out).is_ok();
    if is_written && new_alias.is_some() {
        aliases.push(topic.into());
    }
    is_written
}
