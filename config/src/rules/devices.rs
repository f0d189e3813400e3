//! The kinds that look at a whole device.

use std::time::Duration;

use toml::de::DeValue;
use weir_model::{Severity, check_device, check_sensor};

use super::checks::severity;
use super::detectors::scores;
use crate::range::{count, duration, label};
use crate::reader::{Raw, Section, kind, shorten};
use crate::{Absence, Derived, Expression, Multivariate};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// Devices of one `expect`.
const MAX_EXPECTED: usize = 10_000;

pub(super) fn absence(section: &mut Section<'_, '_>) -> Absence {
    if section.has("location") {
        section.note(
            "location",
            "absence goes by device and sensor: a place does not say who should be there",
        );
    }
    if section.has("factor") && section.has("after") {
        section.note("factor", "has no effect beside after: nothing is learnt");
    }
    if section.has("expect") && section.has("sensor") {
        section.note(
            "expect",
            "names devices, and with a sensor it is series that are watched: leave one of them out",
        );
    }
    Absence {
        after: section.optional("after", duration(SECOND..=YEAR)),
        factor: section.value("factor", 3.0, |raw| {
            let factor = raw.number()?;
            match (1.0..=100.0).contains(&factor) {
                true => Ok(factor),
                false => Err(format!("must be 1 to 100, not {factor}")),
            }
        }),
        expect: section.value("expect", Vec::new(), expected),
        gateway: section.optional("gateway", label(256)),
        severity: section.value("severity", Severity::Warning, severity),
    }
}

pub(super) fn derived(section: &mut Section<'_, '_>) -> Derived {
    for key in ["sensor", "location"] {
        if section.has(key) {
            let reason = "a derived sensor goes by device: its inputs stand in the expression";
            section.note(key, reason);
        }
    }
    let expression = section.required("expression", |raw| Expression::new(raw.text()?));
    let output = section.required("output", sensor);
    let expression =
        expression.unwrap_or_else(|| Expression::new("x").expect("a name is an expression"));
    let output = output.unwrap_or_default();
    if expression.inputs().contains(&output) {
        section.note("output", "is one of the inputs: it would feed itself");
    }
    Derived {
        expression,
        output,
        unit: section.optional("unit", label(64)),
        max_age: section.value("max_age", 10 * MINUTE, duration(SECOND..=YEAR)),
        severity: section.optional("severity", severity),
    }
}

pub(super) fn multivariate(section: &mut Section<'_, '_>) -> Multivariate {
    for key in ["sensor", "location"] {
        if section.has(key) {
            section.note(key, "it goes by device: name its sensors in sensors");
        }
    }
    let sensors = section.required("sensors", sensors).unwrap_or_default();
    let output = section.required("output", sensor).unwrap_or_default();
    if sensors.contains(&output) {
        section.note("output", "is one of the sensors: it would feed itself");
    }
    Multivariate {
        sensors,
        output,
        warmup: section.value("warmup", 200, count(20..=1_000_000)),
        explained: section.value("explained", 0.9, |raw| {
            let part = raw.number()?;
            match (0.5..=0.999).contains(&part) {
                true => Ok(part),
                false => Err(format!("must be 0.5 to 0.999, not {part}")),
            }
        }),
        max_age: section.value("max_age", 10 * MINUTE, duration(SECOND..=YEAR)),
        scores: scores(section, 3.0),
    }
}

fn sensors(raw: Raw<'_>) -> Result<Vec<String>, String> {
    let Raw::File(DeValue::Array(list)) = raw else {
        return Err("must be a list of 2 to 8 sensors".to_owned());
    };
    let mut sensors: Vec<String> = Vec::new();
    for value in list.iter() {
        let name = sensor(Raw::File(value.get_ref()))?;
        if sensors.contains(&name) {
            return Err(format!("names {name:?} twice"));
        }
        sensors.push(name);
    }
    match sensors.len() {
        2..=8 => Ok(sensors),
        found => Err(format!("must name 2 to 8 sensors, not {found}")),
    }
}

fn sensor(raw: Raw<'_>) -> Result<String, String> {
    let name = raw.text()?;
    match check_sensor(name) {
        Ok(()) => Ok(name.to_owned()),
        Err(why) => Err(format!("{:?} is no sensor id: {why}", shorten(name))),
    }
}

fn expected(raw: Raw<'_>) -> Result<Vec<String>, String> {
    let Raw::File(DeValue::Array(list)) = raw else {
        return Err("must be a list of device ids, like [\"pump-1\", \"pump-2\"]".to_owned());
    };
    if list.len() > MAX_EXPECTED {
        return Err(format!(
            "has {} devices, more than {MAX_EXPECTED}",
            list.len()
        ));
    }
    let mut devices: Vec<String> = Vec::new();
    for value in list.iter() {
        let DeValue::String(device) = value.get_ref() else {
            return Err(format!("holds texts, not {}", kind(value.get_ref())));
        };
        if let Err(why) = check_device(device) {
            return Err(format!("{:?} is no device id: {why}", shorten(device)));
        }
        devices.push(device.as_ref().to_owned());
    }
    devices.sort();
    devices.dedup();
    Ok(devices)
}
