//! What a sender handed over, verbatim, and where it stands in the journal.

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

/// The way a message came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Door {
    /// The embedded MQTT broker.
    Broker = 0,
    /// An external MQTT broker (`[[source]]`).
    Source = 1,
    /// `POST /api/v1/ingest/{topic}`.
    Http = 2,
}

impl Door {
    pub const ALL: [Self; 3] = [Self::Broker, Self::Source, Self::Http];

    pub fn from_u8(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Broker => "broker",
            Self::Source => "source",
            Self::Http => "http",
        }
    }
}

/// One message as it came in, before anything was parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// When Weir took it, by its own clock.
    pub received: Timestamp,
    pub door: Door,
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
