//! Commits, consumers and status: what involves several parts of the journal.

use std::io;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use tracing::warn;
use weir_model::Position;

use super::positions::Positions;
use super::{MAX_DAMAGE, Shared, segment};
use crate::journal::{JournalFailed, JournalStatus};

impl Shared {
    pub(super) fn committed(&self) -> u64 {
        self.committed.load(Ordering::Acquire)
    }

    pub(super) fn set_committed(&self, position: u64) {
        self.committed.store(position, Ordering::Release);
    }

    pub(super) fn start(&self) -> Position {
        Position(self.tail.lock().start())
    }

    /// Makes what was written visible to readers.
    pub(super) fn publish(&self, start: u64, bytes: Bytes) {
        let mut tail = self.tail.lock();
        tail.publish(start, bytes);
        let wake = tail.sleeping > 0;
        drop(tail);
        if wake {
            self.tail_grew.notify_all();
        }
    }

    pub(super) fn wait_committed(&self, position: u64) -> Result<(), JournalFailed> {
        if self.committed() >= position {
            return Ok(());
        }
        let mut buffer = self.buffer.lock();
        loop {
            if self.committed() >= position {
                return Ok(());
            }
            if let Some(failed) = &buffer.failed {
                return Err(failed.clone());
            }
            if buffer.pending.is_empty() && buffer.in_flight == 0 {
                let reason = format!("position {position} was never appended").into();
                return Err(JournalFailed { reason });
            }
            buffer.commit_waiters += 1;
            self.commit_changed.wait(&mut buffer);
            buffer.commit_waiters -= 1;
        }
    }

    /// The writer has stopped: no append and no new record will follow.
    pub(super) fn closed(&self) {
        let mut buffer = self.buffer.lock();
        if buffer.failed.is_none() {
            buffer.failed = Some(JournalFailed {
                reason: "it is closed".into(),
            });
        }
        let room = buffer.take_room(&self.limits);
        self.commit_changed.notify_all();
        drop(buffer);
        room.into_iter().for_each(std::task::Waker::wake);
        self.tail.lock().closed = true;
        self.tail_grew.notify_all();
    }

    pub(super) fn trim(&self, name: &str, position: u64) -> io::Result<()> {
        let current = self.positions.lock().consumers.get(name).copied();
        let Some(current) = current else {
            let reason = format!("the journal was opened without a consumer {name:?}");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
        };
        if position <= current {
            return Ok(());
        }
        self.reach(position)?;
        self.wait_committed(position).map_err(io::Error::other)?;
        self.store_positions(|positions| {
            let stored = positions.consumers.entry(name.to_owned()).or_default();
            *stored = (*stored).max(position);
        })?;
        self.remove_passed();
        Ok(())
    }

    /// A consumer has reached a position that the log has lost: the log continues
    /// from there, so that no position is used for two messages.
    fn reach(&self, position: u64) -> io::Result<()> {
        let mut buffer = self.buffer.lock();
        let running = buffer.appended_messages > 0;
        if position <= self.committed() || (running && position <= buffer.end) {
            return Ok(());
        }
        if running || buffer.closing {
            let reason = format!("the journal ends at {}, before {position}", buffer.end);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
        }
        let lost = self.committed();
        buffer.end = position.max(buffer.end);
        self.set_committed(position);
        self.tail.lock().skip_to(position);
        warn!(
            start = lost,
            end = position,
            "a consumer is ahead of the journal: the journal has lost records"
        );
        Ok(())
    }

    /// Changes the positions, in the file first.
    pub(super) fn store_positions(&self, change: impl FnOnce(&mut Positions)) -> io::Result<()> {
        let _file = self.positions_file.lock();
        let mut positions = self.positions.lock().clone();
        positions.committed = self.committed();
        change(&mut positions);
        positions.store(&*self.disk, &self.dir)?;
        *self.positions.lock() = positions;
        Ok(())
    }

    /// Removes the segments that all consumers have passed.
    fn remove_passed(&self) {
        let oldest = self.positions.lock().consumers.values().copied().min();
        let Some(oldest) = oldest else { return };
        let files = self.tail.lock().retire(oldest);
        let mut freed = 0;
        for (base, bytes) in files {
            let path = segment::path(&self.dir, base);
            match self.disk.remove(&path) {
                Ok(()) => freed += bytes,
                // Counted as freed: the next start tries again.
                Err(error) => {
                    warn!(path = %path.display(), %error, "cannot remove a segment that all consumers have passed");
                    freed += bytes;
                }
            }
        }
        if freed == 0 {
            return;
        }
        let mut buffer = self.buffer.lock();
        buffer.used = buffer.used.saturating_sub(freed);
        let room = buffer.take_room(&self.limits);
        drop(buffer);
        self.space_freed.notify_one();
        room.into_iter().for_each(std::task::Waker::wake);
    }

    pub(super) fn note_damage(&self, position: u64) {
        let mut damage = self.damage.lock();
        if damage.seen.len() >= MAX_DAMAGE {
            damage.seen.pop_first();
        }
        if damage.seen.insert(position) {
            damage.count += 1;
            drop(damage);
            warn!(position, "damaged record in the journal");
        }
    }

    pub(super) fn status(&self) -> JournalStatus {
        let consumers = self.positions.lock().consumers.clone();
        let corrupt_records = self.damage.lock().count;
        let buffer = self.buffer.lock();
        let tail = self.tail.lock();
        let limit = self.limits.max_size;
        let full = (buffer.wanted > 0 && buffer.used + buffer.wanted > limit)
            .then(|| format!("the journal is full: {} of {limit} bytes", buffer.used));
        let failed = buffer.failed.as_ref().map(|failed| failed.to_string());
        JournalStatus {
            start: Position(tail.start()),
            written: Position(tail.written),
            committed: Position(self.committed()),
            appended_messages: buffer.appended_messages,
            committed_messages: self.counters.committed_messages.load(Ordering::Relaxed),
            commits: self.counters.commits.load(Ordering::Relaxed),
            sync_ns: self.counters.sync_ns.load(Ordering::Relaxed),
            used_bytes: buffer.used,
            limit_bytes: limit,
            corrupt_records,
            torn_bytes: self.torn_bytes,
            stalled: failed.or_else(|| buffer.stalled.clone()).or(full),
            consumers: consumers
                .into_iter()
                .map(|(name, at)| (name, Position(at)))
                .collect(),
        }
    }
}
