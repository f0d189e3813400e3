//! The walker of MessagePack (<https://github.com/msgpack/msgpack/blob/master/spec.md>).
//!
//! The extension −1 is a time. Other extensions and `bin` have no value. A key that is
//! an integer is its decimal text.

use weir_model::QuarantineReason as Reason;

use crate::fault::Fault;
use crate::json_scanner::MAX_DEPTH;
use crate::span::{Scratch, Span};
use crate::tape::{Node, TapeWriter, Token, name_of};
use crate::walk::bytes::{Broken, Bytes, Walk, broken_fault, repeated_fault};

/// Fills the tape with the tokens of a MessagePack object.
pub(crate) fn walk(
    bytes: &[u8],
    nodes: &mut Vec<Node>,
    scratch: &mut Scratch,
) -> Result<(), Fault> {
    let mut walker = Walker {
        bytes: Bytes::new(bytes),
        out: TapeWriter::new("", nodes, scratch),
    };
    let walked = walker
        .value(Span::NONE, 0)
        .and_then(|()| walker.bytes.end());
    walked.map_err(|broken| broken_fault(broken, Reason::InvalidMsgpack, "MessagePack"))?;
    repeated_fault(&walker.out)
}

struct Walker<'b, 'd> {
    bytes: Bytes<'b>,
    out: TapeWriter<'static, 'd>,
}

const fn unsigned(magnitude: u64) -> Token {
    Token::Integer {
        negative: false,
        magnitude,
    }
}

const fn signed(value: i64) -> Token {
    if value < 0 {
        return Token::Integer {
            negative: true,
            magnitude: (-1 - value) as u64,
        };
    }
    unsigned(value as u64)
}

impl Walker<'_, '_> {
    fn value(&mut self, key: Span, depth: u32) -> Walk<()> {
        let start = self.bytes.at;
        let marker = self.bytes.byte()?;
        let token = match marker {
            0x00..=0x7f => unsigned(u64::from(marker)),
            0xe0..=0xff => signed(i64::from(marker as i8)),
            0xc0 => Token::Null,
            0xc2 | 0xc3 => Token::Boolean(marker == 0xc3),
            0xca => Token::Float(f64::from(f32::from_be_bytes(self.bytes.array()?))),
            0xcb => Token::Float(f64::from_be_bytes(self.bytes.array()?)),
            0xcc..=0xcf => unsigned(self.length(marker - 0xcc)?),
            0xd0 => signed(i64::from(i8::from_be_bytes(self.bytes.array()?))),
            0xd1 => signed(i64::from(i16::from_be_bytes(self.bytes.array()?))),
            0xd2 => signed(i64::from(i32::from_be_bytes(self.bytes.array()?))),
            0xd3 => signed(i64::from_be_bytes(self.bytes.array()?)),
            0xa0..=0xbf => self.text(u64::from(marker & 0x1f))?,
            0xd9..=0xdb => {
                let len = self.length(marker - 0xd9)?;
                self.text(len)?
            }
            0xc4..=0xc6 => {
                let len = self.length(marker - 0xc4)?;
                Token::Opaque(self.bytes.slice(len)?.len() as u32)
            }
            0xd4..=0xd8 => self.extension(1 << (marker - 0xd4))?,
            0xc7..=0xc9 => {
                let len = self.length(marker - 0xc7)?;
                self.extension(len)?
            }
            0xc1 => return Err(self.bytes.malformed("a value")),
            _ if depth >= MAX_DEPTH => return Err(Broken::TooDeep { at: start }),
            0x90..=0x9f => return self.array(key, u64::from(marker & 0xf), depth),
            0xdc | 0xdd => {
                let len = self.length(marker - 0xdc + 1)?;
                return self.array(key, len, depth);
            }
            0x80..=0x8f => return self.map(key, u64::from(marker & 0xf), depth),
            0xde | 0xdf => {
                let len = self.length(marker - 0xde + 1)?;
                return self.map(key, len, depth);
            }
        };
        self.out.leaf(key, token);
        Ok(())
    }

    /// A number of 2 to the power of `log` bytes.
    fn length(&mut self, log: u8) -> Walk<u64> {
        Ok(match log {
            0 => u64::from(self.bytes.byte()?),
            1 => u64::from(u16::from_be_bytes(self.bytes.array()?)),
            2 => u64::from(u32::from_be_bytes(self.bytes.array()?)),
            _ => u64::from_be_bytes(self.bytes.array()?),
        })
    }

    fn text(&mut self, len: u64) -> Walk<Token> {
        self.bytes.text(len, self.out.scratch).map(Token::Text)
    }

    fn extension(&mut self, len: u64) -> Walk<Token> {
        let kind = self.bytes.byte()?;
        let data = self.bytes.slice(len)?;
        let opaque = Token::Opaque(data.len() as u32);
        if kind != 0xff {
            return Ok(opaque);
        }
        let mut data = Bytes::new(data);
        let time = match len {
            4 => Some((i64::from(u32::from_be_bytes(data.array()?)), 0)),
            8 => {
                let both = u64::from_be_bytes(data.array()?);
                Some(((both & 0x3_ffff_ffff) as i64, both >> 34))
            }
            12 => {
                let nanos = u32::from_be_bytes(data.array()?);
                Some((i64::from_be_bytes(data.array()?), u64::from(nanos)))
            }
            _ => None,
        };
        let time = time.filter(|(_, nanos)| *nanos < 1_000_000_000);
        let nanos = time.and_then(|(seconds, nanos)| {
            seconds
                .checked_mul(1_000_000_000)?
                .checked_add(nanos as i64)
        });
        Ok(nanos.map_or(opaque, Token::Instant))
    }

    fn checked(&self, items: u64) -> Walk<u64> {
        if items <= self.bytes.remaining() as u64 {
            return Ok(items);
        }
        Err(self.bytes.malformed("a length that the payload holds"))
    }

    fn array(&mut self, key: Span, len: u64, depth: u32) -> Walk<()> {
        let at = self.out.open(key, Token::Array);
        for _ in 0..self.checked(len)? {
            self.value(Span::NONE, depth + 1)?;
        }
        self.out.close(at);
        Ok(())
    }

    fn map(&mut self, key: Span, len: u64, depth: u32) -> Walk<()> {
        let at = self.out.open(key, Token::Object);
        self.checked(len.saturating_mul(2))?;
        for _ in 0..len {
            let name = self.out.nodes.len();
            self.value(Span::NONE, depth + 1)?;
            let (key, is_name) = name_of(&mut self.out, name);
            self.out.nodes.truncate(name);
            self.value(key, depth + 1)?;
            if !is_name {
                self.out.nodes.truncate(name);
                self.out.leaf(key, Token::Opaque(0));
            }
        }
        self.out.close_object(at);
        Ok(())
    }
}
