//! What a connection has sent and the broker has not acknowledged: bounded, and
//! kept to be sent again in the same order.

use bytes::{Bytes, BytesMut};
use rumqttc::{Publish, QoS};

/// Messages in flight per connection.
pub(crate) const WINDOW: usize = 1_000;

#[derive(Debug)]
pub(crate) struct Outbox {
    qos: QoS,
    /// Packet id minus one.
    slots: Vec<Option<Sent>>,
    free: Vec<u16>,
    next: u64,
}

#[derive(Debug)]
struct Sent {
    /// Order of sending.
    number: u64,
    publish: Publish,
}

impl Outbox {
    pub(crate) fn new(qos: QoS) -> Self {
        let window = u16::try_from(WINDOW).expect("MQTT has more packet ids than that");
        Self {
            qos,
            slots: (0..WINDOW).map(|_| None).collect(),
            free: (0..window).rev().collect(),
            next: 0,
        }
    }

    /// Room for so many more messages.
    pub(crate) fn room(&self) -> usize {
        self.free.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.free.len() == self.slots.len()
    }

    /// Writes a message to `out` and remembers it until it is acknowledged. The
    /// caller has seen to it that there is room.
    pub(crate) fn send(&mut self, topic: &str, payload: &str, out: &mut BytesMut) {
        let payload = Bytes::copy_from_slice(payload.as_bytes());
        let mut publish = Publish::from_bytes(topic, self.qos, payload);
        if self.qos == QoS::AtMostOnce {
            return write(&publish, out);
        }
        let slot = self.free.pop().expect("the caller looked for room");
        publish.pkid = slot + 1;
        write(&publish, out);
        self.slots[usize::from(slot)] = Some(Sent {
            number: self.next,
            publish,
        });
        self.next += 1;
    }

    /// Whether a message was waiting under this packet id.
    pub(crate) fn acknowledge(&mut self, packet_id: u16) -> bool {
        let Some(slot) = packet_id.checked_sub(1) else {
            return false;
        };
        let sent = self.slots.get_mut(usize::from(slot)).and_then(Option::take);
        if sent.is_some() {
            self.free.push(slot);
        }
        sent.is_some()
    }

    /// Writes everything that waits once more, in its order. Returns how many.
    pub(crate) fn send_again(&mut self, out: &mut BytesMut) -> usize {
        let mut waiting: Vec<&mut Sent> = self.slots.iter_mut().flatten().collect();
        waiting.sort_unstable_by_key(|sent| sent.number);
        for sent in &mut waiting {
            sent.publish.dup = true;
            write(&sent.publish, out);
        }
        waiting.len()
    }
}

fn write(publish: &Publish, out: &mut BytesMut) {
    publish
        .write(out)
        .expect("a fleet's message is far below MQTT's 256 MiB, and has an id");
}

#[cfg(test)]
mod tests {
    use rumqttc::Packet;

    use super::*;

    fn read_all(bytes: &mut BytesMut) -> Vec<(u16, bool, Bytes)> {
        let mut seen = Vec::new();
        while let Ok(Packet::Publish(publish)) = Packet::read(bytes, 1 << 20) {
            seen.push((publish.pkid, publish.dup, publish.payload));
        }
        assert!(bytes.is_empty());
        seen
    }

    #[test]
    fn what_is_not_acknowledged_is_sent_again_in_order() {
        let (mut outbox, mut out) = (Outbox::new(QoS::AtLeastOnce), BytesMut::new());
        for text in ["a", "b", "c"] {
            outbox.send("t", text, &mut out);
        }
        assert!(outbox.acknowledge(1));
        assert!(!outbox.acknowledge(1) && !outbox.acknowledge(0) && !outbox.acknowledge(u16::MAX));
        // The free id is taken again, by a message that is younger than the others.
        outbox.send("t", "d", &mut out);
        read_all(&mut out);
        assert_eq!(outbox.send_again(&mut out), 3);
        let again = read_all(&mut out);
        assert_eq!(
            again,
            [
                (2, true, "b".into()),
                (3, true, "c".into()),
                (1, true, "d".into())
            ]
        );
        assert_eq!(outbox.room(), WINDOW - 3);
        assert!([1, 2, 3].into_iter().all(|id| outbox.acknowledge(id)));
        assert!(outbox.is_empty());
    }

    #[test]
    fn nothing_waits_at_qos_0() {
        let (mut outbox, mut out) = (Outbox::new(QoS::AtMostOnce), BytesMut::new());
        outbox.send("t", "a", &mut out);
        assert!(outbox.is_empty());
        assert_eq!(outbox.send_again(&mut out), 0);
    }
}
