//! From a token to a value, as the table of a codec says.

use weir_model::{QuarantineReason as Reason, Unit};

use super::Output;
use crate::fault::{Fault, Quoted};
use crate::raw::{RawReading, RawTime, RawValue};
use crate::span::Span;
use crate::tape::Token;

/// Longest text value, in bytes.
const MAX_TEXT_VALUE_BYTES: usize = 256;

/// Senders write these for "no news".
const ABSENT: [&str; 5] = ["unknown", "unavailable", "none", "nan", "null"];

/// Which texts are 1 and 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Switches {
    None,
    /// `ON` and `OFF`.
    Upper,
    /// Also `on`, `off`, `true` and `false`.
    Any,
}

/// What a codec reads out of a text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Policy {
    /// `"21.5"` is a number.
    pub(crate) numbers: bool,
    /// `"21.5 °C"` is a number with its unit.
    pub(crate) quantities: bool,
    /// `unknown` and the like are absent.
    pub(crate) absent: bool,
    pub(crate) switches: Switches,
}

impl Policy {
    /// A text is a text.
    pub(crate) const PLAIN: Self = Self {
        numbers: false,
        quantities: false,
        absent: false,
        switches: Switches::None,
    };
}

/// What a token is as a value.
enum Taken {
    Value(RawValue),
    Quantity(f64, &'static str),
    Absent,
    Refused(Reason, String),
}

impl Output<'_, '_> {
    /// The reading of a scalar.
    pub(crate) fn reading(
        &mut self,
        sensor: Span,
        at: usize,
        unit: &str,
        time: RawTime,
        policy: Policy,
    ) -> Result<(), Fault> {
        let unit = self.unit(unit);
        self.reading_in(sensor, at, unit, time, policy)
    }

    /// As [`Self::reading`], with a sensor that the codec names.
    pub(crate) fn named(
        &mut self,
        sensor: &str,
        at: Option<usize>,
        unit: &str,
        time: RawTime,
    ) -> Result<(), Fault> {
        let Some(at) = at else { return Ok(()) };
        let sensor = self.copy(sensor);
        self.reading(sensor, at, unit, time, Policy::PLAIN)
    }

    pub(crate) fn reading_in(
        &mut self,
        sensor: Span,
        at: usize,
        unit: Span,
        time: RawTime,
        policy: Policy,
    ) -> Result<(), Fault> {
        let (value, unit) = match self.take(at, policy) {
            Taken::Value(value) => (value, unit),
            Taken::Quantity(value, code) => (RawValue::Number(value), self.unit(code)),
            Taken::Absent => {
                *self.absent += 1;
                return Ok(());
            }
            Taken::Refused(reason, found) => {
                let detail = format!("{} is {found}", Quoted(self.str(sensor)));
                return self.refuse(sensor, reason, detail);
            }
        };
        self.push(RawReading {
            sensor,
            value,
            unit,
            time,
            ..RawReading::EMPTY
        })
    }

    fn take(&self, at: usize, policy: Policy) -> Taken {
        let token = self.token(at);
        match token {
            Token::Null => Taken::Absent,
            Token::Boolean(value) => Taken::Value(RawValue::Number(f64::from(value))),
            Token::Text(text) => self.take_text(text, policy),
            Token::Decimal(_) | Token::Float(_) | Token::Integer { .. } => {
                match self.double(token) {
                    Ok(value) => Taken::Value(RawValue::Number(value)),
                    Err(reason) => Taken::Refused(reason, why(reason)),
                }
            }
            // A time that is a value is its seconds.
            Token::Instant(nanos) => Taken::Value(RawValue::Number(nanos as f64 / 1e9)),
            Token::Opaque(_) => Taken::Refused(
                Reason::UnsupportedType,
                format!("{}, not a number, boolean or text", token.with_article()),
            ),
            Token::Object | Token::Array => Taken::Refused(
                Reason::WrongType,
                format!("{}, not a number, boolean or text", token.with_article()),
            ),
        }
    }

    /// A finite double that holds the number exactly, or why there is none.
    pub(crate) fn double(&self, token: Token) -> Result<f64, Reason> {
        let value = match token {
            Token::Float(value) => value,
            Token::Decimal(number) => {
                if number.is_inexact_integer(self.text) {
                    return Err(Reason::InexactInteger);
                }
                number.to_f64(self.text)
            }
            Token::Integer {
                negative,
                magnitude,
            } => {
                let magnitude = i128::from(magnitude);
                let value = if negative { -1 - magnitude } else { magnitude };
                if value as f64 as i128 != value {
                    return Err(Reason::InexactInteger);
                }
                value as f64
            }
            _ => return Err(Reason::WrongType),
        };
        if value.is_finite() {
            return Ok(value);
        }
        Err(Reason::NumberOutOfRange)
    }

    fn take_text(&self, span: Span, policy: Policy) -> Taken {
        let text = self.str(span);
        let is_absent =
            || text.is_empty() || ABSENT.iter().any(|word| text.eq_ignore_ascii_case(word));
        if policy.absent && is_absent() {
            return Taken::Absent;
        }
        if let Some(on) = switch(text, policy.switches) {
            return Taken::Value(RawValue::Number(f64::from(on)));
        }
        if policy.numbers && is_number(text) {
            let value: f64 = text.parse().unwrap_or(f64::INFINITY);
            if !value.is_finite() {
                return Taken::Refused(Reason::NumberOutOfRange, why(Reason::NumberOutOfRange));
            }
            return Taken::Value(RawValue::Number(value));
        }
        if policy.quantities
            && let Some((number, unit)) = text.split_once(' ')
            && is_number(number)
            && let Some(code) = Unit::canonical(unit)
            && let Ok(value) = number.parse::<f64>()
            && value.is_finite()
        {
            return Taken::Quantity(value, code);
        }
        if text.len() > MAX_TEXT_VALUE_BYTES {
            let bytes = text.len();
            let found = format!("a text of {bytes} bytes, more than {MAX_TEXT_VALUE_BYTES}");
            return Taken::Refused(Reason::TextTooLong, found);
        }
        Taken::Value(RawValue::Text(span))
    }
}

pub(crate) fn switch(text: &str, switches: Switches) -> Option<bool> {
    let is = |word: &str| text.eq_ignore_ascii_case(word);
    match switches {
        Switches::None => None,
        Switches::Upper => match text {
            "ON" => Some(true),
            "OFF" => Some(false),
            _ => None,
        },
        Switches::Any if is("on") || is("true") => Some(true),
        Switches::Any if is("off") || is("false") => Some(false),
        Switches::Any => None,
    }
}

#[cold]
fn why(reason: Reason) -> String {
    let found = match reason {
        Reason::InexactInteger => "an integer that a double cannot hold exactly",
        _ => "beyond the range of a double",
    };
    found.to_owned()
}

/// Whether a text is a number as JSON's grammar has it.
pub(crate) fn is_number(text: &str) -> bool {
    let digits = |text: &str| {
        let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
        (text.len() - rest.len(), text.len() - rest.len())
    };
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, mut at) = digits(unsigned);
    if whole == 0 || (whole > 1 && unsigned.starts_with('0')) {
        return false;
    }
    if let Some(fraction) = unsigned[at..].strip_prefix('.') {
        let (count, end) = digits(fraction);
        if count == 0 {
            return false;
        }
        at += 1 + end;
    }
    if let Some(exponent) = unsigned[at..].strip_prefix(['e', 'E']) {
        let digits_at = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        return !digits_at.is_empty() && digits_at.bytes().all(|byte| byte.is_ascii_digit());
    }
    at == unsigned.len()
}
