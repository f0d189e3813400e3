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
    pub(crate) scratch: Scratch,
    /// Tags of a line that are part of its sensors' names.
    pub(crate) tags: Vec<(Span, Span)>,
    /// Members of an object that may turn out to be a flat map.
    pub(crate) flat: Vec<(Span, Scalar)>,
}

impl Decoder {
    /// The text of a span of the message that was decoded last.
    #[inline]
    pub fn text<'a>(&'a self, source: &'a str, span: Span) -> &'a str {
        self.scratch.resolve(source, span)
    }
}
