//! Codec `value`: one bare scalar per message, on a topic that names the sensor.
//!
//! | payload | becomes |
//! | --- | --- |
//! | `21.5`, `-1.5e-3` | a number, as JSON writes it |
//! | `21.5 °C` | a number with its unit, if the unit is known |
//! | `21,5`, `21,5 °C` | the same, if the route has a decimal comma |
//! | `ON`, `on`, `true` and `OFF`, `off`, `false` | 1 and 0 |
//! | `unknown`, `unavailable`, `None`, `nan`, `null` | absent: no reading |
//! | other text | a text of up to 256 bytes |
//!
//! White space around the value does not count. A text in quotation marks is what
//! is between them.

use weir_model::{QuarantineReason as Reason, Unit};

use crate::decoder::Decoder;
use crate::fault::Fault;
use crate::json_number::Number;
use crate::json_scanner::{Kind, Scanner};
use crate::raw::{EventMark, RawEvent, RawReading, RawTime, RawValue};
use crate::span::{IN_SCRATCH, MAX_TEXT_BYTES, Span};
use crate::text_number;

/// Longest text value, in bytes.
const MAX_TEXT_VALUE_BYTES: usize = 256;

/// Senders write these for "no news".
const ABSENT: [&str; 5] = ["unknown", "unavailable", "none", "nan", "null"];

impl Decoder {
    /// Fills the decoder with the event of one bare value. An error means that the
    /// message is refused.
    pub fn decode_value(&mut self, text: &str, decimal_comma: bool) -> Result<(), Fault> {
        self.clear();
        if text.len() > MAX_TEXT_BYTES {
            let detail = format!("the payload has {} bytes, more than 2 GiB", text.len());
            return Err(Fault::new(Reason::TooLarge, detail));
        }
        let trimmed = text.trim();
        if decimal_comma && let Some(reading) = self.with_comma(trimmed)? {
            self.readings.push(reading);
        } else if let Some(reading) = self.value(text, trimmed)? {
            self.readings.push(reading);
        } else {
            self.absent = 1;
        }
        self.events.push(RawEvent {
            device: Span::NONE,
            location: Span::NONE,
            time: RawTime::Missing,
            sequence: None,
            first: 0,
            end: self.readings.len(),
            mark: EventMark::None,
            fault: None,
        });
        Ok(())
    }

    /// `None`: absent.
    fn value(&mut self, source: &str, text: &str) -> Result<Option<RawReading>, Fault> {
        let is = |word: &str| text.eq_ignore_ascii_case(word);
        if text.is_empty() || ABSENT.iter().any(|word| is(word)) {
            return Ok(None);
        }
        let mut reading = RawReading::EMPTY;
        let start = text.as_ptr() as usize - source.as_ptr() as usize;
        if is("on") || is("true") {
            reading.value = RawValue::Number(1.0);
        } else if is("off") || is("false") {
            reading.value = RawValue::Number(0.0);
        } else if let Some((number, rest)) = self.number(text) {
            match Unit::canonical(rest.trim()) {
                _ if rest.is_empty() => reading.value = RawValue::Number(double(number, text)?),
                Some(code) => {
                    reading.value = RawValue::Number(double(number, text)?);
                    reading.unit = self.unit(code);
                }
                None => reading.value = text_value(start, text)?,
            }
        } else {
            let quoted = text
                .strip_prefix('"')
                .and_then(|rest| rest.strip_suffix('"'));
            let quoted = quoted.filter(|inner| !inner.contains(['"', '\\']));
            reading.value = match quoted {
                Some(inner) => text_value(start + 1, inner)?,
                None => text_value(start, text)?,
            };
        }
        Ok(Some(reading))
    }

    /// `21,5` or `21,5 °C`.
    fn with_comma(&mut self, text: &str) -> Result<Option<RawReading>, Fault> {
        let is_part = |c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | ',' | 'e' | 'E');
        let end = text.find(|c| !is_part(c)).unwrap_or(text.len());
        let (number, rest) = text.split_at(end);
        let unit = Unit::canonical(rest.trim());
        let value = match text_number::parse(number, true) {
            Some(value) if rest.is_empty() || unit.is_some() => value,
            _ => return Ok(None),
        };
        let value = value.map_err(|reason| {
            let detail = "the value is a number that a double cannot hold".to_owned();
            Fault::new(reason, detail)
        })?;
        Ok(Some(RawReading {
            value: RawValue::Number(value),
            unit: unit.map_or(Span::NONE, |code| self.unit(code)),
            ..RawReading::EMPTY
        }))
    }

    /// The number that the text begins with, and what follows it.
    fn number<'t>(&mut self, text: &'t str) -> Option<(Number, &'t str)> {
        let mut scanner = Scanner::new(text, &mut self.scratch);
        if scanner.peek().ok()? != Kind::Number {
            return None;
        }
        let number = scanner.number().ok()?;
        let rest = &text[number.end as usize..];
        // `007` and `1.2.3` are no numbers with a unit.
        let is_separate = !rest.starts_with(|c: char| c.is_ascii_digit() || c == '.');
        is_separate.then_some((number, rest))
    }

    fn unit(&mut self, code: &str) -> Span {
        let unescaped = &mut self.scratch.unescaped;
        let start = unescaped.len() as u32;
        unescaped.push_str(code);
        Span {
            start: start | IN_SCRATCH,
            end: unescaped.len() as u32 | IN_SCRATCH,
        }
    }
}

fn double(number: Number, text: &str) -> Result<f64, Fault> {
    let value = number.to_f64(text);
    if !value.is_finite() {
        let detail = "the value is beyond the range of a double".to_owned();
        return Err(Fault::new(Reason::NumberOutOfRange, detail));
    }
    if number.is_inexact_integer(text) {
        let detail = "the value is an integer that a double cannot hold exactly".to_owned();
        return Err(Fault::new(Reason::InexactInteger, detail));
    }
    Ok(value)
}

fn text_value(start: usize, text: &str) -> Result<RawValue, Fault> {
    if text.len() > MAX_TEXT_VALUE_BYTES {
        let bytes = text.len();
        let detail =
            format!("the value has {bytes} bytes of text, more than {MAX_TEXT_VALUE_BYTES}");
        return Err(Fault::new(Reason::TextTooLong, detail));
    }
    Ok(RawValue::Text(Span {
        start: start as u32,
        end: (start + text.len()) as u32,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_become_what_the_table_says() {
        #[track_caller]
        fn check(payload: &str, value: f64, unit: &str) {
            let mut decoder = Decoder::default();
            decoder.decode_value(payload, false).unwrap();
            let reading = decoder.readings[0];
            assert_eq!(reading.value, RawValue::Number(value), "{payload:?}");
            assert_eq!(decoder.text(payload, reading.unit), unit, "{payload:?}");
        }
        for (payload, value) in [("21.5", 21.5), ("-1.5e-3\n", -0.0015), (" 0 ", 0.0)] {
            check(payload, value, "");
        }
        for payload in ["ON", "on", "true", "True"] {
            check(payload, 1.0, "");
        }
        for payload in ["OFF", "off", "false"] {
            check(payload, 0.0, "");
        }
        check("21.5 °C", 21.5, "Cel");
        check("21.5\u{ba}C", 21.5, "Cel");
        check("3.5 kWh", 3.5, "kW.h");
        check("55%", 55.0, "%");
        check("1013 mbar", 1_013.0, "mbar");
    }

    #[test]
    fn other_text_stays_text() {
        #[track_caller]
        fn check(payload: &str, expect: &str) {
            let mut decoder = Decoder::default();
            decoder.decode_value(payload, false).unwrap();
            let RawValue::Text(text) = decoder.readings[0].value else {
                panic!("{payload:?} is a number");
            };
            assert_eq!(decoder.text(payload, text), expect);
        }
        for text in [
            "idle",
            "21,5",
            "007",
            "1.2.3",
            "12 monkeys",
            "0x1F",
            "+5",
            "1e",
            "Küche",
        ] {
            check(text, text);
        }
        check(" idle\r\n", "idle");
        check("\"idle\"", "idle");
        check("\"", "\"");
    }

    #[test]
    fn what_says_nothing_is_absent_and_what_does_not_fit_is_refused() {
        let mut decoder = Decoder::default();
        for payload in [
            "unknown",
            "unavailable",
            "None",
            "nan",
            "NaN",
            "null",
            " ",
            "\n",
        ] {
            decoder.decode_value(payload, false).unwrap();
            assert_eq!(
                (decoder.readings.len(), decoder.absent),
                (0, 1),
                "{payload:?}"
            );
        }
        let mut reason = |payload: &str| decoder.decode_value(payload, false).unwrap_err().reason;
        assert_eq!(reason("9007199254740993"), Reason::InexactInteger);
        assert_eq!(reason("1e999"), Reason::NumberOutOfRange);
        assert_eq!(reason(&"x".repeat(257)), Reason::TextTooLong);
    }

    #[test]
    fn a_route_may_have_a_decimal_comma() {
        for (payload, value, unit) in [
            ("21,5", RawValue::Number(21.5), ""),
            (" -0,25 °C", RawValue::Number(-0.25), "Cel"),
            ("21.5", RawValue::Number(21.5), ""),
            ("7", RawValue::Number(7.0), ""),
        ] {
            let mut decoder = Decoder::default();
            decoder.decode_value(payload, true).unwrap();
            let reading = decoder.readings[0];
            assert_eq!(reading.value, value, "{payload}");
            let found = if reading.unit.is_none() {
                ""
            } else {
                decoder.text(payload, reading.unit)
            };
            assert_eq!(found, unit, "{payload}");
        }
        let mut decoder = Decoder::default();
        decoder.decode_value("a,5", true).unwrap();
        assert!(matches!(decoder.readings[0].value, RawValue::Text(_)));
    }
}
