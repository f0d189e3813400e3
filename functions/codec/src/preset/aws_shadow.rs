//! Codec `aws-shadow`: device shadows of AWS IoT
//! (<https://docs.aws.amazon.com/iot/latest/developerguide/device-shadow-document.html>).
//!
//! What is reported are readings, each with the time of its member in `metadata`. What
//! is desired is none.

use crate::fault::Fault;
use crate::moment::nanos_of_seconds;
use crate::output::{Choice, Flattening, Output, Policy, unknown_form};
use crate::raw::RawTime;
use crate::span::Span;
use crate::tape::Token;

pub(super) fn decode(out: &mut Output<'_, '_>) -> Result<(), Fault> {
    let topic = out.facts.topic;
    let thing = match out.facts.device {
        Some(device) => device,
        None => {
            let below = topic.strip_prefix("$aws/things/");
            let thing = below.and_then(|below| below.split('/').next());
            thing.ok_or_else(|| unknown_form("the topic names no thing"))?
        }
    };
    let device = out.device(thing);
    let document = match out.facts.last_level() {
        "documents" => out.object_at(0, "current"),
        "accepted" if !topic.contains("/delete/") => Some(0),
        other => {
            let kinds = ["delta", "rejected", "get", "update", "delete"];
            let known = kinds.iter().find(|known| **known == other);
            out.without_readings(known.unwrap_or(&"other"));
            out.event(device, 0);
            return Ok(());
        }
    };
    let Some(document) = document else {
        return Err(unknown_form("the document has no \"current\""));
    };
    let state = out.object_at(document, "state");
    let reported = state.and_then(|state| out.object_at(state, "reported"));
    let Some(reported) = reported else {
        out.without_readings("desired");
        out.event(device, 0);
        return Ok(());
    };
    let metadata = out.object_at(document, "metadata");
    let metadata = metadata.and_then(|metadata| out.object_at(metadata, "reported"));
    let seconds = out.root("timestamp").map(|at| out.token(at));
    let time = match seconds {
        Some(Token::Decimal(number)) => number.to_i64(out.text).and_then(nanos_of_seconds),
        _ => None,
    };
    let mut choose = |_: &Output<'_, '_>, _: usize, _: Span| Choice::Reading("");
    let how = &mut Flattening {
        time: time.map_or(RawTime::Missing, RawTime::Nanos),
        policy: Policy::PLAIN,
        choose: &mut choose,
    };
    out.flatten_with_times(reported, metadata, how)?;
    out.event(device, 0);
    Ok(())
}
