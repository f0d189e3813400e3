//! The flat map of codec `json`: each member is a reading, and nested objects and
//! arrays are flattened into it.
//!
//! ```json
//! {"ENERGY": {"Power": 17, "Phases": [1, 2]}, "note": null}
//! ```
//!
//! gives `ENERGY.Power`, `ENERGY.Phases.0` and `ENERGY.Phases.1`. Objects are
//! flattened [`MAX_LEVELS`] deep and arrays of up to [`MAX_ELEMENTS`] scalars; others
//! are of the wrong type. `null` is "no news": no reading, counted as absent.

use weir_model::QuarantineReason as Reason;

use crate::fault::Fault;
use crate::json::Stop;
use crate::json_decoding::Decoding;
use crate::json_members::Scalar;
use crate::json_scanner::Kind;
use crate::raw::RawReading;
use crate::span::Span;

/// Objects and arrays within each other, the message included.
const MAX_LEVELS: usize = 8;
/// A longer array is a waveform.
const MAX_ELEMENTS: usize = 64;
/// Longest name of a nested member, in bytes. No sensor has a longer one.
const MAX_NAME_BYTES: usize = 256;

impl Decoding<'_, '_> {
    pub(crate) fn flat_map(&mut self, flat: &[(Span, Scalar)]) -> Result<(), Stop> {
        for (key, scalar) in flat {
            if let Scalar::Other(_, at) = *scalar {
                let end = self.scanner.seek(at as usize);
                let flattened = self.flatten(*key, 2);
                self.scanner.seek(end);
                flattened?;
            } else {
                self.flat_member(*key, *scalar);
            }
        }
        Ok(())
    }

    fn flat_member(&mut self, key: Span, scalar: Scalar) {
        if matches!(scalar, Scalar::Null) {
            *self.absent += 1;
            return;
        }
        let mut reading = RawReading {
            sensor: key,
            ..RawReading::EMPTY
        };
        let mut fault = None;
        self.set_value(&mut reading, scalar, key, &mut fault);
        self.push(reading, fault);
    }

    /// The object or array that comes next, as the readings of its members.
    fn flatten(&mut self, name: Span, level: usize) -> Result<(), Stop> {
        let at = self.scanner.position();
        match self.scanner.peek()? {
            Kind::Object if level <= MAX_LEVELS => {
                self.scanner.open()?;
                let mut first = true;
                while let Some(key) = self.scanner.next_key(&mut first)? {
                    self.nested_member(name, Element::Member(key), level)?;
                }
                self.refuse_empty(name, Kind::Object, first)
            }
            Kind::Array if level <= MAX_LEVELS => self.flatten_array(name, at),
            kind => {
                self.scanner.skip()?;
                let detail = format!(
                    "{} is {} below {MAX_LEVELS} levels",
                    self.value_name(name),
                    kind.with_article()
                );
                self.refuse(name, Reason::WrongType, detail)
            }
        }
    }

    fn flatten_array(&mut self, name: Span, at: usize) -> Result<(), Stop> {
        let before = (self.readings.len(), self.faults.len(), *self.absent);
        self.scanner.open()?;
        let (mut first, mut index) = (true, 0);
        while self.scanner.next_element(&mut first)? {
            let is_scalar = !matches!(self.scanner.peek()?, Kind::Object | Kind::Array);
            if !is_scalar || index == MAX_ELEMENTS {
                self.readings.truncate(before.0);
                self.faults.truncate(before.1);
                *self.absent = before.2;
                // The array is refused as one: behind it the next member follows.
                self.scanner.leave(at)?;
                let detail = format!(
                    "{} is an array of more than {MAX_ELEMENTS} scalars, or of others",
                    self.value_name(name)
                );
                return self.refuse(name, Reason::WrongType, detail);
            }
            self.nested_member(name, Element::Index(index), MAX_LEVELS)?;
            index += 1;
        }
        self.refuse_empty(name, Kind::Array, first)
    }

    /// What holds nothing is no value.
    fn refuse_empty(&mut self, name: Span, kind: Kind, is_empty: bool) -> Result<(), Stop> {
        if !is_empty {
            return Ok(());
        }
        let (name_text, kind) = (self.value_name(name), kind.with_article());
        let detail = format!("{name_text} is {kind}, not a number, boolean or text");
        self.refuse(name, Reason::WrongType, detail)
    }

    fn nested_member(&mut self, outer: Span, inner: Element, level: usize) -> Result<(), Stop> {
        let mark = self.scanner.mark_scratch();
        let joined = match inner {
            Element::Member(key) => self.scanner.join(outer, key, MAX_NAME_BYTES),
            Element::Index(index) => self.scanner.join_index(outer, index, MAX_NAME_BYTES),
        };
        let Some(name) = joined else {
            self.scanner.skip()?;
            let detail = format!(
                "the name of a member within {} has more than {MAX_NAME_BYTES} bytes",
                self.value_name(outer)
            );
            return self.refuse(outer, Reason::InvalidLabel, detail);
        };
        match self.scanner.peek()? {
            Kind::Object | Kind::Array => self.flatten(name, level + 1)?,
            _ => {
                let scalar = self.scalar()?;
                self.flat_member(name, scalar);
                if matches!(scalar, Scalar::Null) {
                    self.scanner.release(mark);
                }
            }
        }
        self.check_count(self.readings.len())
    }

    fn refuse(&mut self, sensor: Span, reason: Reason, detail: String) -> Result<(), Stop> {
        let reading = RawReading {
            sensor,
            ..RawReading::EMPTY
        };
        self.push(reading, Some(Fault::new(reason, detail)));
        self.check_count(self.readings.len())
    }
}

/// What is within an object or array.
#[derive(Clone, Copy)]
enum Element {
    Member(Span),
    Index(usize),
}
