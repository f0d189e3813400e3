//! Objects and arrays within each other as readings: `ENERGY.Power.0`.

use std::fmt::Write as _;

use weir_model::QuarantineReason as Reason;

use super::{Output, Policy};
use crate::fault::{Fault, Quoted};
use crate::moment::nanos_of_seconds;
use crate::raw::{RawReading, RawTime, RawValue};
use crate::span::Span;
use crate::tape::Token;

/// Objects and arrays within each other, the message included.
const MAX_LEVELS: usize = 8;
/// A longer array is a waveform.
const MAX_ELEMENTS: usize = 64;
/// Longest name of a nested member, in bytes. No sensor has a longer one.
const MAX_NAME_BYTES: usize = 256;

/// What a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// A reading in this unit, or what holds readings.
    Reading(&'static str),
    /// A reading of this value.
    Value(bool),
    /// It describes the device.
    Attribute,
    /// Housekeeping.
    Nothing,
}

/// How members become readings.
pub(crate) struct Flattening<'c> {
    pub(crate) time: RawTime,
    pub(crate) policy: Policy,
    /// What the member is, by its node and its full name.
    #[allow(clippy::type_complexity)]
    pub(crate) choose: &'c mut dyn FnMut(&Output<'_, '_>, usize, Span) -> Choice,
}

impl Output<'_, '_> {
    /// The members of an object, or the elements of an array of scalars.
    pub(crate) fn flatten(
        &mut self,
        at: usize,
        name: Span,
        how: &mut Flattening<'_>,
    ) -> Result<(), Fault> {
        self.flatten_within(at, name, "", None, 1, how)
    }

    /// As [`Self::flatten`], with a document of the same shape in which each value is
    /// `{"timestamp": seconds}`.
    pub(crate) fn flatten_with_times(
        &mut self,
        at: usize,
        times: Option<usize>,
        how: &mut Flattening<'_>,
    ) -> Result<(), Fault> {
        self.flatten_within(at, Span::NONE, "", times, 1, how)
    }

    fn flatten_within(
        &mut self,
        at: usize,
        name: Span,
        unit: &'static str,
        times: Option<usize>,
        level: usize,
        how: &mut Flattening<'_>,
    ) -> Result<(), Fault> {
        let token = self.token(at);
        let mut children = self.children(at);
        if level > MAX_LEVELS {
            let detail = format!(
                "{} is {} below {MAX_LEVELS} levels",
                Quoted(self.str(name)),
                token.with_article()
            );
            return self.refuse(name, Reason::WrongType, detail);
        }
        if children.clone().next().is_none() {
            *self.absent += 1;
            return Ok(());
        }
        if token == Token::Object {
            for child in children {
                self.member(child, name, times, level, how)?;
            }
            return Ok(());
        }
        let is_scalar = |at: usize| !matches!(self.token(at), Token::Object | Token::Array);
        if children.clone().count() > MAX_ELEMENTS || !children.all(is_scalar) {
            let detail = format!(
                "{} is an array of more than {MAX_ELEMENTS} scalars, or of others",
                Quoted(self.str(name))
            );
            return self.refuse(name, Reason::WrongType, detail);
        }
        for (index, child) in self.children(at).enumerate() {
            let times = times.and_then(|times| self.children(times).nth(index));
            let start = self.scratch.unescaped.len();
            if !name.is_none() {
                self.scratch.copy(self.text, name);
                self.scratch.unescaped.push('.');
            }
            // Writing to a string cannot fail.
            let _ = write!(self.scratch.unescaped, "{index}");
            let element = self.scratch.since(start);
            let time = self.time_in(times, how.time);
            self.reading(element, child, unit, time, how.policy)?;
        }
        Ok(())
    }

    fn member(
        &mut self,
        at: usize,
        outer: Span,
        times: Option<usize>,
        level: usize,
        how: &mut Flattening<'_>,
    ) -> Result<(), Fault> {
        let key = self.key(at);
        let Some(name) = self.joined(outer, key) else {
            let detail = format!(
                "the name of a member within {} has more than {MAX_NAME_BYTES} bytes",
                Quoted(self.str(outer))
            );
            return self.refuse(outer, Reason::InvalidLabel, detail);
        };
        let times = times.and_then(|times| self.find(times, self.str(key)));
        match (how.choose)(self, at, name) {
            Choice::Nothing => Ok(()),
            Choice::Attribute => {
                self.attribute_of(name, at);
                Ok(())
            }
            Choice::Value(value) => self.push(RawReading {
                sensor: name,
                value: RawValue::Number(f64::from(value)),
                time: how.time,
                ..RawReading::EMPTY
            }),
            Choice::Reading(unit) => match self.token(at) {
                Token::Object | Token::Array => {
                    self.flatten_within(at, name, unit, times, level + 1, how)
                }
                _ => {
                    let time = self.time_in(times, how.time);
                    self.reading(name, at, unit, time, how.policy)
                }
            },
        }
    }

    /// `outer.inner`; `None` if it is too long.
    pub(crate) fn joined(&mut self, outer: Span, inner: Span) -> Option<Span> {
        if outer.is_none() {
            return Some(inner);
        }
        if outer.len() + 1 + inner.len() > MAX_NAME_BYTES {
            return None;
        }
        let start = self.scratch.unescaped.len();
        self.scratch.copy(self.text, outer);
        self.scratch.unescaped.push('.');
        self.scratch.copy(self.text, inner);
        Some(self.scratch.since(start))
    }

    /// The time of `{"timestamp": seconds}`.
    fn time_in(&self, times: Option<usize>, otherwise: RawTime) -> RawTime {
        let Some(at) = times.and_then(|times| self.find(times, "timestamp")) else {
            return otherwise;
        };
        let seconds = match self.token(at) {
            Token::Decimal(number) => number.to_i64(self.text),
            _ => None,
        };
        let nanos = seconds.and_then(nanos_of_seconds);
        nanos.map_or(otherwise, RawTime::Nanos)
    }
}
