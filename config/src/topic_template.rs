//! Texts made of topic levels: `{topic.2}.{topic.3}`, `line {topic.1}`, `{device}`.

use std::fmt;

use crate::topic::Captures;

/// A template over the levels of a topic, counted from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicTemplate {
    text: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    /// `{topic.2}`
    Level(usize),
    /// `{topic.2..}`: that level and all behind it, joined by dots.
    Rest(usize),
    Device,
    Sensor,
    Location,
}

impl TopicTemplate {
    /// For topics of so many levels, or of any number.
    pub fn parse(text: &str, levels: Option<usize>) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let Some((name, behind)) = after.split_once('}') else {
                return Err("has a { without a }".to_owned());
            };
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            parts.push(part(name, levels)?);
            rest = behind;
        }
        if rest.contains('}') {
            return Err("has a } without a {".to_owned());
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        if parts.is_empty() {
            return Err("is empty".to_owned());
        }
        Ok(Self {
            text: text.to_owned(),
            parts,
        })
    }

    /// Whether it needs this capture of the pattern.
    pub(crate) fn captures(&self) -> impl Iterator<Item = &'static str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Device => Some("{device}"),
            Part::Sensor => Some("{sensor}"),
            Part::Location => Some("{location}"),
            _ => None,
        })
    }

    /// Appends the text for a topic.
    pub fn push_to(&self, topic: &str, captures: &Captures<'_>, into: &mut String) {
        for part in &self.parts {
            match part {
                Part::Text(text) => into.push_str(text),
                Part::Level(level) => into.push_str(topic.split('/').nth(*level).unwrap_or("")),
                Part::Rest(level) => {
                    for (place, part) in topic.split('/').skip(*level).enumerate() {
                        if place > 0 {
                            into.push('.');
                        }
                        into.push_str(part);
                    }
                }
                Part::Device => into.push_str(captures.device.unwrap_or("")),
                Part::Sensor => into.push_str(captures.sensor.unwrap_or("")),
                Part::Location => into.push_str(captures.location.unwrap_or("")),
            }
        }
    }
}

fn part(name: &str, levels: Option<usize>) -> Result<Part, String> {
    match name {
        "device" => return Ok(Part::Device),
        "sensor" => return Ok(Part::Sensor),
        "location" => return Ok(Part::Location),
        _ => {}
    }
    let number = name.strip_prefix("topic.");
    let (number, rest) = match number.map(|number| number.strip_suffix("..")) {
        Some(Some(number)) => (Some(number), true),
        _ => (number, false),
    };
    let Some(level) = number.and_then(|number| number.parse().ok()) else {
        return Err(format!(
            "{{{name}}} is none of {{topic.0}}, {{topic.1..}}, {{device}}, {{sensor}}, {{location}}"
        ));
    };
    if levels.is_some_and(|levels| level >= levels) {
        return Err(format!(
            "{{{name}}}: the topic has no level {level}; the first is 0"
        ));
    }
    Ok(if rest {
        Part::Rest(level)
    } else {
        Part::Level(level)
    })
}

impl fmt::Display for TopicTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_captures_become_texts() {
        let captures = Captures {
            device: Some("d1"),
            ..Captures::default()
        };
        for (template, expect) in [
            ("{topic.2}.{topic.3}", "power.phase a"),
            ("{topic.2..}", "power.phase a"),
            ("line {topic.0}/{device}", "line plant/d1"),
            ("fixed", "fixed"),
            ("{topic.9}", ""),
        ] {
            let template = TopicTemplate::parse(template, None).unwrap();
            let mut text = String::new();
            template.push_to("plant/d1/power/phase a", &captures, &mut text);
            assert_eq!(text, expect, "{template}");
        }
        for (template, expect) in [
            ("{topic.4}", "no level 4"),
            ("{name}", "{name} is none of"),
            ("{topic.x}", "is none of"),
            ("{topic.1", "without a }"),
            ("a}", "without a {"),
            ("", "is empty"),
        ] {
            let error = TopicTemplate::parse(template, Some(4)).unwrap_err();
            assert!(error.contains(expect), "{template}: {error}");
        }
    }
}
