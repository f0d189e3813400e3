//! What a codec returns: events and their readings, not validated yet.

use crate::fault::Fault;
use crate::span::Span;

/// A `timestamp` member.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RawTime {
    Missing,
    /// Since the epoch.
    Millis(i64),
    /// The same in nanoseconds.
    Nanos(i64),
    /// It is not a whole number of milliseconds that fits 64 bits.
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
    /// Index into `Decoder::faults` of what is wrong with it.
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
    /// Its readings: a range of `Decoder::readings`.
    pub first: usize,
    pub end: usize,
    /// It is stored and judged by nothing.
    pub mark: EventMark,
    /// It could not be decoded and counts as one reading.
    pub fault: Option<Fault>,
}

/// Why an event is stored and judged by nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EventMark {
    /// It is judged.
    #[default]
    None,
    /// A person made it up.
    Simulated,
}

impl RawEvent {
    /// An event of these readings, of which nothing else is known.
    pub const fn of(first: usize, end: usize) -> Self {
        Self {
            device: Span::NONE,
            location: Span::NONE,
            time: RawTime::Missing,
            sequence: None,
            first,
            end,
            mark: EventMark::None,
            fault: None,
        }
    }
}

/// What describes the device of a message: its model, its gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribute {
    pub name: Span,
    pub value: Span,
}
