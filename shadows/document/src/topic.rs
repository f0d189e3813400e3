//! Shadow topics: `{prefix}/{thing}/shadow[/name/{shadow}]/{get|update|delete}` for
//! requests; the answers are published below the topic of the request.

use weir_model::check_device;

use crate::request::Operation;

/// Longest name of a shadow, in bytes.
const MAX_SHADOW_BYTES: usize = 64;

/// The target in the topic of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target<'a> {
    pub thing: &'a str,
    /// `None`: the classic shadow.
    pub name: Option<&'a str>,
    pub operation: Operation,
}

/// The last level of an answer's topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerKind {
    Accepted,
    Rejected,
    Delta,
    Documents,
}

impl AnswerKind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::Delta => "delta",
            Self::Documents => "documents",
        }
    }
}

/// Parses the topic of a request; `None` if it is another topic or a name is not
/// well-formed. A thing is named like a device: as in AWS, and with dots, but not as
/// the first character.
pub fn parse_topic<'a>(prefix: &str, topic: &'a str) -> Option<Target<'a>> {
    let rest = topic.strip_prefix(prefix)?.strip_prefix('/')?;
    let mut levels = rest.split('/');
    let thing = levels.next()?;
    if levels.next()? != "shadow" {
        return None;
    }
    let mut level = levels.next()?;
    let mut name = None;
    if level == "name" {
        name = Some(levels.next()?);
        level = levels.next()?;
    }
    let operation = match level {
        "get" => Operation::Get,
        "update" => Operation::Update,
        "delete" => Operation::Delete,
        _ => return None,
    };
    let well_formed = check_device(thing).is_ok() && name.is_none_or(check_shadow);
    (well_formed && levels.next().is_none()).then_some(Target {
        thing,
        name,
        operation,
    })
}

/// Whether the name of a shadow is valid: 1 to 64 of `[$a-zA-Z0-9:_-]`.
pub fn check_shadow(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'$' | b':' | b'_' | b'-');
    (1..=MAX_SHADOW_BYTES).contains(&name.len()) && name.bytes().all(allowed)
}

/// The topic of an answer. A report is answered like an update.
pub fn answer_topic(
    prefix: &str,
    thing: &str,
    name: Option<&str>,
    operation: Operation,
    kind: AnswerKind,
) -> String {
    let operation = match operation {
        Operation::Get => "get",
        Operation::Update | Operation::Report => "update",
        Operation::Delete => "delete",
    };
    let kind = kind.as_str();
    match name {
        None => format!("{prefix}/{thing}/shadow/{operation}/{kind}"),
        Some(name) => format!("{prefix}/{thing}/shadow/name/{name}/{operation}/{kind}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(topic: &str, expect: Option<(&str, Option<&str>, Operation)>) {
        let target = parse_topic("$aws/things", topic);
        assert_eq!(
            target.map(|t| (t.thing, t.name, t.operation)),
            expect,
            "{topic}"
        );
    }

    #[test]
    fn requests_are_distinguished_from_everything_else() {
        use Operation::{Delete, Get, Update};
        check("$aws/things/p-1/shadow/get", Some(("p-1", None, Get)));
        check(
            "$aws/things/a.b:c_d/shadow/update",
            Some(("a.b:c_d", None, Update)),
        );
        check(
            "$aws/things/p/shadow/name/$cfg-1/delete",
            Some(("p", Some("$cfg-1"), Delete)),
        );
        check(
            "$aws/things/p/shadow/name/name/get",
            Some(("p", Some("name"), Get)),
        );
        for topic in [
            "$aws/things/p/shadow/get/accepted",
            "$aws/things/p/shadow/update/delta",
            "$aws/things/p/shadow/name/x/update/documents",
            "$aws/things/p/shadow",
            "$aws/things/p/shadow/name/get",
            "$aws/things/p/shadow/put",
            "$aws/things//shadow/get",
            "$aws/things/.p/shadow/get",
            "$aws/things/a b/shadow/get",
            "$aws/things/p/shadow/name/a.b/get",
            "$aws/things/p/shadow/name//get",
            "$aws/thingsp/shadow/get",
            "$aws/things",
            "devices/p/telemetry",
        ] {
            check(topic, None);
        }
        let (ok, long) = ("n".repeat(64), "n".repeat(65));
        check(&format!("$aws/things/p/shadow/name/{long}/get"), None);
        check(
            &format!("$aws/things/p/shadow/name/{ok}/get"),
            Some(("p", Some(&ok), Get)),
        );
        let (ok, long) = ("t".repeat(128), "t".repeat(129));
        check(&format!("$aws/things/{long}/shadow/get"), None);
        check(
            &format!("$aws/things/{ok}/shadow/get"),
            Some((&ok, None, Get)),
        );
    }

    #[test]
    fn answers_stand_below_their_request() {
        let topic = |name, operation, kind| answer_topic("$aws/things", "p", name, operation, kind);
        assert_eq!(
            topic(None, Operation::Report, AnswerKind::Delta),
            "$aws/things/p/shadow/update/delta"
        );
        assert_eq!(
            topic(Some("n"), Operation::Delete, AnswerKind::Rejected),
            "$aws/things/p/shadow/name/n/delete/rejected"
        );
    }
}
