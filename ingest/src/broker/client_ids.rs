//! Which identity may use a client id. MQTT gives a client id to the last client
//! that connects with it: the earlier connection is closed, its session continued
//! or discarded. With authentication only the same identity may do that, or a
//! device could disconnect another one.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

/// The client ids of the open connections, which bound its size.
#[derive(Debug, Default)]
pub(super) struct ClientIdLeases(Mutex<HashMap<String, Owner>>);

#[derive(Debug)]
struct Owner {
    identity: String,
    /// A connection that takes over exists before the other one has ended.
    connections: usize,
}

impl ClientIdLeases {
    /// `None` while a connection of another identity has the client id.
    pub(super) fn acquire(
        self: &Arc<Self>,
        client_id: &str,
        identity: &str,
    ) -> Option<ClientIdLease> {
        let mut owners = self.0.lock();
        match owners.get_mut(client_id) {
            Some(owner) if owner.identity != identity => return None,
            Some(owner) => owner.connections += 1,
            None => {
                let owner = Owner {
                    identity: identity.to_owned(),
                    connections: 1,
                };
                owners.insert(client_id.to_owned(), owner);
            }
        }
        Some(ClientIdLease {
            leases: self.clone(),
            client_id: client_id.to_owned(),
        })
    }
}

/// Held by a connection for as long as it lives.
#[derive(Debug)]
pub(super) struct ClientIdLease {
    leases: Arc<ClientIdLeases>,
    client_id: String,
}

impl Drop for ClientIdLease {
    fn drop(&mut self) {
        let mut owners = self.leases.0.lock();
        if let Some(owner) = owners.get_mut(&self.client_id) {
            owner.connections -= 1;
            if owner.connections == 0 {
                owners.remove(&self.client_id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_id_is_its_owners_until_the_last_connection_is_gone() {
        let leases = Arc::new(ClientIdLeases::default());
        let first = leases.acquire("c", "pump-1").unwrap();
        assert!(leases.acquire("c", "pump-2").is_none());
        let second = leases.acquire("c", "pump-1").unwrap();
        drop(first);
        assert!(leases.acquire("c", "pump-2").is_none());
        assert!(leases.acquire("d", "pump-2").is_some());
        drop(second);
        assert!(leases.acquire("c", "pump-2").is_some());
        assert!(leases.0.lock().is_empty());
    }
}
