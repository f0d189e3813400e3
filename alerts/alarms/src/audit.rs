//! One action of an operator, as the audit stores it and the API shows it.

use serde::{Deserialize, Serialize};

/// What an operator did to an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AuditAction {
    Acknowledge,
    Unacknowledge,
    Shelve,
    Unshelve,
    OutOfService,
    Comment,
    Assign,
}

impl AuditAction {
    /// The name in the audit and in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Acknowledge => "acknowledge",
            Self::Unacknowledge => "unacknowledge",
            Self::Shelve => "shelve",
            Self::Unshelve => "unshelve",
            Self::OutOfService => "out-of-service",
            Self::Comment => "comment",
            Self::Assign => "assign",
        }
    }
}

/// One entry of the audit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditEntry {
    pub action: AuditAction,
    pub alarm_id: String,
    pub by: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Milliseconds since the epoch, by Weir's clock.
    pub at: i64,
    /// End of a shelving, milliseconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<i64>,
    /// The assignee; absent when an assignment is removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_is_stored_under_the_name_that_it_shows() {
        for action in [
            AuditAction::Acknowledge,
            AuditAction::Unacknowledge,
            AuditAction::Shelve,
            AuditAction::Unshelve,
            AuditAction::OutOfService,
            AuditAction::Comment,
            AuditAction::Assign,
        ] {
            let entry = AuditEntry {
                action,
                alarm_id: "a".to_owned(),
                by: "ann".to_owned(),
                note: None,
                at: 1,
                until: None,
                to: None,
            };
            let json = serde_json::to_value(&entry).unwrap();
            assert_eq!(json["action"], action.as_str());
        }
    }
}
