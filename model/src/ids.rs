//! Names that devices send, and the rules for them.
//!
//! A device id becomes an MQTT topic level, a shadow (thing) name, a file
//! column and a line in a log, so its alphabet is the one that is harmless in
//! all of them: AWS IoT thing names (`[a-zA-Z0-9:_-]`) and, for host names, a
//! dot that does not lead. A sensor id is a label: any printable text.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Longest device id, in bytes (AWS IoT thing names have the same limit).
pub(crate) const MAX_DEVICE_BYTES: usize = 128;
/// Longest sensor id, unit or location, in bytes.
pub(crate) const MAX_LABEL_BYTES: usize = 256;

/// Why a name was refused.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum InvalidId {
    #[error("it is empty")]
    Empty,
    #[error("it has {bytes} bytes, more than {limit}")]
    TooLong { bytes: usize, limit: usize },
    #[error("it contains {character:?}")]
    Character { character: char },
    #[error("it starts with {character:?}")]
    Leading { character: char },
}

/// Checks a device id: 1 to 128 of `[a-zA-Z0-9:_.-]`, not starting with a dot.
pub fn check_device(id: &str) -> Result<(), InvalidId> {
    let bytes = id.as_bytes();
    match bytes {
        [] => return Err(InvalidId::Empty),
        [b'.', ..] => return Err(InvalidId::Leading { character: '.' }),
        _ => {}
    }
    if bytes.len() > MAX_DEVICE_BYTES {
        return Err(InvalidId::TooLong {
            bytes: bytes.len(),
            limit: MAX_DEVICE_BYTES,
        });
    }
    let allowed = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b':' | b'_' | b'.' | b'-');
    if bytes.iter().all(allowed) {
        return Ok(());
    }
    let character = id
        .chars()
        .find(|c| !c.is_ascii() || !allowed(&(*c as u8)))
        .unwrap_or('\0');
    Err(InvalidId::Character { character })
}

/// Checks a sensor id: 1 to 256 bytes of text without control or
/// text-direction characters.
pub fn check_sensor(id: &str) -> Result<(), InvalidId> {
    if id.is_empty() {
        return Err(InvalidId::Empty);
    }
    check_label(id)
}

/// Checks a unit, location or short text: as a sensor id, but it may be empty.
pub fn check_label(text: &str) -> Result<(), InvalidId> {
    if text.len() > MAX_LABEL_BYTES {
        return Err(InvalidId::TooLong {
            bytes: text.len(),
            limit: MAX_LABEL_BYTES,
        });
    }
    if text.bytes().all(|b| (0x20..0x7f).contains(&b)) {
        return Ok(());
    }
    match text
        .chars()
        .find(|&c| c.is_control() || is_direction_control(c))
    {
        Some(character) => Err(InvalidId::Character { character }),
        None => Ok(()),
    }
}

/// Characters that reorder or hide text on a screen (Unicode UAX #9 and zero-width
/// characters): a name with them can look like another name.
fn is_direction_control(c: char) -> bool {
    matches!(c,
        '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident, $check:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Accepts a well-formed name.
            pub fn new(name: &str) -> Result<Self, InvalidId> {
                $check(name)?;
                Ok(Self(name.into()))
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }
    };
}

id_type!(
    /// A device, gateway or machine: what publishes telemetry and has a shadow.
    DeviceId, check_device
);
id_type!(
    /// One measured quantity of a device.
    SensorId, check_sensor
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_ids_that_would_be_harmful_somewhere_are_refused() {
        let long = "x".repeat(65_536);
        for id in [
            "",
            "+",
            "#",
            "a/b",
            "..",
            ".",
            "$SYS",
            &long,
            "a\0b",
            "a\nb",
            "a\u{202e}b",
            "é",
            "a b",
        ] {
            assert!(check_device(id).is_err(), "{id:?}");
        }
        for id in ["pump-1", "web01.example.com", "00:1A:2b", "_x", "a"] {
            assert_eq!(check_device(id), Ok(()), "{id:?}");
        }
    }

    #[test]
    fn sensor_ids_are_printable_text() {
        for id in ["", "a\tb", "a\u{202e}b", "a\u{200b}b", &"s".repeat(257)] {
            assert!(check_sensor(id).is_err(), "{id:?}");
        }
        for id in ["time", "_x", "Temperatur außen", "温度", "a/b", "CO₂ (ppm)"] {
            assert_eq!(check_sensor(id), Ok(()), "{id:?}");
        }
    }
}
