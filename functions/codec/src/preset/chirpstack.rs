//! Codec `chirpstack`: ChirpStack v4, JSON or Protobuf
//! (<https://www.chirpstack.io/docs/chirpstack/integrations/events.html>).
//!
//! `time` is ChirpStack's: it has judged the times of GPS and of gateways already.

use std::fmt::Write as _;

use crate::fault::Fault;
use crate::moment::nanos_of_text;
use crate::output::{Output, unknown_form};
use crate::preset::lorawan::{count, not_decoded, payload, position, radio};
use crate::raw::RawTime;
use crate::tape::Token;

/// Events that hold no reading.
const OTHER_EVENTS: [&str; 5] = ["join", "ack", "txack", "log", "integration"];

pub(super) fn decode(out: &mut Output<'_, '_>) -> Result<(), Fault> {
    let event = out.facts.last_level();
    if out.facts.topic.contains("/command/") {
        out.without_readings("command");
        return Ok(());
    }
    let Some(info) = out.object_at(0, "deviceInfo") else {
        return Err(unknown_form("the payload has no \"deviceInfo\""));
    };
    let Some(name) = out.text_at(info, "devEui") else {
        return Err(unknown_form("\"deviceInfo\" has no \"devEui\""));
    };
    out.check_device(name)?;
    let device = out.device_of(name);
    describe(out, info);
    let nanos = match out.root("time").map(|at| out.token(at)) {
        Some(Token::Text(text)) => nanos_of_text(out.str(text)),
        Some(Token::Instant(nanos)) => Some(nanos),
        _ => None,
    };
    let time = nanos.map_or(RawTime::Missing, RawTime::Nanos);
    let mut sequence = None;
    match event {
        "status" => status(out, time)?,
        "location" => {
            if let Some(at) = out.object_at(0, "location") {
                position(out, at, time)?;
            }
        }
        _ if OTHER_EVENTS.contains(&event) => {
            let known = OTHER_EVENTS.iter().find(|known| **known == event);
            out.without_readings(known.unwrap_or(&"other"));
        }
        _ => sequence = uplink(out, time)?,
    }
    out.event(device, 0).sequence = sequence;
    Ok(())
}

fn describe(out: &mut Output<'_, '_>, info: usize) {
    out.attribute_at(info, "deviceName", "name");
    out.attribute_at(info, "applicationName", "application");
    out.attribute_at(info, "deviceProfileName", "profile");
    let Some(tags) = out.object_at(info, "tags") else {
        return;
    };
    for at in out.children(tags) {
        let Token::Text(value) = out.token(at) else {
            continue;
        };
        let (key, start) = (out.key(at), out.scratch.unescaped.len());
        // Writing to a string cannot fail.
        let _ = write!(out.scratch.unescaped, "tag.");
        out.scratch.copy(out.text, key);
        let name = out.scratch.since(start);
        out.attribute_span(name, value);
    }
}

fn status(out: &mut Output<'_, '_>, time: RawTime) -> Result<(), Fault> {
    for (member, unit) in [
        ("margin", "dB"),
        ("batteryLevel", "%"),
        ("externalPowerSource", ""),
        ("batteryLevelUnavailable", ""),
    ] {
        let at = out.root(member);
        out.named(member, at, unit, time)?;
    }
    Ok(())
}

fn uplink(out: &mut Output<'_, '_>, time: RawTime) -> Result<Option<u64>, Fault> {
    let object = out.object_at(0, "object");
    if let Some(object) = object {
        payload(out, object, time)?;
    }
    let gateways = out.root("rxInfo");
    let best = radio(out, gateways, time)?;
    if let Some(best) = best {
        out.attribute_at(best, "gatewayId", "gateway");
    }
    if object.is_none() {
        let (bytes, port) = (out.root("data"), out.root("fPort"));
        let remedy = "give the device profile a codec";
        not_decoded(out, bytes, port, remedy)?;
    }
    let frames = out.root("fCnt");
    Ok(count(out, frames))
}
