//! The gate that acknowledgements pass only after the commit: one per connection.
//!
//! The publishes of one read are gathered ([`PendingPublishes`]) and go to the
//! journal in one append. An acknowledgement that mqtt5 writes meanwhile belongs to
//! the batch that is appended next ([`HeldAcks`]). It may leave once the journal has
//! committed that batch and all before it, so acknowledgements keep the order of
//! receipt. [`CommitWaker`] is what the journal's thread sees of it: two atomics and
//! a waker.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Waker;

use bytes::{Buf, Bytes, BytesMut};
use parking_lot::Mutex;
use weir_journal::{AppendError, Appended, Appender, CommitListener, Ticket};
use weir_model::{Ingress, Message, Position, Timestamp};

/// Publishes in one append, at most.
const MAX_BATCH: usize = 256;
/// Bytes of topics and payloads in one append, plus one message at most.
const MAX_BATCH_BYTES: usize = 256 * 1024;

/// Set by the journal's thread, read by the connection's task.
#[derive(Debug, Default)]
pub(super) struct CommitWaker {
    committed: AtomicU64,
    failed: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl CommitWaker {
    pub(super) fn committed(&self) -> Ticket {
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

    /// Wakes `waker` at the next commit or failure. Check again afterwards: a commit
    /// before the registration wakes nobody.
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

impl CommitListener for CommitWaker {
    fn committed(&self, ticket: Ticket) {
        self.committed.fetch_max(ticket.0, Ordering::AcqRel);
        self.wake();
    }

    fn failed(&self) {
        self.fail();
    }
}

/// A publish that is not appended yet.
#[derive(Debug)]
pub(super) struct PendingPublish {
    pub(super) received: Timestamp,
    pub(super) topic: Arc<str>,
    pub(super) payload: Bytes,
    pub(super) qos: u8,
    /// Its sender sends it again unless it is acknowledged.
    pub(super) is_resent: bool,
    /// It is empty and has the retain flag: it deletes a retained message.
    pub(super) is_clear: bool,
}

/// The publishes that the next append takes.
#[derive(Debug, Default)]
struct PendingPublishes {
    publishes: Vec<PendingPublish>,
    /// Of topics and payloads.
    bytes: usize,
}

impl PendingPublishes {
    fn push(&mut self, publish: PendingPublish) {
        self.bytes += publish.payload.len() + publish.topic.len();
        self.publishes.push(publish);
    }

    fn clear(&mut self) {
        self.publishes.clear();
        self.bytes = 0;
    }

    fn discard_resendable(&mut self) {
        self.publishes.retain(|publish| !publish.is_resent);
    }

    /// All in one append; a refused append changes nothing.
    fn append(
        &self,
        journal: &dyn Appender,
        client: &str,
        listener: &Arc<dyn CommitListener>,
    ) -> Result<Appended, AppendError> {
        let message = |publish| as_message(publish, client);
        match &*self.publishes {
            [one] => journal.append(&[message(one)], Some(listener)),
            many => {
                let messages: Vec<_> = many.iter().map(message).collect();
                journal.append(&messages, Some(listener))
            }
        }
    }
}

/// One append that is not committed yet.
#[derive(Debug)]
struct Batch {
    end: Ticket,
    publishes: usize,
    /// Bytes of the acknowledgements that wait for it.
    held_bytes: usize,
}

/// Acknowledgements that wait for a commit, in the order of receipt.
#[derive(Debug, Default)]
struct HeldAcks {
    batches: VecDeque<Batch>,
    /// Publishes in `batches`.
    uncommitted: usize,
    /// Due acknowledgements, then those of `batches`, then those of the publishes
    /// that are not appended yet.
    bytes: BytesMut,
    /// How much of `bytes` is due, ...
    due_bytes: usize,
    /// ... and how much belongs to publishes that are not appended yet.
    pending_bytes: usize,
}

impl HeldAcks {
    fn is_empty(&self) -> bool {
        self.batches.is_empty() && self.bytes.is_empty()
    }

    /// `has_pending`: there are publishes that are not appended yet.
    fn hold(&mut self, packet: &[u8], has_pending: bool) {
        self.bytes.extend_from_slice(packet);
        let waiting = match self.batches.back_mut() {
            _ if has_pending => &mut self.pending_bytes,
            Some(last) => &mut last.held_bytes,
            None => &mut self.due_bytes,
        };
        *waiting += packet.len();
    }

    /// The pending publishes were appended.
    fn appended(&mut self, end: Ticket, publishes: usize) {
        let held_bytes = std::mem::take(&mut self.pending_bytes);
        self.batches.push_back(Batch {
            end,
            publishes,
            held_bytes,
        });
        self.uncommitted += publishes;
    }

    fn discard_pending(&mut self) {
        let kept = self.bytes.len() - std::mem::take(&mut self.pending_bytes);
        self.bytes.truncate(kept);
    }

    fn settle(&mut self, committed: Ticket) {
        while let Some(batch) = self.batches.front()
            && batch.end <= committed
        {
            self.due_bytes += batch.held_bytes;
            self.uncommitted -= batch.publishes;
            self.batches.pop_front();
        }
    }

    fn release(&mut self, out: &mut BytesMut) {
        let due = std::mem::take(&mut self.due_bytes);
        out.extend_from_slice(&self.bytes[..due]);
        self.bytes.advance(due);
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct AckGate {
    pending: PendingPublishes,
    held: HeldAcks,
}

impl AckGate {
    pub(super) fn push(&mut self, publish: PendingPublish) {
        self.pending.push(publish);
    }

    pub(super) fn has_pending(&self) -> bool {
        !self.pending.publishes.is_empty()
    }

    /// Whether the pending publishes must be appended before another one is
    /// handled.
    pub(super) fn must_append(&self, max_inflight: usize) -> bool {
        let pending = self.pending.publishes.len();
        pending >= MAX_BATCH
            || self.pending.bytes >= MAX_BATCH_BYTES
            || pending + self.held.uncommitted >= max_inflight
    }

    /// Drops the publishes that their sender sends again, and the acknowledgements
    /// of all that are pending.
    pub(super) fn discard_resendable(&mut self) {
        self.pending.discard_resendable();
        self.held.discard_pending();
    }

    /// The pending publishes came in with one read: the first one has read the
    /// clock.
    pub(super) fn pending_since(&self) -> Option<Timestamp> {
        self.pending.publishes.first().map(|first| first.received)
    }

    /// Publishes that wait for their commit.
    pub(super) fn uncommitted(&self) -> usize {
        self.held.uncommitted
    }

    /// Bytes of the acknowledgements that wait.
    pub(super) fn held_bytes(&self) -> usize {
        self.held.bytes.len()
    }

    /// Nothing waits: not for the append, not for the commit, not for the release.
    pub(super) fn is_settled(&self) -> bool {
        !self.has_pending() && self.held.is_empty()
    }

    /// Keeps an acknowledgement until everything received before it is committed.
    pub(super) fn hold(&mut self, packet: &[u8]) {
        let has_pending = self.has_pending();
        self.held.hold(packet, has_pending);
    }

    /// Appends the pending publishes; returns their number. After a refusal they
    /// stay pending.
    pub(super) fn append(
        &mut self,
        journal: &dyn Appender,
        client: &str,
        listener: &Arc<dyn CommitListener>,
    ) -> Result<usize, AppendError> {
        let publishes = self.pending.publishes.len();
        if publishes > 0 {
            let appended = self.pending.append(journal, client, listener)?;
            self.held.appended(appended.end, publishes);
            self.pending.clear();
        }
        Ok(publishes)
    }

    /// The journal has committed everything before `committed`.
    pub(super) fn settle(&mut self, committed: Ticket) {
        self.held.settle(committed);
    }

    /// Moves the acknowledgements that are due to `out`.
    pub(super) fn release(&mut self, out: &mut BytesMut) {
        self.held.release(out);
    }
}

/// A device's publish is fresh even when it asks the broker to retain it. The flag
/// stays only where there is no reading: on an empty publish that deletes a retained
/// message. mqtt5
/// does not report repetitions (DUP).
fn as_message<'a>(publish: &'a PendingPublish, client: &'a str) -> Message<'a> {
    Message {
        received: publish.received,
        ingress: Ingress::Broker,
        client,
        topic: &publish.topic,
        payload: &publish.payload,
        qos: publish.qos,
        retained: publish.is_clear,
        duplicate: false,
    }
}

#[cfg(test)]
mod tests;
