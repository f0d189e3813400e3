//! Publishes of one connection that go to the log in one call.

use crate::commit_log::{PublishRecord, Record};
use crate::message::Published;
use crate::time::Time;

/// Who publishes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Publisher<'a> {
    pub(crate) session: u64,
    pub(crate) client_id: &'a str,
    pub(crate) identity: &'a str,
}

/// One publish or release, in the order of receipt. The bytes are the batch's.
#[derive(Clone, Copy, Debug)]
enum Item {
    Publish {
        start: usize,
        topic: u16,
        properties: u32,
        payload: u32,
        qos: u8,
        flags: Flags,
        packet_id: u16,
        expires: Time,
    },
    Released(u16),
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Flags {
    pub(crate) retain: bool,
    pub(crate) duplicate: bool,
    pub(crate) is_accepted: bool,
    pub(crate) is_will: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Batch {
    bytes: Vec<u8>,
    items: Vec<Item>,
    /// Packet identifiers of its QoS 2 publishes.
    pub(crate) qos2: Vec<u16>,
    publishes: usize,
    payload: usize,
    /// Somebody besides the routes may want one of them.
    is_for_subscribers: bool,
}

/// A publish of a batch, as it is routed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BatchPublish<'a> {
    pub(crate) published: Published<'a>,
    pub(crate) is_accepted: bool,
}

impl Batch {
    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    pub(crate) fn publishes(&self) -> usize {
        self.publishes
    }

    /// Bytes of payload.
    pub(crate) fn payload(&self) -> usize {
        self.payload
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Whether it must be routed although nobody subscribes to anything.
    pub(crate) fn is_for_subscribers(&self) -> bool {
        self.is_for_subscribers
    }

    /// Where the properties of the next publish go, which [`Self::push`] adds.
    pub(crate) fn begin(&mut self, topic: &str) -> &mut Vec<u8> {
        self.bytes.extend_from_slice(topic.as_bytes());
        &mut self.bytes
    }

    /// Adds a publish whose topic and properties were written to [`Self::begin`]
    /// when the batch held `start` bytes.
    #[expect(clippy::too_many_arguments, reason = "the fields of one item")]
    pub(crate) fn push(
        &mut self,
        start: usize,
        topic_len: usize,
        payload: &[u8],
        qos: u8,
        flags: Flags,
        packet_id: u16,
        expires: Time,
    ) {
        let properties = self.bytes.len() - start - topic_len;
        self.bytes.extend_from_slice(payload);
        self.items.push(Item::Publish {
            start,
            topic: topic_len as u16,
            properties: properties as u32,
            payload: payload.len() as u32,
            qos,
            flags,
            packet_id,
            expires,
        });
        if qos == 2 {
            self.qos2.push(packet_id);
        }
        self.publishes += 1;
        self.payload += payload.len();
        self.is_for_subscribers |= flags.retain || !flags.is_accepted;
    }

    pub(crate) fn push_released(&mut self, packet_id: u16) {
        self.items.push(Item::Released(packet_id));
    }

    /// Forgets what its sender will send again; whether anything is left.
    pub(crate) fn forget_repeated(&mut self) -> bool {
        self.items
            .retain(|item| matches!(item, Item::Publish { qos: 0, .. }));
        self.qos2.clear();
        self.publishes = self.items.len();
        let payload = |item: &Item| match item {
            Item::Publish { payload, .. } => *payload as usize,
            Item::Released(_) => 0,
        };
        self.payload = self.items.iter().map(payload).sum();
        !self.items.is_empty()
    }

    pub(crate) fn records<'a>(&'a self, publisher: Publisher<'a>) -> Vec<Record<'a>> {
        let record = |item: &Item| match *item {
            Item::Released(packet_id) => Record::Released {
                session: publisher.session,
                client_id: publisher.client_id,
                packet_id,
            },
            Item::Publish {
                start,
                topic,
                properties,
                payload,
                qos,
                flags,
                packet_id,
                ..
            } => {
                let (topic, properties, payload) = self.parts(start, topic, properties, payload);
                Record::Publish(PublishRecord {
                    session: publisher.session,
                    client_id: publisher.client_id,
                    identity: publisher.identity,
                    topic,
                    payload,
                    properties,
                    qos,
                    retain: flags.retain,
                    duplicate: flags.duplicate,
                    packet_id,
                    is_accepted: flags.is_accepted,
                    is_will: flags.is_will,
                })
            }
        };
        self.items.iter().map(record).collect()
    }

    /// The publishes, as subscribers get them.
    pub(crate) fn iter(&self, publisher: u64) -> impl Iterator<Item = BatchPublish<'_>> {
        self.items.iter().filter_map(move |item| match *item {
            Item::Released(_) => None,
            Item::Publish {
                start,
                topic,
                properties,
                payload,
                qos,
                flags,
                expires,
                ..
            } => {
                let (topic, properties, payload) = self.parts(start, topic, properties, payload);
                Some(BatchPublish {
                    published: Published {
                        topic,
                        payload,
                        properties,
                        qos,
                        retain: flags.retain,
                        expires,
                        publisher,
                    },
                    is_accepted: flags.is_accepted,
                })
            }
        })
    }

    fn parts(
        &self,
        start: usize,
        topic: u16,
        properties: u32,
        payload: u32,
    ) -> (&str, &[u8], &[u8]) {
        let properties_at = start + usize::from(topic);
        let payload_at = properties_at + properties as usize;
        let topic = std::str::from_utf8(&self.bytes[start..properties_at]).unwrap_or_default();
        let properties = &self.bytes[properties_at..payload_at];
        (
            topic,
            properties,
            &self.bytes[payload_at..payload_at + payload as usize],
        )
    }
}
