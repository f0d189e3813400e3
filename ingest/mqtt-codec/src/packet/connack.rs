//! CONNACK (MQTT 5, section 3.2).

use super::{CONNACK, Version, put_packet};
use crate::error::{DecodeError, EncodeError, ReasonCode};
use crate::property::{self, Properties};
use crate::reader::Reader;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnAck<'a> {
    pub session_present: bool,
    /// Before MQTT 5 only the codes that have a return code of their own
    /// ([`ReasonCode::connack_v3`]) survive a round trip.
    pub reason: ReasonCode,
    pub properties: Properties<'a>,
}

impl<'a> ConnAck<'a> {
    pub(crate) fn decode(body: &'a [u8], version: Version) -> Result<Self, DecodeError> {
        let mut reader = Reader(body);
        let flags = match version {
            // Reserved, and without a rule for its value.
            Version::V31 => {
                reader.u8()?;
                0
            }
            _ => reader.u8()?,
        };
        if flags > 1 {
            return Err(DecodeError::malformed("reserved CONNACK flags"));
        }
        let code = reader.u8()?;
        let (reason, properties) = match version {
            Version::V5 => {
                let reason = ReasonCode::from_u8(code)
                    .filter(|reason| reason.is_error() || *reason == ReasonCode::Success)
                    .ok_or(DecodeError::malformed("unknown CONNACK reason code"))?;
                let properties = Properties::read(&mut reader, property::CONNACK)?;
                (reason, properties)
            }
            _ => (reason_v3(code)?, Properties::EMPTY),
        };
        if !reader.is_empty() {
            return Err(DecodeError::malformed("CONNACK with bytes left over"));
        }
        if reason.is_error() && flags != 0 {
            return Err(DecodeError::protocol("session present in a refusal"));
        }
        Ok(Self {
            session_present: flags != 0,
            reason,
            properties,
        })
    }

    pub(crate) fn encode(&self, version: Version, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        // MQTT 3.1 has no session present flag.
        let flags = u8::from(self.session_present && version != Version::V31);
        put_packet(CONNACK << 4, out, |out| {
            out.push(flags);
            match version {
                Version::V5 => {
                    out.push(self.reason as u8);
                    self.properties.put(out);
                }
                _ => out.push(self.reason.connack_v3()),
            }
            Ok(())
        })
    }
}

fn reason_v3(code: u8) -> Result<ReasonCode, DecodeError> {
    Ok(match code {
        0 => ReasonCode::Success,
        1 => ReasonCode::UnsupportedProtocolVersion,
        2 => ReasonCode::ClientIdentifierNotValid,
        3 => ReasonCode::ServerUnavailable,
        4 => ReasonCode::BadUserNameOrPassword,
        5 => ReasonCode::NotAuthorized,
        _ => return Err(DecodeError::malformed("unknown CONNACK return code")),
    })
}
