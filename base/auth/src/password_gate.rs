//! Where passwords are checked: one at a time, behind a short queue.
//!
//! Each check takes 19 MiB and tens of milliseconds by design, and any peer can
//! cause it. So a check waits in a queue before it gets a thread and memory:
//!
//! - one check at a time, on one block of memory that is used again;
//! - [`MAX_WAITING`] places, [`MAX_PER_PEER`] for one address and [`MAX_PER_NAME`]
//!   for one name from one address: a flood from one peer leaves room for others;
//! - a check that waited for [`MAX_WAIT`] is refused, as is one without a place;
//! - a dropped future leaves the queue;
//! - the result of a check is kept for [`KEEP`], under a keyed hash that nobody
//!   outside this process can compute.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use argon2::Block;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use weir_model::Timestamp;

use crate::entry::Entry;

/// Checks that wait or run, over all peers.
pub(crate) const MAX_WAITING: usize = 24;
/// Of one address; of one network of 64 bits for IPv6.
pub(crate) const MAX_PER_PEER: usize = 12;
/// Of one name from one address.
pub(crate) const MAX_PER_NAME: usize = 4;
/// Longest wait for the turn.
const MAX_WAIT: Duration = Duration::from_millis(750);
/// How long a result is kept.
const KEEP: Duration = Duration::from_secs(600);
/// Results that are kept, of correct and of wrong passwords each.
const MAX_KEPT: usize = 4_096;

type Key = [u8; 32];

/// Too many passwords are being checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Busy;

/// See the module.
pub(crate) struct PasswordGate {
    secret: Key,
    turn: Arc<Semaphore>,
    waiting: Mutex<Waiting>,
    memory: Mutex<Vec<Block>>,
    results: Mutex<Results>,
}

#[derive(Default)]
struct Waiting {
    all: usize,
    by_peer: HashMap<IpAddr, usize>,
    by_name: HashMap<Key, usize>,
}

/// When a result was found, by the keyed hash of identity and password.
#[derive(Default)]
struct Results {
    correct: HashMap<Key, Timestamp>,
    wrong: HashMap<Key, Timestamp>,
}

/// A name and a password to check.
pub(crate) struct Attempt<'a> {
    pub(crate) name: &'a str,
    pub(crate) password: &'a [u8],
    /// Of the rules.
    pub(crate) generation: u64,
    /// Has the hashes that the password is compared with.
    pub(crate) hashes: &'a Arc<Entry>,
    /// Whether the hashes are those of the named identity. If not, the time is spent
    /// so that it does not reveal names.
    pub(crate) is_known: bool,
}

impl PasswordGate {
    pub(crate) fn new() -> Self {
        Self {
            secret: rand::random(),
            turn: Arc::new(Semaphore::new(1)),
            waiting: Mutex::default(),
            memory: Mutex::default(),
            results: Mutex::default(),
        }
    }

    /// Checks on this thread, without a queue. For tools and tests.
    pub(crate) fn check_here(&self, attempt: &Attempt<'_>, now: Timestamp) -> bool {
        let key = self.key(attempt);
        if let Some(is_correct) = self.result(&key, now) {
            return is_correct;
        }
        let is_correct = self.hash(attempt.hashes, attempt.password) && attempt.is_known;
        self.keep(key, is_correct, now);
        is_correct
    }

    /// Checks in turn. Needs a tokio runtime.
    pub(crate) async fn check(
        self: &Arc<Self>,
        attempt: &Attempt<'_>,
        peer: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<bool, Busy> {
        let key = self.key(attempt);
        if let Some(is_correct) = self.result(&key, now) {
            return Ok(is_correct);
        }
        let place = Place::enter(self, peer, attempt.name)?;
        let turn = timeout(MAX_WAIT, self.turn.clone().acquire_owned()).await;
        let turn = turn.map_err(|_| Busy)?.map_err(|_| Busy)?;
        // The one before may have been the same.
        if let Some(is_correct) = self.result(&key, now) {
            return Ok(is_correct);
        }
        let gate = self.clone();
        let (hashes, password) = (attempt.hashes.clone(), attempt.password.to_vec());
        let is_known = attempt.is_known;
        let work = tokio::task::spawn_blocking(move || {
            let _held = (turn, place);
            let is_correct = gate.hash(&hashes, &password) && is_known;
            gate.keep(key, is_correct, now);
            is_correct
        });
        work.await.map_err(|_| Busy)
    }

    fn hash(&self, hashes: &Entry, password: &[u8]) -> bool {
        let mut memory = self.memory.lock();
        hashes
            .secrets
            .iter()
            .any(|secret| secret.verify_password(password, &mut memory))
    }

    fn key(&self, attempt: &Attempt<'_>) -> Key {
        let mut hash = Sha256::new_with_prefix(self.secret);
        hash.update(attempt.generation.to_le_bytes());
        hash.update((attempt.name.len() as u64).to_le_bytes());
        hash.update(attempt.name);
        hash.update(attempt.password);
        hash.finalize().into()
    }

    fn result(&self, key: &Key, now: Timestamp) -> Option<bool> {
        let results = self.results.lock();
        let is_fresh = |found: &Timestamp| is_fresh(*found, now);
        if results.correct.get(key).is_some_and(is_fresh) {
            return Some(true);
        }
        results
            .wrong
            .get(key)
            .is_some_and(is_fresh)
            .then_some(false)
    }

    fn keep(&self, key: Key, is_correct: bool, now: Timestamp) {
        let mut results = self.results.lock();
        let kept = if is_correct {
            &mut results.correct
        } else {
            &mut results.wrong
        };
        if kept.len() >= MAX_KEPT {
            kept.retain(|_, found| is_fresh(*found, now));
        }
        if kept.len() >= MAX_KEPT {
            kept.clear();
        }
        kept.insert(key, now);
    }
}

fn is_fresh(found: Timestamp, now: Timestamp) -> bool {
    let age = now.0.checked_sub(found.0);
    // A clock that was set back ends it too.
    age.and_then(|age| u64::try_from(age).ok())
        .is_some_and(|age| Duration::from_nanos(age) < KEEP)
}

/// The network of an IPv6 peer has as many addresses as it likes.
fn peer_key(peer: Option<IpAddr>) -> IpAddr {
    match peer.map(|peer| peer.to_canonical()) {
        None => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        Some(IpAddr::V6(address)) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        Some(address) => address,
    }
}

/// A place in the queue, until it is dropped.
struct Place {
    gate: Arc<PasswordGate>,
    peer: IpAddr,
    name: Key,
}

impl Place {
    fn enter(gate: &Arc<PasswordGate>, peer: Option<IpAddr>, name: &str) -> Result<Self, Busy> {
        let peer = peer_key(peer);
        let name = Sha256::new_with_prefix(format!("{peer} {name}"));
        let name: Key = name.finalize().into();
        let mut waiting = gate.waiting.lock();
        let of_peer = waiting.by_peer.get(&peer).copied().unwrap_or(0);
        let of_name = waiting.by_name.get(&name).copied().unwrap_or(0);
        if waiting.all >= MAX_WAITING || of_peer >= MAX_PER_PEER || of_name >= MAX_PER_NAME {
            return Err(Busy);
        }
        waiting.all += 1;
        waiting.by_peer.insert(peer, of_peer + 1);
        waiting.by_name.insert(name, of_name + 1);
        Ok(Self {
            gate: gate.clone(),
            peer,
            name,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut waiting = self.gate.waiting.lock();
        waiting.all -= 1;
        leave(&mut waiting.by_peer, &self.peer);
        leave(&mut waiting.by_name, &self.name);
    }
}

fn leave<K: std::hash::Hash + Eq>(counts: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}

/// Without the secrets.
impl std::fmt::Debug for PasswordGate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PasswordGate")
            .field("waiting", &self.waiting.lock().all)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
