//! Which connections belong to which identity, so that revoked rights end the
//! connections that were accepted under them: a subscription is authorized once
//! and would last as long as its connection.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use weir_auth::Identity;

/// The authenticated connections, which bound its size.
#[derive(Debug, Default)]
pub(super) struct SessionRegistry(Mutex<Sessions>);

#[derive(Debug, Default)]
struct Sessions {
    next: u64,
    active: HashMap<u64, (Identity, CancellationToken)>,
}

impl SessionRegistry {
    /// `revoked` is cancelled when the identity's rights end before the session.
    pub(super) fn register(
        self: &Arc<Self>,
        identity: Identity,
        revoked: CancellationToken,
    ) -> SessionGuard {
        let mut sessions = self.0.lock();
        let id = sessions.next;
        sessions.next += 1;
        sessions.active.insert(id, (identity, revoked));
        SessionGuard {
            registry: self.clone(),
            id,
        }
    }

    /// Revokes the sessions of every identity that `is_valid` denies.
    pub(super) fn revoke_unless(&self, is_valid: impl Fn(&Identity) -> bool) {
        for (identity, revoked) in self.0.lock().active.values() {
            if !is_valid(identity) {
                revoked.cancel();
            }
        }
    }
}

/// Held by a connection for as long as it lives.
#[derive(Debug)]
pub(super) struct SessionGuard {
    registry: Arc<SessionRegistry>,
    id: u64,
}

impl Drop for SessionGuard {
    fn drop(&mut self) {
        self.registry.0.lock().active.remove(&self.id);
    }
}
