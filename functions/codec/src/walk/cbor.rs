//! The walker of CBOR (RFC 8949).
//!
//! A key that is an integer is its decimal text. Tags 0 and 1 are times, 2 and 3 up to
//! eight bytes integers, 4 a decimal fraction; other tags say nothing that is used here.
//! A float of 16 or 32 bits is widened exactly.

use weir_model::{QuarantineReason as Reason, Timestamp};

use crate::fault::Fault;
use crate::json_scanner::MAX_DEPTH;
use crate::moment::{nanos_of_double, nanos_of_seconds};
use crate::span::{Scratch, Span};
use crate::tape::{Node, TapeWriter, Token, name_of};
use crate::walk::bytes::{Broken, Bytes, Walk, broken_fault, repeated_fault};

/// The length of an indefinite item.
const UNTIL_BREAK: u64 = u64::MAX;
const BREAK: u8 = 0xff;

/// Fills the tape with the tokens of a CBOR item.
pub(crate) fn walk(
    bytes: &[u8],
    nodes: &mut Vec<Node>,
    scratch: &mut Scratch,
) -> Result<(), Fault> {
    let mut walker = Walker {
        bytes: Bytes::new(bytes),
        out: TapeWriter::new("", nodes, scratch),
    };
    let walked = walker.item(Span::NONE, 0).and_then(|()| walker.bytes.end());
    walked.map_err(|broken| broken_fault(broken, Reason::InvalidCbor, "CBOR"))?;
    repeated_fault(&walker.out)
}

struct Walker<'b, 'd> {
    bytes: Bytes<'b>,
    out: TapeWriter<'static, 'd>,
}

impl Walker<'_, '_> {
    fn item(&mut self, key: Span, depth: u32) -> Walk<()> {
        let at = self.bytes.at;
        let head = self.bytes.byte()?;
        let (major, info) = (head >> 5, head & 0x1f);
        if major == 7 {
            let token = self.simple(info)?;
            self.out.leaf(key, token);
            return Ok(());
        }
        let argument = self.argument(info, matches!(major, 2..=5))?;
        match major {
            0 | 1 => self.out.leaf(
                key,
                Token::Integer {
                    negative: major == 1,
                    magnitude: argument,
                },
            ),
            2 => {
                let len = self.chunks(2, argument)?;
                self.out.leaf(key, Token::Opaque(len));
            }
            3 => {
                let text = self.text(argument)?;
                self.out.leaf(key, Token::Text(text));
            }
            _ if depth >= MAX_DEPTH => return Err(Broken::TooDeep { at }),
            4 => self.array(key, argument, depth)?,
            5 => self.map(key, argument, depth)?,
            _ => self.tagged(key, argument, depth)?,
        }
        Ok(())
    }

    fn argument(&mut self, info: u8, may_be_indefinite: bool) -> Walk<u64> {
        Ok(match info {
            0..=23 => u64::from(info),
            24 => u64::from(self.bytes.byte()?),
            25 => u64::from(u16::from_be_bytes(self.bytes.array()?)),
            26 => u64::from(u32::from_be_bytes(self.bytes.array()?)),
            27 => match u64::from_be_bytes(self.bytes.array()?) {
                UNTIL_BREAK if may_be_indefinite => {
                    return Err(self.bytes.malformed("a length that the payload holds"));
                }
                argument => argument,
            },
            31 if may_be_indefinite => UNTIL_BREAK,
            _ => return Err(self.bytes.malformed("a length")),
        })
    }

    fn simple(&mut self, info: u8) -> Walk<Token> {
        Ok(match info {
            20 => Token::Boolean(false),
            21 => Token::Boolean(true),
            22 | 23 => Token::Null,
            0..=19 => Token::Opaque(0),
            24 if self.bytes.byte()? >= 32 => Token::Opaque(1),
            25 => Token::Float(half(u16::from_be_bytes(self.bytes.array()?))),
            26 => Token::Float(f64::from(f32::from_be_bytes(self.bytes.array()?))),
            27 => Token::Float(f64::from_be_bytes(self.bytes.array()?)),
            _ => return Err(self.bytes.malformed("a value")),
        })
    }

    /// Whether an indefinite item ends here.
    fn is_break(&mut self) -> Walk<bool> {
        let is_break = self.bytes.peek()? == BREAK;
        self.bytes.at += usize::from(is_break);
        Ok(is_break)
    }

    fn text(&mut self, len: u64) -> Walk<Span> {
        if len != UNTIL_BREAK {
            return self.bytes.text(len, self.out.scratch);
        }
        let start = self.out.scratch.unescaped.len();
        while !self.is_break()? {
            let len = self.chunk(3)?;
            self.bytes.text(len, self.out.scratch)?;
        }
        Ok(self.out.scratch.since(start))
    }

    /// The length of a chunk of an indefinite text or row of bytes.
    fn chunk(&mut self, major: u8) -> Walk<u64> {
        let head = self.bytes.byte()?;
        if head >> 5 != major {
            return Err(self.bytes.malformed("a chunk"));
        }
        self.argument(head & 0x1f, false)
    }

    /// Passes over bytes.
    fn chunks(&mut self, major: u8, len: u64) -> Walk<u32> {
        let start = self.bytes.at;
        if len == UNTIL_BREAK {
            while !self.is_break()? {
                let len = self.chunk(major)?;
                self.bytes.slice(len)?;
            }
        } else {
            self.bytes.slice(len)?;
        }
        Ok((self.bytes.at - start) as u32)
    }

    fn array(&mut self, key: Span, len: u64, depth: u32) -> Walk<()> {
        let at = self.out.open(key, Token::Array);
        let mut left = self.checked(len, 1)?;
        while self.more(len, &mut left)? {
            self.item(Span::NONE, depth + 1)?;
        }
        self.out.close(at);
        Ok(())
    }

    fn map(&mut self, key: Span, len: u64, depth: u32) -> Walk<()> {
        let at = self.out.open(key, Token::Object);
        let mut left = self.checked(len, 2)?;
        while self.more(len, &mut left)? {
            let name = self.out.nodes.len();
            // A key is an item; its node is replaced by what it names.
            self.item(Span::NONE, depth + 1)?;
            let (key, is_name) = name_of(&mut self.out, name);
            self.out.nodes.truncate(name);
            self.item(key, depth + 1)?;
            if !is_name {
                self.out.nodes.truncate(name);
                self.out.leaf(key, Token::Opaque(0));
            }
        }
        self.out.close_object(at);
        Ok(())
    }

    /// At most as many items as bytes are left.
    fn checked(&self, len: u64, bytes: u64) -> Walk<u64> {
        let fits = len == UNTIL_BREAK || len <= self.bytes.remaining() as u64 / bytes;
        if fits {
            return Ok(len);
        }
        Err(self.bytes.malformed("a length that the payload holds"))
    }

    fn more(&mut self, len: u64, left: &mut u64) -> Walk<bool> {
        if len == UNTIL_BREAK {
            return Ok(!self.is_break()?);
        }
        let more = *left > 0;
        *left -= u64::from(more);
        Ok(more)
    }

    fn tagged(&mut self, key: Span, tag: u64, depth: u32) -> Walk<()> {
        let at = self.out.nodes.len();
        let bytes = self.bytes.at;
        self.item(key, depth + 1)?;
        let token = self.out.nodes[at].token;
        let replaced = match (tag, token) {
            (0, Token::Text(text)) => {
                let text = self.out.scratch.resolve("", text);
                Timestamp::parse_rfc3339(text).map(|time| Token::Instant(time.0))
            }
            (1, Token::Integer { .. } | Token::Float(_)) => seconds(token).map(Token::Instant),
            (2 | 3, Token::Opaque(_)) => self.big(bytes, tag == 3),
            (4, Token::Array) => self.decimal_fraction(at),
            _ => None,
        };
        if let Some(token) = replaced {
            self.out.nodes.truncate(at);
            self.out.leaf(key, token);
        }
        Ok(())
    }

    /// A row of up to eight bytes, which began at this byte, as an integer.
    fn big(&self, at: usize, negative: bool) -> Option<Token> {
        let mut again = Bytes::new(self.bytes.before());
        again.at = at;
        let head = again.byte().ok()?;
        let len = u64::from(head & 0x1f);
        let bytes = again
            .slice(if len <= 23 { len } else { return None })
            .ok()?;
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        let bytes = &bytes[zeros..];
        if bytes.len() > 8 {
            return None;
        }
        let magnitude = bytes
            .iter()
            .fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        Some(Token::Integer {
            negative,
            magnitude,
        })
    }

    /// `[exponent, mantissa]` of ten.
    fn decimal_fraction(&self, at: usize) -> Option<Token> {
        let integer = |at: usize| match self.out.nodes.get(at)?.token {
            Token::Integer {
                negative,
                magnitude,
            } => {
                let magnitude = i128::from(magnitude);
                Some(if negative { -1 - magnitude } else { magnitude })
            }
            _ => None,
        };
        if self.out.nodes[at].end as usize != at + 3 {
            return None;
        }
        let (exponent, mantissa) = (integer(at + 1)?, integer(at + 2)?);
        let value = format!("{mantissa}e{exponent}").parse().ok()?;
        Some(Token::Float(value))
    }
}

fn seconds(token: Token) -> Option<i64> {
    match token {
        Token::Integer {
            negative: false,
            magnitude,
        } => nanos_of_seconds(i64::try_from(magnitude).ok()?),
        Token::Integer { magnitude, .. } => nanos_of_seconds(-1 - i64::try_from(magnitude).ok()?),
        Token::Float(seconds) => nanos_of_double(seconds),
        _ => None,
    }
}

/// A float of 16 bits (RFC 8949, appendix D).
fn half(bits: u16) -> f64 {
    let exponent = i32::from(bits >> 10 & 0x1f);
    let mantissa = f64::from(bits & 0x3ff);
    let value = match exponent {
        0 => mantissa * 2f64.powi(-24),
        31 if mantissa == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (mantissa + 1024.0) * 2f64.powi(exponent - 25),
    };
    if bits & 0x8000 == 0 { value } else { -value }
}
