//! Commits, consumers and the status: what the journal's parts do together.

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

    /// Shows what was written to the readers.
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
        let mut intake = self.intake.lock();
        loop {
            if self.committed() >= position {
                return Ok(());
            }
            if let Some(failed) = &intake.failed {
                return Err(failed.clone());
            }
            if intake.pending.is_empty() && intake.in_flight == 0 {
                let reason = format!("position {position} was never appended").into();
                return Err(JournalFailed { reason });
            }
            intake.commit_waiters += 1;
            self.commit_changed.wait(&mut intake);
            intake.commit_waiters -= 1;
        }
    }

    /// The writer has stopped: nothing will be appended or shown any more.
    pub(super) fn closed(&self) {
        let mut intake = self.intake.lock();
        if intake.failed.is_none() {
            intake.failed = Some(JournalFailed {
                reason: "it is closed".into(),
            });
        }
        let room = intake.take_room(&self.limits);
        self.commit_changed.notify_all();
        drop(intake);
        room.into_iter().for_each(std::task::Waker::wake);
        self.tail.lock().closed = true;
        self.tail_grew.notify_all();
    }

    pub(super) fn commit_consumer(&self, name: &str, position: u64) -> io::Result<()> {
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
        self.let_go();
        Ok(())
    }

    /// A consumer knows of a position that the log has lost: the log goes on
    /// from there, so that no position is given to two messages.
    fn reach(&self, position: u64) -> io::Result<()> {
        let mut intake = self.intake.lock();
        let running = intake.appended_messages > 0;
        if position <= self.committed() || (running && position <= intake.end) {
            return Ok(());
        }
        if running || intake.closing {
            let reason = format!("the journal ends at {}, before {position}", intake.end);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
        }
        let lost = self.committed();
        intake.end = position.max(intake.end);
        self.set_committed(position);
        self.tail.lock().skip_to(position);
        warn!(
            start = lost,
            end = position,
            "a consumer is ahead of the journal, which has lost records"
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
    fn let_go(&self) {
        let oldest = self.positions.lock().consumers.values().copied().min();
        let Some(oldest) = oldest else { return };
        let files = self.tail.lock().retire(oldest);
        let mut freed = 0;
        for (base, bytes) in files {
            let path = segment::path(&self.dir, base);
            match self.disk.remove(&path) {
                Ok(()) => freed += bytes,
                // It counts as gone: the next start tries again.
                Err(error) => {
                    warn!(path = %path.display(), %error, "cannot remove a segment that all consumers have passed");
                    freed += bytes;
                }
            }
        }
        if freed == 0 {
            return;
        }
        let mut intake = self.intake.lock();
        intake.used = intake.used.saturating_sub(freed);
        let room = intake.take_room(&self.limits);
        drop(intake);
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
            warn!(position, "a damaged record in the journal");
        }
    }

    pub(super) fn status(&self) -> JournalStatus {
        let consumers = self.positions.lock().consumers.clone();
        let corrupt_records = self.damage.lock().count;
        let intake = self.intake.lock();
        let tail = self.tail.lock();
        let limit = self.limits.max_size;
        let full = (intake.wanted > 0 && intake.used + intake.wanted > limit)
            .then(|| format!("the journal is full: {} of {limit} bytes", intake.used));
        let failed = intake.failed.as_ref().map(|failed| failed.to_string());
        JournalStatus {
            start: Position(tail.start()),
            written: Position(tail.written),
            committed: Position(self.committed()),
            appended_messages: intake.appended_messages,
            committed_messages: self.counters.committed_messages.load(Ordering::Relaxed),
            commits: self.counters.commits.load(Ordering::Relaxed),
            sync_ns: self.counters.sync_ns.load(Ordering::Relaxed),
            used_bytes: intake.used,
            limit_bytes: limit,
            corrupt_records,
            torn_bytes: self.torn_bytes,
            stalled: failed.or_else(|| intake.stalled.clone()).or(full),
            consumers: consumers
                .into_iter()
                .map(|(name, at)| (name, Position(at)))
                .collect(),
        }
    }
}
