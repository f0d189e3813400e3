//! The kinds that evaluate a whole device.

use std::time::Duration;

use toml::de::DeValue;
use weir_model::{Severity, check_device, check_sensor};

use super::effect::{Scores, scores};
use crate::Expression;
use crate::file::raw::{Raw, Refused, kind, shorten};
use crate::file::reader::Section;
use crate::file::values::{MINUTE, SECOND, YEAR, count, duration, label, number, severity};

/// `absence`: a device, or with a `sensor` a series, that sends nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Absence {
    /// The longest silence: 1 s to 365 days. `None`: it is learned.
    pub after: Option<Duration>,
    /// The learned interval times this is the longest silence. 1 to 100.
    pub factor: f64,
    /// Devices that are expected even if they have never sent anything.
    pub expect: Vec<String>,
    /// The device through which these send; `{location}` is replaced by the
    /// device's location.
    pub gateway: Option<String>,
    pub severity: Severity,
}

/// `derived`: a sensor that is computed from other sensors of its device.
#[derive(Clone, Debug, PartialEq)]
pub struct Derived {
    pub expression: Expression,
    /// The name of the computed sensor.
    pub output: String,
    pub unit: Option<String>,
    /// An input that is older than the newest by more than this is ignored. 1 s to
    /// 365 days.
    pub max_age: Duration,
    /// Of the alarm that is open while the expression, a condition, is true.
    pub severity: Option<Severity>,
}

/// `multivariate`: whether several sensors of a device correlate as usual.
#[derive(Clone, Debug, PartialEq)]
pub struct Multivariate {
    /// 2 to 8, each once.
    pub sensors: Vec<String>,
    /// The sensor that the score is stored as.
    pub output: String,
    /// Vectors before the first score. 20 to 1,000,000.
    pub warmup: u32,
    /// The part of the variance that the pattern explains. 0.5 to 0.999.
    pub explained: f64,
    /// As [`Derived::max_age`].
    pub max_age: Duration,
    /// Chance exceeds 1 in one of a thousand vectors.
    pub scores: Scores,
}

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
        section.note("factor", "has no effect beside after: nothing is learned");
    }
    if section.has("expect") && section.has("sensor") {
        section.note(
            "expect",
            "names devices, and with a sensor it is series that are watched: leave one of them out",
        );
    }
    Absence {
        after: section.optional("after", duration(SECOND..=YEAR)),
        factor: section.value("factor", 3.0, number(1.0..=100.0)),
        expect: section.value("expect", Vec::new(), expected),
        gateway: section.optional("gateway", label(256)),
        severity: section.value("severity", Severity::Warning, severity),
    }
}

pub(super) fn derived(section: &mut Section<'_, '_>) -> Derived {
    for key in ["sensor", "location"] {
        if section.has(key) {
            let reason = "a derived sensor goes by device: its inputs are named in the expression";
            section.note(key, reason);
        }
    }
    let expression = section.required("expression", expression);
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
        explained: section.value("explained", 0.9, number(0.5..=0.999)),
        max_age: section.value("max_age", 10 * MINUTE, duration(SECOND..=YEAR)),
        scores: scores(section, 3.0),
    }
}

fn expression(raw: Raw<'_>) -> Result<Expression, Refused> {
    Expression::new(raw.text()?).map_err(|error| error.to_string().into())
}

fn sensors(raw: Raw<'_>) -> Result<Vec<String>, Refused> {
    let Raw::File(DeValue::Array(list)) = raw else {
        return Err("must be a list of 2 to 8 sensors".into());
    };
    let mut sensors: Vec<String> = Vec::new();
    for value in list.iter() {
        let name = sensor(Raw::File(value.get_ref()))?;
        if sensors.contains(&name) {
            return Err(format!("names {name:?} twice").into());
        }
        sensors.push(name);
    }
    match sensors.len() {
        2..=8 => Ok(sensors),
        found => Err(format!("must name 2 to 8 sensors, not {found}").into()),
    }
}

fn sensor(raw: Raw<'_>) -> Result<String, Refused> {
    let name = raw.text()?;
    check_sensor(name).map_err(|why| format!("{:?} is no sensor id: {why}", shorten(name)))?;
    Ok(name.to_owned())
}

fn expected(raw: Raw<'_>) -> Result<Vec<String>, Refused> {
    let Raw::File(DeValue::Array(list)) = raw else {
        return Err("must be a list of device ids, like [\"pump-1\", \"pump-2\"]".into());
    };
    if list.len() > MAX_EXPECTED {
        return Err(format!("has {} devices, more than {MAX_EXPECTED}", list.len()).into());
    }
    let mut devices: Vec<String> = Vec::new();
    for value in list.iter() {
        let DeValue::String(device) = value.get_ref() else {
            return Err(format!("holds texts, not {}", kind(value.get_ref())).into());
        };
        if let Err(why) = check_device(device) {
            return Err(format!("{:?} is no device id: {why}", shorten(device)).into());
        }
        devices.push(device.as_ref().to_owned());
    }
    devices.sort();
    devices.dedup();
    Ok(devices)
}
