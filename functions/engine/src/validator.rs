//! Validation: what a reading must be before anything remembers it. What passes
//! here cannot fail later, except for want of room.

use weir_codec::{Fault, Quoted, RawTime};
use weir_config::Limits;
use weir_model::{
    Flags, QuarantineReason as Reason, Timestamp, check_device, check_label, check_sensor,
};

/// The time of a reading and the flags that come from it. `own` is the
/// reading's, `shared` its event's; without either it is when Weir received it.
pub(crate) fn time(
    own: RawTime,
    shared: RawTime,
    received: Timestamp,
    limits: &Limits,
) -> Result<(Timestamp, Flags), Fault> {
    let raw = if own == RawTime::Missing { shared } else { own };
    let (time, flags) = match raw {
        RawTime::Missing => (received, Flags::TIME_RECEIVED),
        RawTime::Millis(millis) => (
            Timestamp::from_millis(millis).ok_or_else(|| out_of_range(millis))?,
            Flags::default(),
        ),
        RawTime::Nanos(nanos) => (Timestamp(nanos), Flags::default()),
        RawTime::Invalid => {
            let detail = "\"timestamp\" is not a whole number of milliseconds in 64 bits";
            return Err(Fault::new(Reason::InvalidTime, detail.to_owned()));
        }
    };
    let max_ahead = i64::try_from(limits.max_ahead.as_nanos()).unwrap_or(i64::MAX);
    if time.0 < limits.min_time_ns {
        return Err(too_old(time, limits));
    }
    if time > received.saturating_add_nanos(max_ahead) {
        let detail = format!("the time {time} is too far ahead of {received}, when it came");
        return Err(Fault::new(Reason::TimeInFuture, detail));
    }
    Ok((time, flags))
}

#[cold]
fn out_of_range(millis: i64) -> Fault {
    let detail = format!(
        "\"timestamp\" {millis} is beyond the year 2262 or before 1677: are these milliseconds?"
    );
    Fault::new(Reason::InvalidTime, detail)
}

#[cold]
fn too_old(time: Timestamp, limits: &Limits) -> Fault {
    let earliest = Timestamp(limits.min_time_ns);
    let detail = format!("the time {time} is before {earliest}: are these milliseconds?");
    Fault::new(Reason::TimeTooOld, detail)
}

/// The device that a message is of, by its topic and by its payload:
/// where both do, they must agree.
pub(crate) fn device<'a>(
    topic: Option<&'a str>,
    payload: Option<&'a str>,
) -> Result<&'a str, Fault> {
    match (topic, payload) {
        (Some(topic), Some(payload)) if topic != payload => {
            check(topic)?;
            check(payload)?;
            let (payload, topic) = (Quoted(payload), Quoted(topic));
            let detail = format!("\"deviceId\" is {payload}, but the topic says {topic}");
            Err(Fault::new(Reason::DeviceMismatch, detail))
        }
        (Some(device), _) | (None, Some(device)) => Ok(device),
        (None, None) => {
            let detail = "neither the topic nor the payload names a device".to_owned();
            Err(Fault::new(Reason::MissingDevice, detail))
        }
    }
}

/// Whether a device that is not known yet may become known.
pub(crate) fn check(device: &str) -> Result<(), Fault> {
    check_device(device).map_err(|why| {
        let detail = format!("the device id {} is not well formed: {why}", Quoted(device));
        Fault::new(Reason::InvalidDevice, detail)
    })
}

pub(crate) fn sensor(sensor: &str) -> Result<(), Fault> {
    check_sensor(sensor).map_err(|why| invalid_label("sensor id", sensor, &why))
}

pub(crate) fn unit(unit: &str) -> Result<(), Fault> {
    check_label(unit).map_err(|why| invalid_label("unit", unit, &why))
}

pub(crate) fn location(location: &str) -> Result<(), Fault> {
    check_label(location).map_err(|why| invalid_label("location", location, &why))
}

#[cold]
fn invalid_label(what: &str, text: &str, why: &dyn std::fmt::Display) -> Fault {
    let detail = format!("the {what} {} is not well formed: {why}", Quoted(text));
    Fault::new(Reason::InvalidLabel, detail)
}
