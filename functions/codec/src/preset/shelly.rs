//! Codec `shelly`, devices of generation 2 and later:
//! <https://shelly-api-docs.shelly.cloud/gen2/General/Notifications>. Those of the
//! first have `shellies/` in front: `shelly_gen1.rs`.
//!
//! ```text
//! PREFIX/events/rpc        {"src": "…", "method": "NotifyStatus", "params": {"ts": …, "switch:0": {…}}}
//! PREFIX/status/switch:0   {"id": 0, "output": true, "apower": 11.5}
//! PREFIX/online            true
//! ```
//!
//! The prefix, which may have several levels, names the device: `src` is the same only
//! until somebody changes the prefix.

use crate::fault::Fault;
use crate::moment::{nanos_of_decimal, of_set_clock};
use crate::output::{Choice, Flattening, Output, Policy, Switches, switch, unknown_form};
use crate::preset::shelly_gen1;
use crate::raw::RawTime;
use crate::span::Span;
use crate::tape::Token;

pub(super) fn decode(out: &mut Output<'_, '_>) -> Result<(), Fault> {
    let topic = out.facts.topic;
    if topic.starts_with("shellies/") {
        return shelly_gen1::decode(out);
    }
    if let Some(prefix) = topic.strip_suffix("/events/rpc") {
        return notification(out, prefix);
    }
    if let Some(prefix) = topic.strip_suffix("/online") {
        let device = device(out, prefix);
        return presence(out, device);
    }
    if let Some((prefix, component)) = topic.rsplit_once("/status/") {
        let device = device(out, prefix);
        let component = out.copy(component);
        if out.token(0) != Token::Object {
            return Err(unknown_form("the status is no object"));
        }
        members(out, 0, component, RawTime::Missing)?;
        out.event(device, 0);
        return Ok(());
    }
    let is_command = topic.ends_with("/rpc") || topic.contains("/command");
    out.without_readings(if is_command { "command" } else { "other" });
    Ok(())
}

fn device(out: &mut Output<'_, '_>, prefix: &str) -> Span {
    let name = out.facts.device.unwrap_or(prefix);
    out.device(name)
}

/// `true` or `false`.
pub(super) fn presence(out: &mut Output<'_, '_>, device: Span) -> Result<(), Fault> {
    let Token::Text(text) = out.token(0) else {
        return Err(unknown_form(
            "the payload is neither \"true\" nor \"false\"",
        ));
    };
    let Some(is_online) = switch(out.str(text), Switches::Any) else {
        return Err(unknown_form(
            "the payload is neither \"true\" nor \"false\"",
        ));
    };
    out.presence(is_online)?;
    out.event(device, 0);
    Ok(())
}

fn notification(out: &mut Output<'_, '_>, prefix: &str) -> Result<(), Fault> {
    let device = device(out, prefix);
    if let Some(source) = out.text_at(0, "src")
        && out.str(source) != prefix
    {
        out.attribute("id", source);
    }
    let method = out.text_at(0, "method").map(|text| out.str(text));
    let is_event = match method {
        Some("NotifyStatus" | "NotifyFullStatus") => false,
        Some("NotifyEvent") => true,
        _ => {
            out.without_readings("rpc");
            out.event(device, 0);
            return Ok(());
        }
    };
    let Some(params) = out.object_at(0, "params") else {
        return Err(unknown_form("the notification has no \"params\""));
    };
    let time = time(out, params);
    if is_event {
        events(out, params, time)?;
    } else {
        members(out, params, Span::NONE, time)?;
    }
    out.event(device, 0);
    Ok(())
}

/// `ts`, in seconds.
fn time(out: &Output<'_, '_>, at: usize) -> RawTime {
    match out.find(at, "ts").map(|at| out.token(at)) {
        Some(Token::Decimal(number)) => of_set_clock(nanos_of_decimal(number, out.text)),
        _ => RawTime::Missing,
    }
}

/// Each event of a component: `input:0.event`.
fn events(out: &mut Output<'_, '_>, params: usize, shared: RawTime) -> Result<(), Fault> {
    let Some(events) = out.find(params, "events") else {
        return Ok(());
    };
    for at in out.children(events) {
        let (Some(component), Some(event)) = (out.text_at(at, "component"), out.find(at, "event"))
        else {
            continue;
        };
        let own = time(out, at);
        let time = if own == RawTime::Missing { shared } else { own };
        let key = out.key(event);
        if let Some(sensor) = out.joined(component, key) {
            out.reading(sensor, event, "", time, Policy::PLAIN)?;
        }
    }
    Ok(())
}

fn members(out: &mut Output<'_, '_>, at: usize, name: Span, time: RawTime) -> Result<(), Fault> {
    let mut choose = |out: &Output<'_, '_>, _: usize, name: Span| choice(out.str(name));
    let how = &mut Flattening {
        time,
        policy: Policy::PLAIN,
        choose: &mut choose,
    };
    out.flatten(at, name, how)
}

fn choice(name: &str) -> Choice {
    let key = name.rsplit('.').next().unwrap_or(name);
    if key.ends_with("_rev") || key.ends_with("_ts") {
        return Choice::Nothing;
    }
    match key {
        "id" | "source" | "tag" | "tF" | "by_minute" | "ts" | "time" | "unixtime" | "ram_size"
        | "fs_size" | "available_updates" | "status" | "utc_offset" => Choice::Nothing,
        "mac" | "sta_ip" | "ssid" | "bssid" | "ip" => Choice::Attribute,
        _ => Choice::Reading(unit(name, key)),
    }
}

fn unit(name: &str, key: &str) -> &'static str {
    let phase = ["a_", "b_", "c_", "n_"];
    let key = phase
        .iter()
        .find_map(|p| key.strip_prefix(p))
        .unwrap_or(key);
    match key {
        "apower" | "act_power" | "total_act_power" => "W",
        "aprtpower" | "aprt_power" | "total_aprt_power" => "V.A",
        "voltage" | "V" | "xvoltage" => "V",
        "current" | "total_current" => "A",
        "freq" => "Hz",
        "total" if name.ends_with("aenergy.total") => "W.h",
        "total_act_energy"
        | "total_act_ret_energy"
        | "total_act"
        | "total_act_ret"
        | "fundamental_act_energy" => "W.h",
        "tC" => "Cel",
        "rh" | "percent" | "brightness" | "current_pos" | "target_pos" => "%",
        "on_time" | "uptime" | "timer_duration" => "s",
        "rssi" => "dBm",
        "lux" => "lx",
        _ => "",
    }
}
