//! Codec `ble`: advertisements as OpenMQTTGateway and Theengs Gateway decode them
//! (<https://decoder.theengs.io/>).
//!
//! ```text
//! home/OpenMQTTGateway/BTtoMQTT/C6C752000001   {"id": "C6:C7:52:00:00:01", "tempc": 17.6, …}
//! ```

use crate::fault::Fault;
use crate::output::{Choice, Flattening, Output, Policy, unknown_form};
use crate::raw::RawTime;
use crate::span::Span;
use crate::tape::Token;

pub(super) fn decode(out: &mut Output<'_, '_>) -> Result<(), Fault> {
    let topic = out.facts.topic;
    if let Some(gateway) = topic.strip_suffix("/LWT") {
        let name = gateway.rsplit('/').next().unwrap_or(gateway);
        return presence(out, name);
    }
    if out.token(0) != Token::Object {
        return Err(unknown_form("the payload is no object"));
    }
    let device = match (out.facts.device, out.text_at(0, "id")) {
        (Some(device), _) => out.device(device),
        (None, Some(id)) => out.device_of(id),
        (None, None) => {
            let last = out.facts.last_level();
            out.device(last)
        }
    };
    if let Some((above, _)) = topic.split_once("/BTtoMQTT") {
        let gateway = above.rsplit('/').next().unwrap_or(above);
        let gateway = out.copy(gateway);
        out.attribute("gateway", gateway);
    }
    let mut choose = |out: &Output<'_, '_>, at: usize, name: Span| {
        let name = out.str(name);
        match (name, out.token(at)) {
            ("id" | "mac_type" | "tempf" | "tempf2_" | "mac" | "adv_type", _) => Choice::Nothing,
            (name, _) if name.contains("data") || name.contains("uuid") => Choice::Nothing,
            (_, Token::Text(_)) => Choice::Attribute,
            _ => Choice::Reading(unit(name)),
        }
    };
    let how = &mut Flattening {
        time: RawTime::Missing,
        policy: Policy::PLAIN,
        choose: &mut choose,
    };
    out.flatten(0, Span::NONE, how)?;
    out.event(device, 0);
    Ok(())
}

fn presence(out: &mut Output<'_, '_>, gateway: &str) -> Result<(), Fault> {
    let state = match out.token(0) {
        Token::Text(text) => out.str(text),
        _ => "",
    };
    let is_online = match state {
        "online" => true,
        "offline" => false,
        _ => {
            return Err(unknown_form(
                "the payload is neither \"online\" nor \"offline\"",
            ));
        }
    };
    let device = out.device(gateway);
    out.presence(is_online)?;
    out.event(device, 0);
    Ok(())
}

fn unit(name: &str) -> &'static str {
    match name {
        "rssi" | "txpower" => "dBm",
        "tempc" | "tempc1" | "tempc2" | "tempc3" | "tempc4" | "tempc5" | "tempc6" => "Cel",
        "hum" | "batt" | "moi" => "%",
        "distance" => "m",
        "volt" => "V",
        "lux" => "lx",
        "pres" => "hPa",
        "fer" => "uS/cm",
        "co2" => "[ppm]",
        "pm25" | "pm10" => "ug/m3",
        "accx" | "accy" | "accz" => "m/s2",
        "power" => "W",
        "energy" => "kW.h",
        "current" => "A",
        _ => "",
    }
}
