//! Codec `line-protocol`: what Telegraf and InfluxDB clients write.
//!
//! ```text
//! cpu,host=web-1,cpu=cpu0 usage_idle=90.5,usage_user=3 1700000000000000000
//! ```
//!
//! A line is an event, each of its fields a reading. Tags name the device, the
//! sensor, the location and the unit as `[line_protocol]` says; all other tags
//! are part of the sensor's name, because they distinguish series:
//! `cpu_usage_idle{cpu=cpu0}`. A line that is none is refused alone.

use weir_config::{LineProtocol, Precision, SensorPart};
use weir_model::QuarantineReason as Reason;

use crate::decoder::Decoder;
use crate::fault::{Fault, Quoted};

use crate::line_scanner::{FieldValue, LineError, LineScanner, scratch_span};
use crate::raw::{EventMark, RawEvent, RawReading, RawTime, RawValue};
use crate::span::{MAX_TEXT_BYTES, Span};

/// Longest text value, in bytes.
const MAX_TEXT_VALUE_BYTES: usize = 256;
/// Whole numbers up to this are exact in a double.
const EXACT: u64 = 1 << 53;

/// What is known beside the payload.
#[derive(Clone, Copy, Debug)]
pub struct LineSettings<'a> {
    pub names: &'a LineProtocol,
    pub precision: Precision,
    pub max_readings: usize,
}

/// What the tags of a line say.
#[derive(Clone, Copy, Debug)]
struct Tags {
    device: Span,
    sensor: Span,
    location: Span,
    unit: Span,
}

impl Decoder {
    /// Fills `events`, `readings` and `faults`, or says why the whole message is
    /// refused.
    pub fn decode_lines(&mut self, text: &str, settings: LineSettings<'_>) -> Result<(), Fault> {
        self.absent = 0;
        self.cleared = false;
        self.events.clear();
        self.readings.clear();
        self.faults.clear();
        if text.len() > MAX_TEXT_BYTES {
            let detail = format!("the payload has {} bytes, more than 2 GiB", text.len());
            return Err(Fault::new(Reason::TooLarge, detail));
        }
        let Self {
            events,
            readings,
            faults,
            scratch,
            tags,
            ..
        } = self;
        let scanner = LineScanner::new(text, scratch);
        let mut lines = Lines {
            scanner,
            settings,
            readings,
            faults,
            tags,
        };
        loop {
            let (start, first) = (lines.scanner.at(), lines.readings.len());
            let first_fault = lines.faults.len();
            let event = match lines.event() {
                Ok(None) => break,
                Ok(Some(event)) => event,
                Err(error) => {
                    lines.readings.truncate(first);
                    lines.faults.truncate(first_fault);
                    lines.scanner.skip_line();
                    refused(line_fault(text, start, error), first)
                }
            };
            events.push(event);
            let limit = settings.max_readings;
            if events.len().max(lines.readings.len()) > limit {
                let detail = format!("the message has more than {limit} readings");
                return Err(Fault::new(Reason::TooManyReadings, detail));
            }
        }
        if events.is_empty() {
            let detail = "there is no line in it".to_owned();
            return Err(Fault::new(Reason::Empty, detail));
        }
        Ok(())
    }
}

struct Lines<'t, 'd> {
    scanner: LineScanner<'t, 'd>,
    settings: LineSettings<'d>,
    readings: &'d mut Vec<RawReading>,
    faults: &'d mut Vec<Fault>,
    /// Tags of the line that are part of its sensors' names.
    tags: &'d mut Vec<(Span, Span)>,
}

impl Lines<'_, '_> {
    /// The next line; `None` when there is none.
    fn event(&mut self) -> Result<Option<RawEvent>, LineError> {
        let Some(measurement) = self.scanner.measurement()? else {
            return Ok(None);
        };
        let mut tags = self.line_tags()?;
        if tags.device.is_none()
            && let Some(device) = &self.settings.names.default_device
        {
            let unescaped = &mut self.scanner.scratch().unescaped;
            let from = unescaped.len();
            unescaped.push_str(device);
            tags.device = scratch_span(from, unescaped.len());
        }
        let suffix = self.suffix();
        let first = self.readings.len();
        while let Some((field, value)) = self.scanner.field(self.readings.len() == first)? {
            let mut reading = RawReading {
                sensor: self.sensor(measurement, field, &tags, suffix),
                unit: tags.unit,
                ..RawReading::EMPTY
            };
            match self.value_of(value) {
                Ok(value) => reading.value = value,
                Err((reason, found)) => {
                    let name = self.scanner.resolve(field);
                    let detail = format!("the field {} {found}", Quoted(name));
                    reading.fault = Some(self.faults.len() as u32);
                    self.faults.push(Fault::new(reason, detail));
                }
            }
            self.readings.push(reading);
        }
        let time = match self.scanner.time()? {
            None => RawTime::Missing,
            Some(time) => {
                let nanoseconds = self.settings.precision.nanoseconds();
                time.checked_mul(nanoseconds)
                    .map_or(RawTime::Invalid, RawTime::Nanos)
            }
        };
        Ok(Some(RawEvent {
            device: tags.device,
            location: tags.location,
            time,
            sequence: None,
            first,
            end: self.readings.len(),
            mark: EventMark::None,
            fault: None,
        }))
    }

    fn line_tags(&mut self) -> Result<Tags, LineError> {
        let names = self.settings.names;
        let mut tags = Tags {
            device: Span::NONE,
            sensor: Span::NONE,
            location: Span::NONE,
            unit: Span::NONE,
        };
        // Of two that could be the device, the one that is named first counts.
        let mut device_rank = usize::MAX;
        self.tags.clear();
        while let Some((key, value)) = self.scanner.tag()? {
            let name = self.scanner.resolve(key);
            let is_in = |list: &[String]| list.iter().any(|known| known == name);
            let rank = names.device_tags.iter().position(|known| known == name);
            match rank {
                Some(rank) if rank < device_rank => {
                    (device_rank, tags.device) = (rank, value);
                }
                Some(rank) if rank == device_rank => return Err(self.repeated_tag()),
                Some(_) => {}
                None if is_in(&names.sensor_tags) => tags.sensor = value,
                None if is_in(&names.location_tags) => tags.location = value,
                None if is_in(&names.unit_tags) => tags.unit = value,
                None if is_in(&names.ignored_tags) => {}
                None => self.tags.push((key, value)),
            }
        }
        // The same tags in another order are the same series.
        let scanner = &self.scanner;
        let name = |tag: &(Span, Span)| scanner.resolve(tag.0);
        if !self.tags.is_sorted_by(|a, b| name(a) < name(b)) {
            self.tags.sort_unstable_by(|a, b| name(a).cmp(name(b)));
        }
        let repeated = self
            .tags
            .windows(2)
            .any(|pair| name(&pair[0]) == name(&pair[1]));
        if repeated {
            return Err(self.repeated_tag());
        }
        Ok(tags)
    }

    #[cold]
    fn repeated_tag(&self) -> LineError {
        LineError {
            at: self.scanner.at(),
            what: "each tag's name once",
        }
    }

    /// `{cpu=cpu0}`, or nothing.
    fn suffix(&mut self) -> Span {
        if self.tags.is_empty() {
            return Span::NONE;
        }
        let from = self.scanner.scratch().unescaped.len();
        for (nth, (key, value)) in self.tags.iter().enumerate() {
            self.scanner.push(if nth == 0 { "{" } else { "," });
            self.scanner.push_span(*key);
            self.scanner.push("=");
            self.scanner.push_span(*value);
        }
        self.scanner.push("}");
        scratch_span(from, self.scanner.scratch().unescaped.len())
    }

    /// What the reading of a field is called. Nothing is copied when it is one
    /// piece of the line.
    fn sensor(&mut self, measurement: Span, field: Span, tags: &Tags, suffix: Span) -> Span {
        let names = self.settings.names;
        let name = self.scanner.resolve(field);
        let from = self.scanner.scratch_len();
        if !tags.sensor.is_none() {
            // As Weir itself writes lines.
            let plain = matches!(name, "value" | "text");
            if plain && suffix.is_none() {
                return tags.sensor;
            }
            self.scanner.push_span(tags.sensor);
            if !plain {
                self.scanner.push("_");
                self.scanner.push_span(field);
            }
        } else if name == "value" && names.sensor.parts().contains(&SensorPart::Measurement) {
            if suffix.is_none() {
                return measurement;
            }
            self.scanner.push_span(measurement);
        } else {
            if let ([SensorPart::Field], true) = (names.sensor.parts(), suffix.is_none()) {
                return field;
            }
            for part in names.sensor.parts() {
                match part {
                    SensorPart::Text(text) => self.scanner.push(text),
                    SensorPart::Measurement => self.scanner.push_span(measurement),
                    SensorPart::Field => self.scanner.push_span(field),
                }
            }
        }
        self.scanner.push_span(suffix);
        scratch_span(from, self.scanner.scratch_len())
    }

    fn value_of(&self, value: FieldValue) -> Result<RawValue, (Reason, String)> {
        let inexact = |number: &dyn std::fmt::Display| {
            let found = format!("is {number}, which a double cannot hold exactly");
            (Reason::InexactInteger, found)
        };
        Ok(RawValue::Number(match value {
            FieldValue::Float(value) if value.is_finite() => value,
            FieldValue::Float(_) => {
                let found = "is beyond the range of a double".to_owned();
                return Err((Reason::NumberOutOfRange, found));
            }
            FieldValue::Integer(value) => match is_exact(value.unsigned_abs()) {
                true => value as f64,
                false => return Err(inexact(&value)),
            },
            FieldValue::Unsigned(value) => match is_exact(value) {
                true => value as f64,
                false => return Err(inexact(&value)),
            },
            FieldValue::Boolean(value) => f64::from(value),
            FieldValue::Text(text) if text.len() <= MAX_TEXT_VALUE_BYTES => {
                return Ok(RawValue::Text(text));
            }
            FieldValue::Text(text) => {
                let bytes = text.len();
                let found = format!("has {bytes} bytes of text, more than {MAX_TEXT_VALUE_BYTES}");
                return Err((Reason::TextTooLong, found));
            }
        }))
    }
}

/// Whether a double holds the number: its highest and lowest bits are close enough.
fn is_exact(number: u64) -> bool {
    number <= EXACT || number >> number.trailing_zeros() <= EXACT
}

fn refused(fault: Fault, at: usize) -> RawEvent {
    RawEvent {
        device: Span::NONE,
        location: Span::NONE,
        time: RawTime::Missing,
        sequence: None,
        first: at,
        end: at,
        mark: EventMark::None,
        fault: Some(fault),
    }
}

/// `start` is where the scanner stood before the line.
#[cold]
fn line_fault(text: &str, start: usize, error: LineError) -> Fault {
    let before = &text[start..error.at.max(start)];
    // Empty lines and comments may precede it.
    let skipped = before.rfind('\n').map_or(0, |at| at + 1);
    let line = &text[start + skipped..];
    let line = line.lines().next().unwrap_or(line);
    let number = text[..start + skipped].matches('\n').count() + 1;
    let column = error.at.saturating_sub(start + skipped) + 1;
    let detail = format!(
        "line {number}, byte {column}: expected {} in {}",
        error.what,
        Quoted(line)
    );
    Fault::new(Reason::InvalidLine, detail)
}

/// Where a body of lines can be cut: at most `bytes` long, unless one line is
/// longer. Line breaks within text values are none of its; lines that are not
/// UTF-8 come alone, so that they spoil no others.
pub fn split_lines(body: &[u8], bytes: usize) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    let (mut start, mut at) = (0, 0);
    while at < body.len() {
        let end = line_end(body, at);
        let is_text = std::str::from_utf8(&body[at..end]).is_ok();
        if !is_text || end - start > bytes {
            pieces.push(&body[start..at]);
            start = at;
        }
        if !is_text {
            pieces.push(&body[at..end]);
            start = end;
        }
        at = end;
    }
    pieces.push(&body[start..]);
    let blank = |piece: &&[u8]| piece.iter().all(u8::is_ascii_whitespace);
    pieces.retain(|piece| !blank(piece));
    pieces
}

/// Behind the line's break. A text that is never closed ends with its line.
fn line_end(body: &[u8], start: usize) -> usize {
    let (mut in_names, mut quoted, mut first_break) = (true, false, None);
    let mut at = start;
    while let Some(byte) = body.get(at) {
        match byte {
            b'\\' => at += 1,
            b' ' if in_names => in_names = false,
            b'"' if !in_names => quoted = !quoted,
            b'\n' if !quoted => return at + 1,
            b'\n' => {
                first_break.get_or_insert(at + 1);
            }
            _ => {}
        }
        at += 1;
    }
    match (quoted, first_break) {
        (true, Some(end)) => end,
        _ => body.len(),
    }
}

#[cfg(test)]
mod tests;
