//! A JSON message while it is decoded.

use crate::fault::Fault;
use crate::json_members::Scalar;
use crate::json_scanner::Scanner;
use crate::raw::{RawEvent, RawReading};
use crate::span::Span;

/// What is known beside the payload.
#[derive(Clone, Copy, Debug)]
pub struct JsonSettings {
    /// The topic names the sensor.
    pub sensor_in_topic: bool,
    pub max_readings: usize,
}

/// What the parts of the decoder share.
pub(crate) struct Decoding<'t, 'd> {
    pub(crate) scanner: Scanner<'t, 'd>,
    pub(crate) settings: JsonSettings,
    pub(crate) events: &'d mut Vec<RawEvent>,
    pub(crate) readings: &'d mut Vec<RawReading>,
    pub(crate) faults: &'d mut Vec<Fault>,
    pub(crate) flat: &'d mut Vec<(Span, Scalar)>,
    /// Events that count as one refused reading each.
    pub(crate) refused: usize,
}
