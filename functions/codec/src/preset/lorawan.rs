//! What the network servers of LoRaWAN share: the radio of an uplink, decoded payloads,
//! and uplinks that nobody decoded.

use weir_model::QuarantineReason as Reason;

use crate::fault::Fault;
use crate::output::{Choice, Flattening, Output, Policy, Switches};
use crate::raw::RawTime;
use crate::span::Span;
use crate::tape::Token;

/// Decoders of payloads write numbers and quantities as text.
const POLICY: Policy = Policy {
    numbers: true,
    quantities: true,
    absent: false,
    switches: Switches::None,
};

/// The object that a decoder made of the payload.
pub(super) fn payload(out: &mut Output<'_, '_>, at: usize, time: RawTime) -> Result<(), Fault> {
    let mut choose = |_: &Output<'_, '_>, _: usize, _: Span| Choice::Reading("");
    let how = &mut Flattening {
        time,
        policy: POLICY,
        choose: &mut choose,
    };
    if out.token(at) != Token::Object {
        return out.named("payload", Some(at), "", time);
    }
    out.flatten(at, Span::NONE, how)
}

/// `radio.*` of the gateway with the best signal; returns the node of that gateway.
pub(super) fn radio(
    out: &mut Output<'_, '_>,
    gateways: Option<usize>,
    time: RawTime,
) -> Result<Option<usize>, Fault> {
    let Some(gateways) = gateways.filter(|at| out.token(*at) == Token::Array) else {
        return Ok(None);
    };
    let mut best: Option<(usize, f64)> = None;
    let mut count = 0.0;
    for at in out.children(gateways) {
        count += 1.0;
        let rssi = rssi(out, at).and_then(|rssi| out.double(out.token(rssi)).ok());
        let rssi = rssi.unwrap_or(f64::NEG_INFINITY);
        if best.is_none_or(|(_, other)| rssi > other) {
            best = Some((at, rssi));
        }
    }
    let Some((best, _)) = best else {
        return Ok(None);
    };
    let rssi = rssi(out, best);
    out.named("radio.rssi", rssi, "dBm", time)?;
    let snr = out.find(best, "snr");
    out.named("radio.snr", snr, "dB", time)?;
    out.number("radio.gateways", count, "", time)?;
    Ok(Some(best))
}

fn rssi(out: &Output<'_, '_>, at: usize) -> Option<usize> {
    out.find(at, "rssi")
        .or_else(|| out.find(at, "channel_rssi"))
}

/// Position readings of an object with `latitude` and `longitude`.
pub(super) fn position(out: &mut Output<'_, '_>, at: usize, time: RawTime) -> Result<(), Fault> {
    for (member, unit) in [
        ("latitude", "deg"),
        ("longitude", "deg"),
        ("altitude", "m"),
        ("accuracy", "m"),
    ] {
        let found = out.find(at, member);
        out.named(member, found, unit, time)?;
    }
    Ok(())
}

/// An uplink with a payload that nobody decoded: port 0 and no bytes are none.
pub(super) fn not_decoded(
    out: &mut Output<'_, '_>,
    payload: Option<usize>,
    port: Option<usize>,
    remedy: &str,
) -> Result<(), Fault> {
    let count = match payload.map(|at| out.token(at)) {
        // Base64.
        Some(Token::Text(text)) => out.str(text).trim_end_matches('=').len() * 3 / 4,
        Some(Token::Opaque(count)) => count as usize,
        _ => 0,
    };
    if count == 0 {
        return Ok(());
    }
    let port = port.and_then(|at| match out.token(at) {
        Token::Decimal(number) => number.to_i64(out.text),
        Token::Integer { magnitude, .. } => i64::try_from(magnitude).ok(),
        _ => None,
    });
    let port = port.unwrap_or(0);
    if port == 0 {
        return Ok(());
    }
    let detail = format!("{count} bytes on port {port} that nobody decoded: {remedy}");
    out.refuse(Span::NONE, Reason::NotDecoded, detail)
}

/// A count that is left out when it is 0.
pub(super) fn count(out: &Output<'_, '_>, at: Option<usize>) -> Option<u64> {
    let Some(at) = at else {
        return Some(0);
    };
    match out.token(at) {
        Token::Decimal(number) => u64::try_from(number.to_i64(out.text)?).ok(),
        Token::Integer { magnitude, .. } => Some(magnitude),
        _ => Some(0),
    }
}
