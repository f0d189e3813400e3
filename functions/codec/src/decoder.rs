//! The buffers that a message is decoded into.

use crate::fault::Fault;
use crate::json_members::Scalar;
use crate::memory::Memory;
use crate::raw::{Attribute, RawEvent, RawReading};
use crate::span::{Scratch, Span};
use crate::tape::Node;

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
    /// What describes the device of the message.
    pub attributes: Vec<Attribute>,
    /// The message is understood and holds no reading: what it is.
    pub kind: Option<&'static str>,
    /// What codecs remember; it outlives the message.
    pub memory: Memory,
    pub(crate) scratch: Scratch,
    /// Tags of a line that are part of its sensors' names.
    pub(crate) tags: Vec<(Span, Span)>,
    /// Members of an object that may turn out to be a flat map.
    pub(crate) flat: Vec<(Span, Scalar)>,
    /// The tokens of a payload.
    pub(crate) nodes: Vec<Node>,
}

impl Decoder {
    /// A decoder that remembers this.
    pub fn with_memory(memory: Memory) -> Self {
        Self {
            memory,
            ..Self::default()
        }
    }

    /// The result of a message without readings.
    pub fn clear(&mut self) {
        self.events.clear();
        self.readings.clear();
        self.faults.clear();
        self.absent = 0;
        self.unused_time = Span::NONE;
        self.cleared = false;
        self.attributes.clear();
        self.kind = None;
        self.nodes.clear();
        self.scratch.clear();
    }

    /// The message deletes a retained message: it holds no reading.
    pub fn decode_clear(&mut self) {
        self.clear();
        self.cleared = true;
    }

    /// Appends a text that is not part of the message.
    pub fn write(&mut self, write: impl FnOnce(&mut String)) -> Span {
        let start = self.scratch.unescaped.len();
        write(&mut self.scratch.unescaped);
        self.scratch.since(start)
    }

    /// Gives these names to what has none; [`Span::NONE`] gives none.
    pub fn name(&mut self, device: Span, sensor: Span, location: Span, unit: Span) {
        let fill = |name: &mut Span, with: Span| {
            if name.is_none() {
                *name = with;
            }
        };
        for event in &mut self.events {
            fill(&mut event.device, device);
            fill(&mut event.location, location);
        }
        for reading in &mut self.readings {
            fill(&mut reading.sensor, sensor);
            fill(&mut reading.unit, unit);
        }
    }

    /// Drops the readings of other sensors.
    pub fn retain_sensors(&mut self, source: &str, is_wanted: &dyn Fn(&str) -> bool) {
        let mut kept = 0;
        for event in &mut self.events {
            let (first, end) = (event.first, event.end);
            event.first = kept;
            for at in first..end {
                let reading = self.readings[at];
                if is_wanted(self.scratch.resolve(source, reading.sensor)) {
                    self.readings[kept] = reading;
                    kept += 1;
                }
            }
            event.end = kept;
        }
        self.readings.truncate(kept);
    }

    /// The text of a span of the message that was decoded last.
    #[inline]
    pub fn text<'a>(&'a self, source: &'a str, span: Span) -> &'a str {
        self.scratch.resolve(source, span)
    }
}
