//! Bytes that are read from the front, and why a binary payload is refused.

use weir_model::QuarantineReason as Reason;

use crate::fault::{Fault, Quoted};
use crate::span::{Scratch, Span};
use crate::tape::TapeWriter;

/// Why a walk stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// Something else was expected at this byte.
    Malformed {
        at: usize,
        what: &'static str,
    },
    TooDeep {
        at: usize,
    },
}

pub(crate) type Walk<T> = Result<T, Broken>;

#[derive(Debug)]
pub(crate) struct Bytes<'b> {
    bytes: &'b [u8],
    pub(crate) at: usize,
}

impl<'b> Bytes<'b> {
    pub(crate) const fn new(bytes: &'b [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(crate) const fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// All bytes, for another look.
    pub(crate) const fn before(&self) -> &'b [u8] {
        self.bytes
    }

    pub(crate) fn peek(&self) -> Walk<u8> {
        let byte = self.bytes.get(self.at).copied();
        byte.ok_or_else(|| self.malformed("more bytes"))
    }

    pub(crate) fn byte(&mut self) -> Walk<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Ok(byte)
    }

    /// The next `N` bytes.
    pub(crate) fn array<const N: usize>(&mut self) -> Walk<[u8; N]> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let Some(array) = rest.first_chunk::<N>() else {
            return Err(self.malformed("more bytes"));
        };
        self.at += N;
        Ok(*array)
    }

    pub(crate) fn slice(&mut self, len: u64) -> Walk<&'b [u8]> {
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        let end = self.at.saturating_add(len);
        let Some(slice) = self.bytes.get(self.at..end) else {
            return Err(self.malformed("a length that the payload holds"));
        };
        self.at = end;
        Ok(slice)
    }

    /// The next bytes as a text, copied to the scratch.
    pub(crate) fn text(&mut self, len: u64, scratch: &mut Scratch) -> Walk<Span> {
        let start = scratch.unescaped.len();
        let broken = self.malformed("UTF-8");
        let bytes = self.slice(len)?;
        let text = std::str::from_utf8(bytes).map_err(|_| broken)?;
        scratch.unescaped.push_str(text);
        Ok(scratch.since(start))
    }

    pub(crate) const fn malformed(&self, what: &'static str) -> Broken {
        Broken::Malformed { at: self.at, what }
    }

    pub(crate) fn end(&self) -> Walk<()> {
        if self.remaining() == 0 {
            return Ok(());
        }
        Err(self.malformed("the end"))
    }
}

/// The fault of a binary payload that is `reason`, such as `invalid_cbor`.
#[cold]
pub(crate) fn broken_fault(broken: Broken, reason: Reason, encoding: &str) -> Fault {
    match broken {
        Broken::TooDeep { at } => {
            let detail = format!("nested deeper than 128 levels at byte {at}");
            Fault::new(Reason::TooDeep, detail)
        }
        Broken::Malformed { at, what } => {
            let detail = format!("not {encoding}: expected {what} at byte {at}");
            Fault::new(reason, detail)
        }
    }
}

/// The fault of a member that is there twice, if one is.
pub(crate) fn repeated_fault(writer: &TapeWriter<'_, '_>) -> Result<(), Fault> {
    let Some(repeated) = writer.repeated else {
        return Ok(());
    };
    let name = Quoted(writer.scratch.resolve(writer.text, repeated));
    let detail = format!("an object has the member {name} twice");
    Err(Fault::new(Reason::DuplicateKey, detail))
}
