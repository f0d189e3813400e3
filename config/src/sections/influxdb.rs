//! `[store.influxdb]`: the address of InfluxDB, and how a reading becomes a line.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use crate::file::address::parse_http_url;
use crate::file::raw::{Raw, Refused};
use crate::file::reader::Reader;
use crate::file::values::{HOUR, MILLISECOND, count, duration, label};

/// `[store.influxdb]`
#[derive(Clone, Debug, PartialEq)]
pub struct InfluxDb {
    /// `http://` or `https://`, without credentials or a trailing slash.
    pub url: String,
    pub org: String,
    pub bucket: String,
    /// Holds the API token and nothing else.
    pub token_file: Option<PathBuf>,
    /// Lines per request, 1 to 50,000.
    pub batch_lines: usize,
    /// The longest wait for a fuller batch. 1 ms to 1 h.
    pub batch_interval: Duration,
    /// Requests at once, 1 to 64. The lines of a device are never in two of them.
    pub parallel: usize,
    /// Requests are compressed.
    pub gzip: bool,
    /// Of one request. 100 ms to 1 h.
    pub timeout: Duration,
    pub mapping: LineMapping,
}

/// How a reading becomes a line of line protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineMapping {
    /// Never empty; does not begin with `_`.
    pub measurement: LineTemplate,
    /// Names and values; a tag with an empty value is omitted.
    pub tags: Vec<(String, LineTemplate)>,
    /// Of numbers. Never empty, and never the same as [`Self::text_field`]: a
    /// field of InfluxDB keeps the type that it first had.
    pub field: LineTemplate,
    /// Of texts.
    pub text_field: LineTemplate,
}

/// Text with the names of a reading in it: `plant-{device}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineTemplate(Vec<LinePart>);

/// A piece of a [`LineTemplate`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinePart {
    Text(String),
    Device,
    Sensor,
    /// Empty when the reading has none.
    Unit,
    /// Empty when the reading has none.
    Location,
}

/// Why a text is not a [`LineTemplate`]. A predicate that follows its name.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum InvalidLineTemplate {
    #[error("must be 1 to 256 bytes without control characters")]
    Text,
    #[error("has an unmatched brace: {text:?}")]
    Brace { text: String },
    #[error("there is no {{{name}}}; there are {{device}}, {{sensor}}, {{unit}} and {{location}}")]
    UnknownName { name: String },
}

impl LineTemplate {
    /// Reads `{device}`, `{sensor}`, `{unit}` and `{location}`; all else is text.
    pub fn parse(text: &str) -> Result<Self, InvalidLineTemplate> {
        if text.is_empty() || text.len() > 256 || text.chars().any(char::is_control) {
            return Err(InvalidLineTemplate::Text);
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(open) = rest.find(['{', '}']) {
            if open > 0 {
                parts.push(LinePart::Text(rest[..open].to_owned()));
            }
            let named = rest[open..]
                .strip_prefix('{')
                .and_then(|inside| inside.split_once('}'));
            let Some((name, behind)) = named else {
                let text = text.to_owned();
                return Err(InvalidLineTemplate::Brace { text });
            };
            parts.push(match name {
                "device" => LinePart::Device,
                "sensor" => LinePart::Sensor,
                "unit" => LinePart::Unit,
                "location" => LinePart::Location,
                _ => {
                    let name = name.to_owned();
                    return Err(InvalidLineTemplate::UnknownName { name });
                }
            });
            rest = behind;
        }
        if !rest.is_empty() {
            parts.push(LinePart::Text(rest.to_owned()));
        }
        Ok(Self(parts))
    }

    pub fn parts(&self) -> &[LinePart] {
        &self.0
    }

    /// Whether it has a part that is never empty.
    fn is_never_empty(&self) -> bool {
        let optional = |part: &LinePart| matches!(part, LinePart::Unit | LinePart::Location);
        !self.0.iter().all(optional)
    }
}

impl fmt::Display for LineTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.0 {
            f.write_str(match part {
                LinePart::Text(text) => text,
                LinePart::Device => "{device}",
                LinePart::Sensor => "{sensor}",
                LinePart::Unit => "{unit}",
                LinePart::Location => "{location}",
            })?;
        }
        Ok(())
    }
}

impl Default for LineMapping {
    fn default() -> Self {
        let template =
            |text: &str| LineTemplate::parse(text).expect("the defaults are well formed");
        let tag = |name: &str| (name.to_owned(), template(&format!("{{{name}}}")));
        Self {
            measurement: template("readings"),
            tags: ["device", "sensor", "unit", "location"].map(tag).to_vec(),
            field: template("value"),
            text_field: template("text"),
        }
    }
}

impl Default for InfluxDb {
    fn default() -> Self {
        Self {
            url: "http://127.0.0.1:8086".to_owned(),
            org: "weir".to_owned(),
            bucket: "telemetry".to_owned(),
            token_file: None,
            batch_lines: 5_000,
            batch_interval: Duration::from_secs(1),
            parallel: 2,
            gzip: true,
            timeout: Duration::from_secs(10),
            mapping: LineMapping::default(),
        }
    }
}

pub(crate) fn influxdb(reader: &mut Reader<'_>) -> Option<InfluxDb> {
    let mut section = reader.section("store.influxdb");
    let default = InfluxDb::default();
    let mapping = default.mapping;
    let influxdb = InfluxDb {
        url: section.value("url", default.url, |raw| parse_http_url(raw.text()?)),
        org: section.value("org", default.org, label(256)),
        bucket: section.value("bucket", default.bucket, label(256)),
        token_file: section.file("token_file"),
        batch_lines: section.value("batch_lines", default.batch_lines, count(1..=50_000)),
        batch_interval: section.value(
            "batch_interval",
            default.batch_interval,
            duration(MILLISECOND..=HOUR),
        ),
        parallel: section.value("parallel", default.parallel, count(1..=64)),
        gzip: section.value("gzip", default.gzip, |raw| raw.boolean()),
        timeout: section.value(
            "timeout",
            default.timeout,
            duration(100 * MILLISECOND..=HOUR),
        ),
        mapping: LineMapping {
            measurement: section.value("measurement", mapping.measurement, |raw| {
                not_reserved(field(raw)?)
            }),
            tags: section.value("tags", mapping.tags, tags),
            field: section.value("field", mapping.field, field),
            text_field: section.value("text_field", mapping.text_field, field),
        },
    };
    if influxdb.mapping.field == influxdb.mapping.text_field {
        let key = if section.has("text_field") {
            "text_field"
        } else {
            "field"
        };
        section.note(
            key,
            "field and text_field are the same: InfluxDB would refuse one of the two types",
        );
    }
    section.is_given().then_some(influxdb)
}

/// A template that is never empty.
fn field(raw: Raw<'_>) -> Result<LineTemplate, Refused> {
    let template = template(raw.text()?)?;
    if !template.is_never_empty() {
        return Err("may be empty: it needs a text, {device} or {sensor} in it as well".into());
    }
    Ok(template)
}

fn template(text: &str) -> Result<LineTemplate, Refused> {
    LineTemplate::parse(text).map_err(|error| error.to_string().into())
}

fn not_reserved(template: LineTemplate) -> Result<LineTemplate, Refused> {
    match template.parts().first() {
        Some(LinePart::Text(text)) if text.starts_with('_') => {
            Err("must not begin with _, which InfluxDB reserves".into())
        }
        _ => Ok(template),
    }
}

/// `["device={device}", "site=north"]`
fn tags(raw: Raw<'_>) -> Result<Vec<(String, LineTemplate)>, Refused> {
    let mut tags: Vec<(String, LineTemplate)> = Vec::new();
    for text in raw.texts()? {
        let Some((name, value)) = text.split_once('=') else {
            return Err(
                format!("must be name=value, such as \"device={{device}}\", not {text:?}").into(),
            );
        };
        if name.is_empty() || name == "time" || name.starts_with('_') {
            return Err(format!("{name:?} is a name that InfluxDB reserves").into());
        }
        if name.len() > 256 || name.chars().any(char::is_control) {
            return Err("a tag's name has 1 to 256 bytes, none a control character".into());
        }
        if tags.iter().any(|(known, _)| known == name) {
            return Err(format!("the tag {name:?} is given twice").into());
        }
        tags.push((name.to_owned(), template(value)?));
    }
    Ok(tags)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_say_what_is_wrong_with_them() {
        for good in ["readings", "{sensor}", "a {device}-{unit}{location} b"] {
            let parsed = LineTemplate::parse(good).expect("it is well formed");
            assert_eq!(parsed.to_string(), good);
        }
        for (bad, why) in [
            ("", "1 to 256"),
            ("a\nb", "control"),
            ("{devise}", "there is no {devise}"),
            ("{device", "brace"),
            ("a}b", "brace"),
        ] {
            let error = LineTemplate::parse(bad).expect_err("it is not well formed");
            let error = error.to_string();
            assert!(error.contains(why), "{bad:?}: {error}");
        }
    }
}
