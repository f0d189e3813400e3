//! Codec `tasmota`: <https://tasmota.github.io/docs/MQTT/>.
//!
//! ```text
//! tele/pow/SENSOR    {"Time": "…", "ENERGY": {"Power": 7}, "TempUnit": "C"}
//! tele/pow/STATE     {"Time": "…", "Uptime": "0T00:03:14", "POWER": "ON"}
//! tele/pow/LWT       Online
//! stat/pow/POWER     ON
//! ```
//!
//! `Time` is local time without a zone, most often: the time of receipt is right to the
//! latency. Translated builds translate the keys.

use crate::fault::Fault;
use crate::moment::{nanos_of_local, nanos_of_text, of_set_clock};
use crate::output::{Choice, Flattening, Output, Policy, Switches, unknown_form};
use crate::raw::RawTime;
use crate::span::Span;
use crate::tape::Token;

const POLICY: Policy = Policy {
    numbers: true,
    switches: Switches::Upper,
    ..Policy::PLAIN
};

pub(super) fn decode(out: &mut Output<'_, '_>) -> Result<(), Fault> {
    let topic = out.facts.topic;
    if topic.starts_with("tasmota/discovery/") {
        out.without_readings("discovery");
        return Ok(());
    }
    if topic.split('/').any(|level| level == "cmnd") {
        out.without_readings("command");
        return Ok(());
    }
    let device = device(out);
    let last = out.facts.last_level();
    match last {
        "LWT" => presence(out)?,
        "RESULT" => out.without_readings("result"),
        "LOGGING" | "UPTIME" => out.without_readings("log"),
        _ if last.starts_with("STATUS") => out.without_readings("result"),
        _ if last.starts_with("INFO") => info(out),
        _ if out.token(0) == Token::Object => document(out, last)?,
        _ if out.token(0) == Token::Array => return Err(unknown_form("the payload is an array")),
        _ => {
            let sensor = out.copy(last);
            out.reading(sensor, 0, "", RawTime::Missing, POLICY)?;
        }
    }
    out.event(device, 0);
    Ok(())
}

/// `%topic%`: the levels between the prefix and the last one.
fn device(out: &mut Output<'_, '_>) -> Span {
    if let Some(device) = out.facts.device {
        return out.device(device);
    }
    let topic = out.facts.topic;
    let above = topic.rsplit_once('/').map_or("", |(above, _)| above);
    let name = ["tele", "stat"]
        .iter()
        .find_map(|prefix| {
            let below = above
                .strip_prefix(prefix)
                .and_then(|name| name.strip_prefix('/'));
            below.or_else(|| above.strip_suffix(prefix)?.strip_suffix('/'))
        })
        .unwrap_or(above);
    out.device(name)
}

fn presence(out: &mut Output<'_, '_>) -> Result<(), Fault> {
    let Token::Text(text) = out.token(0) else {
        return Err(unknown_form(
            "the payload is neither \"Online\" nor \"Offline\"",
        ));
    };
    let is_online = match out.str(text) {
        "Online" => true,
        "Offline" => false,
        _ => {
            return Err(unknown_form(
                "the payload is neither \"Online\" nor \"Offline\"",
            ));
        }
    };
    out.presence(is_online)
}

/// `{"Info1": {"Module": "…", "Version": "…"}}`; earlier without `Info1`.
fn info(out: &mut Output<'_, '_>) {
    let inner = out.children(0).find(|at| out.token(*at) == Token::Object);
    let at = inner.unwrap_or(0);
    for (member, name) in [
        ("Module", "model"),
        ("Version", "firmware"),
        ("Hostname", "hostname"),
        ("IPAddress", "ip"),
    ] {
        out.attribute_at(at, member, name);
    }
    out.without_readings("info");
}

/// What the documents of one message share.
struct Units {
    temperature: &'static str,
    pressure: &'static str,
}

fn units(out: &Output<'_, '_>) -> Units {
    let text = |name| out.text_at(0, name).map(|text| out.str(text));
    Units {
        temperature: match text("TempUnit") {
            Some("C") => "Cel",
            Some("F") => "[degF]",
            Some("K") => "K",
            _ => "",
        },
        pressure: match text("PressureUnit") {
            Some("hPa") => "hPa",
            Some("mmHg") => "mm[Hg]",
            Some("inHg") => "[in_i'Hg]",
            Some("mbar") => "mbar",
            _ => "",
        },
    }
}

/// `SENSOR`, `STATE` and what else is an object.
fn document(out: &mut Output<'_, '_>, last: &str) -> Result<(), Fault> {
    let time = out.text_at(0, "Time").map(|text| out.str(text));
    let zone = out.facts.timezone;
    let nanos = time.and_then(|text| nanos_of_text(text).or_else(|| nanos_of_local(text, zone?)));
    let time = of_set_clock(nanos);
    let units = units(out);
    durations(out, time)?;
    let is_state = last == "STATE";
    let mut choose = |out: &Output<'_, '_>, at: usize, name: Span| {
        let full = out.str(name);
        match out.token(at) {
            Token::Text(text) if seconds(out.str(text)).is_some() => Choice::Nothing,
            Token::Text(text) => match (full.rsplit_once('.'), out.str(text)) {
                (_, "ON" | "OFF") => Choice::Reading(""),
                (None, _) if full.starts_with("POWER") => Choice::Reading(""),
                (None, _) if is_state && full != "Time" => Choice::Attribute,
                (None, _) => Choice::Nothing,
                (Some((_, "Id" | "Address" | "ID")), _) => Choice::Attribute,
                (Some((_, key)), _) if key.ends_with("Time") => Choice::Nothing,
                (Some(_), text) if is_state && !crate::output::is_number(text) => Choice::Attribute,
                (Some((_, key)), _) => Choice::Reading(unit(full, key, &units)),
            },
            _ if full == "Time" => Choice::Nothing,
            _ => {
                let key = full.rsplit('.').next().unwrap_or(full);
                Choice::Reading(unit(full, key, &units))
            }
        }
    };
    let how = &mut Flattening {
        time,
        policy: POLICY,
        choose: &mut choose,
    };
    out.flatten(0, Span::NONE, how)
}

/// `1T02:03:04` is a number of seconds, at the top and in `Wifi`.
fn durations(out: &mut Output<'_, '_>, time: RawTime) -> Result<(), Fault> {
    let nodes = out.nodes;
    let mut outer = Span::NONE;
    let mut outer_end = 0;
    for (at, node) in nodes.iter().enumerate().skip(1) {
        if at as u32 >= outer_end {
            outer = Span::NONE;
        }
        match node.token {
            Token::Object if outer.is_none() => (outer, outer_end) = (node.key, node.end),
            Token::Text(text) if !node.key.is_none() => {
                let Some(value) = seconds(out.str(text)) else {
                    continue;
                };
                if let Some(name) = out.joined(outer, node.key) {
                    let unit = out.copy("s");
                    out.push(crate::raw::RawReading {
                        sensor: name,
                        value: crate::raw::RawValue::Number(value),
                        unit,
                        time,
                        ..crate::raw::RawReading::EMPTY
                    })?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn seconds(text: &str) -> Option<f64> {
    let (days, clock) = text.split_once('T')?;
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let mut parts = clock.split(':');
    let (hours, minutes, seconds) = (parts.next()?, parts.next()?, parts.next()?);
    let parts_are = [days, hours, minutes, seconds]
        .iter()
        .all(|part| is_digits(part));
    if !parts_are || parts.next().is_some() {
        return None;
    }
    let number = |text: &str| text.parse::<f64>().ok();
    let whole = (number(days)? * 24.0 + number(hours)?) * 60.0 + number(minutes)?;
    Some(whole * 60.0 + number(seconds)?)
}

fn unit(full: &str, key: &str, units: &Units) -> &'static str {
    if full.starts_with("ENERGY.") {
        return match key {
            "Total" | "Yesterday" | "Today" | "ExportActive" | "ImportActive" | "ExportTotal"
            | "TotalTariff" | "ExportTariff" | "TodaySumImport" | "TodaySumExport" => "kW.h",
            "Period" => "W.h",
            "Power" => "W",
            "ApparentPower" => "V.A",
            "ReactivePower" => "var",
            "Voltage" => "V",
            "Current" => "A",
            "Frequency" => "Hz",
            _ => "",
        };
    }
    match (full, key) {
        ("UptimeSec", _) => "s",
        ("Vcc", _) => "V",
        ("Wifi.RSSI", _) => "%",
        ("Wifi.Signal", _) => "dBm",
        (_, "Humidity") => "%",
        (_, "DewPoint" | "HeatIndex") => units.temperature,
        (_, "Pressure" | "SeaPressure") => units.pressure,
        (_, "Illuminance") => "lx",
        _ if key.starts_with("Temp") => units.temperature,
        _ => "",
    }
}
