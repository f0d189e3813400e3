//! Codec `ruuvi`: the messages of a Ruuvi Gateway
//! (<https://docs.ruuvi.com/gw-data-formats/mqtt-time-stamped-data-from-bluetooth-sensors>),
//! with data formats 3 and 5 in the advertisement.
//!
//! ```text
//! ruuvi/GATEWAY/TAG         {"gw_mac": "…", "rssi": -26, "ts": "1653668027", "data": "0201061BFF9904…"}
//! ruuvi/GATEWAY/gw_status   {"state": "online"}
//! ```

use weir_model::QuarantineReason as Reason;

use crate::fault::Fault;
use crate::moment::{nanos_of_decimal, nanos_of_seconds, of_set_clock};
use crate::output::{Output, unknown_form};
use crate::raw::RawTime;
use crate::span::Span;
use crate::tape::Token;

/// An advertisement has at most 255 bytes, extended.
const MAX_BYTES: usize = 255;
/// Manufacturer data of Ruuvi Innovations.
const MANUFACTURER: [u8; 3] = [0xff, 0x99, 0x04];

pub(super) fn decode(out: &mut Output<'_, '_>) -> Result<(), Fault> {
    let topic = out.facts.topic;
    if let Some(above) = topic.strip_suffix("/gw_status") {
        let gateway = above.rsplit('/').next().unwrap_or(above);
        return presence(out, gateway);
    }
    let name = out.facts.device.unwrap_or(out.facts.last_level());
    let device = out.device(name);
    let time = time(out);
    let sequence = advertisement(out, time)?;
    let rssi = out.root("rssi");
    out.named("rssi", rssi, "dBm", time)?;
    out.attribute_at(0, "gw_mac", "gateway");
    out.event(device, 0).sequence = sequence;
    Ok(())
}

fn presence(out: &mut Output<'_, '_>, gateway: &str) -> Result<(), Fault> {
    let state = out.text_at(0, "state").map(|state| out.str(state));
    let is_online = match state {
        Some("online") => true,
        Some("offline") => false,
        _ => {
            return Err(unknown_form(
                "the state is neither \"online\" nor \"offline\"",
            ));
        }
    };
    let device = out.device(gateway);
    out.presence(is_online)?;
    out.event(device, 0);
    Ok(())
}

/// `ts`, when the gateway received it: a text or a number of seconds.
fn time(out: &Output<'_, '_>) -> RawTime {
    let nanos = match out.root("ts").map(|at| out.token(at)) {
        Some(Token::Text(text)) => out.str(text).parse().ok().and_then(nanos_of_seconds),
        Some(Token::Decimal(number)) => nanos_of_decimal(number, out.text),
        _ => None,
    };
    of_set_clock(nanos)
}

/// The readings of the advertisement; returns its number.
fn advertisement(out: &mut Output<'_, '_>, time: RawTime) -> Result<Option<u64>, Fault> {
    let Some(data) = out.text_at(0, "data") else {
        return Err(unknown_form("the payload has no \"data\""));
    };
    let mut buffer = [0; MAX_BYTES];
    let bytes = hex(out.str(data), &mut buffer);
    match bytes.and_then(manufacturer_data) {
        Some([5, rest @ ..]) if rest.len() >= 17 => format_5(out, rest, time),
        Some([3, rest @ ..]) if rest.len() >= 13 => format_3(out, rest, time).map(|()| None),
        found => {
            let detail = match found {
                Some([format, ..]) => format!("\"data\" is of data format {format}"),
                _ => "\"data\" is no advertisement of Ruuvi".to_owned(),
            };
            out.refuse(Span::NONE, Reason::NotDecoded, detail)?;
            Ok(None)
        }
    }
}

fn hex<'b>(text: &str, buffer: &'b mut [u8; MAX_BYTES]) -> Option<&'b [u8]> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() || pairs.len() > MAX_BYTES {
        return None;
    }
    for (at, [high, low]) in pairs.iter().enumerate() {
        buffer[at] = (digit(*high)? << 4 | digit(*low)?) as u8;
    }
    Some(&buffer[..pairs.len()])
}

/// Of the structures of an advertisement: length, type, data.
fn manufacturer_data(mut bytes: &[u8]) -> Option<&[u8]> {
    loop {
        let (len, rest) = bytes.split_first()?;
        let (structure, behind) = rest.split_at_checked(usize::from(*len))?;
        if let Some(data) = structure.strip_prefix(&MANUFACTURER) {
            return Some(data);
        }
        bytes = behind;
    }
}

/// A value of the advertisement, or that it says nothing.
fn value(
    out: &mut Output<'_, '_>,
    sensor: &str,
    value: Option<f64>,
    unit: &str,
    time: RawTime,
) -> Result<(), Fault> {
    match value {
        Some(value) => out.number(sensor, value, unit, time),
        None => {
            *out.absent += 1;
            Ok(())
        }
    }
}

const AXES: [&str; 3] = ["acceleration_x", "acceleration_y", "acceleration_z"];

fn signed(data: &[u8], at: usize) -> Option<f64> {
    let value = i16::from_be_bytes([data[at], data[at + 1]]);
    (value != i16::MIN).then_some(f64::from(value))
}

fn unsigned(data: &[u8], at: usize) -> Option<f64> {
    let value = u16::from_be_bytes([data[at], data[at + 1]]);
    (value != u16::MAX).then_some(f64::from(value))
}

/// <https://docs.ruuvi.com/communication/bluetooth-advertisements/data-format-5-rawv2>
fn format_5(out: &mut Output<'_, '_>, data: &[u8], time: RawTime) -> Result<Option<u64>, Fault> {
    let temperature = signed(data, 0).map(|value| value / 200.0);
    let humidity = unsigned(data, 2).map(|value| value / 400.0);
    let pressure = unsigned(data, 4).map(|value| value + 50_000.0);
    value(out, "temperature", temperature, "Cel", time)?;
    value(out, "humidity", humidity, "%", time)?;
    value(out, "pressure", pressure, "Pa", time)?;
    for (axis, sensor) in AXES.iter().enumerate() {
        value(out, sensor, signed(data, 6 + 2 * axis), "m[g]", time)?;
    }
    let power = u16::from_be_bytes([data[12], data[13]]);
    let (battery, transmission) = (power >> 5, power & 0x1f);
    let battery = (battery != 0x7ff).then(|| f64::from(battery) + 1_600.0);
    let transmission = (transmission != 0x1f).then(|| f64::from(transmission) * 2.0 - 40.0);
    value(out, "battery_voltage", battery, "mV", time)?;
    value(out, "tx_power", transmission, "dBm", time)?;
    let movements = (data[14] != u8::MAX).then(|| f64::from(data[14]));
    value(out, "movement_counter", movements, "", time)?;
    let sequence = u16::from_be_bytes([data[15], data[16]]);
    Ok((sequence != u16::MAX).then_some(u64::from(sequence)))
}

/// <https://docs.ruuvi.com/communication/bluetooth-advertisements/data-format-3-rawv1>
fn format_3(out: &mut Output<'_, '_>, data: &[u8], time: RawTime) -> Result<(), Fault> {
    let sign = if data[1] & 0x80 == 0 { 1.0 } else { -1.0 };
    let hundredths = f64::from(data[1] & 0x7f) * 100.0 + f64::from(data[2]);
    out.number("temperature", sign * hundredths / 100.0, "Cel", time)?;
    out.number("humidity", f64::from(data[0]) / 2.0, "%", time)?;
    let plain = |at: usize| u16::from_be_bytes([data[at], data[at + 1]]);
    out.number("pressure", f64::from(plain(3)) + 50_000.0, "Pa", time)?;
    for (axis, sensor) in AXES.iter().enumerate() {
        let value = plain(5 + 2 * axis) as i16;
        out.number(sensor, f64::from(value), "m[g]", time)?;
    }
    out.number("battery_voltage", f64::from(plain(11)), "mV", time)
}
