//! DISCONNECT and AUTH (MQTT 5, sections 3.14 and 3.15).

use super::{AUTH, DISCONNECT, Peer, Version, put_packet};
use crate::error::{DecodeError, EncodeError, ReasonCode};
use crate::property::{self, Properties, Property};
use crate::reader::Reader;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disconnect<'a> {
    pub reason: ReasonCode,
    pub properties: Properties<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Auth<'a> {
    pub reason: ReasonCode,
    pub properties: Properties<'a>,
}

impl<'a> Disconnect<'a> {
    pub const fn new(reason: ReasonCode) -> Self {
        Self {
            reason,
            properties: Properties::EMPTY,
        }
    }

    pub(crate) fn decode(
        body: &'a [u8],
        version: Version,
        from: Peer,
    ) -> Result<Self, DecodeError> {
        if !version.is_v5() && !body.is_empty() {
            return Err(DecodeError::malformed("DISCONNECT with a body"));
        }
        let (reason, properties) = reason_and_properties(body, property::DISCONNECT)?;
        if !is_disconnect(reason, from) {
            return Err(DecodeError::malformed(
                "reason code that this packet cannot have",
            ));
        }
        Ok(Self { reason, properties })
    }

    /// Seconds.
    pub fn session_expiry(&self) -> Option<u32> {
        self.properties.iter().find_map(|property| match property {
            Property::SessionExpiryInterval(expiry) => Some(expiry),
            _ => None,
        })
    }

    pub(crate) fn encode(&self, version: Version, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        match version {
            Version::V5 => put(DISCONNECT, self.reason, self.properties, out),
            _ => {
                out.extend_from_slice(&[DISCONNECT << 4, 0]);
                Ok(())
            }
        }
    }
}

impl<'a> Auth<'a> {
    pub(crate) fn decode(body: &'a [u8]) -> Result<Self, DecodeError> {
        use ReasonCode as R;
        let (reason, properties) = reason_and_properties(body, property::AUTH)?;
        let has_method = properties
            .iter()
            .any(|property| matches!(property, Property::AuthenticationMethod(_)));
        match reason {
            R::Success => Ok(Self { reason, properties }),
            R::ContinueAuthentication | R::ReAuthenticate if has_method => {
                Ok(Self { reason, properties })
            }
            R::ContinueAuthentication | R::ReAuthenticate => Err(DecodeError::protocol(
                "AUTH without an authentication method",
            )),
            _ => Err(DecodeError::malformed(
                "reason code that this packet cannot have",
            )),
        }
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        put(AUTH, self.reason, self.properties, out)
    }
}

fn reason_and_properties(
    body: &[u8],
    packet: u16,
) -> Result<(ReasonCode, Properties<'_>), DecodeError> {
    let mut reader = Reader(body);
    if reader.is_empty() {
        return Ok((ReasonCode::Success, Properties::EMPTY));
    }
    let reason =
        ReasonCode::from_u8(reader.u8()?).ok_or(DecodeError::malformed("unknown reason code"))?;
    let properties = match reader.is_empty() {
        true => Properties::EMPTY,
        false => Properties::read(&mut reader, packet)?,
    };
    match reader.is_empty() {
        true => Ok((reason, properties)),
        false => Err(DecodeError::malformed("packet with bytes left over")),
    }
}

fn put(
    kind: u8,
    reason: ReasonCode,
    properties: Properties<'_>,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    put_packet(kind << 4, out, |out| {
        if !properties.is_empty() {
            out.push(reason as u8);
            properties.put(out);
        } else if reason != ReasonCode::Success {
            out.push(reason as u8);
        }
        Ok(())
    })
}

/// Section 3.14.2.1.
fn is_disconnect(reason: ReasonCode, from: Peer) -> bool {
    use ReasonCode as R;
    match reason {
        R::DisconnectWithWill => from == Peer::Client,
        R::Success
        | R::UnspecifiedError
        | R::MalformedPacket
        | R::ProtocolError
        | R::ImplementationSpecificError
        | R::TopicNameInvalid
        | R::ReceiveMaximumExceeded
        | R::TopicAliasInvalid
        | R::PacketTooLarge
        | R::MessageRateTooHigh
        | R::QuotaExceeded
        | R::AdministrativeAction
        | R::PayloadFormatInvalid => true,
        R::NotAuthorized
        | R::ServerBusy
        | R::ServerShuttingDown
        | R::BadAuthenticationMethod
        | R::KeepAliveTimeout
        | R::SessionTakenOver
        | R::TopicFilterInvalid
        | R::RetainNotSupported
        | R::QosNotSupported
        | R::UseAnotherServer
        | R::ServerMoved
        | R::SharedSubscriptionsNotSupported
        | R::ConnectionRateExceeded
        | R::MaximumConnectTime
        | R::SubscriptionIdentifiersNotSupported
        | R::WildcardSubscriptionsNotSupported => from == Peer::Server,
        _ => false,
    }
}
