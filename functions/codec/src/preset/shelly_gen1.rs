//! Shelly devices of the first generation:
//! <https://shelly-api-docs.shelly.cloud/gen1/#mqtt-support>.
//!
//! ```text
//! shellies/shelly1pm-BA0001/relay/0          on
//! shellies/shelly1pm-BA0001/relay/0/energy   73560      watt-minutes
//! shellies/announce                          {"id": "shelly1pm-BA0001", "model": "SHSW-PM", …}
//! ```

use crate::fault::Fault;
use crate::output::{Choice, Flattening, Output, Policy, Switches};
use crate::preset::shelly::presence;
use crate::raw::{RawTime, RawValue};
use crate::span::Span;
use crate::tape::Token;

const POLICY: Policy = Policy {
    numbers: true,
    switches: Switches::Any,
    ..Policy::PLAIN
};

pub(super) fn decode(out: &mut Output<'_, '_>) -> Result<(), Fault> {
    let topic = out.facts.topic;
    let below = topic.strip_prefix("shellies/").unwrap_or(topic);
    let (name, path) = below.split_once('/').unwrap_or((below, ""));
    if (path.is_empty() && name == "announce") || path == "announce" {
        return announce(out);
    }
    if name == "command" || path.split('/').any(|level| level == "command") {
        out.without_readings("command");
        return Ok(());
    }
    let name = out.facts.device.unwrap_or(name);
    let device = out.device(name);
    if path == "online" {
        return presence(out, device);
    }
    if matches!(path, "info" | "settings") {
        out.without_readings("info");
        out.event(device, 0);
        return Ok(());
    }
    if matches!(path, "temperature_f") {
        // The same temperature again.
        out.without_readings("duplicate");
        out.event(device, 0);
        return Ok(());
    }
    readings(out, path)?;
    out.event(device, 0);
    Ok(())
}

fn readings(out: &mut Output<'_, '_>, path: &str) -> Result<(), Fault> {
    let start = out.scratch.unescaped.len();
    for (index, level) in path.split('/').enumerate() {
        if index > 0 {
            out.scratch.unescaped.push('.');
        }
        out.scratch.unescaped.push_str(level);
    }
    let sensor = out.scratch.since(start);
    if matches!(out.token(0), Token::Object | Token::Array) {
        let mut choose = |_: &Output<'_, '_>, _: usize, _: Span| Choice::Reading("");
        let how = &mut Flattening {
            time: RawTime::Missing,
            policy: Policy::PLAIN,
            choose: &mut choose,
        };
        return out.flatten(0, sensor, how);
    }
    let (unit, is_watt_minutes) = unit(path);
    out.reading(sensor, 0, unit, RawTime::Missing, POLICY)?;
    if is_watt_minutes
        && let Some(reading) = out.readings.last_mut()
        && let RawValue::Number(value) = &mut reading.value
    {
        *value /= 60.0;
    }
    Ok(())
}

/// The unit, and whether the value is in watt-minutes.
fn unit(path: &str) -> (&'static str, bool) {
    let key = path.rsplit('/').next().unwrap_or(path);
    let unit = match key {
        "power" => "W",
        "energy" | "returned_energy" => return ("W.h", true),
        "total" | "total_returned" => "W.h",
        "reactive_power" => "var",
        "voltage" => "V",
        "current" => "A",
        "temperature" | "temperature_c" => "Cel",
        "humidity" | "battery" | "pos" => "%",
        "lux" => "lx",
        _ => "",
    };
    (unit, false)
}

fn announce(out: &mut Output<'_, '_>) -> Result<(), Fault> {
    out.without_readings("announce");
    let Some(id) = out.text_at(0, "id") else {
        return Ok(());
    };
    let device = out.device_of(id);
    for (member, name) in [
        ("model", "model"),
        ("mac", "mac"),
        ("ip", "ip"),
        ("fw_ver", "firmware"),
    ] {
        out.attribute_at(0, member, name);
    }
    out.event(device, 0);
    Ok(())
}
