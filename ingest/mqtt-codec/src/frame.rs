//! Fixed header and remaining length (MQTT 5, sections 1.5.5 and 2.1).
//!
//! ```text
//! byte 0      type (bits 7-4), flags (bits 3-0)
//! byte 1..4   remaining length, 7 bits per byte, least significant first
//! then        that many bytes
//! ```

use crate::ReasonCode;
use crate::error::DecodeError;

/// The largest remaining length that four bytes can hold.
pub const MAX_REMAINING_LENGTH: usize = 268_435_455;

/// One packet within the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Type and flags.
    pub header: u8,
    pub body: &'a [u8],
    /// The remaining length uses no more bytes than it needs. MQTT 5 demands it;
    /// devices of earlier versions exist that always write four bytes.
    pub is_minimal: bool,
}

/// The answer of [`split`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split<'a> {
    /// A whole packet, and how many bytes of the input it takes.
    Packet(Frame<'a>, usize),
    /// The input ends within a packet, which needs this many bytes in all, or
    /// at least as many while its length is not known.
    Incomplete { needed: usize },
}

/// Splits the first packet off `input`. A packet of more than `max_size` bytes
/// in all is an error as soon as its length is known.
pub fn split(input: &[u8], max_size: usize) -> Result<Split<'_>, DecodeError> {
    let Some((&header, rest)) = input.split_first() else {
        return Ok(Split::Incomplete { needed: 2 });
    };
    let (length, length_bytes) = match varint(rest) {
        Varint::Value(value, bytes) => (value as usize, bytes),
        Varint::Incomplete => {
            return Ok(Split::Incomplete {
                needed: input.len() + 1,
            });
        }
        Varint::TooLong => {
            return Err(DecodeError::malformed("remaining length of five bytes"));
        }
    };
    let size = 1 + length_bytes + length;
    if size > max_size {
        return Err(DecodeError::new(
            ReasonCode::PacketTooLarge,
            "packet larger than the maximum packet size",
        ));
    }
    let Some(body) = rest.get(length_bytes..length_bytes + length) else {
        return Ok(Split::Incomplete { needed: size });
    };
    let frame = Frame {
        header,
        body,
        is_minimal: length_bytes == varint_len(length),
    };
    Ok(Split::Packet(frame, size))
}

pub(crate) enum Varint {
    /// The value, and how many bytes it takes.
    Value(u32, usize),
    Incomplete,
    TooLong,
}

/// Reads a variable byte integer.
pub(crate) fn varint(input: &[u8]) -> Varint {
    let mut value = 0_u32;
    for (index, byte) in input.iter().enumerate().take(4) {
        value |= u32::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Varint::Value(value, index + 1);
        }
    }
    match input.len() {
        0..4 => Varint::Incomplete,
        _ => Varint::TooLong,
    }
}

/// How many bytes a variable byte integer takes.
pub const fn varint_len(value: usize) -> usize {
    match value {
        0..128 => 1,
        128..16_384 => 2,
        16_384..2_097_152 => 3,
        _ => 4,
    }
}

/// Appends a variable byte integer, which is at most [`MAX_REMAINING_LENGTH`].
pub fn put_remaining_length(mut value: usize, out: &mut Vec<u8>) {
    debug_assert!(value <= MAX_REMAINING_LENGTH, "{value}");
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_round_trip_at_their_edges() {
        for value in [
            0,
            127,
            128,
            16_383,
            16_384,
            2_097_151,
            2_097_152,
            MAX_REMAINING_LENGTH,
        ] {
            let mut bytes = Vec::new();
            put_remaining_length(value, &mut bytes);
            assert_eq!(bytes.len(), varint_len(value));
            for cut in 0..bytes.len() {
                assert!(matches!(varint(&bytes[..cut]), Varint::Incomplete));
            }
            assert!(matches!(varint(&bytes), Varint::Value(read, len)
                if read as usize == value && len == bytes.len()));
        }
    }

    #[test]
    fn a_packet_that_is_too_large_is_refused_before_it_has_arrived() {
        let error = split(&[0x30, 0xff, 0xff, 0x7f], 1_000).unwrap_err();
        assert_eq!(error.reason, ReasonCode::PacketTooLarge);
        assert_eq!(
            split(&[0x30, 0x80, 0x80, 0x80, 0x80], 1_000)
                .unwrap_err()
                .reason,
            ReasonCode::MalformedPacket
        );
        assert_eq!(
            split(&[0x30, 0x7f], 129),
            Ok(Split::Incomplete { needed: 129 })
        );
        assert!(split(&[0x30, 0x7f], 128).is_err());
    }

    #[test]
    fn a_length_that_is_not_minimal_is_seen() {
        let Ok(Split::Packet(frame, 3)) = split(&[0xc0, 0x80, 0x00, 0xff], 100) else {
            panic!("not a packet");
        };
        assert!(!frame.is_minimal && frame.body.is_empty());
    }
}
