//! SUBSCRIBE, SUBACK, UNSUBSCRIBE and UNSUBACK (MQTT 5, sections 3.8 to 3.11).

use super::{SUBSCRIBE, UNSUBACK, UNSUBSCRIBE, Version, put_packet};
use crate::error::{DecodeError, EncodeError, ReasonCode};
use crate::property::{self, Properties, Property};
use crate::reader::{Reader, put_field};
use crate::topic::check_filter;

/// When a subscriber gets the retained messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum RetainHandling {
    #[default]
    Send = 0,
    SendIfNew = 1,
    DoNotSend = 2,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SubscriptionOptions {
    /// The highest QoS to deliver with.
    pub qos: u8,
    pub no_local: bool,
    pub retain_as_published: bool,
    pub retain_handling: RetainHandling,
}

impl SubscriptionOptions {
    pub const fn qos(qos: u8) -> Self {
        Self {
            qos,
            no_local: false,
            retain_as_published: false,
            retain_handling: RetainHandling::Send,
        }
    }

    fn decode(byte: u8, version: Version) -> Result<Self, DecodeError> {
        let qos = byte & 3;
        if qos == 3 {
            return Err(DecodeError::malformed("subscription with QoS 3"));
        }
        let reserved = if version.is_v5() { 0xc0 } else { 0xfc };
        if byte & reserved != 0 {
            return Err(DecodeError::malformed(
                "reserved bits of subscription options",
            ));
        }
        let retain_handling = match byte >> 4 & 3 {
            0 => RetainHandling::Send,
            1 => RetainHandling::SendIfNew,
            2 => RetainHandling::DoNotSend,
            _ => return Err(DecodeError::protocol("retain handling 3")),
        };
        Ok(Self {
            qos,
            no_local: byte & 4 != 0,
            retain_as_published: byte & 8 != 0,
            retain_handling,
        })
    }

    const fn byte(self) -> u8 {
        self.qos
            | (self.no_local as u8) << 2
            | (self.retain_as_published as u8) << 3
            | (self.retain_handling as u8) << 4
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subscribe<'a> {
    pub packet_id: u16,
    pub properties: Properties<'a>,
    pub filters: SubscribeFilters<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsubscribe<'a> {
    pub packet_id: u16,
    pub properties: Properties<'a>,
    pub filters: Filters<'a>,
}

/// SUBACK or UNSUBACK: one code per filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubAck<'a> {
    pub packet_id: u16,
    pub properties: Properties<'a>,
    /// Valid codes of MQTT 5, or of 3.1.1: 0, 1, 2 and 0x80.
    pub codes: &'a [u8],
}

/// The validated filters of a SUBSCRIBE, with their options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubscribeFilters<'a> {
    bytes: &'a [u8],
    version: Version,
}

/// The validated filters of an UNSUBSCRIBE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filters<'a>(&'a [u8]);

impl<'a> SubscribeFilters<'a> {
    /// Encodes filters into `buffer`.
    pub fn build<'f>(
        filters: impl IntoIterator<Item = (&'f str, SubscriptionOptions)>,
        version: Version,
        buffer: &'a mut Vec<u8>,
    ) -> Result<Self, EncodeError> {
        buffer.clear();
        for (filter, options) in filters {
            put_field(filter.as_bytes(), buffer)?;
            buffer.push(match version {
                Version::V5 => options.byte(),
                _ => options.qos,
            });
        }
        Ok(Self {
            bytes: buffer,
            version,
        })
    }

    pub fn iter(&self) -> impl Iterator<Item = (&'a str, SubscriptionOptions)> + use<'a> {
        let (mut reader, version) = (Reader(self.bytes), self.version);
        std::iter::from_fn(move || {
            let filter = reader.string().ok()?;
            let options = SubscriptionOptions::decode(reader.u8().ok()?, version).ok()?;
            Some((filter, options))
        })
    }
}

impl<'a> Filters<'a> {
    /// Encodes filters into `buffer`.
    pub fn build<'f>(
        filters: impl IntoIterator<Item = &'f str>,
        buffer: &'a mut Vec<u8>,
    ) -> Result<Self, EncodeError> {
        buffer.clear();
        for filter in filters {
            put_field(filter.as_bytes(), buffer)?;
        }
        Ok(Self(buffer))
    }

    pub fn iter(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let mut reader = Reader(self.0);
        std::iter::from_fn(move || reader.string().ok())
    }
}

impl<'a> Subscribe<'a> {
    pub(crate) fn decode(body: &'a [u8], version: Version) -> Result<Self, DecodeError> {
        let mut reader = Reader(body);
        let packet_id = reader.packet_id()?;
        let properties = match version {
            Version::V5 => Properties::read(&mut reader, property::SUBSCRIBE)?,
            _ => Properties::EMPTY,
        };
        let filters = SubscribeFilters {
            bytes: reader.0,
            version,
        };
        if reader.is_empty() {
            return Err(DecodeError::protocol("SUBSCRIBE without a filter"));
        }
        while !reader.is_empty() {
            let filter = reader.string()?;
            check_filter(filter)?;
            let options = SubscriptionOptions::decode(reader.u8()?, version)?;
            if options.no_local && filter.starts_with("$share/") {
                return Err(DecodeError::protocol("no local on a shared subscription"));
            }
        }
        Ok(Self {
            packet_id,
            properties,
            filters,
        })
    }

    pub fn subscription_id(&self) -> Option<u32> {
        self.properties.iter().find_map(|property| match property {
            Property::SubscriptionIdentifier(id) => Some(id),
            _ => None,
        })
    }

    pub(crate) fn encode(&self, version: Version, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        put_packet(SUBSCRIBE << 4 | 2, out, |out| {
            put_head(self.packet_id, self.properties, version, out);
            out.extend_from_slice(self.filters.bytes);
            Ok(())
        })
    }
}

impl<'a> Unsubscribe<'a> {
    pub(crate) fn decode(body: &'a [u8], version: Version) -> Result<Self, DecodeError> {
        let mut reader = Reader(body);
        let packet_id = reader.packet_id()?;
        let properties = match version {
            Version::V5 => Properties::read(&mut reader, property::UNSUBSCRIBE)?,
            _ => Properties::EMPTY,
        };
        let filters = Filters(reader.0);
        if reader.is_empty() {
            return Err(DecodeError::protocol("UNSUBSCRIBE without a filter"));
        }
        while !reader.is_empty() {
            check_filter(reader.string()?)?;
        }
        Ok(Self {
            packet_id,
            properties,
            filters,
        })
    }

    pub(crate) fn encode(&self, version: Version, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        put_packet(UNSUBSCRIBE << 4 | 2, out, |out| {
            put_head(self.packet_id, self.properties, version, out);
            out.extend_from_slice(self.filters.0);
            Ok(())
        })
    }
}

impl<'a> SubAck<'a> {
    pub(crate) fn decode_suback(body: &'a [u8], version: Version) -> Result<Self, DecodeError> {
        use ReasonCode as R;
        Self::decode(body, version, property::SUBACK, |code| match version {
            Version::V5 => matches!(
                ReasonCode::from_u8(code),
                Some(
                    R::Success
                        | R::GrantedQos1
                        | R::GrantedQos2
                        | R::UnspecifiedError
                        | R::ImplementationSpecificError
                        | R::NotAuthorized
                        | R::TopicFilterInvalid
                        | R::PacketIdentifierInUse
                        | R::QuotaExceeded
                        | R::SharedSubscriptionsNotSupported
                        | R::SubscriptionIdentifiersNotSupported
                        | R::WildcardSubscriptionsNotSupported
                )
            ),
            _ => matches!(code, 0..=2 | 0x80),
        })
    }

    pub(crate) fn decode_unsuback(body: &'a [u8], version: Version) -> Result<Self, DecodeError> {
        use ReasonCode as R;
        Self::decode(body, version, property::UNSUBACK, |code| {
            matches!(
                ReasonCode::from_u8(code),
                Some(
                    R::Success
                        | R::NoSubscriptionExisted
                        | R::UnspecifiedError
                        | R::ImplementationSpecificError
                        | R::NotAuthorized
                        | R::TopicFilterInvalid
                        | R::PacketIdentifierInUse
                )
            )
        })
        .and_then(
            |unsuback| match version.is_v5() == unsuback.codes.is_empty() {
                true => Err(DecodeError::malformed("UNSUBACK of another version")),
                false => Ok(unsuback),
            },
        )
    }

    fn decode(
        body: &'a [u8],
        version: Version,
        packet: u16,
        is_valid: impl Fn(u8) -> bool,
    ) -> Result<Self, DecodeError> {
        let mut reader = Reader(body);
        let packet_id = reader.packet_id()?;
        let properties = match version {
            Version::V5 => Properties::read(&mut reader, packet)?,
            _ => Properties::EMPTY,
        };
        let codes = reader.0;
        if codes.is_empty() && packet == property::SUBACK {
            return Err(DecodeError::protocol("SUBACK without a code"));
        }
        match codes.iter().all(|code| is_valid(*code)) {
            true => Ok(Self {
                packet_id,
                properties,
                codes,
            }),
            false => Err(DecodeError::malformed(
                "reason code that this packet cannot have",
            )),
        }
    }

    pub(crate) fn encode(
        &self,
        header: u8,
        version: Version,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        put_packet(header, out, |out| {
            put_head(self.packet_id, self.properties, version, out);
            match version {
                Version::V5 => out.extend_from_slice(self.codes),
                // Before MQTT 5 there is one code for every failure.
                _ => out.extend(
                    self.codes
                        .iter()
                        .map(|code| if *code < 0x80 { *code } else { 0x80 }),
                ),
            }
            Ok(())
        })
    }

    /// Before MQTT 5 an UNSUBACK has no codes.
    pub(crate) fn encode_unsuback(
        &self,
        version: Version,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let codes = if version.is_v5() { self.codes } else { &[] };
        Self { codes, ..*self }.encode(UNSUBACK << 4, version, out)
    }
}

fn put_head(packet_id: u16, properties: Properties<'_>, version: Version, out: &mut Vec<u8>) {
    out.extend_from_slice(&packet_id.to_be_bytes());
    if version.is_v5() {
        properties.put(out);
    }
}
