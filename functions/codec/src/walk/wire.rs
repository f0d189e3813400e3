//! Protobuf on the wire (<https://protobuf.dev/programming-guides/encoding/>): the
//! fields of one message, one after the other.

use crate::walk::bytes::{Broken, Bytes, Walk};

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Held<'b> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'b [u8]),
    Fixed32(u32),
}

impl<'b> Held<'b> {
    /// A text or a message within this one.
    pub(crate) fn bytes(self) -> Walk<&'b [u8]> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            _ => Err(WRONG_TYPE),
        }
    }

    pub(crate) fn text(self) -> Walk<&'b str> {
        let utf8 = Broken::Malformed {
            at: 0,
            what: "UTF-8",
        };
        std::str::from_utf8(self.bytes()?).map_err(|_| utf8)
    }

    pub(crate) fn varint(self) -> Walk<u64> {
        match self {
            Self::Varint(value) => Ok(value),
            _ => Err(WRONG_TYPE),
        }
    }

    pub(crate) fn float(self) -> Walk<f64> {
        match self {
            Self::Fixed32(bits) => Ok(f64::from(f32::from_bits(bits))),
            _ => Err(WRONG_TYPE),
        }
    }

    pub(crate) fn double(self) -> Walk<f64> {
        match self {
            Self::Fixed64(bits) => Ok(f64::from_bits(bits)),
            _ => Err(WRONG_TYPE),
        }
    }
}

const WRONG_TYPE: Broken = Broken::Malformed {
    at: 0,
    what: "another type of field",
};

/// The fields of a message.
#[derive(Debug)]
pub(crate) struct Fields<'b> {
    bytes: Bytes<'b>,
}

impl<'b> Fields<'b> {
    pub(crate) const fn of(message: &'b [u8]) -> Self {
        Self {
            bytes: Bytes::new(message),
        }
    }

    /// The next field with its number; `None` at the end of the message.
    pub(crate) fn next(&mut self) -> Walk<Option<(u32, Held<'b>)>> {
        if self.bytes.remaining() == 0 {
            return Ok(None);
        }
        let tag = self.varint()?;
        let number = u32::try_from(tag >> 3).ok().filter(|number| *number > 0);
        let Some(number) = number.filter(|number| *number < 1 << 29) else {
            return Err(self.bytes.malformed("a field number"));
        };
        let held = match tag & 7 {
            0 => Held::Varint(self.varint()?),
            1 => Held::Fixed64(u64::from_le_bytes(self.bytes.array()?)),
            2 => {
                let len = self.varint()?;
                Held::Bytes(self.bytes.slice(len)?)
            }
            5 => Held::Fixed32(u32::from_le_bytes(self.bytes.array()?)),
            _ => return Err(self.bytes.malformed("a type of field")),
        };
        Ok(Some((number, held)))
    }

    fn varint(&mut self) -> Walk<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.bytes.byte()?;
            if shift == 63 && byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(self.bytes.malformed("a number of 64 bits"))
    }
}
