//! CONNECT (MQTT 5, section 3.1).

use super::{CONNECT, Version, put_packet};
use crate::error::{DecodeError, EncodeError, ReasonCode};
use crate::frame::Frame;
use crate::property::{self, Properties, Property};
use crate::reader::{Reader, put_field};
use crate::topic::check_topic;

/// What Mosquitto sets in the protocol level of its bridges.
const BRIDGE_BIT: u8 = 0x80;

const CLEAN_START: u8 = 0x02;
const WILL: u8 = 0x04;
const WILL_RETAIN: u8 = 0x20;
const PASSWORD: u8 = 0x40;
const USER_NAME: u8 = 0x80;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connect<'a> {
    pub version: Version,
    /// The client is a bridge: it wants neither its own messages back nor the
    /// retain flag changed.
    pub is_bridge: bool,
    pub clean_start: bool,
    /// Seconds; 0 is none.
    pub keep_alive: u16,
    pub properties: Properties<'a>,
    pub client_id: &'a str,
    pub will: Option<Will<'a>>,
    pub user_name: Option<&'a str>,
    pub password: Option<&'a [u8]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Will<'a> {
    pub qos: u8,
    pub retain: bool,
    pub properties: Properties<'a>,
    pub topic: &'a str,
    pub payload: &'a [u8],
}

impl Will<'_> {
    /// Seconds.
    pub fn delay(&self) -> u32 {
        let delays = self
            .properties
            .iter()
            .filter_map(|property| match property {
                Property::WillDelayInterval(delay) => Some(delay),
                _ => None,
            });
        delays.last().unwrap_or(0)
    }
}

impl<'a> Connect<'a> {
    pub(crate) fn decode(frame: Frame<'a>) -> Result<Self, DecodeError> {
        let mut reader = Reader(frame.body);
        let (version, is_bridge) = protocol(&mut reader)?;
        if version.is_v5() && !frame.is_minimal {
            return Err(DecodeError::malformed(
                "remaining length that is not minimal",
            ));
        }
        let flags = reader.u8()?;
        if flags & 1 != 0 {
            return Err(DecodeError::malformed("reserved connect flag"));
        }
        let will_qos = flags >> 3 & 3;
        if will_qos == 3 {
            return Err(DecodeError::malformed("will with QoS 3"));
        }
        if flags & WILL == 0 && (will_qos != 0 || flags & WILL_RETAIN != 0) {
            return Err(DecodeError::malformed("QoS or retain flag without a will"));
        }
        if !version.is_v5() && flags & PASSWORD != 0 && flags & USER_NAME == 0 {
            return Err(DecodeError::malformed("password without a user name"));
        }
        let keep_alive = reader.u16()?;
        let properties = match version {
            Version::V5 => Properties::read(&mut reader, property::CONNECT)?,
            _ => Properties::EMPTY,
        };
        check_authentication(properties)?;
        let client_id = reader.string()?;
        let will = match flags & WILL {
            0 => None,
            _ => Some(Will::decode(&mut reader, version, flags)?),
        };
        let user_name = (flags & USER_NAME != 0)
            .then(|| reader.string())
            .transpose()?;
        let password = (flags & PASSWORD != 0)
            .then(|| reader.binary())
            .transpose()?;
        if !reader.is_empty() {
            return Err(DecodeError::malformed("CONNECT with bytes left over"));
        }
        Ok(Self {
            version,
            is_bridge,
            clean_start: flags & CLEAN_START != 0,
            keep_alive,
            properties,
            client_id,
            will,
            user_name,
            password,
        })
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        put_packet(CONNECT << 4, out, |out| {
            let (name, level) = match self.version {
                Version::V31 => ("MQIsdp", 3),
                Version::V311 => ("MQTT", 4),
                Version::V5 => ("MQTT", 5),
            };
            put_field(name.as_bytes(), out)?;
            out.push(level | if self.is_bridge { BRIDGE_BIT } else { 0 });
            out.push(self.flags());
            out.extend_from_slice(&self.keep_alive.to_be_bytes());
            if self.version.is_v5() {
                self.properties.put(out);
            }
            put_field(self.client_id.as_bytes(), out)?;
            if let Some(will) = &self.will {
                if self.version.is_v5() {
                    will.properties.put(out);
                }
                put_field(will.topic.as_bytes(), out)?;
                put_field(will.payload, out)?;
            }
            if let Some(user_name) = self.user_name {
                put_field(user_name.as_bytes(), out)?;
            }
            self.password
                .map_or(Ok(()), |password| put_field(password, out))
        })
    }

    fn flags(&self) -> u8 {
        let flag = |is_set, bit| if is_set { bit } else { 0 };
        let will = self.will.map_or(0, |will| {
            WILL | will.qos << 3 | flag(will.retain, WILL_RETAIN)
        });
        flag(self.clean_start, CLEAN_START)
            | will
            | flag(self.user_name.is_some(), USER_NAME)
            | flag(self.password.is_some(), PASSWORD)
    }
}

impl<'a> Will<'a> {
    fn decode(reader: &mut Reader<'a>, version: Version, flags: u8) -> Result<Self, DecodeError> {
        let properties = match version {
            Version::V5 => Properties::read(reader, property::WILL)?,
            _ => Properties::EMPTY,
        };
        let topic = reader.string()?;
        check_topic(topic)?;
        Ok(Self {
            qos: flags >> 3 & 3,
            retain: flags & WILL_RETAIN != 0,
            properties,
            topic,
            payload: reader.binary()?,
        })
    }
}

/// The version, and whether the bridge bit is set.
fn protocol(reader: &mut Reader<'_>) -> Result<(Version, bool), DecodeError> {
    const UNSUPPORTED: DecodeError = DecodeError::new(
        ReasonCode::UnsupportedProtocolVersion,
        "protocol name and level that are not MQTT 3.1, 3.1.1 or 5",
    );
    let name = reader.binary()?;
    let level = reader.u8()?;
    match (name, level & !BRIDGE_BIT, level & BRIDGE_BIT != 0) {
        (b"MQIsdp", 3, is_bridge) => Ok((Version::V31, is_bridge)),
        (b"MQTT", 4, is_bridge) => Ok((Version::V311, is_bridge)),
        (b"MQTT", 5, false) => Ok((Version::V5, false)),
        (b"MQTT" | b"MQIsdp", ..) => Err(UNSUPPORTED),
        _ => Err(DecodeError::malformed("protocol name that is not MQTT")),
    }
}

fn check_authentication(properties: Properties<'_>) -> Result<(), DecodeError> {
    let (mut method, mut data) = (false, false);
    for property in properties.iter() {
        method |= matches!(property, Property::AuthenticationMethod(_));
        data |= matches!(property, Property::AuthenticationData(_));
    }
    match data && !method {
        true => Err(DecodeError::protocol(
            "authentication data without a method",
        )),
        false => Ok(()),
    }
}
