//! The reference event as JSON, and the ways in which a device gets it wrong.
//!
//! What does not change from event to event is put together once per kind,
//! location and sensor; an event is copies of that with numbers in between.

use std::fmt::Write;

use crate::kinds::{Form, Kind, MAX_SENSORS, Sensor};

/// The constant text around one reading's value.
#[derive(Debug)]
struct Frame {
    /// `{"sensorId":"temperature","value":`
    before: String,
    /// `,"unit":"°C","location":"hall-1","warningThreshold":70,"criticalThreshold":85}`
    behind: String,
}

/// The constant text of every kind at each of its locations.
#[derive(Debug)]
pub(crate) struct Frames {
    /// By kind, location and sensor.
    frames: Vec<Vec<Vec<Frame>>>,
}

/// A reading that comes in another unit, without limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OtherUnit {
    /// Index into [`Kind::sensors`].
    pub(crate) sensor: usize,
    pub(crate) unit: &'static str,
}

/// How a payload is wrong. A device takes one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Defect {
    /// It ends in the middle.
    CutOff,
    /// The first value is null; the other readings are good.
    NullValue,
    /// The first value is an integer that a double cannot hold.
    InexactInteger,
    /// The first value is an object.
    WrongType,
    /// The first reading does not say which sensor it is from.
    NoSensor,
    /// Seconds where milliseconds belong.
    TimeInSeconds,
    /// A line of the device's log.
    NotJson,
    Empty,
}

impl Defect {
    const ALL: [Self; 8] = [
        Self::CutOff,
        Self::NullValue,
        Self::NotJson,
        Self::InexactInteger,
        Self::TimeInSeconds,
        Self::NoSensor,
        Self::Empty,
        Self::WrongType,
    ];

    pub(crate) fn of_turn(turn: i64) -> Self {
        Self::ALL[usize::try_from(turn).unwrap_or(0) % Self::ALL.len()]
    }
}

/// One event of one device.
#[derive(Debug)]
pub(crate) struct Event<'a> {
    pub(crate) device: &'a str,
    pub(crate) kind: Kind,
    /// Index into [`Kind::locations`].
    pub(crate) location: usize,
    pub(crate) time_ms: i64,
    pub(crate) values: [f64; MAX_SENSORS],
    pub(crate) other_unit: Option<OtherUnit>,
}

impl Frames {
    pub(crate) fn new() -> Self {
        let of_location = |kind: Kind, location| {
            kind.sensors()
                .iter()
                .map(|sensor| frame(sensor, location))
                .collect()
        };
        let of_kind = |kind: Kind| {
            kind.locations()
                .iter()
                .map(|location| of_location(kind, location))
                .collect()
        };
        Self {
            frames: Kind::ALL.into_iter().map(of_kind).collect(),
        }
    }

    /// Appends one reading of the kind's first sensor at each of the times, as a log
    /// holds them: an array of events.
    pub(crate) fn write_log(
        &self,
        event: &Event<'_>,
        entries: impl Iterator<Item = (i64, f64)>,
        out: &mut String,
    ) {
        let sensor = &event.kind.sensors()[0];
        let frame = &self.frames[event.kind as usize][event.location][0];
        out.push('[');
        for (nth, (time_ms, value)) in entries.enumerate() {
            if nth > 0 {
                out.push(',');
            }
            out.push_str("{\"deviceId\":\"");
            out.push_str(event.device);
            out.push_str("\",\"timestamp\":");
            push_integer(time_ms, out);
            out.push_str(",\"data\":[");
            out.push_str(&frame.before);
            push_value(value, sensor.form, out);
            out.push_str(&frame.behind);
            out.push_str("]}");
        }
        out.push(']');
    }

    /// Appends the event to `out`.
    pub(crate) fn write(&self, event: &Event<'_>, defect: Option<Defect>, out: &mut String) {
        match defect {
            Some(Defect::Empty) => return,
            Some(Defect::NotJson) => return out.push_str("E 0x17: sensor bus timeout\r\n"),
            _ => {}
        }
        out.push_str("{\"deviceId\":\"");
        out.push_str(event.device);
        out.push_str("\",\"timestamp\":");
        let seconds = defect == Some(Defect::TimeInSeconds);
        push_integer(
            if seconds {
                event.time_ms / 1_000
            } else {
                event.time_ms
            },
            out,
        );
        out.push_str(",\"data\":[");
        let frames = &self.frames[event.kind as usize][event.location];
        let readings = event.kind.sensors().iter().zip(frames).zip(event.values);
        for (i, ((sensor, frame), value)) in readings.enumerate() {
            let defect = if i == 0 { defect } else { None };
            if i > 0 {
                out.push(',');
            }
            match defect {
                Some(Defect::NoSensor) => out.push_str("{\"value\":"),
                _ => out.push_str(&frame.before),
            }
            match defect {
                Some(Defect::NullValue) => out.push_str("null"),
                Some(Defect::InexactInteger) => out.push_str("9007199254740993"),
                Some(Defect::WrongType) => out.push_str("{\"raw\":17}"),
                _ => push_value(value, sensor.form, out),
            }
            match event.other_unit {
                Some(other) if other.sensor == i => {
                    out.push_str(",\"unit\":\"");
                    out.push_str(other.unit);
                    out.push_str("\"}");
                }
                _ => out.push_str(&frame.behind),
            }
        }
        out.push_str("]}");
        if defect == Some(Defect::CutOff) {
            let half = out.len() / 2;
            out.truncate(
                (half..out.len())
                    .find(|end| out.is_char_boundary(*end))
                    .unwrap_or(0),
            );
        }
    }
}

fn frame(sensor: &Sensor, location: &str) -> Frame {
    let before = format!("{{\"sensorId\":\"{}\",\"value\":", sensor.name);
    let mut behind = String::new();
    if !sensor.unit.is_empty() {
        behind.push_str(&format!(",\"unit\":\"{}\"", sensor.unit));
    }
    behind.push_str(&format!(",\"location\":\"{location}\""));
    if let Some((warning, critical)) = sensor.limits {
        behind.push_str(&format!(
            ",\"warningThreshold\":{warning},\"criticalThreshold\":{critical}"
        ));
    }
    behind.push('}');
    Frame { before, behind }
}

fn push_value(value: f64, form: Form, out: &mut String) {
    match form {
        Form::Boolean if value == 0.0 => out.push_str("false"),
        Form::Boolean if value == 1.0 => out.push_str("true"),
        // A state that does not exist.
        Form::Boolean => push_integer(value as i64, out),
        Form::Decimals(decimals) => push_rounded(value, decimals, out),
    }
}

/// As `{:.n}` prints it, except for ties, in a fifth of the time.
fn push_rounded(value: f64, decimals: u32, out: &mut String) {
    let factor = 10_i64.pow(decimals);
    let scaled = (value * factor as f64).round() as i64;
    if scaled < 0 {
        out.push('-');
    }
    let (whole, fraction) = (
        scaled.unsigned_abs() / factor.unsigned_abs(),
        scaled % factor,
    );
    push_integer(whole.cast_signed(), out);
    if decimals > 0 {
        out.push('.');
        let mut digit = factor / 10;
        while digit > 0 {
            out.push(char::from(b'0' + (fraction.abs() / digit % 10) as u8));
            digit /= 10;
        }
    }
}

fn push_integer(n: i64, out: &mut String) {
    write!(out, "{n}").expect("a String takes everything");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values_are_rounded_as_sensors_do() {
        #[track_caller]
        fn check(value: f64, decimals: u32, expect: &str) {
            let mut out = String::new();
            push_rounded(value, decimals, &mut out);
            assert_eq!(out, expect);
        }
        check(21.04, 1, "21.0");
        check(21.06, 1, "21.1");
        check(-0.04, 1, "0.0");
        check(-21.96, 1, "-22.0");
        check(-0.5, 2, "-0.50");
        check(1_013.27, 0, "1013");
        check(0.007, 3, "0.007");
    }

    proptest! {
        #[test]
        fn rounding_is_as_the_library_does_it(n in -1_000_000_000_i64..1_000_000_000, d in 0_u32..4) {
            // A third of the last digit away from a tie.
            let value = (n as f64 + 0.33) / 10_f64.powi(d as i32);
            let mut out = String::new();
            push_rounded(value, d, &mut out);
            let expect = format!("{value:.*}", d as usize);
            prop_assert_eq!(out, if n == 0 { expect.replace('-', "") } else { expect });
        }
    }
}
