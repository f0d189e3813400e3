//! Topic names and filters (MQTT 5, sections 4.7 and 4.8.2).
//!
//! Strings are taken to be valid MQTT strings already: UTF-8 without U+0000.

use crate::error::{DecodeError, ReasonCode};

/// Levels of a topic name or filter. The standard has no bound; a broker that
/// walks a tree needs one.
pub const MAX_LEVELS: usize = 128;

/// A filter of the form `$share/{group}/{filter}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SharedFilter<'a> {
    pub group: &'a str,
    pub filter: &'a str,
}

const fn invalid_topic(detail: &'static str) -> DecodeError {
    DecodeError::new(ReasonCode::TopicNameInvalid, detail)
}

const fn invalid_filter(detail: &'static str) -> DecodeError {
    DecodeError::new(ReasonCode::TopicFilterInvalid, detail)
}

/// A name that messages can be published to: at least one character, no
/// wildcards, at most [`MAX_LEVELS`] levels.
pub(crate) fn check_topic(topic: &str) -> Result<(), DecodeError> {
    if topic.is_empty() {
        return Err(invalid_topic("empty topic name"));
    }
    let mut separators = 0_usize;
    for byte in topic.bytes() {
        match byte {
            b'+' | b'#' => return Err(invalid_topic("wildcard in a topic name")),
            b'/' => separators += 1,
            _ => {}
        }
    }
    if separators >= MAX_LEVELS {
        return Err(invalid_topic("topic name with more than 128 levels"));
    }
    Ok(())
}

/// A filter that can be subscribed to, `$share/…` included.
pub(crate) fn check_filter(filter: &str) -> Result<(), DecodeError> {
    let Some(shared) = filter.strip_prefix("$share/") else {
        if filter == "$share" {
            return Err(invalid_filter("shared subscription without a group"));
        }
        return check_plain_filter(filter);
    };
    let Some((group, filter)) = shared.split_once('/') else {
        return Err(invalid_filter("shared subscription without a filter"));
    };
    if group.is_empty() || group.contains(['+', '#']) {
        return Err(invalid_filter("shared subscription with an invalid group"));
    }
    check_plain_filter(filter)
}

fn check_plain_filter(filter: &str) -> Result<(), DecodeError> {
    if filter.is_empty() {
        return Err(invalid_filter("empty topic filter"));
    }
    let mut levels = 0;
    let mut ended = false;
    for level in filter.split('/') {
        levels += 1;
        if ended {
            return Err(invalid_filter("'#' that is not the last level"));
        }
        match level {
            "#" => ended = true,
            "+" => {}
            _ if level.contains(['+', '#']) => {
                return Err(invalid_filter("wildcard that is not a whole level"));
            }
            _ => {}
        }
    }
    if levels > MAX_LEVELS {
        return Err(invalid_filter("topic filter with more than 128 levels"));
    }
    Ok(())
}

/// Whether messages can be published to it.
pub fn topic_is_valid(topic: &str) -> bool {
    u16::try_from(topic.len()).is_ok() && !topic.contains('\0') && check_topic(topic).is_ok()
}

/// Whether it can be subscribed to.
pub fn filter_is_valid(filter: &str) -> bool {
    u16::try_from(filter.len()).is_ok() && !filter.contains('\0') && check_filter(filter).is_ok()
}

/// Takes a valid shared filter apart; `None` for other filters.
pub fn split_shared(filter: &str) -> Option<SharedFilter<'_>> {
    let (group, filter) = filter.strip_prefix("$share/")?.split_once('/')?;
    Some(SharedFilter { group, filter })
}

/// Whether a topic matches a filter, level by level. A wildcard in the first
/// level does not match a topic that begins with `$` (4.7.2-1).
pub fn matches(filter: &str, topic: &str) -> bool {
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let (mut filter, mut topic) = (filter.split('/'), topic.split('/'));
    loop {
        match (filter.next(), topic.next()) {
            (Some("#"), _) | (None, None) => return true,
            (Some("+"), Some(_)) => {}
            (Some(wanted), Some(level)) if wanted == level => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topic_names() {
        let long = "/".repeat(127);
        for topic in [
            "a",
            "/",
            "a/b",
            "é/x",
            " ",
            "a//b",
            "$SYS/x",
            "\u{feff}a",
            &long,
        ] {
            assert!(topic_is_valid(topic), "{topic:?}");
        }
        let (deep, wide) = ("/".repeat(128), "x".repeat(65_536));
        for topic in ["", "+", "a/#", "a+b", "a\0b", &deep, &wide] {
            assert!(!topic_is_valid(topic), "{topic:?}");
        }
    }

    #[test]
    fn filters() {
        for filter in [
            "#",
            "+",
            "a/+/b",
            "a/#",
            "+/+",
            "/",
            "/#",
            "$share/g/a",
            "$share/g//",
            "$shared/x",
        ] {
            assert!(filter_is_valid(filter), "{filter:?}");
        }
        for filter in [
            "",
            "a#",
            "a+",
            "#/a",
            "a/#/b",
            "a/b+/c",
            "$share",
            "$share/",
            "$share//x",
            "$share/g",
            "$share/g/",
            "$share/+/x",
            "$share/g#/x",
            "$share/g/a#",
        ] {
            assert!(!filter_is_valid(filter), "{filter:?}");
        }
    }

    #[test]
    fn matching() {
        for (filter, topic, expect) in [
            ("sport/tennis/player1/#", "sport/tennis/player1", true),
            ("sport/#", "sport/tennis/player1/ranking", true),
            ("sport/+", "sport", false),
            ("sport/+", "sport/", true),
            ("+/+", "/finance", true),
            ("/+", "/finance", true),
            ("+", "/finance", false),
            ("#", "$SYS/x", false),
            ("+/x", "$SYS/x", false),
            ("$SYS/#", "$SYS/x", true),
            ("#", "/", true),
            ("a/b", "a/b/", false),
        ] {
            assert_eq!(matches(filter, topic), expect, "{filter} and {topic}");
        }
    }
}
