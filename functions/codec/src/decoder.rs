//! The buffers that a message is decoded into.

use crate::fault::Fault;
use crate::json_members::Scalar;
use crate::raw::{RawEvent, RawReading};
use crate::span::{Scratch, Span};

/// Decodes one message at a time; its fields hold the result until the next one.
#[derive(Debug, Default)]
pub struct Decoder {
    pub events: Vec<RawEvent>,
    pub readings: Vec<RawReading>,
    /// What is wrong with single readings: [`RawReading::fault`].
    pub faults: Vec<Fault>,
    /// Values that said nothing: `null` in a flat map, `unknown` as a bare value.
    pub absent: u64,
    /// A member of a flat map that looks like its time, which nothing else says: it became
    /// a reading.
    pub unused_time: Span,
    /// The message has no bytes: a retained message was deleted.
    pub cleared: bool,
    pub(crate) scratch: Scratch,
    /// Tags of a line that are part of its sensors' names.
    pub(crate) tags: Vec<(Span, Span)>,
    /// Members of an object that may turn out to be a flat map.
    pub(crate) flat: Vec<(Span, Scalar)>,
}

impl Decoder {
    /// The result of a message without readings.
    pub fn clear(&mut self) {
        self.events.clear();
        self.readings.clear();
        self.faults.clear();
        self.absent = 0;
        self.unused_time = Span::NONE;
        self.cleared = false;
        self.scratch.clear();
    }

    /// The message deletes a retained message: it holds no reading.
    pub fn decode_clear(&mut self) {
        self.clear();
        self.cleared = true;
    }

    /// The text of a span of the message that was decoded last.
    #[inline]
    pub fn text<'a>(&'a self, source: &'a str, span: Span) -> &'a str {
        self.scratch.resolve(source, span)
    }
}
