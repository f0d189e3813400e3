//! Codec `senml`: Sensor Measurement Lists, JSON and CBOR (RFC 8428, units of RFC 8798).
//!
//! ```json
//! [{"bn": "urn:dev:ow:10e2073a01080063:", "bt": 1276020076, "n": "voltage", "u": "V", "v": 120.1},
//!  {"n": "current", "u": "A", "t": -5, "v": 1.2}]
//! ```
//!
//! The device is the name up to its last `/`, or, of `urn:dev:`, up to the `:`, `/` or
//! `_` behind the id; what follows is the sensor. A name without a sensor has one by the
//! quantity of its unit. Times below 2^28 are relative to the receipt.

use weir_model::QuarantineReason as Reason;

use crate::fault::Fault;
use crate::moment::{nanos_of_decimal, nanos_of_double, nanos_of_seconds};
use crate::output::{Output, Policy, unknown_form};
use crate::raw::{RawReading, RawTime, RawValue};
use crate::span::Span;
use crate::tape::Token;

/// 2^28 seconds, in nanoseconds: times below are relative.
const RELATIVE_BELOW: i64 = (1 << 28) * 1_000_000_000;
/// The version of RFC 8428.
const MAX_VERSION: f64 = 10.0;

/// What the records share, until one of them says another.
struct Base {
    name: Span,
    time: i64,
    unit: Span,
    value: f64,
    sum: f64,
}

pub(super) fn decode(out: &mut Output<'_, '_>) -> Result<(), Fault> {
    if out.token(0) != Token::Array {
        return Err(unknown_form("the payload is no array of records"));
    }
    let mut base = Base {
        name: Span::NONE,
        time: 0,
        unit: Span::NONE,
        value: 0.0,
        sum: 0.0,
    };
    for at in out.children(0) {
        if out.token(at) != Token::Object {
            let detail = format!(
                "a record is {}, not an object",
                out.token(at).with_article()
            );
            out.refuse(Span::NONE, Reason::UnknownForm, detail)?;
            continue;
        }
        update(out, at, &mut base)?;
        record(out, at, &base)?;
    }
    group_by_device(out);
    Ok(())
}

/// A member by its name in JSON or its label in CBOR.
fn member(out: &Output<'_, '_>, at: usize, name: &str, label: &str) -> Option<usize> {
    out.find(at, name).or_else(|| out.find(at, label))
}

fn text(out: &Output<'_, '_>, at: usize, name: &str, label: &str) -> Option<Span> {
    match out.token(member(out, at, name, label)?) {
        Token::Text(text) => Some(text),
        _ => None,
    }
}

fn number(out: &Output<'_, '_>, at: usize, name: &str, label: &str) -> Option<f64> {
    let at = member(out, at, name, label)?;
    out.double(out.token(at)).ok()
}

/// Seconds, as nanoseconds.
fn seconds(out: &Output<'_, '_>, at: usize, name: &str, label: &str) -> Option<i64> {
    match out.token(member(out, at, name, label)?) {
        Token::Decimal(number) => nanos_of_decimal(number, out.text),
        Token::Float(value) => nanos_of_double(value),
        Token::Integer {
            negative,
            magnitude,
        } => {
            let magnitude = i64::try_from(magnitude).ok()?;
            nanos_of_seconds(if negative { -1 - magnitude } else { magnitude })
        }
        _ => None,
    }
}

fn update(out: &Output<'_, '_>, at: usize, base: &mut Base) -> Result<(), Fault> {
    if let Some(version) = number(out, at, "bver", "-1")
        && version > MAX_VERSION
    {
        let detail = format!("SenML of version {version}: Weir reads up to {MAX_VERSION}");
        return Err(unknown_form(&detail));
    }
    if let Some(name) = text(out, at, "bn", "-2") {
        base.name = name;
    }
    if let Some(time) = seconds(out, at, "bt", "-3") {
        base.time = time;
    }
    if let Some(unit) = text(out, at, "bu", "-4") {
        base.unit = unit;
    }
    if let Some(value) = number(out, at, "bv", "-5") {
        base.value = value;
    }
    if let Some(sum) = number(out, at, "bs", "-6") {
        base.sum = sum;
    }
    Ok(())
}

/// The readings of one record; each is an event of its own until devices are grouped.
fn record(out: &mut Output<'_, '_>, at: usize, base: &Base) -> Result<(), Fault> {
    let own = text(out, at, "n", "0").unwrap_or(Span::NONE);
    let value = member(out, at, "v", "2");
    let flag = member(out, at, "vb", "4");
    let words = member(out, at, "vs", "3");
    let bytes = member(out, at, "vd", "8");
    let sum = member(out, at, "s", "5");
    if [value, flag, words, bytes, sum].iter().all(Option::is_none) {
        // It only sets what others share.
        return Ok(());
    }
    let unit = text(out, at, "u", "1").unwrap_or(base.unit);
    let (device, sensor) = names(out, base.name, own, unit);
    let time = time(out, at, base);
    let first = out.readings.len();
    let must_understand = out
        .children(at)
        .find(|child| out.str(out.key(*child)).ends_with('_'));
    if let Some(child) = must_understand {
        let detail = format!(
            "the record has {}, which must be understood",
            crate::Quoted(out.str(out.key(child)))
        );
        out.refuse(sensor, Reason::UnknownForm, detail)?;
    } else if bytes.is_some() {
        let detail = "the record has a value of bytes".to_owned();
        out.refuse(sensor, Reason::UnsupportedType, detail)?;
    } else {
        let code = code_of(out, unit);
        if let Some(scalar) = value.or(flag).or(words) {
            out.reading_in(sensor, scalar, code, time, Policy::PLAIN)?;
            if value.is_some()
                && let Some(reading) = out.readings.last_mut()
                && let RawValue::Number(number) = &mut reading.value
            {
                *number += base.value;
            }
        }
        if let Some(sum) = number(out, at, "s", "5") {
            self::sum(out, sensor, base.sum + sum, time)?;
        }
    }
    out.event(device, first);
    Ok(())
}

/// A sum is in unit seconds: it is a series of its own.
fn sum(out: &mut Output<'_, '_>, sensor: Span, sum: f64, time: RawTime) -> Result<(), Fault> {
    let suffix = out.copy("sum");
    let sensor = out.joined(sensor, suffix).unwrap_or(sensor);
    out.push(RawReading {
        sensor,
        value: RawValue::Number(sum),
        time,
        ..RawReading::EMPTY
    })
}

fn time(out: &Output<'_, '_>, at: usize, base: &Base) -> RawTime {
    let own = seconds(out, at, "t", "6").unwrap_or(0);
    match base.time.checked_add(own) {
        Some(0) => RawTime::Missing,
        Some(time) if time < RELATIVE_BELOW => {
            RawTime::Nanos(out.facts.received.saturating_add(time))
        }
        Some(time) => RawTime::Nanos(time),
        None => RawTime::Invalid,
    }
}

/// Device and sensor of a name, which is that of the base with its own behind it.
fn names(out: &mut Output<'_, '_>, base: Span, own: Span, unit: Span) -> (Span, Span) {
    let start = out.scratch.unescaped.len();
    for part in [base, own] {
        if !part.is_none() {
            out.scratch.copy(out.text, part);
        }
    }
    let name = out.scratch.since(start);
    let text = out.str(name);
    let cut = match text.strip_prefix("urn:dev:") {
        Some(rest) => urn_end(rest).map(|end| end + "urn:dev:".len()),
        None => text.rfind('/'),
    };
    let (device, sensor) = match cut {
        Some(cut) => name.split(cut),
        None => (name, Span::NONE),
    };
    let quantity = quantity(out.str(unit));
    let sensor = if sensor.is_none() || sensor.len() == 0 {
        out.copy(quantity)
    } else {
        sensor
    };
    let device = match out.facts.device {
        Some(device) => out.device(device),
        None => out.device_of(device),
    };
    (device, sensor)
}

/// Where the id of `urn:dev:{kind}:{id}` ends: at the `:`, `/` or `_` behind it.
/// The identifiers of `ops`, `org` and `os` have three parts.
fn urn_end(rest: &str) -> Option<usize> {
    let (kind, _) = rest.split_once(':')?;
    let id = kind.len() + 1;
    let is_separator = |c: char| matches!(c, ':' | '/' | '_');
    let found = rest[id..].find(is_separator);
    found.map(|at| id + at)
}

/// The sensor of a name without one.
fn quantity(unit: &str) -> &'static str {
    match unit {
        "Cel" | "K" | "degF" => "temperature",
        "%RH" => "humidity",
        "%EL" | "EL" => "battery",
        "lat" => "latitude",
        "lon" => "longitude",
        "V" | "mV" | "kV" => "voltage",
        "A" | "mA" => "current",
        "W" | "kW" | "mW" => "power",
        "J" | "Wh" | "kWh" => "energy",
        "Pa" | "hPa" => "pressure",
        "Hz" | "MHz" => "frequency",
        "m" | "mm" | "km" => "length",
        "m/s" | "km/h" => "velocity",
        "lx" => "illuminance",
        "dBm" | "dBW" => "power_level",
        "kg" | "g" => "mass",
        "pH" => "acidity",
        "count" => "count",
        _ => "value",
    }
}

/// The UCUM code of a unit of SenML's registry.
fn code_of(out: &mut Output<'_, '_>, unit: Span) -> Span {
    if unit.is_none() {
        return unit;
    }
    let code = match out.str(unit) {
        "%RH" | "%EL" => "%",
        "lat" | "lon" => "deg",
        "/" => "1",
        "EL" | "Cel" | "V" | "A" | "W" | "Pa" | "m" | "s" => return unit,
        _ => return out.unit_of(unit),
    };
    out.copy(code)
}

/// Neighbours of one device are one event.
fn group_by_device(out: &mut Output<'_, '_>) {
    let mut kept: usize = 0;
    for at in 0..out.events.len() {
        let (device, end) = (out.events[at].device, out.events[at].end);
        let is_same = kept > 0 && {
            let before = out.events[kept - 1].device;
            out.str(before) == out.str(device)
        };
        if is_same {
            out.events[kept - 1].end = end;
        } else {
            out.events.swap(kept, at);
            kept += 1;
        }
    }
    out.events.truncate(kept);
}
