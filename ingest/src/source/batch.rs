//! The messages of one append.

use rumqttc::{Publish, QoS};
use weir_model::{Ingress, Message, Timestamp};

/// Messages in one append at most, ...
const MESSAGES: usize = 1_000;
/// ... or bytes of topics and payloads, plus one message.
const BYTES: usize = 1024 * 1024;

/// Received and not appended yet, in the order of receipt.
#[derive(Default)]
pub(super) struct Batch {
    publishes: Vec<Publish>,
    bytes: usize,
}

impl Batch {
    pub(super) fn push(&mut self, publish: Publish) {
        self.bytes += size(&publish);
        self.publishes.push(publish);
    }

    pub(super) fn is_full(&self) -> bool {
        self.publishes.len() >= MESSAGES || self.bytes >= BYTES
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.publishes.is_empty()
    }

    pub(super) fn publishes(&self) -> &[Publish] {
        &self.publishes
    }

    /// As the journal stores them. The broker does not report the sender, so `client`
    /// is empty.
    pub(super) fn messages(&self) -> Vec<Message<'_>> {
        let received = Timestamp::now();
        self.publishes
            .iter()
            .map(|publish| message(publish, received))
            .collect()
    }

    pub(super) fn clear(&mut self) {
        self.publishes.clear();
        self.bytes = 0;
    }

    /// The connection has ended: QoS 1 and 2 are delivered again, QoS 0 is not.
    pub(super) fn keep_qos_0(&mut self) {
        self.publishes
            .retain(|publish| publish.qos == QoS::AtMostOnce);
        self.bytes = self.publishes.iter().map(size).sum();
    }
}

fn message(publish: &Publish, received: Timestamp) -> Message<'_> {
    Message {
        received,
        ingress: Ingress::Source,
        client: "",
        topic: &publish.topic,
        payload: &publish.payload,
        qos: publish.qos as u8,
        retained: publish.retain,
        duplicate: publish.dup,
    }
}

/// The bytes that `max_packet` limits.
pub(super) fn size(publish: &Publish) -> usize {
    publish.topic.len() + publish.payload.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_full_by_count_or_by_bytes() {
        let mut batch = Batch::default();
        for _ in 0..MESSAGES {
            assert!(!batch.is_full());
            batch.push(Publish::new("t", QoS::AtLeastOnce, "x"));
        }
        assert!(batch.is_full());
        batch.clear();
        batch.push(Publish::new("t", QoS::AtMostOnce, vec![0; BYTES / 2]));
        assert!(!batch.is_full());
        batch.push(Publish::new("t", QoS::AtLeastOnce, vec![0; BYTES / 2]));
        assert!(batch.is_full());
        batch.keep_qos_0();
        assert_eq!((batch.is_full(), batch.publishes().len()), (false, 1));
    }
}
