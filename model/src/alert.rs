//! A function's verdict on one reading, and the alert that operations receive.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{DeviceIx, LocationIx, Position, Timestamp, Why};

/// How bad it is. Ordered: `Warning < Critical`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Severity {
    Warning,
    Critical,
}

impl Severity {
    /// The topic level and label: `warning` or `critical`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a function concludes from a reading: nothing, or something of a severity.
pub type Level = Option<Severity>;

/// Which limit is meant: the one above or the one below.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    High,
    Low,
}

/// What one function concludes from one reading that is newer than all earlier
/// readings of its series. Late and retained readings have no verdict.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verdict {
    pub position: Position,
    /// Dense index of (series, function): the alarm engine's memory is a table
    /// over it. [`crate::Catalog`] does not know it; the engine names it.
    pub slot: u32,
    /// Which function: 0 is `payload`, then the `[[function]]`s in their order.
    pub function: u16,
    pub device: DeviceIx,
    pub location: LocationIx,
    pub time: Timestamp,
    pub value: f64,
    pub level: Level,
    /// The limit that decided: the crossed one, or when nothing is crossed the
    /// one whose crossing ended. NaN when the function has no limit.
    pub threshold: f64,
    pub side: Side,
    /// How unusual the reading is, in the function's own measure. NaN when the
    /// function gives no score.
    pub score: f64,
    /// The numbers behind the conclusion.
    pub why: Why,
}

/// The state change that an alert reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertState {
    Raised,
    Escalated,
    Deescalated,
    Cleared,
}

impl AlertState {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Raised => "raised",
            Self::Escalated => "escalated",
            Self::Deescalated => "deescalated",
            Self::Cleared => "cleared",
        }
    }
}

/// The constant `"ALERT"` of the reference event's notification.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum AlertKind {
    #[default]
    #[serde(rename = "ALERT")]
    Alert,
}

/// One alarm transition as it is published, as a JSON object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Alert {
    /// This transition. The same reading gives the same id, also when the
    /// message is replayed or delivered again.
    pub id: String,
    /// The episode, from raised to cleared.
    pub alarm_id: String,
    #[serde(rename = "type")]
    pub kind: AlertKind,
    /// For a cleared alarm: its last severity.
    pub severity: Severity,
    pub state: AlertState,
    pub device_id: String,
    pub sensor: String,
    pub value: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    pub function: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Milliseconds since the epoch: the time of the reading that decided.
    pub timestamp: i64,
    /// When the episode was raised, milliseconds since the epoch.
    pub raised_at: i64,
    /// One sentence for a person.
    pub reason: String,
}

impl Alert {
    /// `alerts/{severity}/{device}`.
    pub fn topic(&self) -> String {
        format!("alerts/{}/{}", self.severity, self.device_id)
    }
}
