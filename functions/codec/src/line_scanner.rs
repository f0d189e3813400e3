//! A pull scanner for InfluxDB's line protocol, for input that is not trusted.
//!
//! ```text
//! measurement[,tag=value…] field=value[,field=value…] [timestamp]\n
//! ```
//!
//! It goes over the text once; names come as spans of it. One with an escape
//! (a backslash before a comma, an equals sign or a space; in a text value
//! before a quote or a backslash) is unescaped into [`Scratch`]. A backslash
//! before anything else is a backslash. A line break within a text value does
//! not end the line. Source: InfluxDB v2 line protocol reference, and
//! InfluxData's own parsers where that is silent.

use crate::span::{IN_SCRATCH, Scratch, Span};

/// What is wrong with a line, and where in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LineError {
    pub(crate) at: usize,
    pub(crate) what: &'static str,
}

type Scan<T> = Result<T, LineError>;

/// The value of a field, as the line has it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum FieldValue {
    Float(f64),
    Integer(i64),
    Unsigned(u64),
    Boolean(bool),
    Text(Span),
}

/// A position in one text.
#[derive(Debug)]
pub(crate) struct LineScanner<'t, 's> {
    text: &'t str,
    bytes: &'t [u8],
    at: usize,
    scratch: &'s mut Scratch,
}

/// Bytes that may end or escape something in a name.
const COMMA: u8 = 1;
const EQUALS: u8 = 2;
const SPACE: u8 = 4;
const BACKSLASH: u8 = 8;
/// Also line breaks.
const CONTROL: u8 = 16;

static CLASS: [u8; 256] = {
    let mut class = [0; 256];
    let mut byte = 0;
    while byte < 0x20 {
        class[byte] = CONTROL;
        byte += 1;
    }
    class[0x7f] = CONTROL;
    class[b',' as usize] = COMMA;
    class[b'=' as usize] = EQUALS;
    class[b' ' as usize] = SPACE;
    class[b'\\' as usize] = BACKSLASH;
    class
};

impl<'t, 's> LineScanner<'t, 's> {
    /// The text must be at most [`crate::span::MAX_TEXT_BYTES`] long.
    /// Clears the scratch.
    pub(crate) fn new(text: &'t str, scratch: &'s mut Scratch) -> Self {
        scratch.clear();
        Self {
            text,
            bytes: text.as_bytes(),
            at: 0,
            scratch,
        }
    }

    pub(crate) fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn scratch(&mut self) -> &mut Scratch {
        self.scratch
    }

    pub(crate) fn scratch_len(&self) -> usize {
        self.scratch.unescaped.len()
    }

    /// Appends to the scratch, where [`scratch_span`] finds it.
    pub(crate) fn push(&mut self, text: &str) {
        self.scratch.unescaped.push_str(text);
    }

    /// Appends the text of a span.
    pub(crate) fn push_span(&mut self, span: Span) {
        if span.is_none() {
            return;
        }
        if span.start & IN_SCRATCH == 0 {
            let piece = &self.text[span.start as usize..span.end as usize];
            self.scratch.unescaped.push_str(piece);
        } else {
            let (start, end) = (span.start & !IN_SCRATCH, span.end & !IN_SCRATCH);
            let piece = start as usize..end as usize;
            self.scratch.unescaped.extend_from_within(piece);
        }
    }

    pub(crate) fn resolve(&self, span: Span) -> &str {
        self.scratch.resolve(self.text, span)
    }

    /// The measurement of the next line; passes over empty ones and comments.
    /// `None` at the end.
    pub(crate) fn measurement(&mut self) -> Scan<Option<Span>> {
        loop {
            match self.bytes.get(self.at) {
                None => return Ok(None),
                Some(b' ' | b'\n') => self.at += 1,
                Some(b'\r') if self.bytes.get(self.at + 1) == Some(&b'\n') => self.at += 2,
                Some(b'#') => self.skip_line(),
                Some(_) => break,
            }
        }
        let span = self.name(COMMA | SPACE, "a measurement")?;
        Ok(Some(span))
    }

    /// The next tag of the line.
    #[inline]
    pub(crate) fn tag(&mut self) -> Scan<Option<(Span, Span)>> {
        if self.bytes.get(self.at) != Some(&b',') {
            return Ok(None);
        }
        self.at += 1;
        let key = self.name(COMMA | EQUALS | SPACE, "a tag's name")?;
        self.expect_equals("= and a value behind the tag's name")?;
        let value = self.name(COMMA | EQUALS | SPACE, "a tag's value")?;
        if self.bytes.get(self.at) == Some(&b'=') {
            return Err(self.error("a tag's value with its = escaped"));
        }
        Ok(Some((key, value)))
    }

    /// The next field of the line; the first one must be there.
    #[inline]
    pub(crate) fn field(&mut self, first: bool) -> Scan<Option<(Span, FieldValue)>> {
        if first {
            if self.bytes.get(self.at) != Some(&b' ') {
                return Err(self.error("a space and a field"));
            }
            self.spaces();
        } else if self.bytes.get(self.at) == Some(&b',') {
            self.at += 1;
        } else {
            return Ok(None);
        }
        let key = self.name(COMMA | EQUALS | SPACE, "a field's name")?;
        self.expect_equals("= and a value behind the field's name")?;
        let value = match self.bytes.get(self.at) {
            Some(b'"') => FieldValue::Text(self.text_value()?),
            _ => self.scalar()?,
        };
        match self.bytes.get(self.at) {
            None | Some(b',' | b' ' | b'\n' | b'\r') => Ok(Some((key, value))),
            Some(_) => Err(self.error("a comma, a space or the end behind the field")),
        }
    }

    /// What follows the fields, to the end of the line.
    pub(crate) fn time(&mut self) -> Scan<Option<i64>> {
        self.spaces();
        let start = self.at;
        let mut end = start;
        while matches!(self.bytes.get(end), Some(b'0'..=b'9' | b'-')) {
            end += 1;
        }
        let time = match &self.text[start..end] {
            "" => None,
            digits => Some(
                digits
                    .parse()
                    .map_err(|_| self.error("a time of 64 bits"))?,
            ),
        };
        self.at = end;
        self.spaces();
        match self.bytes.get(self.at..) {
            None | Some([] | [b'\n', ..] | [b'\r', b'\n', ..] | [b'\r']) => {
                self.skip_line();
                Ok(time)
            }
            Some(_) => Err(self.error("a whole number for the time, and nothing behind it")),
        }
    }

    /// Goes to the beginning of the next line.
    pub(crate) fn skip_line(&mut self) {
        let rest = &self.bytes[self.at.min(self.bytes.len())..];
        self.at += match rest.iter().position(|byte| *byte == b'\n') {
            Some(end) => end + 1,
            None => rest.len(),
        };
    }

    fn error(&self, what: &'static str) -> LineError {
        LineError { at: self.at, what }
    }

    #[inline]
    fn spaces(&mut self) {
        while self.bytes.get(self.at) == Some(&b' ') {
            self.at += 1;
        }
    }

    #[inline]
    fn expect_equals(&mut self, what: &'static str) -> Scan<()> {
        if self.bytes.get(self.at) != Some(&b'=') {
            return Err(self.error(what));
        }
        self.at += 1;
        Ok(())
    }

    /// A name of one or more characters, up to one of `stops`.
    #[inline]
    fn name(&mut self, stops: u8, what: &'static str) -> Scan<Span> {
        let start = self.at;
        let mut at = start;
        let mut escaped = false;
        while let Some(&byte) = self.bytes.get(at) {
            let class = CLASS[usize::from(byte)];
            if class & (stops | CONTROL) != 0 {
                break;
            }
            if class == BACKSLASH && matches!(self.bytes.get(at + 1), Some(b',' | b'=' | b' ')) {
                escaped = true;
                at += 1;
            }
            at += 1;
        }
        self.at = at;
        if at == start {
            return Err(self.error(what));
        }
        if let Some(byte) = self.bytes.get(at)
            && CLASS[usize::from(*byte)] == CONTROL
            && !matches!(byte, b'\n' | b'\r')
        {
            return Err(self.error("no control character in a name"));
        }
        match escaped {
            false => Ok(span(start, at)),
            true => Ok(self.unescape(start, at, |byte| matches!(byte, b',' | b'=' | b' '))),
        }
    }

    /// The text is between its opening and its closing quote.
    fn text_value(&mut self) -> Scan<Span> {
        let start = self.at + 1;
        let mut at = start;
        let mut escaped = false;
        loop {
            match self.bytes.get(at) {
                None => return Err(self.error("the closing quote of a text")),
                Some(b'"') => break,
                Some(b'\\') if matches!(self.bytes.get(at + 1), Some(b'"' | b'\\')) => {
                    escaped = true;
                    at += 2;
                }
                Some(_) => at += 1,
            }
        }
        self.at = at + 1;
        match escaped {
            false => Ok(span(start, at)),
            true => Ok(self.unescape(start, at, |byte| matches!(byte, b'"' | b'\\'))),
        }
    }

    /// Copies a piece of the text without the backslashes before what they escape.
    fn unescape(&mut self, start: usize, end: usize, escapes: impl Fn(u8) -> bool) -> Span {
        let unescaped = &mut self.scratch.unescaped;
        let from = unescaped.len();
        let mut rest = &self.text[start..end];
        while let Some(at) = rest.find('\\') {
            match rest.as_bytes().get(at + 1) {
                Some(byte) if escapes(*byte) => {
                    unescaped.push_str(&rest[..at]);
                    unescaped.push(char::from(*byte));
                    rest = &rest[at + 2..];
                }
                _ => {
                    unescaped.push_str(&rest[..=at]);
                    rest = &rest[at + 1..];
                }
            }
        }
        unescaped.push_str(rest);
        scratch_span(from, unescaped.len())
    }

    /// A number or a boolean.
    #[inline]
    fn scalar(&mut self) -> Scan<FieldValue> {
        let start = self.at;
        let mut end = start;
        while let Some(&byte) = self.bytes.get(end) {
            if CLASS[usize::from(byte)] & (COMMA | SPACE | CONTROL) != 0 {
                break;
            }
            end += 1;
        }
        let token = &self.text[start..end];
        let value = match token.as_bytes() {
            [b'0'..=b'9' | b'-' | b'+' | b'.', digits @ .., last] => match last {
                b'i' => token[..=digits.len()].parse().ok().map(FieldValue::Integer),
                b'u' => token[..=digits.len()]
                    .parse()
                    .ok()
                    .map(FieldValue::Unsigned),
                _ => float(token).map(FieldValue::Float),
            },
            [b'0'..=b'9'] => float(token).map(FieldValue::Float),
            _ => match token {
                "t" | "T" | "true" | "True" | "TRUE" => Some(FieldValue::Boolean(true)),
                "f" | "F" | "false" | "False" | "FALSE" => Some(FieldValue::Boolean(false)),
                _ => None,
            },
        };
        let value = value.ok_or_else(|| self.error("a number, a boolean or a text in quotes"))?;
        self.at = end;
        Ok(value)
    }
}

#[inline]
fn span(start: usize, end: usize) -> Span {
    Span {
        start: start as u32,
        end: end as u32,
    }
}

/// A piece of [`Scratch`].
pub(crate) fn scratch_span(start: usize, end: usize) -> Span {
    Span {
        start: start as u32 | IN_SCRATCH,
        end: end as u32 | IN_SCRATCH,
    }
}

/// Powers of ten that a double holds exactly, as far as 15 digits need them.
const POWERS: [f64; 16] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
];

/// Digits with an optional fraction and exponent. What is beyond the range of
/// doubles is infinite, which is for the caller to refuse.
fn float(token: &str) -> Option<f64> {
    let bytes = token.as_bytes();
    let (negative, digits) = match bytes {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, bytes),
    };
    let (mut mantissa, mut count, mut fraction, mut seen_point) = (0_u64, 0, 0, false);
    for byte in digits {
        match byte {
            b'0'..=b'9' if count < 15 => {
                mantissa = mantissa * 10 + u64::from(byte - b'0');
                count += 1;
                fraction += usize::from(seen_point);
            }
            b'.' if !seen_point => seen_point = true,
            // std accepts words, which are no numbers here.
            b'0'..=b'9' | b'e' | b'E' | b'+' | b'-' | b'.' => return token.parse().ok(),
            _ => return None,
        }
    }
    if count == 0 {
        return None;
    }
    // Both are exact, so the one rounding is the right one (Clinger).
    let value = mantissa as f64 / POWERS[fraction];
    Some(if negative { -value } else { value })
}

#[cfg(test)]
mod tests;
