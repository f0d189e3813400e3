//! Codec `json`: the reference event, an array of such events, and the flat map.
//!
//! ```json
//! {"deviceId": "p1", "timestamp": 1700000000000, "location": "hall-2",
//!  "data": [{"sensorId": "temperature", "value": 21.5, "unit": "C"}]}
//! {"temperature": 21.5, "door": true, "timestamp": 1700000000000}
//! {"value": 21.5, "unit": "C"}
//! ```
//!
//! An object with an array `data` is an event. One with `value`, when it or the
//! topic names the sensor, is a single reading. Any other is a flat map: each
//! member but `deviceId`, `timestamp` and `location` is a reading, and nested ones are
//! flattened (`json_flat.rs`). A `timestamp` is in milliseconds, as a number or as its
//! digits in a text, or RFC 3339. Optional
//! members that are null are absent; members without a meaning are passed over.

use weir_model::QuarantineReason as Reason;

use crate::decoder::Decoder;
use crate::fault::{Fault, Quoted};
use crate::json_decoding::{Decoding, JsonSettings};
use crate::json_members::{Member, Scalar};
use crate::json_scanner::{Kind, Scanner, SyntaxError};
use crate::raw::{EventMark, RawEvent, RawReading, RawTime};
use crate::span::{MAX_TEXT_BYTES, Span};

/// Why the whole message is refused.
pub(crate) enum Stop {
    Syntax(SyntaxError),
    Fault(Fault),
}

impl From<SyntaxError> for Stop {
    fn from(error: SyntaxError) -> Self {
        Self::Syntax(error)
    }
}

impl Decoder {
    /// Fills `events`, `readings` and `faults`, or says why the whole message is
    /// refused.
    pub fn decode(&mut self, text: &str, settings: JsonSettings<'_>) -> Result<(), Fault> {
        let Self {
            events,
            readings,
            faults,
            scratch,
            flat,
            absent,
            unused_time,
            cleared,
            attributes,
            kind,
            ..
        } = self;
        attributes.clear();
        *kind = None;
        *absent = 0;
        *unused_time = Span::NONE;
        *cleared = false;
        events.clear();
        readings.clear();
        faults.clear();
        if text.len() > MAX_TEXT_BYTES {
            let detail = format!("the payload has {} bytes, more than 2 GiB", text.len());
            return Err(Fault::new(Reason::TooLarge, detail));
        }
        let scanner = Scanner::new(text, scratch);
        let mut decoding = Decoding {
            scanner,
            settings,
            events,
            readings,
            faults,
            flat,
            absent,
            unused_time,
            refused: 0,
        };
        decoding.message().map_err(|stop| match stop {
            Stop::Fault(fault) => fault,
            Stop::Syntax(error) => syntax_fault(text, error),
        })
    }
}

/// Bits of the members of one object that have been seen.
#[derive(Default)]
struct Seen(u16);

impl Seen {
    /// Whether it was seen before.
    fn again(&mut self, bit: u16) -> bool {
        let again = self.0 & bit != 0;
        self.0 |= bit;
        again
    }
}

impl Decoding<'_, '_> {
    fn message(&mut self) -> Result<(), Stop> {
        match self.scanner.peek()? {
            Kind::Object => {
                self.event()?;
                self.scanner.end()?;
                // A message of one event is refused as a whole.
                match self.events.pop() {
                    Some(RawEvent {
                        fault: Some(fault), ..
                    }) => return Err(Stop::Fault(fault)),
                    event => self.events.extend(event),
                }
            }
            Kind::Array => {
                self.scanner.open()?;
                let mut first = true;
                while self.scanner.next_element(&mut first)? {
                    match self.scanner.peek()? {
                        Kind::Object => self.event()?,
                        kind => self.not_an_event(kind)?,
                    }
                    let refused = self
                        .events
                        .last()
                        .is_some_and(|event| event.fault.is_some());
                    self.refused += usize::from(refused);
                    let refused = self.refused;
                    self.check_count(self.events.len().max(self.readings.len() + refused))?;
                }
                self.scanner.end()?;
            }
            kind => {
                self.scanner.skip()?;
                self.scanner.end()?;
                let detail = format!("the payload is {}, not an object", kind.with_article());
                return Err(Stop::Fault(Fault::new(Reason::UnknownForm, detail)));
            }
        }
        Ok(())
    }

    fn not_an_event(&mut self, kind: Kind) -> Result<(), Stop> {
        self.scanner.skip()?;
        let _ = self.scanner.take_repeated();
        let detail = format!("element {} is {}", self.events.len(), kind.with_article());
        let end = self.readings.len();
        self.events.push(RawEvent {
            device: Span::NONE,
            location: Span::NONE,
            time: RawTime::Missing,
            sequence: None,
            first: end,
            end,
            mark: EventMark::None,
            fault: Some(Fault::new(Reason::UnknownForm, detail)),
        });
        Ok(())
    }

    /// One object, whatever its form, becomes one event.
    fn event(&mut self) -> Result<(), Stop> {
        const DEVICE: u16 = 1;
        const TIMESTAMP: u16 = 2;
        const LOCATION: u16 = 4;
        const DATA: u16 = 8;
        let first = self.readings.len();
        let first_fault = self.faults.len();
        let mut event = RawEvent {
            device: Span::NONE,
            location: Span::NONE,
            time: RawTime::Missing,
            sequence: None,
            first,
            end: first,
            mark: EventMark::None,
            fault: None,
        };
        let mut seen = Seen::default();
        let mut has_data = false;
        self.flat.clear();
        self.scanner.open()?;
        let mut first_member = true;
        while let Some(key) = self.scanner.next_key(&mut first_member)? {
            let bit = match self.scanner.resolve(key) {
                "deviceId" => DEVICE,
                "location" => LOCATION,
                "data" => DATA,
                name if name == self.settings.time => TIMESTAMP,
                _ => 0,
            };
            if seen.again(bit) {
                event
                    .fault
                    .get_or_insert(repeated_fault(self.scanner.resolve(key)));
            }
            if bit == DATA && self.scanner.peek()? == Kind::Array {
                has_data = true;
                self.data(first)?;
                continue;
            }
            let scalar = self.scalar()?;
            if let Some(repeated) = self.scanner.take_repeated() {
                event
                    .fault
                    .get_or_insert(repeated_fault(self.scanner.resolve(repeated)));
            }
            match bit {
                DEVICE => event.device = self.label_of(scalar, "deviceId", &mut event.fault),
                LOCATION => event.location = self.label_of(scalar, "location", &mut event.fault),
                TIMESTAMP => event.time = self.time_of(scalar),
                _ => self.flat.push((key, scalar)),
            }
        }
        self.check_flat_keys();
        if let Some(repeated) = self.scanner.take_repeated() {
            event
                .fault
                .get_or_insert(repeated_fault(self.scanner.resolve(repeated)));
        }
        if has_data {
            let mut members = self.flat.iter();
            let sequence = members.find(|(key, _)| self.scanner.resolve(*key) == "sequence");
            event.sequence = sequence.and_then(|(_, scalar)| self.sequence_of(*scalar));
        }
        if !has_data && event.fault.is_none() {
            event.fault = self.without_data()?;
        }
        if !has_data && event.time == RawTime::Missing {
            self.find_unused_time();
        }
        if event.fault.is_some() {
            self.readings.truncate(first);
            self.faults.truncate(first_fault);
        }
        event.end = self.readings.len();
        self.events.push(event);
        Ok(())
    }

    /// Members of a flat map, or ones that have no meaning in an event: none may
    /// stand there twice.
    fn check_flat_keys(&mut self) {
        if self.flat.len() > 1 {
            let mark = self.scanner.mark_keys();
            for (key, _) in &*self.flat {
                self.scanner.note_key(*key);
            }
            self.scanner.check_keys(mark);
        }
    }

    /// The array `data` of an event.
    fn data(&mut self, first: usize) -> Result<(), Stop> {
        self.scanner.open()?;
        let mut first_element = true;
        while self.scanner.next_element(&mut first_element)? {
            let fault = match self.scanner.peek()? {
                Kind::Object => self.reading()?,
                kind => {
                    self.scanner.skip()?;
                    let _ = self.scanner.take_repeated();
                    let detail = format!("the reading is {}, not an object", kind.with_article());
                    self.readings.push(RawReading::EMPTY);
                    Some(Fault::new(Reason::WrongType, detail))
                }
            };
            if let Some(mut fault) = fault {
                let index = self.readings.len() - 1;
                fault.detail = format!("data[{}]: {}", index - first, fault.detail);
                self.readings[index].fault = Some(self.faults.len() as u32);
                self.faults.push(fault);
            }
            self.check_count(self.readings.len())?;
        }
        Ok(())
    }

    /// One object of `data`.
    fn reading(&mut self) -> Result<Option<Fault>, Stop> {
        let mut reading = RawReading::EMPTY;
        let mut fault = None;
        let mut seen = Seen::default();
        let keys = self.scanner.mark_keys();
        self.scanner.open()?;
        let mut first = true;
        while let Some(key) = self.scanner.next_key(&mut first)? {
            let member = Member::of(self.scanner.resolve(key), self.settings.time);
            if seen.again(member.bit()) {
                fault.get_or_insert(repeated_fault(self.scanner.resolve(key)));
            }
            if member == Member::Unknown {
                self.scanner.note_key(key);
                self.scanner.skip()?;
                continue;
            }
            let scalar = self.scalar()?;
            self.set(&mut reading, member, scalar, &mut fault);
        }
        self.scanner.check_keys(keys);
        if let Some(repeated) = self.scanner.take_repeated() {
            fault.get_or_insert(repeated_fault(self.scanner.resolve(repeated)));
        }
        self.readings.push(reading);
        Ok(fault)
    }

    /// An object without `data`: a single reading, or a flat map.
    fn without_data(&mut self) -> Result<Option<Fault>, Stop> {
        let flat = std::mem::take(self.flat);
        let has = |name| {
            flat.iter()
                .any(|(key, _)| self.scanner.resolve(*key) == name)
        };
        let result = if self.settings.sensor_in_topic || has("sensorId") {
            if has("value") {
                self.single_reading(&flat);
                Ok(None)
            } else {
                let detail = "the object has neither \"data\" nor \"value\"".to_owned();
                Ok(Some(Fault::new(Reason::MissingValue, detail)))
            }
        } else if flat.is_empty() {
            let detail = "the object holds no reading: it has neither \"data\" nor a value";
            Ok(Some(Fault::new(Reason::UnknownForm, detail.to_owned())))
        } else {
            self.check_count(self.readings.len() + flat.len())
                .and_then(|()| self.flat_map(&flat))
                .map(|()| None)
        };
        *self.flat = flat;
        result
    }

    /// Time and location are the event's.
    fn single_reading(&mut self, flat: &[(Span, Scalar)]) {
        let mut reading = RawReading::EMPTY;
        let mut fault = None;
        for (key, scalar) in flat {
            let member = Member::of(self.scanner.resolve(*key), self.settings.time);
            self.set(&mut reading, member, *scalar, &mut fault);
        }
        self.push(reading, fault);
    }

    pub(crate) fn push(&mut self, mut reading: RawReading, fault: Option<Fault>) {
        if let Some(fault) = fault {
            reading.fault = Some(self.faults.len() as u32);
            self.faults.push(fault);
        }
        self.readings.push(reading);
    }

    #[inline]
    pub(crate) fn scalar(&mut self) -> Result<Scalar, Stop> {
        Ok(match self.scanner.peek()? {
            Kind::String => Scalar::Text(self.scanner.string()?),
            Kind::Number => Scalar::Number(self.scanner.number()?),
            Kind::Boolean => Scalar::Boolean(self.scanner.boolean()?),
            Kind::Null => {
                self.scanner.null()?;
                Scalar::Null
            }
            Kind::Object | Kind::Array => {
                let at = self.scanner.position() as u32;
                Scalar::Other(self.scanner.skip()?, at)
            }
        })
    }

    pub(crate) fn check_count(&self, readings: usize) -> Result<(), Stop> {
        let limit = self.settings.max_readings;
        if readings <= limit {
            return Ok(());
        }
        let detail = format!("the message has more than {limit} readings");
        Err(Stop::Fault(Fault::new(Reason::TooManyReadings, detail)))
    }
}

#[cold]
fn repeated_fault(name: &str) -> Fault {
    Fault::new(
        Reason::DuplicateKey,
        format!("the member {} occurs twice", Quoted(name)),
    )
}

#[cold]
pub(crate) fn syntax_fault(text: &str, error: SyntaxError) -> Fault {
    match error {
        SyntaxError::TooDeep { at } => {
            let detail = format!("nested deeper than 128 levels at byte {at}");
            Fault::new(Reason::TooDeep, detail)
        }
        SyntaxError::Unexpected { at, expected } => {
            let found = match text.get(at..).and_then(|rest| rest.chars().next()) {
                Some(character) => format!("found {character:?}"),
                None => "the payload ends".to_owned(),
            };
            let detail = format!("not JSON: expected {expected} at byte {at}, but {found}");
            Fault::new(Reason::InvalidJson, detail)
        }
    }
}
