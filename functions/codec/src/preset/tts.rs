//! Codec `tts`: The Things Stack v3
//! (<https://www.thethingsindustries.com/docs/the-things-stack/concepts/data-formats/>).
//!
//! The time is the network server's, `uplink_message.received_at`: gateways without GPS
//! run freely, and the application server's is later. The documentation says that empty
//! fields are left out: no `f_cnt` is 0.

use crate::fault::Fault;
use crate::moment::nanos_of_text;
use crate::output::{Output, unknown_form};
use crate::preset::lorawan::{count, not_decoded, payload, position, radio};
use crate::raw::{EventMark, RawTime};

/// Member that says what the message is, and the name of a kind without readings.
const KINDS: [(&str, &str); 9] = [
    ("join_accept", "join"),
    ("downlink_ack", "downlink"),
    ("downlink_nack", "downlink"),
    ("downlink_sent", "downlink"),
    ("downlink_failed", "downlink"),
    ("downlink_queued", "downlink"),
    ("downlink_queue_invalidated", "downlink"),
    ("service_data", "service"),
    ("downlinks", "downlink"),
];

pub(super) fn decode(out: &mut Output<'_, '_>) -> Result<(), Fault> {
    if let Some(("downlinks", kind)) = KINDS.last()
        && out.root("downlinks").is_some()
    {
        out.without_readings(kind);
        return Ok(());
    }
    let Some(ids) = out.object_at(0, "end_device_ids") else {
        return Err(unknown_form("the payload has no \"end_device_ids\""));
    };
    let Some(name) = out.text_at(ids, "device_id") else {
        return Err(unknown_form("\"end_device_ids\" has no \"device_id\""));
    };
    out.check_device(name)?;
    let device = out.device_of(name);
    describe(out, ids);
    let mut sequence = None;
    if let Some(uplink) = out.object_at(0, "uplink_message") {
        sequence = self::uplink(out, uplink)?;
    } else if let Some(solved) = out.object_at(0, "location_solved") {
        let time = time(out, solved);
        if let Some(at) = out.object_at(solved, "location") {
            position(out, at, time)?;
        }
    } else {
        let kind = KINDS.iter().find(|(member, _)| out.root(member).is_some());
        out.without_readings(kind.map_or("other", |(_, kind)| kind));
    }
    let is_simulated = out.is_true(0, "simulated");
    let event = out.event(device, 0);
    event.sequence = sequence;
    if is_simulated {
        event.mark = EventMark::Simulated;
    }
    Ok(())
}

fn describe(out: &mut Output<'_, '_>, ids: usize) {
    out.attribute_at(ids, "dev_eui", "dev_eui");
    if let Some(application) = out.object_at(ids, "application_ids") {
        out.attribute_at(application, "application_id", "application");
    }
}

/// That of the member, or of the message.
fn time(out: &Output<'_, '_>, at: usize) -> RawTime {
    let text = out.text_at(at, "received_at");
    let text = text.or_else(|| out.text_at(0, "received_at"));
    let nanos = text.and_then(|text| nanos_of_text(out.str(text)));
    nanos.map_or(RawTime::Missing, RawTime::Nanos)
}

fn uplink(out: &mut Output<'_, '_>, at: usize) -> Result<Option<u64>, Fault> {
    let time = time(out, at);
    let decoded = out.object_at(at, "decoded_payload");
    if let Some(decoded) = decoded {
        payload(out, decoded, time)?;
    }
    let gateways = out.find(at, "rx_metadata");
    let best = radio(out, gateways, time)?;
    if let Some(ids) = best.and_then(|best| out.object_at(best, "gateway_ids")) {
        out.attribute_at(ids, "gateway_id", "gateway");
    }
    if let Some(version) = out.object_at(at, "version_ids") {
        out.attribute_at(version, "brand_id", "brand");
        out.attribute_at(version, "model_id", "model");
        out.attribute_at(version, "firmware_version", "firmware");
    }
    if decoded.is_none() {
        let bytes = out.find(at, "frm_payload");
        let port = out.find(at, "f_port");
        let remedy = "give the application a payload formatter";
        not_decoded(out, bytes, port, remedy)?;
    }
    let frames = out.find(at, "f_cnt");
    Ok(count(out, frames))
}
