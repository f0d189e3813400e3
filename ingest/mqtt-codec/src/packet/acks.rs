//! PUBACK, PUBREC, PUBREL and PUBCOMP (MQTT 5, sections 3.4 to 3.7).

use super::{Version, put_packet};
use crate::error::{DecodeError, EncodeError, ReasonCode};
use crate::property::{self, Properties};
use crate::reader::Reader;

/// The four of them, by packet type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum AckKind {
    PubAck = 4,
    PubRec = 5,
    PubRel = 6,
    PubComp = 7,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ack<'a> {
    pub kind: AckKind,
    pub packet_id: u16,
    pub reason: ReasonCode,
    pub properties: Properties<'a>,
}

impl AckKind {
    pub(crate) const fn from_type(kind: u8) -> Option<Self> {
        match kind {
            4 => Some(Self::PubAck),
            5 => Some(Self::PubRec),
            6 => Some(Self::PubRel),
            7 => Some(Self::PubComp),
            _ => None,
        }
    }

    const fn header(self) -> u8 {
        (self as u8) << 4 | if matches!(self, Self::PubRel) { 2 } else { 0 }
    }

    const fn properties(self) -> u16 {
        match self {
            Self::PubAck => property::PUBACK,
            Self::PubRec => property::PUBREC,
            Self::PubRel => property::PUBREL,
            Self::PubComp => property::PUBCOMP,
        }
    }

    const fn allows(self, reason: ReasonCode) -> bool {
        use ReasonCode as R;
        match self {
            Self::PubAck | Self::PubRec => matches!(
                reason,
                R::Success
                    | R::NoMatchingSubscribers
                    | R::UnspecifiedError
                    | R::ImplementationSpecificError
                    | R::NotAuthorized
                    | R::TopicNameInvalid
                    | R::PacketIdentifierInUse
                    | R::QuotaExceeded
                    | R::PayloadFormatInvalid
            ),
            Self::PubRel | Self::PubComp => {
                matches!(reason, R::Success | R::PacketIdentifierNotFound)
            }
        }
    }
}

impl<'a> Ack<'a> {
    pub const fn new(kind: AckKind, packet_id: u16, reason: ReasonCode) -> Self {
        Self {
            kind,
            packet_id,
            reason,
            properties: Properties::EMPTY,
        }
    }

    pub(crate) fn decode(
        kind: AckKind,
        body: &'a [u8],
        version: Version,
    ) -> Result<Self, DecodeError> {
        let mut reader = Reader(body);
        let packet_id = reader.packet_id()?;
        let mut ack = Self::new(kind, packet_id, ReasonCode::Success);
        if version.is_v5() && !reader.is_empty() {
            ack.reason = ReasonCode::from_u8(reader.u8()?)
                .filter(|reason| kind.allows(*reason))
                .ok_or(DecodeError::malformed(
                    "reason code that this packet cannot have",
                ))?;
            if !reader.is_empty() {
                ack.properties = Properties::read(&mut reader, kind.properties())?;
            }
        }
        match reader.is_empty() {
            true => Ok(ack),
            false => Err(DecodeError::malformed(
                "acknowledgement with bytes left over",
            )),
        }
    }

    pub(crate) fn encode(&self, version: Version, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        if self.properties.is_empty() || !version.is_v5() {
            put_ack(self.kind, self.packet_id, self.reason, version, out);
            return Ok(());
        }
        put_packet(self.kind.header(), out, |out| {
            out.extend_from_slice(&self.packet_id.to_be_bytes());
            out.push(self.reason as u8);
            self.properties.put(out);
            Ok(())
        })
    }
}

/// Appends an acknowledgement without properties.
pub fn put_ack(
    kind: AckKind,
    packet_id: u16,
    reason: ReasonCode,
    version: Version,
    out: &mut Vec<u8>,
) {
    let [high, low] = packet_id.to_be_bytes();
    match reason {
        reason if reason != ReasonCode::Success && version.is_v5() => {
            out.extend_from_slice(&[kind.header(), 3, high, low, reason as u8]);
        }
        _ => out.extend_from_slice(&[kind.header(), 2, high, low]),
    }
}
