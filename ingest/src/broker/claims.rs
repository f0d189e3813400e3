//! Whose a client id is. MQTT gives a client id to whoever comes last: the
//! connection before is closed, its session continued or thrown away. With
//! authentication that is for the same identity only, or a device could put
//! another off the air.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

/// The client ids of the connections there are. Bounded by them.
#[derive(Debug, Default)]
pub(super) struct Claims(Mutex<HashMap<String, Owner>>);

#[derive(Debug)]
struct Owner {
    identity: String,
    /// A connection that takes over is there before the other one is gone.
    connections: usize,
}

impl Claims {
    /// `None`: the client id is another identity's as long as that is connected.
    pub(super) fn claim(self: &Arc<Self>, client_id: &str, identity: &str) -> Option<Claim> {
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
        Some(Claim {
            claims: self.clone(),
            client_id: client_id.to_owned(),
        })
    }
}

/// Held by a connection for as long as it lives.
#[derive(Debug)]
pub(super) struct Claim {
    claims: Arc<Claims>,
    client_id: String,
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut owners = self.claims.0.lock();
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
        let claims = Arc::new(Claims::default());
        let first = claims.claim("c", "pump-1").unwrap();
        assert!(claims.claim("c", "pump-2").is_none());
        let second = claims.claim("c", "pump-1").unwrap();
        drop(first);
        assert!(claims.claim("c", "pump-2").is_none());
        assert!(claims.claim("d", "pump-2").is_some());
        drop(second);
        assert!(claims.claim("c", "pump-2").is_some());
        assert!(claims.0.lock().is_empty());
    }
}
