//! A message as received, verbatim, and its position in the journal.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// A place in the journal: a byte offset in one endless log. A record is known
/// by the position it starts at; a consumer that has handled everything before
/// `p` has committed position `p`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Position(pub u64);

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// How a message entered Weir.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Ingress {
    /// The embedded MQTT broker.
    Broker = 0,
    /// An external MQTT broker (`[[source]]`).
    Source = 1,
    /// `POST /api/v1/ingest/{topic}`.
    Http = 2,
    /// Weir itself: a tick, so that time passes in the journal without messages.
    Clock = 3,
    /// A cloud's function, called with an event.
    Function = 4,
}

impl Ingress {
    pub const ALL: [Self; 5] = [
        Self::Broker,
        Self::Source,
        Self::Http,
        Self::Clock,
        Self::Function,
    ];

    pub fn from_u8(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Broker => "broker",
            Self::Source => "source",
            Self::Http => "http",
            Self::Clock => "clock",
            Self::Function => "function",
        }
    }
}

/// A tick: it carries the time to the functions when no device sends.
pub const fn tick(now: Timestamp) -> Message<'static> {
    Message {
        received: now,
        ingress: Ingress::Clock,
        client: "",
        topic: "$weir/tick",
        payload: b"",
        qos: 1,
        retained: false,
        duplicate: false,
    }
}

/// Start of a notice that replaces a payload. No codec accepts it as data.
const OVERSIZED_MARK: &[u8] = b"\0weir:oversized\0";

/// The notice that an endpoint journals instead of a payload above its limit, so that
/// the message is neither lost silently nor delivered for ever: it is acknowledged
/// like any other and quarantined as
/// [`TooLarge`](crate::QuarantineReason::TooLarge) under its own topic.
pub fn oversized_notice(bytes: u64, limit: u64) -> Vec<u8> {
    let text = format!("{bytes} bytes, limit {limit}");
    [OVERSIZED_MARK, text.as_bytes()].concat()
}

/// The text of such a notice, `"{bytes} bytes, limit {limit}"`; `None` for any other
/// payload. A sender that forges a notice only quarantines its own message.
pub fn parse_oversized_notice(payload: &[u8]) -> Option<&str> {
    std::str::from_utf8(payload.strip_prefix(OVERSIZED_MARK)?).ok()
}

/// One message as received, before parsing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// When Weir received it, by its own clock.
    pub received: Timestamp,
    pub ingress: Ingress,
    /// The authenticated identity of the sender; empty when there is none.
    pub client: &'a str,
    pub topic: &'a str,
    pub payload: &'a [u8],
    /// MQTT quality of service, 0 to 2 (HTTP counts as 1).
    pub qos: u8,
    /// The broker replayed it from its retained messages: it may be old.
    pub retained: bool,
    /// The sender flagged it as a repetition (MQTT DUP).
    pub duplicate: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_notice_is_taken_for_one() {
        let notice = oversized_notice(3_000_000, 2_097_152);
        assert_eq!(
            parse_oversized_notice(&notice),
            Some("3000000 bytes, limit 2097152")
        );
        for payload in [&b""[..], b"{}", b"\0", b"weir:oversized"] {
            assert_eq!(parse_oversized_notice(payload), None);
        }
    }
}
