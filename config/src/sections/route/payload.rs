//! How the payloads of a route write times and numbers.

use super::RouteCodec;
use crate::file::raw::{Raw, Refused};
use crate::file::reader::Section;

/// Options of the codecs `json` and `value`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PayloadOptions {
    /// The member of an object that holds its time; default `timestamp`.
    pub time: Option<String>,
    /// Of times that are numbers.
    pub time_unit: TimeUnit,
    /// A text that JSON would read as a number is one.
    pub numbers_in_text: bool,
    /// `21,5` is a number.
    pub decimal_comma: bool,
}

impl PayloadOptions {
    /// Those of a route that sets none.
    pub const DEFAULT: Self = Self {
        time: None,
        time_unit: TimeUnit::Millis,
        numbers_in_text: false,
        decimal_comma: false,
    };

    /// The member of an object that holds its time.
    pub fn time_member(&self) -> &str {
        self.time.as_deref().unwrap_or("timestamp")
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

pub(super) fn options(section: &mut Section<'_, '_>, codec: RouteCodec) -> PayloadOptions {
    let time = section.optional("time", member);
    let time_unit = section.optional("time_unit", time_unit);
    let numbers_in_text = section.optional("numbers_in_text", |raw| raw.boolean());
    let decimal = section.optional("decimal", decimal);
    let is_json = codec == RouteCodec::Json;
    for (key, is_given, fits) in [
        ("time", time.is_some(), is_json),
        ("time_unit", time_unit.is_some(), is_json),
        ("numbers_in_text", numbers_in_text.is_some(), is_json),
        (
            "decimal",
            decimal.is_some(),
            is_json || codec == RouteCodec::Value,
        ),
    ] {
        if is_given && !fits {
            section.note(
                key,
                format!("codec {:?} has no such option", codec.as_str()),
            );
        }
    }
    PayloadOptions {
        time,
        time_unit: time_unit.unwrap_or_default(),
        numbers_in_text: numbers_in_text.unwrap_or(false),
        decimal_comma: decimal.unwrap_or(false),
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
