//! What waits for the writer thread: frames, and the listeners to notify.
//!
//! Appends copy frames under one lock and return; the writer sets the checks
//! outside of it. An append that finds the writer busy wakes no thread.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::BytesMut;
use weir_model::{Message, Position};

use super::Shared;
use crate::frame;
use crate::journal::{AppendError, Appended, CommitListener, JournalFailed};

/// Frames gather in blocks of this size, which groups and readers then share.
const BLOCK: usize = 1 << 20;

/// The listeners of a group, each with the ticket behind its last message.
pub(super) type Listeners = Vec<(Arc<dyn CommitListener>, Position)>;

/// Everything under the journal's main lock.
#[derive(Default)]
pub(super) struct WriteBuffer {
    pub(super) pending: BytesMut,
    pub(super) listeners: Listeners,
    /// The next message's position.
    pub(super) end: u64,
    /// Bytes that the writer has taken and not committed yet.
    pub(super) in_flight: u64,
    /// Bytes of all files, and of what will be in them.
    pub(super) used: u64,
    /// Bytes that the largest refused append needs; 0 when none was refused.
    pub(super) wanted: u64,
    pub(super) room: Vec<Waker>,
    pub(super) writer_idle: bool,
    pub(super) closing: bool,
    /// Threads in `wait_committed`.
    pub(super) commit_waiters: usize,
    pub(super) failed: Option<JournalFailed>,
    /// Why the writer cannot write now.
    pub(super) stalled: Option<String>,
    pub(super) appended_messages: u64,
}

impl WriteBuffer {
    fn refused(&mut self, need: u64, limits: &super::Limits) -> Option<AppendError> {
        let waiting = self.pending.len() as u64 + self.in_flight;
        let error = if self.used.saturating_add(need) > limits.max_size {
            AppendError::Full {
                used: self.used,
                limit: limits.max_size,
            }
        } else if waiting > 0 && waiting.saturating_add(need) > limits.max_pending {
            AppendError::Busy { pending: waiting }
        } else {
            return None;
        };
        // An append that can never fit must not wait for ever: it is refused
        // again as soon as half of the limit is free.
        let most = limits.max_size.min(limits.max_pending) / 2;
        self.wanted = self.wanted.max(need.min(most)).max(1);
        Some(error)
    }

    /// The wakers of refused appends, if what was refused fits now.
    pub(super) fn take_room(&mut self, limits: &super::Limits) -> Vec<Waker> {
        let waiting = self.pending.len() as u64 + self.in_flight;
        let fits = self.used + self.wanted <= limits.max_size
            && (waiting == 0 || waiting + self.wanted <= limits.max_pending);
        if self.wanted == 0 || !(fits || self.failed.is_some()) {
            return Vec::new();
        }
        self.wanted = 0;
        std::mem::take(&mut self.room)
    }

    fn put(&mut self, messages: &[Message<'_>], need: usize) {
        if self.pending.capacity() - self.pending.len() < need {
            if self.pending.is_empty() {
                self.pending = BytesMut::with_capacity(need.max(BLOCK));
            } else {
                self.pending.reserve(need.max(BLOCK));
            }
        }
        for message in messages {
            // The sizes were checked before: `need` is their sum.
            let size = frame::size(message).unwrap_or_default();
            frame::put(message, size, &mut self.pending);
        }
    }

    fn listen(&mut self, listener: &Arc<dyn CommitListener>, end: Position) {
        match self.listeners.last_mut() {
            Some((last, position)) if Arc::ptr_eq(last, listener) => *position = end,
            _ => self.listeners.push((Arc::clone(listener), end)),
        }
    }
}

impl Shared {
    /// An empty slice appends nothing and notifies no listener.
    pub(super) fn append(
        &self,
        messages: &[Message<'_>],
        listener: Option<&Arc<dyn CommitListener>>,
    ) -> Result<Appended, AppendError> {
        // A message beyond 4 GiB has no frame; no journal has room for it.
        let need = messages
            .iter()
            .try_fold(0_usize, |sum, message| {
                sum.checked_add(frame::size(message)?)
            })
            .unwrap_or(usize::MAX);
        let mut buffer = self.buffer.lock();
        if let Some(failed) = &buffer.failed {
            return Err(failed.clone().into());
        }
        if buffer.closing {
            return Err(JournalFailed {
                reason: "it is closed".into(),
            }
            .into());
        }
        if messages.is_empty() {
            let end = Position(buffer.end);
            return Ok(Appended { first: end, end });
        }
        if let Some(error) = buffer.refused(need as u64, &self.limits) {
            return Err(error);
        }
        buffer.put(messages, need);
        let first = Position(buffer.end);
        let end = Position(first.0 + need as u64);
        buffer.end = end.0;
        buffer.used += need as u64;
        buffer.appended_messages += messages.len() as u64;
        if let Some(listener) = listener {
            buffer.listen(listener, end);
        }
        let wake = std::mem::take(&mut buffer.writer_idle);
        drop(buffer);
        if wake {
            self.wake_writer.notify_one();
        }
        Ok(Appended { first, end })
    }
}

/// Resolves when a refused append may be tried again.
pub(super) struct Room<'a> {
    pub(super) shared: &'a Shared,
}

impl Future for Room<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut buffer = self.shared.buffer.lock();
        if buffer.wanted == 0 || buffer.failed.is_some() {
            return Poll::Ready(());
        }
        let known = buffer
            .room
            .iter()
            .any(|waker| waker.will_wake(context.waker()));
        if !known {
            buffer.room.push(context.waker().clone());
        }
        Poll::Pending
    }
}
