//! All identities, indexed by name and by token.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::entry::Entry;
use crate::secret::{Secret, TokenDigest, digest};

/// Why an identity was not added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Conflict {
    Name,
    Secret,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    by_name: HashMap<String, Arc<Entry>>,
    by_token: HashMap<TokenDigest, Arc<Entry>>,
    /// Verified instead of the password of an unknown identity, so that the time
    /// does not reveal names.
    decoy: Option<Arc<Entry>>,
}

impl Directory {
    /// Adds an identity. A token or a name that another identity has stays with
    /// that identity.
    pub(crate) fn add(&mut self, entry: Entry) -> Vec<Conflict> {
        let entry = Arc::new(entry);
        let mut conflicts = Vec::new();
        for secret in &entry.secrets {
            match secret {
                Secret::Token(digest) => match self.by_token.entry(*digest) {
                    Slot::Vacant(slot) => drop(slot.insert(entry.clone())),
                    Slot::Occupied(_) => conflicts.push(Conflict::Secret),
                },
                Secret::Password(_) => self.decoy = Some(entry.clone()),
            }
        }
        match self.by_name.entry(entry.name.clone()) {
            Slot::Vacant(slot) => drop(slot.insert(entry)),
            Slot::Occupied(_) => conflicts.push(Conflict::Name),
        }
        conflicts
    }

    pub(crate) fn len(&self) -> usize {
        self.by_name.len()
    }

    pub(crate) fn named(&self, name: &str) -> Option<&Arc<Entry>> {
        self.by_name.get(name)
    }

    pub(crate) fn by_token(&self, token: &str) -> Option<Arc<Entry>> {
        self.by_token.get(&digest(token.as_bytes())).cloned()
    }

    pub(crate) fn by_password(
        &self,
        name: &str,
        password: &[u8],
        slow: &Mutex<()>,
    ) -> Option<Arc<Entry>> {
        match self.by_name.get(name) {
            Some(entry) => entry.verify(password, slow).then(|| entry.clone()),
            None => {
                if let Some(decoy) = &self.decoy {
                    let _one_at_a_time = slow.lock();
                    decoy.secrets.iter().for_each(|secret| {
                        secret.verify(password);
                    });
                }
                None
            }
        }
    }

    pub(crate) fn by_certificate(&self, common_name: &str) -> Option<Arc<Entry>> {
        let entry = self.by_name.get(common_name)?;
        entry.certificate.then(|| entry.clone())
    }
}
