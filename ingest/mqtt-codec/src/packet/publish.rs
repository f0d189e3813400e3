//! PUBLISH (MQTT 5, section 3.3): the packet that everything else is about.

use super::{PUBLISH, Peer, Version};
use crate::error::{DecodeError, EncodeError, ReasonCode};
use crate::frame::{Frame, MAX_REMAINING_LENGTH, put_remaining_length, varint_len};
use crate::property::{self, Properties, Property, PropertyId};
use crate::reader::{Reader, text};
use crate::topic::check_topic;

const DUP: u8 = 0x08;
const RETAIN: u8 = 0x01;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Publish<'a> {
    pub dup: bool,
    pub qos: u8,
    pub retain: bool,
    /// Empty (MQTT 5): the topic alias replaces it.
    pub topic: &'a str,
    /// 0 with QoS 0, and only then.
    pub packet_id: u16,
    pub properties: Properties<'a>,
    pub payload: &'a [u8],
}

impl<'a> Publish<'a> {
    pub(crate) fn decode(
        frame: Frame<'a>,
        version: Version,
        from: Peer,
    ) -> Result<Self, DecodeError> {
        let flags = frame.header;
        let qos = flags >> 1 & 3;
        let dup = flags & DUP != 0;
        if qos == 3 {
            return Err(DecodeError::malformed("PUBLISH with QoS 3"));
        }
        if dup && qos == 0 {
            return Err(DecodeError::malformed("DUP with QoS 0"));
        }
        let mut reader = Reader(frame.body);
        let topic = text(reader.binary()?)?;
        if !(topic.is_empty() && version.is_v5()) {
            check_topic(topic)?;
        }
        let packet_id = if qos == 0 { 0 } else { reader.packet_id()? };
        let properties = match version {
            Version::V5 => Properties::read(&mut reader, property::PUBLISH)?,
            _ => Properties::EMPTY,
        };
        if !properties.is_empty() && from == Peer::Client && has_subscription_id(properties) {
            return Err(DecodeError::protocol(
                "subscription identifier from a client",
            ));
        }
        let publish = Self {
            dup,
            qos,
            retain: flags & RETAIN != 0,
            topic,
            packet_id,
            properties,
            payload: reader.0,
        };
        if topic.is_empty() && publish.topic_alias().is_none() {
            return Err(DecodeError::new(
                ReasonCode::TopicNameInvalid,
                "PUBLISH with neither a topic name nor a topic alias",
            ));
        }
        Ok(publish)
    }

    pub fn topic_alias(&self) -> Option<u16> {
        self.properties.iter().find_map(|property| match property {
            Property::TopicAlias(alias) => Some(alias),
            _ => None,
        })
    }

    pub(crate) fn encode(&self, version: Version, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let delivery = Delivery {
            dup: self.dup,
            qos: self.qos,
            retain: self.retain,
            topic: self.topic,
            packet_id: self.packet_id,
            payload: self.payload,
            properties: self.properties.as_bytes(),
            expiry: None,
            topic_alias: None,
            subscription_ids: &[],
        };
        delivery.encode(version, out)
    }
}

fn has_subscription_id(properties: Properties<'_>) -> bool {
    properties
        .iter()
        .any(|property| matches!(property, Property::SubscriptionIdentifier(_)))
}

/// A PUBLISH on its way out: the sender's properties as they came, and those
/// that belong to this delivery alone.
#[derive(Clone, Copy, Debug)]
pub struct Delivery<'a> {
    pub dup: bool,
    pub qos: u8,
    pub retain: bool,
    pub topic: &'a str,
    pub packet_id: u16,
    pub payload: &'a [u8],
    /// Validated bytes; none of the properties below among them.
    pub properties: &'a [u8],
    /// Message expiry interval, in seconds.
    pub expiry: Option<u32>,
    pub topic_alias: Option<u16>,
    pub subscription_ids: &'a [u32],
}

impl Delivery<'_> {
    fn properties_len(&self) -> usize {
        let ids = self.subscription_ids.iter();
        let ids: usize = ids.map(|id| 1 + varint_len(*id as usize)).sum();
        self.properties.len()
            + self.expiry.map_or(0, |_| 5)
            + self.topic_alias.map_or(0, |_| 3)
            + ids
    }

    fn remaining_len(&self, version: Version) -> usize {
        let properties = match version {
            Version::V5 => {
                let length = self.properties_len();
                varint_len(length) + length
            }
            _ => 0,
        };
        let packet_id = if self.qos == 0 { 0 } else { 2 };
        2 + self.topic.len() + packet_id + properties + self.payload.len()
    }

    /// Bytes of the packet in all, as a maximum packet size counts them.
    pub fn encoded_len(&self, version: Version) -> usize {
        let remaining = self.remaining_len(version);
        1 + varint_len(remaining) + remaining
    }

    /// Appends the packet. On an error `out` is as it was.
    pub fn encode(&self, version: Version, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let remaining = self.remaining_len(version);
        if remaining > MAX_REMAINING_LENGTH {
            return Err(EncodeError::TooLarge(remaining));
        }
        let topic_len = u16::try_from(self.topic.len())
            .map_err(|_| EncodeError::FieldTooLong(self.topic.len()))?;
        out.reserve(5 + remaining);
        let dup = if self.dup { DUP } else { 0 };
        out.push(PUBLISH << 4 | dup | self.qos << 1 | u8::from(self.retain));
        put_remaining_length(remaining, out);
        out.extend_from_slice(&topic_len.to_be_bytes());
        out.extend_from_slice(self.topic.as_bytes());
        if self.qos > 0 {
            out.extend_from_slice(&self.packet_id.to_be_bytes());
        }
        if version.is_v5() {
            self.put_properties(out);
        }
        out.extend_from_slice(self.payload);
        Ok(())
    }

    fn put_properties(&self, out: &mut Vec<u8>) {
        put_remaining_length(self.properties_len(), out);
        if let Some(expiry) = self.expiry {
            out.push(PropertyId::MessageExpiryInterval as u8);
            out.extend_from_slice(&expiry.to_be_bytes());
        }
        if let Some(alias) = self.topic_alias {
            out.push(PropertyId::TopicAlias as u8);
            out.extend_from_slice(&alias.to_be_bytes());
        }
        for id in self.subscription_ids {
            out.push(PropertyId::SubscriptionIdentifier as u8);
            put_remaining_length(*id as usize, out);
        }
        out.extend_from_slice(self.properties);
    }
}
