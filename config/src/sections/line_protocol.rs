//! `[line_protocol]`: how InfluxDB's line protocol is mapped to readings: which
//! tag is the device, and the name of a field's sensor.

use thiserror::Error;

use crate::file::raw::{Raw, Refused};
use crate::file::reader::Reader;
use crate::file::values::{GIB, KIB, size};

/// `[line_protocol]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineProtocol {
    /// The first of these tags in a line names its device.
    pub device_tags: Vec<String>,
    /// The device of lines without any of these tags.
    pub default_device: Option<String>,
    /// The first of these tags in a line names its sensor.
    pub sensor_tags: Vec<String>,
    /// The same for the location and the unit.
    pub location_tags: Vec<String>,
    pub unit_tags: Vec<String>,
    /// Ignored tags. All others are part of the sensor's name.
    pub ignored_tags: Vec<String>,
    /// The sensor's name in lines without any of `sensor_tags`.
    pub sensor: SensorTemplate,
    /// Bytes of one write by HTTP, uncompressed. 1 KiB to 1 GiB.
    pub max_body: u64,
}

/// Text with `{measurement}` and `{field}` in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SensorTemplate(Vec<SensorPart>);

/// A piece of a [`SensorTemplate`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SensorPart {
    Text(String),
    Measurement,
    Field,
}

/// Why a text is not a [`SensorTemplate`]. A predicate that follows its name.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum InvalidSensorTemplate {
    #[error("there is no {shown}; there are {{measurement}} and {{field}}")]
    UnknownName { shown: String },
    #[error("must name {{field}}: a line may have several")]
    NoField,
    #[error("has more than 256 bytes or a control character")]
    Text,
}

impl SensorTemplate {
    /// Reads `{measurement}` and `{field}`; all else is text.
    pub fn parse(text: &str) -> Result<Self, InvalidSensorTemplate> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(open) = rest.find(['{', '}']) {
            if open > 0 {
                parts.push(SensorPart::Text(rest[..open].to_owned()));
            }
            rest = &rest[open..];
            let known = [
                ("{measurement}", SensorPart::Measurement),
                ("{field}", SensorPart::Field),
            ];
            let found = known
                .into_iter()
                .find_map(|(name, part)| rest.strip_prefix(name).map(|behind| (behind, part)));
            let Some((behind, part)) = found else {
                let shown = rest.split_inclusive('}').next().unwrap_or(rest);
                return Err(InvalidSensorTemplate::UnknownName {
                    shown: shown.to_owned(),
                });
            };
            parts.push(part);
            rest = behind;
        }
        if !rest.is_empty() {
            parts.push(SensorPart::Text(rest.to_owned()));
        }
        if !parts.contains(&SensorPart::Field) {
            return Err(InvalidSensorTemplate::NoField);
        }
        if text.len() > 256 || text.chars().any(char::is_control) {
            return Err(InvalidSensorTemplate::Text);
        }
        Ok(Self(parts))
    }

    pub fn parts(&self) -> &[SensorPart] {
        &self.0
    }
}

/// The unit of the times in lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    #[default]
    Nanoseconds,
    Microseconds,
    Milliseconds,
    Seconds,
    Minutes,
    Hours,
}

impl Precision {
    pub const ALL: [Self; 6] = [
        Self::Nanoseconds,
        Self::Microseconds,
        Self::Milliseconds,
        Self::Seconds,
        Self::Minutes,
        Self::Hours,
    ];

    /// By the name that InfluxDB uses; version 1 has `n` and `u` for the first two.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "ns" | "n" => Some(Self::Nanoseconds),
            "us" | "u" | "µ" | "µs" => Some(Self::Microseconds),
            "ms" => Some(Self::Milliseconds),
            "s" => Some(Self::Seconds),
            "m" => Some(Self::Minutes),
            "h" => Some(Self::Hours),
            _ => None,
        }
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nanoseconds => "ns",
            Self::Microseconds => "us",
            Self::Milliseconds => "ms",
            Self::Seconds => "s",
            Self::Minutes => "m",
            Self::Hours => "h",
        }
    }

    /// The topic under which a write by HTTP is journaled. No device can publish
    /// to it: no route accepts a topic that begins with `$write/`.
    pub const fn write_topic(self) -> &'static str {
        match self {
            Self::Nanoseconds => "$write/ns",
            Self::Microseconds => "$write/us",
            Self::Milliseconds => "$write/ms",
            Self::Seconds => "$write/s",
            Self::Minutes => "$write/m",
            Self::Hours => "$write/h",
        }
    }

    /// The unit of a [`Self::write_topic`].
    pub fn of_write_topic(topic: &str) -> Option<Self> {
        let named = topic.starts_with("$write/");
        let mut all = Self::ALL.into_iter();
        all.find(|precision| named && precision.write_topic() == topic)
    }

    pub const fn nanoseconds(self) -> i64 {
        match self {
            Self::Nanoseconds => 1,
            Self::Microseconds => 1_000,
            Self::Milliseconds => 1_000_000,
            Self::Seconds => 1_000_000_000,
            Self::Minutes => 60_000_000_000,
            Self::Hours => 3_600_000_000_000,
        }
    }
}

impl Default for LineProtocol {
    fn default() -> Self {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Self {
            device_tags: names(&["device", "device_id", "host"]),
            default_device: None,
            sensor_tags: names(&["sensor"]),
            location_tags: names(&["location"]),
            unit_tags: names(&["unit"]),
            ignored_tags: Vec::new(),
            sensor: SensorTemplate::parse("{measurement}_{field}")
                .expect("the default is well formed"),
            max_body: 32 << 20,
        }
    }
}

pub(crate) fn line_protocol(reader: &mut Reader<'_>) -> LineProtocol {
    let mut section = reader.section("line_protocol");
    let default = LineProtocol::default();
    LineProtocol {
        device_tags: section.value("device_tags", default.device_tags, |raw| raw.texts()),
        default_device: section.optional("default_device", device),
        sensor_tags: section.value("sensor_tags", default.sensor_tags, |raw| raw.texts()),
        location_tags: section.value("location_tags", default.location_tags, |raw| raw.texts()),
        unit_tags: section.value("unit_tags", default.unit_tags, |raw| raw.texts()),
        ignored_tags: section.value("ignored_tags", default.ignored_tags, |raw| raw.texts()),
        sensor: section.value("sensor", default.sensor, sensor),
        max_body: section.value("max_body", default.max_body, size(KIB..=GIB)),
    }
}

fn sensor(raw: Raw<'_>) -> Result<SensorTemplate, Refused> {
    SensorTemplate::parse(raw.text()?).map_err(|error| error.to_string().into())
}

fn device(raw: Raw<'_>) -> Result<String, Refused> {
    let text = raw.text()?;
    weir_model::check_device(text).map_err(|error| format!("is no device id: {error}"))?;
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sensor_templates_say_what_is_wrong_with_them() {
        for good in ["{field}", "{measurement}_{field}", "a {field} b"] {
            assert!(SensorTemplate::parse(good).is_ok(), "{good}");
        }
        for (bad, why) in [
            ("", "{field}"),
            ("{measurement}", "{field}"),
            ("{Field}", "there is no {Field}"),
            ("{field", "there is no {field"),
        ] {
            let error = SensorTemplate::parse(bad).expect_err("it is not well formed");
            let error = error.to_string();
            assert!(error.contains(why), "{bad:?}: {error}");
        }
    }

    #[test]
    fn precisions_have_names() {
        for precision in Precision::ALL {
            assert_eq!(Precision::from_name(precision.as_str()), Some(precision));
            let topic = precision.write_topic();
            assert_eq!(Precision::of_write_topic(topic), Some(precision));
            assert_eq!(topic, format!("$write/{}", precision.as_str()));
        }
    }
}
