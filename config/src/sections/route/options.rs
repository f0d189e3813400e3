//! How the payloads of a route write times and numbers, and which names come from the
//! topic.

use super::RouteCodec;
use crate::TopicPattern;
use crate::file::raw::{Raw, Refused};
use crate::file::reader::Section;
use crate::topic_template::TopicTemplate;

/// The options of a route.
#[derive(Clone, Debug, PartialEq)]
pub struct RouteOptions {
    /// The member of an object that holds its time.
    pub time: String,
    /// Of times that are numbers.
    pub time_unit: TimeUnit,
    /// A text that JSON would read as a number is one.
    pub numbers_in_text: bool,
    /// `21,5` is a number.
    pub decimal_comma: bool,
    pub names: TopicNames,
}

impl Default for RouteOptions {
    fn default() -> Self {
        Self {
            time: "timestamp".to_owned(),
            time_unit: TimeUnit::default(),
            numbers_in_text: false,
            decimal_comma: false,
            names: TopicNames::default(),
        }
    }
}

/// Names that are made of levels of the topic. What the payload names goes before,
/// except for the device, on which both must agree.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TopicNames {
    pub device: Option<TopicTemplate>,
    pub sensor: Option<TopicTemplate>,
    pub location: Option<TopicTemplate>,
    pub unit: Option<TopicTemplate>,
}

impl TopicNames {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The unit of a number that is a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimeUnit {
    Seconds,
    #[default]
    Millis,
    Micros,
    Nanos,
}

/// Members of objects that mean something else.
const TAKEN: [&str; 7] = [
    "data", "deviceId", "location", "sensorId", "sequence", "unit", "value",
];

pub(super) fn options(
    section: &mut Section<'_, '_>,
    codec: RouteCodec,
    topic: Option<&TopicPattern>,
) -> RouteOptions {
    let default = RouteOptions::default();
    let time = section.optional("time", member);
    let time_unit = section.optional("time_unit", time_unit);
    let numbers_in_text = section.optional("numbers_in_text", |raw| raw.boolean());
    let decimal = section.optional("decimal", decimal);
    let json = codec == RouteCodec::Json;
    for (key, given, fits) in [
        ("time", time.is_some(), json),
        ("time_unit", time_unit.is_some(), json),
        ("numbers_in_text", numbers_in_text.is_some(), json),
        (
            "decimal",
            decimal.is_some(),
            codec != RouteCodec::LineProtocol,
        ),
    ] {
        if given && !fits {
            section.note(
                key,
                format!("codec {:?} has no such option", codec.as_str()),
            );
        }
    }
    let levels = topic.and_then(TopicPattern::levels);
    let mut template = |key| {
        let template = section.optional(key, |raw| {
            let parsed = TopicTemplate::parse(raw.text()?, levels);
            parsed.map_err(Refused::from)
        })?;
        let missing = template
            .captures()
            .find(|capture| topic.is_some_and(|topic| !topic.as_str().contains(capture)));
        if let Some(capture) = missing {
            section.note(key, format!("the topic has no {capture}"));
        }
        Some(template)
    };
    RouteOptions {
        time: time.unwrap_or(default.time),
        time_unit: time_unit.unwrap_or_default(),
        numbers_in_text: numbers_in_text.unwrap_or(false),
        decimal_comma: decimal.unwrap_or(false),
        names: TopicNames {
            device: template("device"),
            sensor: template("sensor"),
            location: template("location"),
            unit: template("unit"),
        },
    }
}

fn member(raw: Raw<'_>) -> Result<String, Refused> {
    let name = raw.text()?;
    if name.is_empty() || TAKEN.contains(&name) {
        return Err(format!("{name:?} cannot be the member that holds the time").into());
    }
    Ok(name.to_owned())
}

fn time_unit(raw: Raw<'_>) -> Result<TimeUnit, Refused> {
    Ok(match raw.text()? {
        "s" => TimeUnit::Seconds,
        "ms" => TimeUnit::Millis,
        "us" => TimeUnit::Micros,
        "ns" => TimeUnit::Nanos,
        other => return Err(format!("must be s, ms, us or ns, not {other:?}").into()),
    })
}

fn decimal(raw: Raw<'_>) -> Result<bool, Refused> {
    match raw.text()? {
        "." => Ok(false),
        "," => Ok(true),
        other => Err(format!("must be \".\" or \",\", not {other:?}").into()),
    }
}
