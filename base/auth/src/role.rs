//! The roles of identities.

/// What an identity may do, before its own rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Writes its own telemetry and has its own shadows; reads nothing else.
    Device,
    /// Reads everything, changes nothing.
    Reader,
    /// Reads, acknowledges and shelves alarms, changes shadows.
    Operator,
    /// Everything that anybody may.
    Admin,
}

impl Role {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Device => "device",
            Self::Reader => "reader",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}
