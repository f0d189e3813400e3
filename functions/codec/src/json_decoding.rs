//! A JSON message while it is decoded.

use crate::fault::Fault;
use crate::json_members::Scalar;
use crate::json_scanner::Scanner;
use crate::raw::{RawEvent, RawReading};
use crate::span::Span;
use weir_config::TimeUnit;

/// What is known beside the payload.
#[derive(Clone, Copy, Debug)]
pub struct JsonSettings<'s> {
    /// The topic names the sensor.
    pub sensor_in_topic: bool,
    pub max_readings: usize,
    /// The member that holds the time.
    pub time: &'s str,
    /// Of times that are numbers.
    pub time_unit: TimeUnit,
    /// A text that JSON would read as a number is one.
    pub numbers_in_text: bool,
    /// So is `21,5`.
    pub decimal_comma: bool,
}

/// What the parts of the decoder share.
pub(crate) struct Decoding<'t, 'd> {
    pub(crate) scanner: Scanner<'t, 'd>,
    pub(crate) settings: JsonSettings<'d>,
    pub(crate) events: &'d mut Vec<RawEvent>,
    pub(crate) readings: &'d mut Vec<RawReading>,
    pub(crate) faults: &'d mut Vec<Fault>,
    pub(crate) flat: &'d mut Vec<(Span, Scalar)>,
    /// As in [`crate::Decoder`].
    pub(crate) absent: &'d mut u64,
    pub(crate) unused_time: &'d mut Span,
    /// Events that count as one refused reading each.
    pub(crate) refused: usize,
}
