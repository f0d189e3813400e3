//! Codecs: from a payload's bytes to readings that are not validated yet.
//!
//! A codec knows the format of a payload. It does not know devices, time or
//! limits: `weir-engine` validates what a codec returns. A [`Decoder`] keeps
//! its output in buffers and fills them again for the next message.
//!
//! ```text
//! payload ─▶ json, line_protocol ─▶ Decoder { events, readings, faults }
//!                  │
//!                  └─ json_scanner, line_scanner: one pass over the text, spans out
//! ```
//!
//! Pure: no I/O, no clock.

mod fault;
mod json;
mod json_members;
mod json_number;
mod json_scanner;
mod json_span;
mod line_protocol;
mod line_scanner;

pub use fault::{Fault, Quoted};
pub use json::{Decoder, JsonSettings};
pub use json_span::Span;
pub use line_protocol::{LineSettings, split_lines};

/// A `timestamp` member.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RawTime {
    Missing,
    /// Since the epoch.
    Millis(i64),
    /// The same in nanoseconds.
    Nanos(i64),
    /// What stands there is not a whole number of milliseconds that fits 64 bits.
    Invalid,
}

/// A value as it came; a boolean is 1 or 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RawValue {
    Missing,
    Number(f64),
    Text(Span),
}

/// One reading as it came.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RawReading {
    pub sensor: Span,
    pub value: RawValue,
    pub unit: Span,
    pub location: Span,
    pub time: RawTime,
    pub warning: Option<f64>,
    pub critical: Option<f64>,
    /// The device's own count of the readings of this sensor.
    pub sequence: Option<u64>,
    /// Index into [`Decoder::faults`] of what is wrong with it.
    pub fault: Option<u32>,
}

impl RawReading {
    pub const EMPTY: Self = Self {
        sensor: Span::NONE,
        value: RawValue::Missing,
        unit: Span::NONE,
        location: Span::NONE,
        time: RawTime::Missing,
        warning: None,
        critical: None,
        sequence: None,
        fault: None,
    };
}

/// What the readings of one event share.
#[derive(Clone, Debug, PartialEq)]
pub struct RawEvent {
    pub device: Span,
    pub location: Span,
    pub time: RawTime,
    /// The device's own count of its events.
    pub sequence: Option<u64>,
    /// Its readings: a range of [`Decoder::readings`].
    pub first: usize,
    pub end: usize,
    /// It could not be decoded and counts as one reading.
    pub fault: Option<Fault>,
}
