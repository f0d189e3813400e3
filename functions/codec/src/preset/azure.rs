//! Codec `azure`: messages of devices to Azure IoT Hub, routed messages, and exports of
//! IoT Central
//! (<https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-messages-construct>).
//!
//! ```text
//! devices/p1/messages/events/iothub-creation-time-utc=2023-…   {"temperature": 93.5}
//! {"SystemProperties": {"connectionDeviceId": "p1"}, "Body": {…}, "EnqueuedTimeUtc": "…"}
//! {"deviceId": "p1", "telemetry": {…}, "enqueuedTime": "…"}
//! ```

use weir_model::QuarantineReason as Reason;

use crate::fault::Fault;
use crate::moment::nanos_of_text;
use crate::output::{Choice, Flattening, Output, Policy, unknown_form};
use crate::raw::RawTime;
use crate::span::Span;
use crate::tape::Token;

const CREATED: &str = "iothub-creation-time-utc";

pub(super) fn decode(out: &mut Output<'_, '_>) -> Result<(), Fault> {
    if let Some(body) = out.root("Body")
        && out.object_at(0, "SystemProperties").is_some()
    {
        return routed(out, body);
    }
    if out.text_at(0, "messageSource").is_some() && out.text_at(0, "deviceId").is_some() {
        return central(out);
    }
    let topic = out.facts.topic;
    let events = topic
        .split_once("/messages/events/")
        .map_or("", |(_, bag)| bag);
    let device = match (out.facts.device, topic.strip_prefix("devices/")) {
        (Some(device), _) => out.device(device),
        (None, Some(below)) => out.device(below.split('/').next().unwrap_or(below)),
        (None, None) => Span::NONE,
    };
    let time = property(out, events);
    body(out, 0, device, time)
}

/// The time in a bag of properties: `name=value&…`, percent-encoded.
fn property(out: &mut Output<'_, '_>, bag: &str) -> RawTime {
    let bag = bag.split('/').next_back().unwrap_or(bag);
    let mut pairs = bag.split('&').filter_map(|pair| pair.split_once('='));
    let Some((_, value)) = pairs.find(|(name, _)| *name == CREATED) else {
        return RawTime::Missing;
    };
    let start = out.scratch.unescaped.len();
    let mut rest = value;
    while let Some(character) = rest.chars().next() {
        let code = rest
            .get(1..3)
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (character, code) {
            ('%', Some(code)) if code.is_ascii() => {
                out.scratch.unescaped.push(char::from(code));
                rest = &rest[3..];
            }
            _ => {
                out.scratch.unescaped.push(character);
                rest = &rest[character.len_utf8()..];
            }
        }
    }
    let nanos = nanos_of_text(&out.scratch.unescaped[start..]);
    out.scratch.unescaped.truncate(start);
    nanos.map_or(RawTime::Invalid, RawTime::Nanos)
}

/// The first of these members that is a time.
fn time(out: &Output<'_, '_>, members: &[(Option<usize>, &str)]) -> RawTime {
    let nanos = members.iter().find_map(|(at, name)| {
        let text = out.text_at((*at)?, name)?;
        nanos_of_text(out.str(text))
    });
    nanos.map_or(RawTime::Missing, RawTime::Nanos)
}

fn routed(out: &mut Output<'_, '_>, at: usize) -> Result<(), Fault> {
    let system = out.object_at(0, "SystemProperties");
    let names = ["connectionDeviceId", "iothub-connection-device-id"];
    let name = system.and_then(|system| names.iter().find_map(|name| out.text_at(system, name)));
    let Some(name) = name else {
        return Err(unknown_form("\"SystemProperties\" names no device"));
    };
    out.check_device(name)?;
    let device = out.device_of(name);
    let properties = out.object_at(0, "Properties");
    let time = time(
        out,
        &[
            (properties, CREATED),
            (system, CREATED),
            (system, "creationTimeUtc"),
            (Some(0), "EnqueuedTimeUtc"),
            (system, "enqueuedTime"),
            (system, "iothub-enqueuedtime"),
        ],
    );
    body(out, at, device, time)
}

fn central(out: &mut Output<'_, '_>) -> Result<(), Fault> {
    let Some(name) = out.text_at(0, "deviceId") else {
        return Err(unknown_form("the payload has no \"deviceId\""));
    };
    out.check_device(name)?;
    let device = out.device_of(name);
    let time = time(out, &[(Some(0), "enqueuedTime")]);
    match out.object_at(0, "telemetry") {
        Some(at) => body(out, at, device, time),
        None => {
            out.without_readings("other");
            out.event(device, 0);
            Ok(())
        }
    }
}

/// One object, or an array of them: each is an event.
fn body(out: &mut Output<'_, '_>, at: usize, device: Span, time: RawTime) -> Result<(), Fault> {
    match out.token(at) {
        Token::Object => object(out, at, device, time),
        Token::Array => {
            for at in out.children(at) {
                object(out, at, device, time)?;
            }
            Ok(())
        }
        _ => {
            let detail = "the body is no JSON: set its content type to application/json";
            let first = out.readings.len();
            out.refuse(Span::NONE, Reason::NotDecoded, detail.to_owned())?;
            out.event(device, first);
            Ok(())
        }
    }
}

fn object(out: &mut Output<'_, '_>, at: usize, device: Span, time: RawTime) -> Result<(), Fault> {
    let first = out.readings.len();
    if out.token(at) == Token::Object {
        let mut choose = |_: &Output<'_, '_>, _: usize, _: Span| Choice::Reading("");
        let how = &mut Flattening {
            time,
            policy: Policy::PLAIN,
            choose: &mut choose,
        };
        out.flatten(at, Span::NONE, how)?;
    } else {
        let detail = format!(
            "an element is {}, not an object",
            out.token(at).with_article()
        );
        out.refuse(Span::NONE, Reason::UnknownForm, detail)?;
    }
    out.event(device, first);
    Ok(())
}
