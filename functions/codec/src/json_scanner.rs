//! A pull scanner for JSON texts (RFC 8259), strict, for input that is not
//! trusted.
//!
//! It goes over the text once, left to right, and returns what it finds:
//! strings as spans of the text, numbers with their digits already read. A
//! string with escapes is unescaped into [`Scratch`]; nothing else is copied.
//! Nesting deeper than [`MAX_DEPTH`] stops it, so what is recursive here is
//! bounded. A `\u` escape that is half of a surrogate pair is refused: it is no
//! text.

use crate::json_number::Number;
use crate::span::{IN_SCRATCH, MAX_TEXT_BYTES, Names, Scratch, Span};

/// Objects and arrays within each other.
pub(crate) const MAX_DEPTH: u32 = 128;

/// Why scanning stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SyntaxError {
    /// Something else was expected at this byte.
    Unexpected {
        at: usize,
        expected: &'static str,
    },
    TooDeep {
        at: usize,
    },
}

/// What the next value is, by its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Object,
    Array,
    String,
    Number,
    Boolean,
    Null,
}

impl Kind {
    /// For a sentence: `an object`.
    pub(crate) const fn with_article(self) -> &'static str {
        match self {
            Self::Object => "an object",
            Self::Array => "an array",
            Self::String => "a text",
            Self::Number => "a number",
            Self::Boolean => "a boolean",
            Self::Null => "null",
        }
    }
}

/// A position in one text.
#[derive(Debug)]
pub(crate) struct Scanner<'t, 's> {
    text: &'t str,
    bytes: &'t [u8],
    at: usize,
    depth: u32,
    scratch: &'s mut Scratch,
    /// The first repeated member name that [`Self::skip`] came across.
    repeated: Option<Span>,
}

type Scan<T> = Result<T, SyntaxError>;

impl<'t, 's> Scanner<'t, 's> {
    /// The text must be at most [`MAX_TEXT_BYTES`] long. Clears the scratch.
    pub(crate) fn new(text: &'t str, scratch: &'s mut Scratch) -> Self {
        debug_assert!(text.len() <= MAX_TEXT_BYTES);
        scratch.clear();
        Self {
            text,
            bytes: text.as_bytes(),
            at: 0,
            depth: 0,
            scratch,
            repeated: None,
        }
    }

    /// The scanned text, for [`Number`]s.
    pub(crate) fn source(&self) -> &'t str {
        self.text
    }

    pub(crate) fn resolve(&self, span: Span) -> &str {
        self.scratch.resolve(self.text, span)
    }

    /// The repeated member name found since the last call, if any.
    pub(crate) fn take_repeated(&mut self) -> Option<Span> {
        self.repeated.take()
    }

    /// What the next value is. Consumes only white space.
    #[inline(always)]
    pub(crate) fn peek(&mut self) -> Scan<Kind> {
        match self.next_visible() {
            Some(b'"') => Ok(Kind::String),
            Some(b'-' | b'0'..=b'9') => Ok(Kind::Number),
            Some(b'{') => Ok(Kind::Object),
            Some(b'[') => Ok(Kind::Array),
            Some(b't' | b'f') => Ok(Kind::Boolean),
            Some(b'n') => Ok(Kind::Null),
            _ => self.unexpected("a value"),
        }
    }

    /// Steps into an object or array that [`Self::peek`] announced.
    #[inline]
    pub(crate) fn open(&mut self) -> Scan<()> {
        if self.depth >= MAX_DEPTH {
            return Err(SyntaxError::TooDeep { at: self.at });
        }
        self.depth += 1;
        self.at += 1;
        Ok(())
    }

    /// The next member's name, with the colon behind it consumed; `None` once
    /// the object is closed. `first` starts as true.
    #[inline]
    pub(crate) fn next_key(&mut self, first: &mut bool) -> Scan<Option<Span>> {
        match self.next_visible() {
            Some(b'}') => {
                self.close();
                return Ok(None);
            }
            Some(b',') if !*first => {
                self.at += 1;
                self.next_visible();
            }
            _ if !*first => return self.unexpected("a comma or the end of the object"),
            _ => {}
        }
        *first = false;
        if self.bytes.get(self.at) != Some(&b'"') {
            return self.unexpected("a member name");
        }
        let key = self.string()?;
        if self.next_visible() != Some(b':') {
            return self.unexpected("a colon");
        }
        self.at += 1;
        Ok(Some(key))
    }

    /// Whether another element follows; false once the array is closed.
    #[inline]
    pub(crate) fn next_element(&mut self, first: &mut bool) -> Scan<bool> {
        match self.next_visible() {
            Some(b']') if *first => {
                self.close();
                Ok(false)
            }
            Some(b']') => {
                self.close();
                Ok(false)
            }
            Some(b',') if !*first => {
                self.at += 1;
                Ok(true)
            }
            _ if !*first => self.unexpected("a comma or the end of the array"),
            _ => {
                *first = false;
                Ok(true)
            }
        }
    }

    /// Nothing but white space may follow.
    pub(crate) fn end(&mut self) -> Scan<()> {
        match self.next_visible() {
            None => Ok(()),
            Some(_) => self.unexpected("the end"),
        }
    }

    pub(crate) fn boolean(&mut self) -> Scan<bool> {
        let value = self.bytes.get(self.at) == Some(&b't');
        self.literal(if value { "true" } else { "false" })?;
        Ok(value)
    }

    pub(crate) fn null(&mut self) -> Scan<()> {
        self.literal("null")
    }

    /// A string that [`Self::peek`] announced.
    #[inline(always)]
    pub(crate) fn string(&mut self) -> Scan<Span> {
        let start = self.at + 1;
        let mut at = start;
        // Eight bytes at a time, up to the first that is not plain.
        while let Some(word) = self.bytes.get(at..).and_then(<[u8]>::first_chunk) {
            let special = special_bytes(u64::from_le_bytes(*word));
            if special != 0 {
                at += special.trailing_zeros() as usize / 8;
                break;
            }
            at += 8;
        }
        loop {
            match self.bytes.get(at) {
                Some(b'"') => {
                    self.at = at + 1;
                    return Ok(Span {
                        start: start as u32,
                        end: at as u32,
                    });
                }
                Some(b'\\') => return self.escaped_string(start, at),
                Some(0x20..) => at += 1,
                Some(_) => {
                    self.at = at;
                    return self.unexpected("no control character in a text");
                }
                None => {
                    self.at = at;
                    return self.unexpected("the end of a text");
                }
            }
        }
    }

    /// A number that [`Self::peek`] announced.
    #[inline]
    pub(crate) fn number(&mut self) -> Scan<Number> {
        let start = self.at;
        let negative = self.bytes.get(self.at) == Some(&b'-');
        self.at += usize::from(negative);
        let mut number = Number {
            start: start as u32,
            end: 0,
            mantissa: 0,
            exponent: 0,
            negative,
            integer: true,
            complete: true,
        };
        // No digit may follow a leading zero.
        if self.bytes.get(self.at) == Some(&b'0') {
            self.at += 1;
        } else {
            self.digits(&mut number)?;
        }
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            number.integer = false;
            number.exponent = -(self.digits(&mut number)?);
        }
        if let Some(b'e' | b'E') = self.bytes.get(self.at) {
            number.integer = false;
            self.exponent(&mut number)?;
        }
        number.end = self.at as u32;
        Ok(number)
    }

    /// Goes over a value that nobody wants, and checks it all the same.
    /// Repeated member names within it are reported by [`Self::take_repeated`].
    pub(crate) fn skip(&mut self) -> Scan<Kind> {
        let kind = self.peek()?;
        match kind {
            Kind::String => {
                let unescaped = self.scratch.unescaped.len();
                self.string()?;
                self.scratch.unescaped.truncate(unescaped);
            }
            Kind::Number => {
                self.number()?;
            }
            Kind::Boolean => {
                self.boolean()?;
            }
            Kind::Null => self.null()?,
            Kind::Array => {
                self.open()?;
                let mut first = true;
                while self.next_element(&mut first)? {
                    self.skip()?;
                }
            }
            Kind::Object => {
                self.open()?;
                let outer = self.mark_keys();
                let mut first = true;
                while let Some(key) = self.next_key(&mut first)? {
                    self.note_key(key);
                    self.skip()?;
                }
                self.check_keys(outer);
            }
        }
        Ok(kind)
    }

    /// Begins to note the member names of an object: hand the mark to
    /// [`Self::check_keys`] at its end.
    pub(crate) fn mark_keys(&self) -> usize {
        self.scratch.keys.len()
    }

    pub(crate) fn note_key(&mut self, key: Span) {
        self.scratch.keys.push(key);
    }

    /// Looks for a repeated name among those noted since the mark.
    pub(crate) fn check_keys(&mut self, mark: usize) {
        let Scratch { unescaped, keys } = &mut *self.scratch;
        let names = Names {
            text: self.text,
            unescaped,
        };
        let repeated = names.repeated(&mut keys[mark..]);
        keys.truncate(mark);
        if self.repeated.is_none() {
            self.repeated = repeated;
        }
    }

    #[inline(always)]
    fn next_visible(&mut self) -> Option<u8> {
        loop {
            match self.bytes.get(self.at) {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.at += 1,
                byte => return byte.copied(),
            }
        }
    }

    fn close(&mut self) {
        self.depth -= 1;
        self.at += 1;
    }

    #[cold]
    fn unexpected<T>(&self, expected: &'static str) -> Scan<T> {
        Err(SyntaxError::Unexpected {
            at: self.at,
            expected,
        })
    }

    fn literal(&mut self, literal: &'static str) -> Scan<()> {
        if self.bytes[self.at..].starts_with(literal.as_bytes()) {
            self.at += literal.len();
            return Ok(());
        }
        self.unexpected(literal)
    }

    /// One or more digits, added to the mantissa; says how many.
    #[inline(always)]
    fn digits(&mut self, number: &mut Number) -> Scan<i32> {
        let start = self.at;
        let (mut at, mut mantissa) = (start, number.mantissa);
        while let Some(digit @ b'0'..=b'9') = self.bytes.get(at) {
            if mantissa < 1_000_000_000_000_000_000 {
                mantissa = mantissa * 10 + u64::from(digit - b'0');
            } else {
                number.complete = false;
            }
            at += 1;
        }
        (self.at, number.mantissa) = (at, mantissa);
        if at == start {
            return self.unexpected("a digit");
        }
        Ok((at - start) as i32)
    }

    fn exponent(&mut self, number: &mut Number) -> Scan<()> {
        self.at += 1;
        let sign = self.bytes.get(self.at).copied();
        self.at += usize::from(matches!(sign, Some(b'+' | b'-')));
        let start = self.at;
        let mut exponent = 0i32;
        while let Some(digit @ b'0'..=b'9') = self.bytes.get(self.at) {
            exponent = exponent
                .saturating_mul(10)
                .saturating_add(i32::from(digit - b'0'));
            self.at += 1;
        }
        if self.at == start {
            return self.unexpected("a digit");
        }
        let exponent = if sign == Some(b'-') {
            -exponent
        } else {
            exponent
        };
        number.exponent = number.exponent.saturating_add(exponent);
        Ok(())
    }

    /// The rest of a string whose first escape is at `at`.
    #[cold]
    fn escaped_string(&mut self, start: usize, at: usize) -> Scan<Span> {
        let from = self.scratch.unescaped.len();
        let mut plain_from = start;
        self.at = at;
        loop {
            match self.bytes.get(self.at) {
                Some(b'"') => {
                    self.scratch
                        .unescaped
                        .push_str(&self.text[plain_from..self.at]);
                    self.at += 1;
                    let end = self.scratch.unescaped.len();
                    // The unescaped text is never longer than the escaped one.
                    return Ok(Span {
                        start: from as u32 | IN_SCRATCH,
                        end: end as u32 | IN_SCRATCH,
                    });
                }
                Some(b'\\') => {
                    self.scratch
                        .unescaped
                        .push_str(&self.text[plain_from..self.at]);
                    self.at += 1;
                    let character = self.escape()?;
                    self.scratch.unescaped.push(character);
                    plain_from = self.at;
                }
                Some(0x20..) => self.at += 1,
                Some(_) => return self.unexpected("no control character in a text"),
                None => return self.unexpected("the end of a text"),
            }
        }
    }

    /// What follows a backslash.
    fn escape(&mut self) -> Scan<char> {
        let character = match self.bytes.get(self.at) {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode_escape(),
            _ => return self.unexpected("an escape"),
        };
        self.at += 1;
        Ok(character)
    }

    fn unicode_escape(&mut self) -> Scan<char> {
        let first = self.four_hex_digits()?;
        let code = if (0xd800..0xdc00).contains(&first) {
            if !self.bytes[self.at..].starts_with(b"\\u") {
                return self.unexpected("the second half of a surrogate pair");
            }
            self.at += 1;
            let second = self.four_hex_digits()?;
            if !(0xdc00..0xe000).contains(&second) {
                return self.unexpected("the second half of a surrogate pair");
            }
            0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00)
        } else {
            first
        };
        match char::from_u32(code) {
            Some(character) => Ok(character),
            None => self.unexpected("the first half of a surrogate pair"),
        }
    }

    /// From the `u` to behind the fourth digit.
    fn four_hex_digits(&mut self) -> Scan<u32> {
        let mut code = 0;
        for at in self.at + 1..self.at + 5 {
            let digit = self
                .bytes
                .get(at)
                .and_then(|byte| char::from(*byte).to_digit(16));
            let Some(digit) = digit else {
                self.at = at.min(self.bytes.len());
                return self.unexpected("four hexadecimal digits");
            };
            code = code << 4 | digit;
        }
        self.at += 5;
        Ok(code)
    }
}

/// Marks quotes, backslashes and control characters among eight bytes by their
/// highest bits. Right up to the first one, which is all that is asked of it.
#[inline(always)]
fn special_bytes(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 0xff;
    const HIGHS: u64 = ONES << 7;
    let zero_bytes = |word: u64| word.wrapping_sub(ONES) & !word;
    let quotes = zero_bytes(word ^ (ONES * b'"' as u64));
    let backslashes = zero_bytes(word ^ (ONES * b'\\' as u64));
    let controls = word.wrapping_sub(ONES * 0x20) & !word;
    (quotes | backslashes | controls) & HIGHS
}

#[cfg(test)]
mod tests;
