//! The forms of codec `json` in another encoding: the reference event, an array of
//! such events, the single reading and the flat map.

use weir_model::QuarantineReason as Reason;

use crate::fault::Fault;
use crate::moment::nanos_of_text;
use crate::output::{Choice, Flattening, Output, Policy, unknown_form};
use crate::raw::{RawReading, RawTime};
use crate::span::Span;
use crate::tape::Token;

pub(super) fn decode(out: &mut Output<'_, '_>) -> Result<(), Fault> {
    match out.token(0) {
        Token::Object => event(out, 0),
        Token::Array => {
            for at in out.children(0) {
                event(out, at)?;
            }
            Ok(())
        }
        other => {
            let detail = format!("the payload is {}, not an object", other.with_article());
            Err(unknown_form(&detail))
        }
    }
}

fn event(out: &mut Output<'_, '_>, at: usize) -> Result<(), Fault> {
    let first = out.readings.len();
    if out.token(at) != Token::Object {
        let detail = format!(
            "an element is {}, not an object",
            out.token(at).with_article()
        );
        out.event(Span::NONE, first).fault = Some(unknown_form(&detail));
        return Ok(());
    }
    let device = out.text_at(at, "deviceId").unwrap_or(Span::NONE);
    let location = out.text_at(at, "location").unwrap_or(Span::NONE);
    let time = time(out, at);
    let data = out
        .find(at, "data")
        .filter(|data| out.token(*data) == Token::Array);
    let mut sequence = None;
    if let Some(data) = data {
        sequence = self::sequence(out, at);
        for (index, child) in out.children(data).enumerate() {
            reading(out, child, index)?;
        }
    } else if out.facts.sensor.is_some() || out.find(at, "sensorId").is_some() {
        reading(out, at, 0)?;
        // Time and location are the event's.
        if let Some(reading) = out.readings.last_mut() {
            reading.time = RawTime::Missing;
            reading.location = Span::NONE;
        }
    } else {
        flat(out, at)?;
    }
    let event = out.event(device, first);
    event.location = location;
    event.time = time;
    event.sequence = sequence;
    Ok(())
}

/// Milliseconds since the epoch, or a time of the encoding.
fn time(out: &Output<'_, '_>, at: usize) -> RawTime {
    let Some(found) = out.find(at, "timestamp") else {
        return RawTime::Missing;
    };
    match out.token(found) {
        Token::Null => RawTime::Missing,
        Token::Instant(nanos) => RawTime::Nanos(nanos),
        Token::Text(text) => {
            let text = out.str(text).trim();
            match text.parse() {
                Ok(millis) => RawTime::Millis(millis),
                Err(_) => nanos_of_text(text).map_or(RawTime::Invalid, RawTime::Nanos),
            }
        }
        Token::Integer {
            negative: false,
            magnitude,
        } => i64::try_from(magnitude).map_or(RawTime::Invalid, RawTime::Millis),
        Token::Integer { magnitude, .. } => {
            i64::try_from(magnitude).map_or(RawTime::Invalid, |m| RawTime::Millis(-1 - m))
        }
        Token::Float(value) if value.fract() == 0.0 && value.abs() < 9.2e18 => {
            RawTime::Millis(value as i64)
        }
        _ => RawTime::Invalid,
    }
}

fn sequence(out: &Output<'_, '_>, at: usize) -> Option<u64> {
    match out.token(out.find(at, "sequence")?) {
        Token::Integer {
            negative: false,
            magnitude,
        } => Some(magnitude),
        _ => None,
    }
}

/// One object of `data`.
fn reading(out: &mut Output<'_, '_>, at: usize, index: usize) -> Result<(), Fault> {
    if out.token(at) != Token::Object {
        let found = out.token(at).with_article();
        let detail = format!("data[{index}]: the reading is {found}, not an object");
        return out.refuse(Span::NONE, Reason::WrongType, detail);
    }
    let sensor = out.text_at(at, "sensorId").unwrap_or(Span::NONE);
    let Some(value) = out
        .find(at, "value")
        .filter(|at| out.token(*at) != Token::Null)
    else {
        return out.push(RawReading {
            sensor,
            ..RawReading::EMPTY
        });
    };
    let unit = out.text_at(at, "unit").unwrap_or(Span::NONE);
    let time = time(out, at);
    out.reading_in(sensor, value, unit, time, Policy::PLAIN)?;
    let limit = |name| {
        let found = out.find(at, name)?;
        out.double(out.token(found)).ok()
    };
    let (warning, critical) = (limit("warningThreshold"), limit("criticalThreshold"));
    let location = out.text_at(at, "location").unwrap_or(Span::NONE);
    let sequence = sequence(out, at);
    if let Some(reading) = out.readings.last_mut() {
        reading.location = location;
        reading.warning = warning;
        reading.critical = critical;
        reading.sequence = sequence;
    }
    Ok(())
}

fn flat(out: &mut Output<'_, '_>, at: usize) -> Result<(), Fault> {
    let mut choose = |out: &Output<'_, '_>, _: usize, name: Span| match out.str(name) {
        "deviceId" | "timestamp" | "location" => Choice::Nothing,
        _ => Choice::Reading(""),
    };
    let how = &mut Flattening {
        time: RawTime::Missing,
        policy: Policy::PLAIN,
        choose: &mut choose,
    };
    out.flatten(at, Span::NONE, how)
}
