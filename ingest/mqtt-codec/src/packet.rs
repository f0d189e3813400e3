//! The packets, and which peer may send which.

pub(crate) mod acks;
pub(crate) mod connack;
pub(crate) mod connect;
pub(crate) mod disconnect;
pub(crate) mod publish;
pub(crate) mod subscribe;

use crate::error::{DecodeError, EncodeError};
use crate::frame::{Frame, MAX_REMAINING_LENGTH, put_remaining_length, varint_len};
use acks::{Ack, AckKind};
use connack::ConnAck;
use connect::Connect;
use disconnect::{Auth, Disconnect};
use publish::Publish;
use subscribe::{SubAck, Subscribe, Unsubscribe};

pub(crate) const CONNECT: u8 = 1;
pub(crate) const CONNACK: u8 = 2;
pub(crate) const PUBLISH: u8 = 3;
pub(crate) const SUBSCRIBE: u8 = 8;
pub(crate) const SUBACK: u8 = 9;
pub(crate) const UNSUBSCRIBE: u8 = 10;
pub(crate) const UNSUBACK: u8 = 11;
pub(crate) const PINGREQ: u8 = 12;
pub(crate) const PINGRESP: u8 = 13;
pub(crate) const DISCONNECT: u8 = 14;
pub(crate) const AUTH: u8 = 15;

/// The version that CONNECT has chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Version {
    V31,
    V311,
    V5,
}

impl Version {
    pub const fn is_v5(self) -> bool {
        matches!(self, Self::V5)
    }
}

/// Who has sent a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    Client,
    Server,
}

/// One packet, validated, borrowed from its frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    Connect(Connect<'a>),
    ConnAck(ConnAck<'a>),
    Publish(Publish<'a>),
    /// PUBACK, PUBREC, PUBREL and PUBCOMP.
    Ack(Ack<'a>),
    Subscribe(Subscribe<'a>),
    SubAck(SubAck<'a>),
    Unsubscribe(Unsubscribe<'a>),
    UnsubAck(SubAck<'a>),
    PingReq,
    PingResp,
    Disconnect(Disconnect<'a>),
    Auth(Auth<'a>),
}

impl<'a> Packet<'a> {
    /// Decodes a packet that `from` has sent after a CONNECT of `version`. A
    /// CONNECT itself is decoded by the version that it names.
    pub fn decode(frame: Frame<'a>, version: Version, from: Peer) -> Result<Self, DecodeError> {
        let kind = frame.header >> 4;
        let flags = frame.header & 0x0f;
        if kind == CONNECT {
            check_flags(flags, 0)?;
            check_direction(from, Peer::Client)?;
            return Connect::decode(frame).map(Self::Connect);
        }
        if version.is_v5() && !frame.is_minimal {
            return Err(DecodeError::malformed(
                "remaining length that is not minimal",
            ));
        }
        if kind == PUBLISH {
            return Publish::decode(frame, version, from).map(Self::Publish);
        }
        if let Some(ack) = AckKind::from_type(kind) {
            check_flags(flags, if ack == AckKind::PubRel { 2 } else { 0 })?;
            return Ack::decode(ack, frame.body, version).map(Self::Ack);
        }
        let expected = match kind {
            SUBSCRIBE | UNSUBSCRIBE => 2,
            _ => 0,
        };
        check_flags(flags, expected)?;
        match kind {
            SUBSCRIBE | UNSUBSCRIBE | PINGREQ => check_direction(from, Peer::Client)?,
            CONNACK | SUBACK | UNSUBACK | PINGRESP => check_direction(from, Peer::Server)?,
            _ => {}
        }
        let body = frame.body;
        match kind {
            CONNACK => ConnAck::decode(body, version).map(Self::ConnAck),
            SUBSCRIBE => Subscribe::decode(body, version).map(Self::Subscribe),
            SUBACK => SubAck::decode_suback(body, version).map(Self::SubAck),
            UNSUBSCRIBE => Unsubscribe::decode(body, version).map(Self::Unsubscribe),
            UNSUBACK => SubAck::decode_unsuback(body, version).map(Self::UnsubAck),
            PINGREQ | PINGRESP if !body.is_empty() => {
                Err(DecodeError::malformed("ping with a body"))
            }
            PINGREQ => Ok(Self::PingReq),
            PINGRESP => Ok(Self::PingResp),
            DISCONNECT => {
                if !version.is_v5() {
                    check_direction(from, Peer::Client)?;
                }
                Disconnect::decode(body, version, from).map(Self::Disconnect)
            }
            AUTH if version.is_v5() => Auth::decode(body).map(Self::Auth),
            _ => Err(DecodeError::malformed("packet type that does not exist")),
        }
    }

    /// Appends the packet. On an error `out` is as it was.
    pub fn encode(&self, version: Version, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        match self {
            Self::Connect(connect) => connect.encode(out),
            Self::ConnAck(connack) => connack.encode(version, out),
            Self::Publish(publish) => publish.encode(version, out),
            Self::Ack(ack) => ack.encode(version, out),
            Self::Subscribe(subscribe) => subscribe.encode(version, out),
            Self::SubAck(suback) => suback.encode(SUBACK << 4, version, out),
            Self::Unsubscribe(unsubscribe) => unsubscribe.encode(version, out),
            Self::UnsubAck(unsuback) => unsuback.encode_unsuback(version, out),
            Self::PingReq => {
                out.extend_from_slice(&[PINGREQ << 4, 0]);
                Ok(())
            }
            Self::PingResp => {
                out.extend_from_slice(&[PINGRESP << 4, 0]);
                Ok(())
            }
            Self::Disconnect(disconnect) => disconnect.encode(version, out),
            Self::Auth(auth) => auth.encode(out),
        }
    }
}

fn check_flags(flags: u8, expected: u8) -> Result<(), DecodeError> {
    match flags == expected {
        true => Ok(()),
        false => Err(DecodeError::malformed("reserved bits of the fixed header")),
    }
}

fn check_direction(from: Peer, expected: Peer) -> Result<(), DecodeError> {
    match from == expected {
        true => Ok(()),
        false => Err(DecodeError::protocol("packet that this peer may not send")),
    }
}

/// Appends a packet of which only the body's length is not known beforehand.
pub(crate) fn put_packet(
    header: u8,
    out: &mut Vec<u8>,
    body: impl FnOnce(&mut Vec<u8>) -> Result<(), EncodeError>,
) -> Result<(), EncodeError> {
    let start = out.len();
    out.extend_from_slice(&[header, 0]);
    let body_start = out.len();
    let written = body(out).and_then(|()| match out.len() - body_start {
        length @ 0..=MAX_REMAINING_LENGTH => Ok(length),
        length => Err(EncodeError::TooLarge(length)),
    });
    let length = match written {
        Ok(length) => length,
        Err(error) => {
            out.truncate(start);
            return Err(error);
        }
    };
    if length < 0x80 {
        out[start + 1] = length as u8;
        return Ok(());
    }
    // Rare and short: packets other than PUBLISH, whose length is known.
    let mut prefix = Vec::with_capacity(varint_len(length));
    put_remaining_length(length, &mut prefix);
    out.splice(start + 1..body_start, prefix);
    Ok(())
}
