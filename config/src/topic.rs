//! Topic patterns: an MQTT topic with captures, `devices/{device}/telemetry`.
//!
//! A level is literal text, a capture (`{device}`, `{sensor}`, `{location}`),
//! or `+` (any one level); `#` may be the last level. As everywhere in MQTT (section
//! 4.7.2), a wildcard at the first level does not match a topic that begins
//! with `$`.

use std::fmt;

use thiserror::Error;

/// A parsed pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicPattern {
    text: String,
    levels: Vec<Level>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Level {
    Literal(String),
    Any,
    Device,
    Sensor,
    Location,
    Rest,
}

/// The values of a pattern's captures in a topic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Captures<'a> {
    pub device: Option<&'a str>,
    pub sensor: Option<&'a str>,
    pub location: Option<&'a str>,
}

/// Why a text is not a topic pattern.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum InvalidPattern {
    #[error("it is empty or longer than 65,535 bytes")]
    Length,
    #[error("level {level:?} mixes text with a wildcard or braces")]
    Mixed { level: String },
    #[error("{{{name}}} is not a capture; there are {{device}}, {{sensor}} and {{location}}")]
    UnknownCapture { name: String },
    #[error("{{{name}}} is used twice")]
    Repeated { name: String },
    #[error("# may only be the last level")]
    RestNotLast,
}

impl TopicPattern {
    pub fn parse(text: &str) -> Result<Self, InvalidPattern> {
        if text.is_empty() || text.len() > 65_535 {
            return Err(InvalidPattern::Length);
        }
        let mut levels = Vec::new();
        for part in text.split('/') {
            if levels.last() == Some(&Level::Rest) {
                return Err(InvalidPattern::RestNotLast);
            }
            let level = parse_level(part)?;
            let capture = matches!(level, Level::Device | Level::Sensor | Level::Location);
            if capture && levels.contains(&level) {
                let name = part.trim_matches(['{', '}']).to_owned();
                return Err(InvalidPattern::Repeated { name });
            }
            levels.push(level);
        }
        Ok(Self {
            text: text.to_owned(),
            levels,
        })
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The MQTT topic filter to subscribe to: captures become `+`.
    pub fn filter(&self) -> String {
        let level = |level: &Level| match level {
            Level::Literal(text) => text.clone(),
            Level::Any | Level::Device | Level::Sensor | Level::Location => "+".to_owned(),
            Level::Rest => "#".to_owned(),
        };
        self.levels.iter().map(level).collect::<Vec<_>>().join("/")
    }

    /// The levels that it begins with before any capture or wildcard.
    pub fn literal_levels(&self) -> usize {
        let is_literal = |level: &&Level| matches!(level, Level::Literal(_));
        self.levels.iter().take_while(is_literal).count()
    }

    /// The captures, when the topic matches. Allocates nothing.
    pub fn captures<'a>(&self, topic: &'a str) -> Option<Captures<'a>> {
        if topic.starts_with('$') && !matches!(self.levels.first(), Some(Level::Literal(_))) {
            return None;
        }
        let mut captures = Captures::default();
        let mut parts = topic.split('/');
        for level in &self.levels {
            if *level == Level::Rest {
                return Some(captures);
            }
            let part = parts.next()?;
            match level {
                Level::Literal(text) if text == part => {}
                Level::Literal(_) => return None,
                Level::Device => captures.device = Some(part),
                Level::Sensor => captures.sensor = Some(part),
                Level::Location => captures.location = Some(part),
                Level::Any | Level::Rest => {}
            }
        }
        parts.next().is_none().then_some(captures)
    }

    pub fn matches(&self, topic: &str) -> bool {
        self.captures(topic).is_some()
    }
}

fn parse_level(part: &str) -> Result<Level, InvalidPattern> {
    match part {
        "+" => return Ok(Level::Any),
        "#" => return Ok(Level::Rest),
        _ => {}
    }
    if let Some(name) = part
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'))
    {
        return match name {
            "device" => Ok(Level::Device),
            "sensor" => Ok(Level::Sensor),
            "location" => Ok(Level::Location),
            _ => Err(InvalidPattern::UnknownCapture {
                name: name.to_owned(),
            }),
        };
    }
    if part.contains(['+', '#', '{', '}', '\0']) {
        return Err(InvalidPattern::Mixed {
            level: part.to_owned(),
        });
    }
    Ok(Level::Literal(part.to_owned()))
}

impl fmt::Display for TopicPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, topic: &str, expect: Option<(Option<&str>, Option<&str>)>) {
        let captures = TopicPattern::parse(pattern).unwrap().captures(topic);
        assert_eq!(
            captures.map(|c| (c.device, c.sensor)),
            expect,
            "{pattern} on {topic}"
        );
    }

    #[test]
    fn captures_take_one_level_each() {
        check(
            "devices/{device}/telemetry",
            "devices/p1/telemetry",
            Some((Some("p1"), None)),
        );
        check("devices/{device}/telemetry", "devices/p1/telemetry/x", None);
        check("devices/{device}/telemetry", "devices/p1", None);
        check(
            "devices/{device}/telemetry",
            "devices//telemetry",
            Some((Some(""), None)),
        );
        check("{device}/{sensor}", "é/x", Some((Some("é"), Some("x"))));
        check("a/#", "a/b/c", Some((None, None)));
        check("a/#", "a", Some((None, None)));
        check("+/b", "$SYS/b", None);
        check("$SYS/b", "$SYS/b", Some((None, None)));
    }

    #[test]
    fn the_filter_is_what_a_broker_understands() {
        let filter = |text| TopicPattern::parse(text).unwrap().filter();
        assert_eq!(filter("devices/{device}/telemetry"), "devices/+/telemetry");
        assert_eq!(filter("{location}/+/{device}/#"), "+/+/+/#");
    }

    #[test]
    fn malformed_patterns_are_refused() {
        for text in [
            "",
            "a/b{device}",
            "a+/b",
            "#/a",
            "{device}/{device}",
            "{plant}/x",
        ] {
            assert!(TopicPattern::parse(text).is_err(), "{text}");
        }
    }
}
