//! One identity of the access file: its role, its secrets and its rules.

use weir_model::{Timestamp, glob_matches};

use crate::role::Role;
use crate::secret::Secret;

/// See the module.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) secrets: Vec<Secret>,
    /// Globs over the names of devices.
    pub(crate) devices: Vec<String>,
    /// MQTT topic filters; `{id}` is replaced by the name.
    pub(crate) publish: Vec<String>,
    pub(crate) subscribe: Vec<String>,
    pub(crate) certificate: bool,
    pub(crate) expires: Option<Timestamp>,
}

impl Entry {
    /// Everybody, where there is no authentication.
    pub(crate) fn everybody() -> Self {
        Self {
            name: String::new(),
            role: Role::Admin,
            secrets: Vec::new(),
            devices: Vec::new(),
            publish: Vec::new(),
            subscribe: Vec::new(),
            certificate: false,
            expires: None,
        }
    }

    pub(crate) fn speaks_for(&self, device: &str) -> bool {
        self.name == device || self.devices.iter().any(|glob| glob_matches(glob, device))
    }

    pub(crate) fn speaks_for_all(&self) -> bool {
        self.devices.iter().any(|glob| glob == "*")
    }

    pub(crate) fn is_expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }

    /// Whether it has all rules and all secrets of `before`.
    pub(crate) fn keeps_rights_of(&self, before: &Self) -> bool {
        self.role == before.role
            && self.devices == before.devices
            && self.publish == before.publish
            && self.subscribe == before.subscribe
            && (self.certificate || !before.certificate)
            && before.secrets.iter().all(|s| self.secrets.contains(s))
    }

    /// Whether it is one of the tokens. Takes microseconds.
    pub(crate) fn has_token(&self, secret: &[u8]) -> bool {
        self.secrets.iter().any(|hash| hash.is_token(secret))
    }

    pub(crate) fn has_password(&self) -> bool {
        let mut secrets = self.secrets.iter();
        secrets.any(|hash| matches!(hash, Secret::Password(_)))
    }
}
