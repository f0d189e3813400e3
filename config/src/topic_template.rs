//! Names out of topic levels: `sensor = "{topic.2}.{topic.3}"`.

use std::fmt::Write as _;

use thiserror::Error;

/// Text with `{topic.N}`, the level N from 0, and `{topic.N..}`, that level and all
/// behind it, joined by a dot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicTemplate {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Level(usize),
    Rest(usize),
}

/// Why a text is no template.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum InvalidTopicTemplate {
    #[error("{{{name}}} is neither {{topic.N}} nor {{topic.N..}}")]
    Unknown { name: String },
    #[error("a brace is not closed")]
    NotClosed,
    #[error("it is empty")]
    Empty,
}

impl TopicTemplate {
    pub fn parse(text: &str) -> Result<Self, InvalidTopicTemplate> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once('{') {
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            let (name, behind) = behind
                .split_once('}')
                .ok_or(InvalidTopicTemplate::NotClosed)?;
            parts.push(part(name)?);
            rest = behind;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        if parts.is_empty() {
            return Err(InvalidTopicTemplate::Empty);
        }
        Ok(Self { parts })
    }

    /// Appends what the template makes of a topic. A level that is not there is empty.
    pub fn render(&self, topic: &str, out: &mut String) {
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Level(at) => out.push_str(topic.split('/').nth(*at).unwrap_or_default()),
                Part::Rest(at) => {
                    for (index, level) in topic.split('/').skip(*at).enumerate() {
                        let dot = if index > 0 { "." } else { "" };
                        // Writing to a string cannot fail.
                        let _ = write!(out, "{dot}{level}");
                    }
                }
            }
        }
    }
}

fn part(name: &str) -> Result<Part, InvalidTopicTemplate> {
    let level = name.strip_prefix("topic.").unwrap_or_default();
    let (digits, make): (&str, fn(usize) -> Part) = match level.strip_suffix("..") {
        Some(digits) => (digits, Part::Rest),
        None => (level, Part::Level),
    };
    digits
        .parse()
        .map(make)
        .map_err(|_| InvalidTopicTemplate::Unknown {
            name: name.to_owned(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_become_a_name() {
        #[track_caller]
        fn check(template: &str, topic: &str, name: &str) {
            let mut out = String::new();
            TopicTemplate::parse(template)
                .unwrap()
                .render(topic, &mut out);
            assert_eq!(out, name);
        }
        check("{topic.2}.{topic.3}", "homie/car/engine/t", "engine.t");
        check("{topic.2..}", "N/c06/pv/20/Ac/Power", "pv.20.Ac.Power");
        check("plant {topic.9}", "a", "plant ");
        for text in ["", "{topic.x}", "{device}", "{topic.1"] {
            assert!(TopicTemplate::parse(text).is_err(), "{text}");
        }
    }
}
