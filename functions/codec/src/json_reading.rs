//! From the JSON value of a member to a field of the reading, or to a sentence that
//! says why not.

use weir_config::TimeUnit;
use weir_model::{QuarantineReason as Reason, Timestamp};

use crate::fault::{Fault, Quoted};
use crate::json_decoding::Decoding;
use crate::json_members::{Member, Scalar};
use crate::json_number::Number;
use crate::raw::{RawReading, RawTime, RawValue};
use crate::span::Span;
use crate::text_number;

/// Longest text value, in bytes.
const MAX_TEXT_VALUE_BYTES: usize = 256;

impl Decoding<'_, '_> {
    #[inline]
    pub(crate) fn set(
        &mut self,
        reading: &mut RawReading,
        member: Member,
        scalar: Scalar,
        fault: &mut Option<Fault>,
    ) {
        match member {
            Member::Sensor => reading.sensor = self.label_of(scalar, "sensorId", fault),
            Member::Unit => reading.unit = self.label_of(scalar, "unit", fault),
            Member::Location => reading.location = self.label_of(scalar, "location", fault),
            Member::Timestamp => reading.time = self.time_of(scalar),
            Member::Warning => reading.warning = self.limit_of(scalar, "warningThreshold", fault),
            Member::Critical => {
                reading.critical = self.limit_of(scalar, "criticalThreshold", fault);
            }
            Member::Sequence => reading.sequence = self.sequence_of(scalar),
            Member::Value => self.set_value(reading, scalar, Span::NONE, fault),
            Member::Unknown => {}
        }
    }

    /// The value of the member `key`, or of `value` when there is none.
    #[inline]
    pub(crate) fn set_value(
        &mut self,
        reading: &mut RawReading,
        scalar: Scalar,
        key: Span,
        fault: &mut Option<Fault>,
    ) {
        match scalar {
            Scalar::Number(number) => match self.double_of(number) {
                Ok(value) => reading.value = RawValue::Number(value),
                Err((reason, found)) => {
                    let detail = format!("{} is {found}", self.value_name(key));
                    fault.get_or_insert_with(|| Fault::new(reason, detail));
                }
            },
            Scalar::Boolean(value) => reading.value = RawValue::Number(f64::from(value)),
            Scalar::Text(text) if self.is_number(text) => {
                let text = self.scanner.resolve(text);
                let comma = self.settings.decimal_comma && text.contains(',');
                match text_number::parse(text, comma) {
                    Some(Ok(value)) => reading.value = RawValue::Number(value),
                    Some(Err(reason)) => {
                        let name = self.value_name(key);
                        let detail = format!("{name} is a number that a double cannot hold");
                        fault.get_or_insert_with(|| Fault::new(reason, detail));
                    }
                    None => {}
                }
            }
            Scalar::Text(text) if text.len() <= MAX_TEXT_VALUE_BYTES => {
                reading.value = RawValue::Text(text);
            }
            Scalar::Text(text) => {
                let (name, bytes) = (self.value_name(key), text.len());
                let detail =
                    format!("{name} has {bytes} bytes of text, more than {MAX_TEXT_VALUE_BYTES}");
                fault.get_or_insert_with(|| Fault::new(Reason::TextTooLong, detail));
            }
            // Its absence is found later.
            Scalar::Null => {}
            Scalar::Other(kind, _) => {
                let (name, kind) = (self.value_name(key), kind.with_article());
                let detail = format!("{name} is {kind}, not a number, boolean or text");
                fault.get_or_insert_with(|| Fault::new(Reason::WrongType, detail));
            }
        }
    }

    /// Whether a text is a number, where the route takes texts for numbers.
    #[inline]
    fn is_number(&self, text: Span) -> bool {
        let settings = &self.settings;
        if !settings.numbers_in_text && !settings.decimal_comma {
            return false;
        }
        let text = self.scanner.resolve(text);
        let comma = settings.decimal_comma && text.contains(',');
        (comma || settings.numbers_in_text) && text_number::parse(text, comma).is_some()
    }

    #[cold]
    pub(crate) fn value_name(&self, key: Span) -> String {
        let name = if key.is_none() {
            "value"
        } else {
            self.scanner.resolve(key)
        };
        Quoted(name).to_string()
    }

    /// A finite double that holds the number, or why there is none.
    #[inline]
    fn double_of(&self, number: Number) -> Result<f64, (Reason, String)> {
        let source = self.scanner.source();
        let value = number.to_f64(source);
        if !value.is_finite() {
            let found = format!("{}, beyond the range of a double", cut(number.text(source)));
            return Err((Reason::NumberOutOfRange, found));
        }
        if number.is_inexact_integer(source) {
            let found = format!(
                "{}, which a double cannot hold exactly",
                cut(number.text(source))
            );
            return Err((Reason::InexactInteger, found));
        }
        Ok(value)
    }

    #[inline]
    pub(crate) fn label_of(&self, scalar: Scalar, member: &str, fault: &mut Option<Fault>) -> Span {
        match scalar {
            Scalar::Text(text) => text,
            Scalar::Null => Span::NONE,
            other => {
                let detail = format!("\"{member}\" is {}, not a text", other.with_article());
                fault.get_or_insert_with(|| Fault::new(Reason::WrongType, detail));
                Span::NONE
            }
        }
    }

    #[inline]
    pub(crate) fn time_of(&self, scalar: Scalar) -> RawTime {
        match scalar {
            Scalar::Number(number) => {
                let source = self.scanner.source();
                match (number.to_i64(source), self.settings.time_unit) {
                    (Some(millis), TimeUnit::Millis) => RawTime::Millis(millis),
                    (Some(count), unit) => whole_time(count, unit),
                    (None, TimeUnit::Seconds) => fraction_time(number.to_f64(source)),
                    (None, _) => RawTime::Invalid,
                }
            }
            Scalar::Text(text) => text_time(self.scanner.resolve(text), self.settings.time_unit),
            Scalar::Null => RawTime::Missing,
            _ => RawTime::Invalid,
        }
    }

    /// What is no count says nothing about the reading: it is passed over.
    #[inline]
    pub(crate) fn sequence_of(&self, scalar: Scalar) -> Option<u64> {
        match scalar {
            Scalar::Number(number) => u64::try_from(number.to_i64(self.scanner.source())?).ok(),
            _ => None,
        }
    }

    #[inline]
    fn limit_of(&self, scalar: Scalar, member: &str, fault: &mut Option<Fault>) -> Option<f64> {
        match scalar {
            Scalar::Number(number) => match self.double_of(number) {
                Ok(limit) => return Some(limit),
                Err((reason, found)) => {
                    let detail = format!("\"{member}\" is {found}");
                    fault.get_or_insert_with(|| Fault::new(reason, detail));
                }
            },
            Scalar::Null => {}
            other => {
                let detail = format!("\"{member}\" is {}, not a number", other.with_article());
                fault.get_or_insert_with(|| Fault::new(Reason::WrongType, detail));
            }
        }
        None
    }
}

/// A time as text: RFC 3339 with its zone, or the digits of the number.
#[cold]
fn text_time(text: &str, unit: TimeUnit) -> RawTime {
    let text = text.trim();
    if let Ok(count) = text.parse() {
        return whole_time(count, unit);
    }
    if unit == TimeUnit::Seconds
        && let Some(Ok(seconds)) = text_number::parse(text, false)
    {
        return fraction_time(seconds);
    }
    let instant = Timestamp::parse_rfc3339(text);
    instant.map_or(RawTime::Invalid, |time| RawTime::Nanos(time.0))
}

/// A whole number of a unit since the epoch.
#[inline]
fn whole_time(count: i64, unit: TimeUnit) -> RawTime {
    let nanos = match unit {
        TimeUnit::Millis => return RawTime::Millis(count),
        TimeUnit::Seconds => count.checked_mul(1_000_000_000),
        TimeUnit::Micros => count.checked_mul(1_000),
        TimeUnit::Nanos => Some(count),
    };
    nanos.map_or(RawTime::Invalid, RawTime::Nanos)
}

/// Seconds with decimals, to the microsecond: a double of today holds six.
fn fraction_time(seconds: f64) -> RawTime {
    let micros = (seconds * 1e6).round();
    if micros.abs() < 9.2e15 {
        RawTime::Nanos(micros as i64 * 1_000)
    } else {
        RawTime::Invalid
    }
}

/// A number's text, which is ASCII, cut for a sentence.
fn cut(number: &str) -> &str {
    number.get(..40).unwrap_or(number)
}
