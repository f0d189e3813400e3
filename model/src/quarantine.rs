//! Why a message or reading is not stored: closed lists, so that every outcome has a
//! name and a counter.

mod entry;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Position;
pub use entry::{MAX_QUARANTINED_PAYLOAD_BYTES, QuarantineEntry};

macro_rules! reasons {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$vdoc])* $variant,)+ }

        impl $name {
            pub const ALL: &[Self] = &[$(Self::$variant,)+];
            pub const COUNT: usize = Self::ALL.len();

            /// The name in metrics, the API and SQL.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|reason| reason.as_str() == name)
            }

            pub const fn index(self) -> usize {
                self as usize
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

reasons! {
    /// Why a message or a reading is in the quarantine.
    QuarantineReason {
        /// The journal's record did not match its checksum.
        CorruptRecord = "corrupt_record",
        /// No route's topic pattern matches.
        NoRoute = "no_route",
        /// The payload has no bytes.
        Empty = "empty",
        /// The payload is larger than `limits.max_payload`.
        TooLarge = "too_large",
        /// The payload is not UTF-8.
        InvalidUtf8 = "invalid_utf8",
        /// The payload is not JSON (RFC 8259), or ends early.
        InvalidJson = "invalid_json",
        /// Objects and arrays are nested deeper than 128.
        TooDeep = "too_deep",
        /// An object has the same member twice.
        DuplicateKey = "duplicate_key",
        /// JSON, but none of the forms that the codec takes.
        UnknownForm = "unknown_form",
        /// More readings in one message than `limits.max_readings_per_message`.
        TooManyReadings = "too_many_readings",
        /// The topic and the payload name no device.
        MissingDevice = "missing_device",
        /// The device id is not well formed (a security event).
        InvalidDevice = "invalid_device",
        /// The payload's device is not the topic's (a security event).
        DeviceMismatch = "device_mismatch",
        /// The sender may not publish for this device (a security event).
        NotAllowed = "not_allowed",
        /// The reading has no sensor id.
        MissingSensor = "missing_sensor",
        /// The sensor id, unit or location is not well formed.
        InvalidLabel = "invalid_label",
        /// The reading has no value, or null.
        MissingValue = "missing_value",
        /// A value or a limit is of the wrong JSON type.
        WrongType = "wrong_type",
        /// A number beyond a double's range.
        NumberOutOfRange = "number_out_of_range",
        /// An integer that a double cannot hold exactly.
        InexactInteger = "inexact_integer",
        /// A text value longer than 256 bytes.
        TextTooLong = "text_too_long",
        /// The time is not an integer of milliseconds, or out of range.
        InvalidTime = "invalid_time",
        /// The time is before `limits.min_time`: perhaps seconds instead of milliseconds.
        TimeTooOld = "time_too_old",
        /// The time is further ahead than `limits.max_ahead`.
        TimeInFuture = "time_in_future",
        /// The device has `limits.max_series_per_device` series already.
        TooManySeries = "too_many_series",
        /// A store refused it for good.
        StoreRejected = "store_rejected",
        /// Not a line of InfluxDB's line protocol.
        InvalidLine = "invalid_line",
        // The order is kept on disk: new ones go to the end.
        /// A function: beyond what its sensor can measure.
        OutOfRange = "out_of_range",
        /// A function: it moved faster than it can.
        Jump = "jump",
        /// A function: it has not moved for too long.
        Stuck = "stuck",
        /// A function: its unit is not the expected one and cannot be converted.
        WrongUnit = "wrong_unit",
        /// A function: none of the values allowed.
        NotAllowedValue = "not_allowed_value",
        /// A function: its time is too far from the time at which it came.
        ClockSkew = "clock_skew",
        /// A function: the same value as the one just before.
        Repeated = "repeated",
        /// A function: a detector found it unusual.
        Unusual = "unusual",
        /// A function: more time has passed since the previous reading than expected.
        Gap = "gap",
        /// An expression of a function failed on it.
        ExpressionFailed = "expression_failed",
        /// A further reading of a series in one message, without a time of its own.
        MissingTime = "missing_time",
        /// The payload is not CBOR (RFC 8949), or ends early.
        InvalidCbor = "invalid_cbor",
        /// The payload is not MessagePack, or ends early.
        InvalidMsgpack = "invalid_msgpack",
        /// The payload is not a Protobuf message of the expected type.
        InvalidProtobuf = "invalid_protobuf",
        /// The payload is not an Avro datum of the expected schema.
        InvalidAvro = "invalid_avro",
        /// Not a row of CSV, or one with too many fields.
        InvalidCsv = "invalid_csv",
        /// An alias that no birth has introduced.
        UnknownAlias = "unknown_alias",
        /// A payload of a device that nobody has decoded.
        NotDecoded = "not_decoded",
        /// A value that is no number, boolean or text: bytes, a data set.
        UnsupportedType = "unsupported_type",
        /// A template of Home Assistant that Weir does not understand.
        UnsupportedTemplate = "unsupported_template",
        /// The payload is encrypted.
        Encrypted = "encrypted",
        /// A mapping took nothing from the message.
        NoReading = "no_reading",
    }
}

reasons! {
    /// Why a reading was discarded on purpose.
    ExpiryReason {
        /// Older than the store's retention when it arrived.
        Retention = "retention",
    }
}

/// A rejected message or reading. The bytes are in the journal's record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantined {
    pub position: Position,
    /// Which reading of the message, from 0; `None` when it is the whole message.
    pub reading: Option<u32>,
    pub reason: QuarantineReason,
    /// A sentence: what was found and where.
    pub detail: String,
}
