//! Codec `esphome`: <https://esphome.io/components/mqtt.html>.
//!
//! ```text
//! node/sensor/power_factor/state   0.98
//! node/light/main/state            {"state": "ON", "brightness": 255}
//! node/status                      offline
//! ```

use crate::fault::Fault;
use crate::output::{Choice, Flattening, Output, Policy, Switches, unknown_form};
use crate::raw::RawTime;
use crate::span::Span;
use crate::tape::Token;

const POLICY: Policy = Policy {
    numbers: true,
    quantities: false,
    absent: true,
    switches: Switches::Any,
};

/// The level above the object id.
const COMPONENTS: [&str; 22] = [
    "alarm_control_panel",
    "binary_sensor",
    "button",
    "climate",
    "cover",
    "date",
    "datetime",
    "event",
    "fan",
    "light",
    "lock",
    "media_player",
    "number",
    "select",
    "sensor",
    "switch",
    "text",
    "text_sensor",
    "time",
    "update",
    "valve",
    "water_heater",
];

pub(super) fn decode(out: &mut Output<'_, '_>) -> Result<(), Fault> {
    let topic = out.facts.topic;
    let last = out.facts.last_level();
    let Some(above) = topic.strip_suffix("/state") else {
        let above = topic.rsplit_once('/').map_or("", |(above, _)| above);
        match last {
            "status" => return presence(out, above),
            "command" => out.without_readings("command"),
            "debug" => out.without_readings("log"),
            _ => out.without_readings("other"),
        }
        return Ok(());
    };
    let levels = || above.split('/').enumerate();
    let component = levels()
        .skip(1)
        .find(|(_, level)| COMPONENTS.contains(level));
    let at = component.map_or(1, |(at, _)| at);
    let (mut node, mut object) = ("", "");
    let mut slashes = above.match_indices('/').map(|(at, _)| at);
    if let Some(before) = slashes.nth(at - 1) {
        node = &above[..before];
        object = slashes.next().map_or("", |behind| &above[behind + 1..]);
    }
    let name = out.facts.device.unwrap_or(node);
    let device = out.device(name);
    let sensor = out.facts.sensor.unwrap_or(object);
    let start = out.scratch.unescaped.len();
    for character in sensor.chars() {
        let joined = if character == '/' { '.' } else { character };
        out.scratch.unescaped.push(joined);
    }
    let sensor = out.scratch.since(start);
    match out.token(0) {
        Token::Object => {
            let mut choose = |_: &Output<'_, '_>, _: usize, _: Span| Choice::Reading("");
            let how = &mut Flattening {
                time: RawTime::Missing,
                policy: POLICY,
                choose: &mut choose,
            };
            out.flatten(0, sensor, how)?;
        }
        Token::Array => return Err(unknown_form("the payload is an array")),
        _ => out.reading(sensor, 0, "", RawTime::Missing, POLICY)?,
    }
    out.event(device, 0);
    Ok(())
}

fn presence(out: &mut Output<'_, '_>, node: &str) -> Result<(), Fault> {
    let state = match out.token(0) {
        Token::Text(text) => out.str(text),
        _ => "",
    };
    let is_online = match state {
        "online" => true,
        "offline" => false,
        _ => {
            return Err(unknown_form(
                "the status is neither \"online\" nor \"offline\"",
            ));
        }
    };
    let name = out.facts.device.unwrap_or(node);
    let device = out.device(name);
    out.presence(is_online)?;
    out.event(device, 0);
    Ok(())
}
