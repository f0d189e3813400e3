//! What an identity may do: roles, and rules over topics and filters.
//!
//! Only Weir publishes to reserved topics (alerts, `$SYS`, everything below the
//! shadow prefix except requests): not even an admin does.

use weir_config::TopicPattern;

use crate::entry::Entry;
use crate::role::Role;

/// What an identity wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action<'a> {
    /// A message to this topic, at any endpoint.
    Publish { topic: &'a str },
    /// Messages of this MQTT topic filter, `$share/…` included.
    Subscribe { filter: &'a str },
    /// Readings of this device, at an endpoint without topics.
    Write { device: &'a str },
    /// A thing's shadows: get, list.
    ReadShadow { thing: &'a str },
    /// A thing's shadows: update, delete.
    WriteShadow { thing: &'a str },
    /// Everything that is stored or measured: the API, SQL at any endpoint, metrics.
    Read,
    /// Acknowledge and shelve alarms.
    Operate,
    /// Replay the quarantine, and everything that no other action covers.
    Administer,
}

pub(crate) fn allows(
    entry: &Entry,
    action: Action<'_>,
    routes: &[TopicPattern],
    prefix: &str,
) -> bool {
    let is_device = entry.role == Role::Device;
    match action {
        Action::Publish { topic } => publishes(entry, topic, routes, prefix),
        Action::Subscribe { filter } => !is_device || subscribes(entry, filter, routes, prefix),
        Action::Write { device } => writes_for(entry, device),
        Action::ReadShadow { thing } => !is_device || entry.speaks_for(thing),
        Action::WriteShadow { thing } => match entry.role {
            Role::Device => entry.speaks_for(thing),
            Role::Reader => false,
            Role::Operator | Role::Admin => true,
        },
        Action::Read => !is_device,
        Action::Operate => matches!(entry.role, Role::Operator | Role::Admin),
        Action::Administer => entry.role == Role::Admin,
    }
}

/// As [`allows`], for people who signed in at the identity provider. They publish nothing:
/// messages are journaled under a name that the access file must know.
pub(crate) fn allows_person(entry: &Entry, action: Action<'_>) -> bool {
    match action {
        Action::Publish { .. } | Action::Subscribe { .. } | Action::Write { .. } => false,
        action => allows(entry, action, &[], ""),
    }
}

/// Whether readings of this device may come from this identity.
pub(crate) fn writes_for(entry: &Entry, device: &str) -> bool {
    match entry.role {
        Role::Device => entry.speaks_for(device),
        Role::Reader | Role::Operator => false,
        Role::Admin => true,
    }
}

fn publishes(entry: &Entry, topic: &str, routes: &[TopicPattern], prefix: &str) -> bool {
    if is_at_or_below(topic, "alerts") || is_at_or_below(topic, "$SYS") {
        return false;
    }
    if is_at_or_below(topic, prefix) {
        return match shadow_request(topic, prefix) {
            None => false,
            // Who may read a shadow may request it. The shadow worker refuses a change
            // by an identity that may only read.
            Some(thing) => entry.role != Role::Device || entry.speaks_for(thing),
        };
    }
    if entry.role == Role::Admin {
        return true;
    }
    if let Some(captures) = routes.iter().find_map(|route| route.captures(topic)) {
        return entry.role == Role::Device
            // Without a device in the topic the payload names it: the engine checks.
            && captures.device.is_none_or(|device| entry.speaks_for(device));
    }
    entry.publish.iter().any(|rule| covers(rule, topic))
}

fn subscribes(entry: &Entry, filter: &str, routes: &[TopicPattern], prefix: &str) -> bool {
    let filter = match filter.strip_prefix("$share/") {
        Some(shared) => match shared.split_once('/') {
            Some((_, filter)) => filter,
            None => return false,
        },
        None => filter,
    };
    let answers = format!("{prefix}/{{device}}/shadow/#");
    let alerts = "alerts/+/{device}";
    let own = routes
        .iter()
        .map(TopicPattern::as_str)
        .chain([answers.as_str(), alerts]);
    own.into_iter()
        .any(|pattern| own_covers(entry, pattern, filter))
        || entry.subscribe.iter().any(|rule| covers(rule, filter))
}

/// Whether `filter` is within `pattern` and selects only devices of the entry.
fn own_covers(entry: &Entry, pattern: &str, filter: &str) -> bool {
    let Some(level) = pattern.split('/').position(|level| level == "{device}") else {
        return false;
    };
    let Some(device) = filter.split('/').nth(level) else {
        return false;
    };
    let is_own = match device {
        "+" | "#" => device == "+" && entry.speaks_for_all(),
        device => entry.speaks_for(device),
    };
    let plain = |level: &str| if level.starts_with('{') { "+" } else { level }.to_owned();
    let outer: Vec<String> = pattern.split('/').map(plain).collect();
    is_own && covers(&outer.join("/"), filter)
}

/// Whether every topic that `inner` (a topic or a filter) matches is matched by
/// the filter `outer` (MQTT 5, section 4.7).
pub(crate) fn covers(outer: &str, inner: &str) -> bool {
    if inner.starts_with('$') && outer.starts_with(['+', '#']) {
        return false;
    }
    let (mut outer, mut inner) = (outer.split('/').peekable(), inner.split('/'));
    loop {
        match (outer.next(), inner.next()) {
            (Some("#"), _) | (None, None) => return true,
            (_, Some("#")) => return false,
            (Some("+"), Some(_)) => {}
            (Some(a), Some(b)) if a == b => {}
            // "a/#" matches "a" too.
            (Some(_), None) | (None, Some(_)) | (Some(_), Some(_)) => return false,
        }
        if outer.peek() == Some(&"#") {
            return true;
        }
    }
}

/// The thing of a request to a shadow; `None` for every other topic.
fn shadow_request<'a>(topic: &'a str, prefix: &str) -> Option<&'a str> {
    let mut levels = topic.strip_prefix(prefix)?.strip_prefix('/')?.split('/');
    let thing = levels.next()?;
    let rest: Vec<&str> = levels.take(5).collect();
    let is_request = |level: &str| matches!(level, "get" | "update" | "delete");
    match rest.as_slice() {
        ["shadow", request] if is_request(request) => Some(thing),
        ["shadow", "name", _, request] if is_request(request) => Some(thing),
        _ => None,
    }
}

fn is_at_or_below(topic: &str, parent: &str) -> bool {
    topic
        .strip_prefix(parent)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_covers_what_lies_within_it() {
        for (outer, inner, expect) in [
            ("a/b", "a/b", true),
            ("a/+", "a/b", true),
            ("a/+", "a/+", true),
            ("a/b", "a/+", false),
            ("a/+", "a/#", false),
            ("a/#", "a/#", true),
            ("a/#", "a/b/+/c", true),
            ("a/#", "a", true),
            ("a/#", "#", false),
            ("#", "a/b", true),
            ("#", "$SYS/x", false),
            ("+/x", "$SYS/x", false),
            ("$SYS/#", "$SYS/x", true),
            ("a", "a/b", false),
            ("a/b", "a", false),
            ("a/+/c", "a/b/d", false),
        ] {
            assert_eq!(covers(outer, inner), expect, "{outer} and {inner}");
        }
    }

    #[test]
    fn requests_to_shadows_are_distinguished_from_answers() {
        for (topic, expect) in [
            ("$aws/things/p/shadow/get", Some("p")),
            ("$aws/things/p/shadow/name/n/delete", Some("p")),
            ("$aws/things/p/shadow/update/accepted", None),
            ("$aws/things/p/shadow/name/n/update/delta", None),
            ("$aws/things/p/shadow/name/n/x/get", None),
            ("$aws/things/p/jobs/get", None),
            ("$aws/things", None),
        ] {
            assert_eq!(shadow_request(topic, "$aws/things"), expect, "{topic}");
        }
    }
}
