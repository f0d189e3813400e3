//! Per connection: what was taken, what of it is committed, and the
//! acknowledgements that wait for it.
//!
//! Publishes are stashed while the packets of one read are handled and go to
//! the journal in one append. An acknowledgement that is written meanwhile
//! belongs to the batch that is appended next; it may leave once the journal
//! has committed that batch and all before it, so acknowledgements keep the
//! order of receipt. [`Gate`] is what the journal's thread sees of it: two
//! atomics and a waker.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Waker;

use bytes::{Buf, Bytes, BytesMut};
use parking_lot::Mutex;
use weir_journal::{AppendError, Appender, CommitListener};
use weir_model::{Door, Message, Position, Timestamp};

/// Publishes that are appended together at most.
const MAX_BATCH: usize = 256;
/// Bytes of payload that are appended together, give or take one message.
const MAX_BATCH_BYTES: usize = 256 * 1024;

/// Told by the journal's thread, asked by the connection's task.
#[derive(Debug, Default)]
pub(super) struct Gate {
    committed: AtomicU64,
    failed: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Gate {
    pub(super) fn committed(&self) -> Position {
        Position(self.committed.load(Ordering::Acquire))
    }

    /// Whether what waits will never be committed.
    pub(super) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    pub(super) fn fail(&self) {
        self.failed.store(true, Ordering::Release);
        self.wake();
    }

    /// Wakes `waker` at the next commit or failure. Ask again afterwards: what
    /// happened before the registration wakes nobody.
    pub(super) fn register(&self, waker: &Waker) {
        let mut registered = self.waker.lock();
        match &mut *registered {
            Some(registered) => registered.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
    }

    fn wake(&self) {
        let waker = self.waker.lock().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl CommitListener for Gate {
    fn committed(&self, position: Position) {
        self.committed.fetch_max(position.0, Ordering::AcqRel);
        self.wake();
    }

    fn failed(&self) {
        self.fail();
    }
}

/// A publish that is not appended yet.
#[derive(Debug)]
pub(super) struct Stashed {
    pub(super) received: Timestamp,
    pub(super) topic: Arc<str>,
    pub(super) payload: Bytes,
    pub(super) qos: u8,
    /// Unacknowledged, its sender will send it again.
    pub(super) is_repeated: bool,
}

/// One append that is not committed yet.
#[derive(Debug)]
struct Batch {
    end: Position,
    publishes: usize,
    /// Acknowledgements that wait for it.
    held_bytes: usize,
}

/// The books of one connection.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    stash: Vec<Stashed>,
    stash_bytes: usize,
    batches: VecDeque<Batch>,
    /// Publishes in `batches`.
    uncommitted: usize,
    /// Acknowledgements in order: those of `batches`, then those of the stash.
    held: BytesMut,
    /// How much of `held` is committed, ...
    due_bytes: usize,
    /// ... and how much is the stash's.
    stash_held_bytes: usize,
}

impl Ledger {
    pub(super) fn stash(&mut self, publish: Stashed) {
        self.stash_bytes += publish.payload.len() + publish.topic.len();
        self.stash.push(publish);
    }

    pub(super) fn has_stash(&self) -> bool {
        !self.stash.is_empty()
    }

    /// Whether the stash should be appended before another publish is handled.
    pub(super) fn is_stash_full(&self, max_inflight: usize) -> bool {
        self.stash.len() >= MAX_BATCH
            || self.stash_bytes >= MAX_BATCH_BYTES
            || self.stash.len() + self.uncommitted >= max_inflight
    }

    /// Forgets what its sender will send again, and its acknowledgements.
    pub(super) fn forget_repeated(&mut self) {
        self.stash.retain(|publish| !publish.is_repeated);
        let kept = self.held.len() - std::mem::take(&mut self.stash_held_bytes);
        self.held.truncate(kept);
    }

    /// The stash came in with one read: its first publish has read the clock.
    pub(super) fn stash_time(&self) -> Option<Timestamp> {
        self.stash.first().map(|publish| publish.received)
    }

    /// Publishes that wait for their commit.
    pub(super) fn uncommitted(&self) -> usize {
        self.uncommitted
    }

    /// Bytes of acknowledgements that wait.
    pub(super) fn held_bytes(&self) -> usize {
        self.held.len()
    }

    /// Nothing waits: not for the journal, not for its commit, not for its
    /// release.
    pub(super) fn is_settled(&self) -> bool {
        self.stash.is_empty() && self.batches.is_empty() && self.held.is_empty()
    }

    /// Keeps an acknowledgement until everything that was taken before it is
    /// committed.
    pub(super) fn hold(&mut self, packet: &[u8]) {
        self.held.extend_from_slice(packet);
        let waiting = match (self.stash.is_empty(), self.batches.back_mut()) {
            (false, _) => &mut self.stash_held_bytes,
            (true, Some(last)) => &mut last.held_bytes,
            (true, None) => &mut self.due_bytes,
        };
        *waiting += packet.len();
    }

    /// Appends the stash; how many messages that were. Refused, it stays.
    pub(super) fn append(
        &mut self,
        journal: &dyn Appender,
        client: &str,
        listener: &Arc<dyn CommitListener>,
    ) -> Result<usize, AppendError> {
        let message = |publish| as_message(publish, client);
        let appended = match &*self.stash {
            [] => return Ok(0),
            [one] => journal.append(&[message(one)], Some(listener))?,
            many => {
                let messages: Vec<_> = many.iter().map(message).collect();
                journal.append(&messages, Some(listener))?
            }
        };
        let publishes = self.stash.len();
        let held_bytes = std::mem::take(&mut self.stash_held_bytes);
        self.batches.push_back(Batch {
            end: appended.end,
            publishes,
            held_bytes,
        });
        self.uncommitted += publishes;
        self.stash.clear();
        self.stash_bytes = 0;
        Ok(publishes)
    }

    /// The journal has committed everything before `committed`.
    pub(super) fn settle(&mut self, committed: Position) {
        while let Some(batch) = self.batches.front()
            && batch.end <= committed
        {
            self.due_bytes += batch.held_bytes;
            self.uncommitted -= batch.publishes;
            self.batches.pop_front();
        }
    }

    /// Moves the acknowledgements that are due to `out`.
    pub(super) fn release(&mut self, out: &mut BytesMut) {
        let due = std::mem::take(&mut self.due_bytes);
        out.extend_from_slice(&self.held[..due]);
        self.held.advance(due);
    }
}

/// A device's own publish is fresh even when it asks the broker to retain it.
/// What mqtt5 hands over does not tell repetitions (DUP) apart.
fn as_message<'a>(publish: &'a Stashed, client: &'a str) -> Message<'a> {
    Message {
        received: publish.received,
        door: Door::Broker,
        client,
        topic: &publish.topic,
        payload: &publish.payload,
        qos: publish.qos,
        retained: false,
        duplicate: false,
    }
}

#[cfg(test)]
mod tests;
