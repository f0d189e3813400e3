//! Who is connected under which identity, so that rights that are taken away
//! end the connections that were let in by them: a subscription is looked at
//! once, and would go on for as long as its connection.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use weir_auth::Identity;

/// The connections that have logged in. Bounded by them.
#[derive(Debug, Default)]
pub(super) struct Roster(Mutex<Seats>);

#[derive(Debug, Default)]
struct Seats {
    next: u64,
    taken: HashMap<u64, (Identity, CancellationToken)>,
}

impl Roster {
    /// `leave` is cancelled when the identity's rights end before the seat is
    /// given back.
    pub(super) fn sit(self: &Arc<Self>, identity: Identity, leave: CancellationToken) -> Seat {
        let mut seats = self.0.lock();
        let id = seats.next;
        seats.next += 1;
        seats.taken.insert(id, (identity, leave));
        Seat {
            roster: self.clone(),
            id,
        }
    }

    /// Tells everybody to leave whom `may_stay` does not know any more.
    pub(super) fn review(&self, may_stay: impl Fn(&Identity) -> bool) {
        for (identity, leave) in self.0.lock().taken.values() {
            if !may_stay(identity) {
                leave.cancel();
            }
        }
    }
}

/// Held by a connection for as long as it lives.
#[derive(Debug)]
pub(super) struct Seat {
    roster: Arc<Roster>,
    id: u64,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.roster.0.lock().taken.remove(&self.id);
    }
}
