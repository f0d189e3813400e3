//! Codecs: from a payload's bytes to readings that are not judged yet.
//!
//! A codec knows the form of a payload and nothing of devices, time or limits;
//! `validator` and `engine` do. What it decodes stands in buffers that it fills
//! again for the next message.

pub(crate) mod json;
mod json_members;
pub(crate) mod json_number;
pub(crate) mod json_scanner;
pub(crate) mod json_span;
pub(crate) mod line_protocol;
pub(crate) mod line_scanner;

use crate::fault::Fault;
use json_span::Span;

/// A `timestamp` member.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum RawTime {
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
pub(crate) enum RawValue {
    Missing,
    Number(f64),
    Text(Span),
}

/// One reading as it came.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct RawReading {
    pub(crate) sensor: Span,
    pub(crate) value: RawValue,
    pub(crate) unit: Span,
    pub(crate) location: Span,
    pub(crate) time: RawTime,
    pub(crate) warning: Option<f64>,
    pub(crate) critical: Option<f64>,
    /// The device's own count of the readings of this sensor.
    pub(crate) sequence: Option<u64>,
    /// Index into [`json::Decoder::faults`] of what is wrong with it.
    pub(crate) fault: Option<u32>,
}

impl RawReading {
    pub(crate) const EMPTY: Self = Self {
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
pub(crate) struct RawEvent {
    pub(crate) device: Span,
    pub(crate) location: Span,
    pub(crate) time: RawTime,
    /// The device's own count of its events.
    pub(crate) sequence: Option<u64>,
    /// Its readings: a range of [`json::Decoder::readings`].
    pub(crate) first: usize,
    pub(crate) end: usize,
    /// It could not be decoded and counts as one reading.
    pub(crate) fault: Option<Fault>,
}
