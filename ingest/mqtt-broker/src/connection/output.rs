//! What a connection sends: answers, acknowledgements that the log has released,
//! messages of the session, and the last packet.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use weir_mqtt_codec::{Disconnect, Packet, ReasonCode};

use super::{Connection, Phase};
use crate::router::Ending;
use crate::time::Time;

/// Retained messages that are looked at under one lock.
const RETAINED_PAGE: usize = 256;

impl Connection {
    /// Appends to `out` what can be sent, until that holds `limit` bytes, give or
    /// take one packet.
    pub(crate) fn transmit(&mut self, now: Time, out: &mut Vec<u8>, limit: usize) {
        self.transmit_answers(out);
        let Some(client) = &self.client else { return };
        let mut sent = 0;
        loop {
            let mut outbox = client.session.outbox.lock();
            // After a takeover the outbox is another connection's.
            if outbox
                .peer_link()
                .is_none_or(|link| link.id != self.link.id)
            {
                break;
            }
            sent += outbox.fill(now, out, limit, &self.shared.drops);
            if out.len() >= limit {
                break;
            }
            let Some((mut cursor, qos, id)) = outbox.take_cursor() else {
                break;
            };
            drop(outbox);
            let mut page = Vec::new();
            let has_more = {
                let router = self.shared.router.read();
                let give = |message: &Arc<_>| page.push(Arc::clone(message));
                router.retained.read(&mut cursor, now, RETAINED_PAGE, give)
            };
            let rest = has_more.then_some(cursor);
            let mut outbox = client.session.outbox.lock();
            outbox.put_retained(page, rest, qos, id, &self.shared.drops);
        }
        if sent > 0 {
            let payload = client.session.outbox.lock().take_sent_payload();
            let counters = &self.shared.counters;
            counters.sent.fetch_add(sent, Ordering::Relaxed);
            counters.packets_sent.fetch_add(sent, Ordering::Relaxed);
            counters.payload_sent.fetch_add(payload, Ordering::Relaxed);
        }
    }

    /// As [`Self::transmit`], without messages.
    pub(crate) fn transmit_answers(&mut self, out: &mut Vec<u8>) {
        if !self.immediate.is_empty() {
            out.append(&mut self.immediate);
            if self.immediate.capacity() > 4_096 {
                self.immediate = Vec::new();
            }
        }
        let counters = &self.shared.counters;
        let released = self
            .gate
            .release(self.link.released(), out, &counters.held_bytes);
        self.unacknowledged = self.unacknowledged.saturating_sub(released.returned);
        let packets = released.packets + std::mem::take(&mut self.immediate_packets);
        if packets > 0 {
            counters.packets_sent.fetch_add(packets, Ordering::Relaxed);
        }
    }

    /// Everything that was received is acknowledged, as far as it will be.
    pub(crate) fn is_settled(&self) -> bool {
        self.gate.len() == 0 && self.batch.is_empty() && self.immediate.is_empty()
    }

    /// Appends the last packet of a connection that the broker ends.
    pub(crate) fn say_goodbye(&mut self, reason: ReasonCode, out: &mut Vec<u8>) {
        match self.phase {
            Phase::Open if self.version.is_v5() => {
                let packet = Packet::Disconnect(Disconnect::new(reason));
                let _ = packet.encode(self.version, out);
            }
            Phase::Refused | Phase::LoggingIn(_) => self.put_refusal(reason, out),
            _ => {}
        }
    }

    /// Ends the connection: the session continues without it, or ends. A will
    /// that is due is published.
    pub(crate) fn close(&mut self, now: Time) {
        let ending = match std::mem::replace(&mut self.phase, Phase::Closed) {
            Phase::Left(ending) => ending,
            _ => Ending {
                discards_will: self.shared.closing.is_cancelled(),
                expiry: None,
            },
        };
        let Some(client) = self.client.as_ref() else {
            return;
        };
        let will = {
            let mut router = self.shared.router.write();
            let will = router.close(now, client.ix, self.link.id, ending);
            self.shared.count_subscriptions(&router);
            will
        };
        if let Some(will) = will {
            self.shared.publish_will(will, now);
        }
    }
}
