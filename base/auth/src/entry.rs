//! One identity of the access file: its role, its secrets and its rules.

use parking_lot::Mutex;
use weir_model::{Timestamp, glob_matches};

use crate::role::Role;
use crate::secret::{Secret, TokenDigest, digest};

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
    /// The digest of the last password that was correct: the slow hash is computed
    /// once, and not for every request.
    pub(crate) verified: Mutex<Option<TokenDigest>>,
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
            verified: Mutex::default(),
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

    /// Whether it is one of the secrets. `slow` is held while a password is hashed.
    pub(crate) fn verify(&self, secret: &[u8], slow: &Mutex<()>) -> bool {
        let is_token = |hash: &&Secret| matches!(hash, Secret::Token(_));
        let mut tokens = self.secrets.iter().filter(is_token);
        if tokens.any(|hash| hash.verify(secret)) {
            return true;
        }
        let mut passwords = self
            .secrets
            .iter()
            .filter(|hash| !is_token(hash))
            .peekable();
        if passwords.peek().is_none() {
            return false;
        }
        let shown = digest(secret);
        if *self.verified.lock() == Some(shown) {
            return true;
        }
        let _one_at_a_time = slow.lock();
        let is_correct = passwords.any(|hash| hash.verify(secret));
        if is_correct {
            *self.verified.lock() = Some(shown);
        }
        is_correct
    }
}
