//! Codec `owntracks`: <https://owntracks.org/booklet/tech/json/>.
//!
//! The device is `user:device`. `tst` is when the position was found; that of a will is
//! when the app connected, so the loss has the time of receipt.

use weir_model::QuarantineReason as Reason;

use crate::fault::Fault;
use crate::moment::nanos_of_decimal;
use crate::output::{Output, unknown_form};
use crate::raw::RawTime;
use crate::span::Span;
use crate::tape::Token;

/// Member, sensor, unit.
const MEMBERS: [(&str, &str, &str); 11] = [
    ("acc", "accuracy", "m"),
    ("alt", "altitude", "m"),
    ("batt", "battery", "%"),
    ("bs", "battery_status", ""),
    ("lat", "latitude", "deg"),
    ("lon", "longitude", "deg"),
    ("vac", "vertical_accuracy", "m"),
    ("vel", "velocity", "km/h"),
    ("cog", "course", "deg"),
    ("p", "pressure", "kPa"),
    ("steps", "steps", ""),
];

/// Types of messages that hold no reading.
const OTHER_TYPES: [&str; 11] = [
    "beacon",
    "card",
    "cmd",
    "configuration",
    "dump",
    "request",
    "status",
    "tour",
    "tours",
    "waypoint",
    "waypoints",
];

pub(super) fn decode(out: &mut Output<'_, '_>) -> Result<(), Fault> {
    let device = device(out);
    let Some(kind) = out.text_at(0, "_type") else {
        return Err(unknown_form("the payload has no \"_type\""));
    };
    match out.str(kind) {
        "location" | "transition" | "steps" => fix(out)?,
        "lwt" => out.presence(false)?,
        "encrypted" => {
            let detail = "the payload is encrypted: Weir has no key".to_owned();
            return Err(Fault::new(Reason::Encrypted, detail));
        }
        other => {
            let known = OTHER_TYPES.iter().find(|known| **known == other);
            out.without_readings(known.unwrap_or(&"other"));
        }
    }
    out.event(device, 0);
    Ok(())
}

/// The two levels below the base: `owntracks/{user}/{device}`.
fn device(out: &mut Output<'_, '_>) -> Span {
    if let Some(device) = out.facts.device {
        return out.device(device);
    }
    let (_, below) = out.facts.below_base();
    let end = below
        .match_indices('/')
        .nth(1)
        .map_or(below.len(), |(at, _)| at);
    out.device(&below[..end])
}

fn fix(out: &mut Output<'_, '_>) -> Result<(), Fault> {
    let time = match out.root("tst").map(|at| out.token(at)) {
        Some(Token::Decimal(number)) => {
            nanos_of_decimal(number, out.text).map_or(RawTime::Invalid, RawTime::Nanos)
        }
        _ => RawTime::Missing,
    };
    for (member, sensor, unit) in MEMBERS {
        let at = out.root(member);
        out.named(sensor, at, unit, time)?;
    }
    let event = out.root("event");
    out.named("event", event, "", time)?;
    if event.is_some() {
        let region = out.root("desc");
        out.named("region", region, "", time)?;
    }
    for (member, name) in [
        ("tid", "tid"),
        ("conn", "connection"),
        ("SSID", "ssid"),
        ("BSSID", "bssid"),
    ] {
        out.attribute_at(0, member, name);
    }
    Ok(())
}
