//! Codec `zigbee2mqtt`: <https://www.zigbee2mqtt.io/guide/usage/mqtt_topics_and_messages.html>.
//!
//! ```text
//! zigbee2mqtt/kitchen/floor_light                {"state": "ON", "brightness": 254}
//! zigbee2mqtt/kitchen/floor_light/availability   {"state": "offline"}
//! zigbee2mqtt/my_plug/power                      8.1
//! ```
//!
//! The device is what is behind the base topic, slashes and all. `bridge/devices` says
//! which devices there are, their units, and which texts are 1 and 0. Until it has come,
//! units are those that the format has for every device; `voltage` is mV or V, by device,
//! and has none.

mod exposes;

use weir_model::Unit;

use crate::fault::Fault;
use crate::moment::{nanos_of_text, of_set_clock};
use crate::output::{Choice, Flattening, Output, Policy, Switches, unknown_form};
use crate::raw::RawTime;
use crate::span::Span;
use crate::tape::Token;

const POLICY: Policy = Policy {
    switches: Switches::Upper,
    ..Policy::PLAIN
};

pub(super) fn decode(out: &mut Output<'_, '_>) -> Result<(), Fault> {
    let (base, name) = out.facts.below_base();
    let levels = || name.split('/');
    if name == "bridge/state" {
        let device = out.device(base);
        return presence(out, device);
    }
    if levels().next() == Some("bridge") {
        if name == "bridge/devices" {
            exposes::remember(out, base);
        }
        out.without_readings("bridge");
        return Ok(());
    }
    if levels().skip(1).any(|level| matches!(level, "set" | "get")) {
        out.without_readings("command");
        return Ok(());
    }
    if let Some(name) = name.strip_suffix("/availability") {
        let device = out.device(name);
        return presence(out, device);
    }
    let is_known = |name: &str| out.memory.exposes(base, name).is_some();
    let split = name.rsplit_once('/');
    let is_attribute = split.is_some_and(|(above, _)| !is_known(name) && is_known(above));
    if out.token(0) == Token::Object && !is_attribute {
        let device = out.device(name);
        return state(out, device, base, name);
    }
    attribute_output(out, base, name)
}

/// `online` and `offline`, as a text or in `state`.
fn presence(out: &mut Output<'_, '_>, device: Span) -> Result<(), Fault> {
    let state = match out.token(0) {
        Token::Text(text) => Some(text),
        _ => out.text_at(0, "state"),
    };
    let is_online = match state.map(|state| out.str(state)) {
        Some("online") => true,
        Some("offline") => false,
        _ => {
            return Err(unknown_form(
                "the state is neither \"online\" nor \"offline\"",
            ));
        }
    };
    out.presence(is_online)?;
    out.event(device, 0);
    Ok(())
}

fn state(
    out: &mut Output<'_, '_>,
    device: Span,
    base: &str,
    device_name: &str,
) -> Result<(), Fault> {
    let time = last_seen(out);
    describe(out);
    let mut choose = |out: &Output<'_, '_>, at: usize, name: Span| match out.str(name) {
        "last_seen" | "device" | "update" => Choice::Nothing,
        name => described(out, at, base, device_name, name),
    };
    out.flatten(
        0,
        Span::NONE,
        &mut Flattening {
            time,
            policy: POLICY,
            choose: &mut choose,
        },
    )?;
    out.event(device, 0);
    Ok(())
}

/// Output by attribute: the last level of the topic is the sensor.
fn attribute_output(out: &mut Output<'_, '_>, base: &str, name: &str) -> Result<(), Fault> {
    let Some((name, sensor)) = name.rsplit_once('/') else {
        return Err(unknown_form("the payload is no object"));
    };
    let device = out.device(name);
    let choice = described(out, 0, base, name, sensor);
    let policy = Policy {
        numbers: true,
        absent: true,
        ..POLICY
    };
    let copied = out.copy(sensor);
    match (out.token(0), choice) {
        (Token::Array, _) => return Err(unknown_form("the payload is an array")),
        (Token::Object, _) => {
            let mut choose = |_: &Output<'_, '_>, _: usize, _: Span| Choice::Reading("");
            let how = &mut Flattening {
                time: RawTime::Missing,
                policy,
                choose: &mut choose,
            };
            out.flatten(0, copied, how)?;
        }
        (_, Choice::Value(value)) => {
            out.number(sensor, f64::from(value), "", RawTime::Missing)?;
        }
        (_, Choice::Reading(unit)) => {
            out.reading(copied, 0, unit, RawTime::Missing, policy)?;
        }
        (_, Choice::Attribute | Choice::Nothing) => {}
    }
    out.event(device, 0);
    Ok(())
}

/// ISO 8601, or milliseconds since the epoch.
fn last_seen(out: &Output<'_, '_>) -> RawTime {
    let Some(at) = out.root("last_seen") else {
        return RawTime::Missing;
    };
    match out.token(at) {
        Token::Text(text) => of_set_clock(nanos_of_text(out.str(text))),
        Token::Decimal(number) => {
            let millis = number.to_i64(out.text);
            of_set_clock(millis.and_then(|millis| millis.checked_mul(1_000_000)))
        }
        _ => RawTime::Missing,
    }
}

/// The member `device` describes it.
fn describe(out: &mut Output<'_, '_>) {
    let Some(device) = out.object_at(0, "device") else {
        return;
    };
    for (member, name) in [
        ("model", "model"),
        ("manufacturerName", "manufacturer"),
        ("softwareBuildID", "firmware"),
        ("ieeeAddr", "ieee_address"),
        ("powerSource", "power_source"),
    ] {
        out.attribute_at(device, member, name);
    }
}

/// What the description says of a property, or the format.
fn described(out: &Output<'_, '_>, at: usize, base: &str, device: &str, name: &str) -> Choice {
    let exposes = out.memory.exposes(base, device);
    let Some(property) = exposes.and_then(|exposes| exposes.get(name)) else {
        return Choice::Reading(unit_of(name));
    };
    if let Token::Text(text) = out.token(at) {
        let text = Some(out.str(text));
        if text == property.on.as_deref() {
            return Choice::Value(true);
        }
        if text == property.off.as_deref() {
            return Choice::Value(false);
        }
    }
    let unit = property.unit.as_deref().and_then(Unit::canonical);
    Choice::Reading(unit.unwrap_or_default())
}

fn unit_of(name: &str) -> &'static str {
    match name {
        "temperature"
        | "device_temperature"
        | "local_temperature"
        | "soil_temperature"
        | "occupied_heating_setpoint"
        | "unoccupied_heating_setpoint"
        | "current_heating_setpoint" => "Cel",
        "humidity" | "battery" | "soil_moisture" => "%",
        "pressure" => "hPa",
        "power" => "W",
        "energy" => "kW.h",
        "illuminance_lux" => "lx",
        _ => "",
    }
}
