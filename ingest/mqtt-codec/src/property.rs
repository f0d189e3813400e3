//! Properties of MQTT 5 (section 2.2.2), kept as bytes.
//!
//! ```text
//! identifier (1 byte: all defined ones are below 128), value by its type, …
//! ```

use crate::error::{DecodeError, EncodeError, ReasonCode};
use crate::frame::put_remaining_length;
use crate::reader::{Reader, put_field};
use crate::topic::check_topic;

macro_rules! properties {
    ($($name:ident = $id:literal, $kind:ident, $packets:expr;)*) => {
        /// Identifiers of properties.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum PropertyId { $($name = $id,)* }

        impl PropertyId {
            pub const fn from_u8(id: u8) -> Option<Self> {
                match id { $($id => Some(Self::$name),)* _ => None }
            }

            fn packets(self) -> u16 {
                match self { $(Self::$name => $packets,)* }
            }
        }

        /// One property.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Property<'a> { $($name(value_type!($kind, 'a)),)* }

        impl<'a> Property<'a> {
            pub const fn id(&self) -> PropertyId {
                match self { $(Self::$name(..) => PropertyId::$name,)* }
            }

            fn read(id: PropertyId, reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
                Ok(match id { $(PropertyId::$name => Self::$name(read_value!($kind, reader)),)* })
            }

            fn put(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
                out.push(self.id() as u8);
                match *self { $(Self::$name(value) => put_value!($kind, value, out),)* }
                Ok(())
            }
        }
    };
}

macro_rules! value_type {
    (byte, $a:lifetime) => { u8 };
    (short, $a:lifetime) => { u16 };
    (long, $a:lifetime) => { u32 };
    (varint, $a:lifetime) => { u32 };
    (string, $a:lifetime) => { &$a str };
    (binary, $a:lifetime) => { &$a [u8] };
    (pair, $a:lifetime) => { (&$a str, &$a str) };
}

macro_rules! read_value {
    (byte, $reader:ident) => {
        $reader.u8()?
    };
    (short, $reader:ident) => {
        $reader.u16()?
    };
    (long, $reader:ident) => {
        $reader.u32()?
    };
    (varint, $reader:ident) => {
        $reader.varint()?
    };
    (string, $reader:ident) => {
        $reader.string()?
    };
    (binary, $reader:ident) => {
        $reader.binary()?
    };
    (pair, $reader:ident) => {
        ($reader.string()?, $reader.string()?)
    };
}

macro_rules! put_value {
    (byte, $value:ident, $out:ident) => {
        $out.push($value)
    };
    (short, $value:ident, $out:ident) => {
        $out.extend_from_slice(&$value.to_be_bytes())
    };
    (long, $value:ident, $out:ident) => {
        $out.extend_from_slice(&$value.to_be_bytes())
    };
    (varint, $value:ident, $out:ident) => {
        put_remaining_length($value as usize, $out)
    };
    (string, $value:ident, $out:ident) => {
        put_field($value.as_bytes(), $out)?
    };
    (binary, $value:ident, $out:ident) => {
        put_field($value, $out)?
    };
    (pair, $value:ident, $out:ident) => {{
        put_field($value.0.as_bytes(), $out)?;
        put_field($value.1.as_bytes(), $out)?;
    }};
}

pub(crate) const CONNECT: u16 = 1 << 1;
pub(crate) const CONNACK: u16 = 1 << 2;
pub(crate) const PUBLISH: u16 = 1 << 3;
pub(crate) const PUBACK: u16 = 1 << 4;
pub(crate) const PUBREC: u16 = 1 << 5;
pub(crate) const PUBREL: u16 = 1 << 6;
pub(crate) const PUBCOMP: u16 = 1 << 7;
pub(crate) const SUBSCRIBE: u16 = 1 << 8;
pub(crate) const SUBACK: u16 = 1 << 9;
pub(crate) const UNSUBSCRIBE: u16 = 1 << 10;
pub(crate) const UNSUBACK: u16 = 1 << 11;
pub(crate) const DISCONNECT: u16 = 1 << 14;
pub(crate) const AUTH: u16 = 1 << 15;
/// The properties of a will within CONNECT.
pub(crate) const WILL: u16 = 1;
const ACKS: u16 = PUBACK | PUBREC | PUBREL | PUBCOMP | SUBACK | UNSUBACK;
const ANY: u16 = u16::MAX;

properties! {
    PayloadFormatIndicator = 0x01, byte, PUBLISH | WILL;
    MessageExpiryInterval = 0x02, long, PUBLISH | WILL;
    ContentType = 0x03, string, PUBLISH | WILL;
    ResponseTopic = 0x08, string, PUBLISH | WILL;
    CorrelationData = 0x09, binary, PUBLISH | WILL;
    SubscriptionIdentifier = 0x0b, varint, PUBLISH | SUBSCRIBE;
    SessionExpiryInterval = 0x11, long, CONNECT | CONNACK | DISCONNECT;
    AssignedClientIdentifier = 0x12, string, CONNACK;
    ServerKeepAlive = 0x13, short, CONNACK;
    AuthenticationMethod = 0x15, string, CONNECT | CONNACK | AUTH;
    AuthenticationData = 0x16, binary, CONNECT | CONNACK | AUTH;
    RequestProblemInformation = 0x17, byte, CONNECT;
    WillDelayInterval = 0x18, long, WILL;
    RequestResponseInformation = 0x19, byte, CONNECT;
    ResponseInformation = 0x1a, string, CONNACK;
    ServerReference = 0x1c, string, CONNACK | DISCONNECT;
    ReasonString = 0x1f, string, CONNACK | ACKS | DISCONNECT | AUTH;
    ReceiveMaximum = 0x21, short, CONNECT | CONNACK;
    TopicAliasMaximum = 0x22, short, CONNECT | CONNACK;
    TopicAlias = 0x23, short, PUBLISH;
    MaximumQos = 0x24, byte, CONNACK;
    RetainAvailable = 0x25, byte, CONNACK;
    UserProperty = 0x26, pair, ANY;
    MaximumPacketSize = 0x27, long, CONNECT | CONNACK;
    WildcardSubscriptionAvailable = 0x28, byte, CONNACK;
    SubscriptionIdentifierAvailable = 0x29, byte, CONNACK;
    SharedSubscriptionAvailable = 0x2a, byte, CONNACK;
}

impl Property<'_> {
    /// Values that the standard forbids.
    fn check(&self) -> Result<(), DecodeError> {
        let detail = match *self {
            Self::PayloadFormatIndicator(value)
            | Self::RequestProblemInformation(value)
            | Self::RequestResponseInformation(value)
            | Self::MaximumQos(value)
            | Self::RetainAvailable(value)
            | Self::WildcardSubscriptionAvailable(value)
            | Self::SubscriptionIdentifierAvailable(value)
            | Self::SharedSubscriptionAvailable(value)
                if value > 1 =>
            {
                "property that is neither 0 nor 1"
            }
            Self::ReceiveMaximum(0) => "receive maximum 0",
            Self::MaximumPacketSize(0) => "maximum packet size 0",
            Self::SubscriptionIdentifier(0) => "subscription identifier 0",
            Self::TopicAlias(0) => {
                return Err(DecodeError::new(
                    ReasonCode::TopicAliasInvalid,
                    "topic alias 0",
                ));
            }
            Self::ResponseTopic(topic) if check_topic(topic).is_err() => {
                "response topic that is not a topic name"
            }
            _ => return Ok(()),
        };
        Err(DecodeError::protocol(detail))
    }
}

/// Validated properties, without their length.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Properties<'a>(pub(crate) &'a [u8]);

impl<'a> Properties<'a> {
    pub const EMPTY: Self = Self(&[]);

    /// The bytes, without their length.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The properties in order.
    pub fn iter(&self) -> impl Iterator<Item = Property<'a>> + use<'a> {
        self.iter_raw().map(|(property, _)| property)
    }

    /// The properties in order, each with the bytes that encode it.
    pub fn iter_raw(&self) -> impl Iterator<Item = (Property<'a>, &'a [u8])> + use<'a> {
        let mut reader = Reader(self.0);
        std::iter::from_fn(move || {
            let start = reader.0;
            let id = PropertyId::from_u8(reader.u8().ok()?)?;
            let property = Property::read(id, &mut reader).ok()?;
            Some((property, &start[..start.len() - reader.0.len()]))
        })
    }

    /// Properties that were validated before, as [`Self::as_bytes`] gave them.
    pub fn from_validated(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Reads the length and the properties of a packet, of kind `packet` (one of
    /// the constants of this module).
    pub(crate) fn read(reader: &mut Reader<'a>, packet: u16) -> Result<Self, DecodeError> {
        let length = reader.varint()? as usize;
        if length == 0 {
            return Ok(Self::EMPTY);
        }
        let bytes = reader.take(length)?;
        let mut rest = Reader(bytes);
        let mut seen = 0_u64;
        while !rest.is_empty() {
            let id = PropertyId::from_u8(rest.u8()?)
                .ok_or(DecodeError::malformed("unknown property"))?;
            if id.packets() & packet == 0 {
                return Err(DecodeError::protocol(
                    "property that this packet cannot have",
                ));
            }
            Property::read(id, &mut rest)?.check()?;
            let bit = 1_u64 << (id as u8);
            let may_repeat = id == PropertyId::UserProperty
                || (id == PropertyId::SubscriptionIdentifier && packet == PUBLISH);
            if seen & bit != 0 && !may_repeat {
                return Err(DecodeError::protocol("property that is given twice"));
            }
            seen |= bit;
        }
        Ok(Self(bytes))
    }

    /// Appends the length and the bytes.
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        put_remaining_length(self.0.len(), out);
        out.extend_from_slice(self.0);
    }
}

/// Properties under construction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PropertyBuffer(Vec<u8>);

impl PropertyBuffer {
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    pub fn push(&mut self, property: Property<'_>) -> Result<(), EncodeError> {
        let length = self.0.len();
        property
            .put(&mut self.0)
            .inspect_err(|_| self.0.truncate(length))
    }

    /// Appends a property as [`Properties::iter_raw`] gave it.
    pub fn push_raw(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub fn as_properties(&self) -> Properties<'_> {
        Properties(&self.0)
    }
}
