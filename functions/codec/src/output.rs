//! What consumers write: events, readings and attributes, from the tape of a payload.

mod flatten;
mod take;

use std::fmt::Write as _;

use chrono_tz::Tz;
use weir_model::{QuarantineReason as Reason, Unit};

use crate::fault::Fault;
use crate::memory::Memory;
use crate::names;
use crate::raw::{Attribute, RawEvent, RawReading, RawTime, RawValue};
use crate::span::{Scratch, Span};
use crate::tape::{Children, Node, Token};

pub(crate) use flatten::{Choice, Flattening};
pub(crate) use take::{Policy, Switches, is_number, switch};

/// Attributes of one message, and the bytes of one.
const MAX_ATTRIBUTES: usize = 32;
const MAX_ATTRIBUTE_BYTES: usize = 256;

/// What is known beside the payload.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    pub topic: &'a str,
    /// What the pattern of the route captures.
    pub device: Option<&'a str>,
    pub sensor: Option<&'a str>,
    /// Levels of the topic that the pattern of the route begins with.
    pub literal_levels: usize,
    /// The zone of local times.
    pub timezone: Option<Tz>,
    /// When the message came, in nanoseconds.
    pub received: i64,
    pub max_readings: usize,
}

impl<'a> Facts<'a> {
    pub(crate) fn last_level(&self) -> &'a str {
        self.topic.rsplit('/').next().unwrap_or_default()
    }

    /// The topic behind the levels that the pattern begins with, and those levels.
    pub(crate) fn below_base(&self) -> (&'a str, &'a str) {
        let mut slashes = self.topic.match_indices('/');
        match self.literal_levels {
            0 => ("", self.topic),
            levels => match slashes.nth(levels - 1) {
                Some((at, _)) => (&self.topic[..at], &self.topic[at + 1..]),
                None => (self.topic, ""),
            },
        }
    }
}

/// A message while it is decoded.
#[derive(Debug)]
pub(crate) struct Output<'t, 'd> {
    pub(crate) text: &'t str,
    pub(crate) facts: &'t Facts<'t>,
    pub(crate) nodes: &'d [Node],
    pub(crate) scratch: &'d mut Scratch,
    pub(crate) events: &'d mut Vec<RawEvent>,
    pub(crate) readings: &'d mut Vec<RawReading>,
    pub(crate) faults: &'d mut Vec<Fault>,
    pub(crate) absent: &'d mut u64,
    pub(crate) attributes: &'d mut Vec<Attribute>,
    pub(crate) kind: &'d mut Option<&'static str>,
    pub(crate) memory: &'d mut Memory,
}

impl<'t, 'd> Output<'t, 'd> {
    pub(crate) fn str(&self, span: Span) -> &str {
        self.scratch.resolve(self.text, span)
    }

    pub(crate) fn children(&self, at: usize) -> Children<'d> {
        Children::of(self.nodes, at)
    }

    pub(crate) fn token(&self, at: usize) -> Token {
        self.nodes.get(at).map_or(Token::Null, |node| node.token)
    }

    pub(crate) fn key(&self, at: usize) -> Span {
        self.nodes[at].key
    }

    /// The member of an object.
    pub(crate) fn find(&self, at: usize, name: &str) -> Option<usize> {
        if self.token(at) != Token::Object {
            return None;
        }
        let mut children = self.children(at);
        children.find(|child| self.str(self.nodes[*child].key) == name)
    }

    /// As [`Self::find`], of the document.
    pub(crate) fn root(&self, name: &str) -> Option<usize> {
        self.find(0, name)
    }

    /// The text of a member.
    pub(crate) fn text_at(&self, at: usize, name: &str) -> Option<Span> {
        match self.token(self.find(at, name)?) {
            Token::Text(text) if text.len() > 0 => Some(text),
            _ => None,
        }
    }

    /// The object of a member.
    pub(crate) fn object_at(&self, at: usize, name: &str) -> Option<usize> {
        let found = self.find(at, name)?;
        (self.token(found) == Token::Object).then_some(found)
    }

    pub(crate) fn is_true(&self, at: usize, name: &str) -> bool {
        let found = self.find(at, name);
        found.is_some_and(|found| self.token(found) == Token::Boolean(true))
    }

    /// A text that is not part of the payload.
    pub(crate) fn copy(&mut self, text: &str) -> Span {
        let start = self.scratch.unescaped.len();
        self.scratch.unescaped.push_str(text);
        self.scratch.since(start)
    }

    /// The id of the device of this name; the name becomes an attribute when it differs.
    pub(crate) fn device(&mut self, name: &str) -> Span {
        let original = self.copy(name);
        self.device_of(original)
    }

    pub(crate) fn device_of(&mut self, original: Span) -> Span {
        let id = names::device_of(self.text, original, self.scratch);
        if id != original {
            self.attribute("name", original);
        }
        id
    }

    /// `name: value` of the device.
    pub(crate) fn attribute(&mut self, name: &str, value: Span) {
        let name = self.copy(name);
        self.attribute_span(name, value);
    }

    pub(crate) fn attribute_span(&mut self, name: Span, value: Span) {
        let fits = (1..=MAX_ATTRIBUTE_BYTES).contains(&value.len());
        if fits && self.attributes.len() < MAX_ATTRIBUTES {
            self.attributes.push(Attribute { name, value });
        }
    }

    /// A member that describes the device, if it is a scalar.
    pub(crate) fn attribute_of(&mut self, name: Span, at: usize) {
        let start = self.scratch.unescaped.len();
        let out = &mut self.scratch.unescaped;
        // Writing to a string cannot fail.
        let _ = match self.nodes[at].token {
            Token::Text(text) => return self.attribute_span(name, text),
            Token::Decimal(number) => {
                out.push_str(number.text(self.text));
                Ok(())
            }
            Token::Integer {
                negative,
                magnitude,
            } => {
                let magnitude = i128::from(magnitude);
                write!(out, "{}", if negative { -1 - magnitude } else { magnitude })
            }
            Token::Float(value) => write!(out, "{value}"),
            Token::Boolean(value) => write!(out, "{value}"),
            _ => return,
        };
        let value = self.scratch.since(start);
        self.attribute_span(name, value);
    }

    /// The attribute of a text member, if it is there.
    pub(crate) fn attribute_at(&mut self, at: usize, member: &str, name: &str) {
        if let Some(text) = self.text_at(at, member) {
            self.attribute(name, text);
        }
    }

    /// The event of the readings from `first` on.
    pub(crate) fn event(&mut self, device: Span, first: usize) -> &mut RawEvent {
        self.events.push(RawEvent {
            device,
            ..RawEvent::of(first, self.readings.len())
        });
        let last = self.events.len() - 1;
        &mut self.events[last]
    }

    /// The message is understood and holds no reading.
    pub(crate) fn without_readings(&mut self, kind: &'static str) {
        *self.kind = Some(kind);
    }

    pub(crate) fn push(&mut self, reading: RawReading) -> Result<(), Fault> {
        self.readings.push(reading);
        if self.readings.len() <= self.facts.max_readings {
            return Ok(());
        }
        let limit = self.facts.max_readings;
        let detail = format!("the message has more than {limit} readings");
        Err(Fault::new(Reason::TooManyReadings, detail))
    }

    /// A reading that is refused.
    #[cold]
    pub(crate) fn refuse(
        &mut self,
        sensor: Span,
        reason: Reason,
        detail: String,
    ) -> Result<(), Fault> {
        let fault = Some(self.faults.len() as u32);
        self.faults.push(Fault::new(reason, detail));
        self.push(RawReading {
            sensor,
            fault,
            ..RawReading::EMPTY
        })
    }

    /// A reading of a value that the codec computed.
    pub(crate) fn number(
        &mut self,
        sensor: &str,
        value: f64,
        unit: &str,
        time: RawTime,
    ) -> Result<(), Fault> {
        let sensor = self.copy(sensor);
        let unit = self.unit(unit);
        self.push(RawReading {
            sensor,
            value: RawValue::Number(value),
            unit,
            time,
            ..RawReading::EMPTY
        })
    }

    /// The reading `online`.
    pub(crate) fn presence(&mut self, is_online: bool) -> Result<(), Fault> {
        self.number("online", f64::from(is_online), "", RawTime::Missing)
    }

    pub(crate) fn unit(&mut self, code: &str) -> Span {
        if code.is_empty() {
            return Span::NONE;
        }
        self.copy(code)
    }

    /// The code of a unit that the sender spells: as it is if it is not known.
    pub(crate) fn unit_of(&mut self, spelled: Span) -> Span {
        match Unit::canonical(self.str(spelled)) {
            Some(code) if code != self.str(spelled) => self.copy(code),
            _ => spelled,
        }
    }

    /// Whether the topic's name of the device is the payload's.
    pub(crate) fn check_device(&self, name: Span) -> Result<(), Fault> {
        let name = self.str(name);
        match self.facts.device {
            Some(device) if device != name => {
                let (name, device) = (crate::Quoted(name), crate::Quoted(device));
                let detail = format!("the payload is of {name}, but the topic says {device}");
                Err(Fault::new(Reason::DeviceMismatch, detail))
            }
            _ => Ok(()),
        }
    }
}

/// The payload is none of the forms of the codec.
#[cold]
pub(crate) fn unknown_form(detail: &str) -> Fault {
    Fault::new(Reason::UnknownForm, detail.to_owned())
}
