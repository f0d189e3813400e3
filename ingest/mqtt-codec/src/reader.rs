//! Fields of a packet's body (MQTT 5, section 1.5), read one after the other.

use crate::error::{DecodeError, EncodeError};
use crate::frame::{Varint, varint, varint_len};

#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

const ENDS_EARLY: DecodeError = DecodeError::malformed("packet ends within a field");

impl<'a> Reader<'a> {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(ENDS_EARLY)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, DecodeError> {
        let (&byte, rest) = self.0.split_first().ok_or(ENDS_EARLY)?;
        self.0 = rest;
        Ok(byte)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, DecodeError> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or(ENDS_EARLY)?;
        self.0 = rest;
        Ok(u16::from_be_bytes(*bytes))
    }

    pub(crate) fn u32(&mut self) -> Result<u32, DecodeError> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or(ENDS_EARLY)?;
        self.0 = rest;
        Ok(u32::from_be_bytes(*bytes))
    }

    /// A packet identifier: never 0 (2.2.1-3).
    pub(crate) fn packet_id(&mut self) -> Result<u16, DecodeError> {
        match self.u16()? {
            0 => Err(DecodeError::protocol("packet identifier 0")),
            id => Ok(id),
        }
    }

    /// A variable byte integer in its shortest form (1.5.5-1).
    pub(crate) fn varint(&mut self) -> Result<u32, DecodeError> {
        match varint(self.0) {
            Varint::Value(value, bytes) if bytes == varint_len(value as usize) => {
                self.0 = &self.0[bytes..];
                Ok(value)
            }
            Varint::Value(..) => Err(DecodeError::malformed("length that is not minimal")),
            Varint::Incomplete => Err(ENDS_EARLY),
            Varint::TooLong => Err(DecodeError::malformed("length of five bytes")),
        }
    }

    pub(crate) fn binary(&mut self) -> Result<&'a [u8], DecodeError> {
        let length = self.u16()?;
        self.take(usize::from(length))
    }

    /// Well-formed UTF-8 (so no surrogates) without U+0000.
    pub(crate) fn string(&mut self) -> Result<&'a str, DecodeError> {
        text(self.binary()?)
    }
}

/// As [`Reader::string`], of bytes that are at hand.
pub(crate) fn text(bytes: &[u8]) -> Result<&str, DecodeError> {
    let text = std::str::from_utf8(bytes)
        .map_err(|_| DecodeError::malformed("string that is not UTF-8"))?;
    if bytes.contains(&0) {
        return Err(DecodeError::malformed("string with U+0000"));
    }
    Ok(text)
}

/// Appends a string or binary field.
pub(crate) fn put_field(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let length = u16::try_from(bytes.len()).map_err(|_| EncodeError::FieldTooLong(bytes.len()))?;
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(bytes);
    Ok(())
}
