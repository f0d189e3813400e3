//! The writer thread: takes the buffered frames as one group, writes them, makes
//! them visible to readers, syncs them and notifies the listeners. What arrives
//! during one sync becomes the next group.
//!
//! A group costs about the same work whether it holds ten messages or a
//! thousand: the sync, and a wake-up of everyone downstream. So at high rates
//! the writer waits up to [`GATHER_MAX`] for a fuller group. It stops waiting as
//! soon as nothing new has arrived, because then the senders may be waiting for
//! their acknowledgements. Groups below [`HIGH_RATE_BYTES`] never wait, so a
//! sender of single messages is acknowledged as fast as the disk allows.
//!
//! A failed write is truncated and repeated until it succeeds. A failed sync is
//! final: the kernel has forgotten which bytes were not written, and would answer
//! the next sync with Ok.

use std::cmp::Reverse;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Waker;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use parking_lot::MutexGuard;
use tracing::{error, info, warn};
use weir_disk::DiskFile;
use weir_model::Position;

use super::Shared;
use super::recovery::Cut;
use super::segment::{self, HEADER, Header};
use super::write_buffer::{Listeners, WriteBuffer};
use crate::frame;
use crate::journal::{CommitListener, JournalFailed};

const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// Bytes of a group from which on the rate counts as high.
const HIGH_RATE_BYTES: u64 = 8 << 10;
/// The first wait; each further one is twice as long.
const GATHER_FIRST: Duration = Duration::from_micros(250);
const GATHER_MAX: Duration = Duration::from_millis(2);
/// A group of this size does not wait.
const GATHER_BYTES: usize = 512 << 10;
/// Attempts of a failing write once the journal is closing.
const LAST_TRIES: u32 = 3;

#[derive(Debug)]
pub(super) struct Writer {
    pub(super) shared: Arc<Shared>,
    pub(super) segment: Option<Active>,
    pub(super) cuts: Vec<Cut>,
    /// The first pause after a failed write.
    pub(super) pause: Duration,
}

/// The segment being written.
#[derive(Debug)]
pub(super) struct Active {
    file: Box<dyn DiskFile>,
    salt: u64,
    /// Bytes of good frames.
    len: u64,
    /// A write failed: the file may be longer than `len`.
    ragged: bool,
}

/// Why a step failed.
enum Trouble {
    /// It may be tried again.
    Write(io::Error),
    Fatal(String),
}

impl Writer {
    /// Runs until the journal is closed or has failed. A listener that panics
    /// fails the journal, so that no caller waits for a dead thread.
    pub(super) fn run(self) {
        let shared = Arc::clone(&self.shared);
        if catch_unwind(AssertUnwindSafe(|| self.serve())).is_err() {
            let reason = "its thread panicked".into();
            shared.fail(JournalFailed { reason }, Listeners::new());
        }
    }

    fn serve(mut self) {
        let mut listeners = Listeners::new();
        while let Some((group, start)) = self.next_group(&mut listeners) {
            let result = self.commit(group, start);
            sort_distinct(&mut listeners);
            match result {
                Ok(()) => {
                    for (listener, position) in listeners.drain(..) {
                        listener.committed(position);
                    }
                }
                Err(failed) => {
                    self.shared.fail(failed, std::mem::take(&mut listeners));
                    return;
                }
            }
        }
    }

    /// Completes the last group and waits for the next one; `None` when the
    /// journal is closing and nothing is pending.
    fn next_group(&self, listeners: &mut Listeners) -> Option<(BytesMut, u64)> {
        let shared = &self.shared;
        let mut buffer = shared.buffer.lock();
        let last = std::mem::take(&mut buffer.in_flight);
        if last > 0 {
            if buffer.commit_waiters > 0 {
                shared.commit_changed.notify_all();
            }
            let room = buffer.take_room(&shared.limits);
            if !room.is_empty() {
                MutexGuard::unlocked(&mut buffer, || room.into_iter().for_each(Waker::wake));
            }
        }
        while buffer.pending.is_empty() {
            if buffer.closing {
                return None;
            }
            buffer.writer_idle = true;
            shared.wake_writer.wait(&mut buffer);
            buffer.writer_idle = false;
        }
        if last.max(buffer.pending.len() as u64) >= HIGH_RATE_BYTES {
            self.gather(&mut buffer);
        }
        let group = buffer.pending.split();
        let start = buffer.end - group.len() as u64;
        buffer.in_flight = group.len() as u64;
        std::mem::swap(&mut buffer.listeners, listeners);
        Some((group, start))
    }

    /// Waits for a fuller group at high rates. Appends do not wake it.
    fn gather(&self, buffer: &mut MutexGuard<'_, WriteBuffer>) {
        let (mut look, mut waited) = (GATHER_FIRST, Duration::ZERO);
        while waited < GATHER_MAX && buffer.pending.len() < GATHER_BYTES && !buffer.closing {
            let before = buffer.pending.len();
            self.shared.wake_writer.wait_for(buffer, look);
            if buffer.pending.len() == before {
                return;
            }
            waited += look;
            look *= 2;
        }
    }

    /// Writes and syncs a group, over as many segments as it takes.
    fn commit(&mut self, mut group: BytesMut, mut start: u64) -> Result<(), JournalFailed> {
        while !group.is_empty() {
            let room = self.room_for(&group, start)?;
            let active = self.segment.as_mut().expect("room_for has made one");
            let (len, messages) = seal(&mut group, room, active.salt, start);
            let part = group.split_to(len).freeze();
            self.persist(|writer| writer.write(&part))?;
            self.shared.publish(start, part);
            start += len as u64;
            let began = Instant::now();
            let active = self.segment.as_ref().expect("it was just written to");
            if let Err(error) = active.file.sync_data() {
                return Err(failed("fdatasync", &error));
            }
            let counters = &self.shared.counters;
            let sync_ns = began.elapsed().as_nanos() as u64;
            counters.sync_ns.fetch_add(sync_ns, Ordering::Relaxed);
            counters.commits.fetch_add(1, Ordering::Relaxed);
            counters
                .committed_messages
                .fetch_add(messages, Ordering::Relaxed);
            self.shared.set_committed(start);
        }
        Ok(())
    }

    /// How many bytes may go into the current segment, which is a new one when
    /// the first frame does not fit. A frame larger than a segment gets its own.
    fn room_for(&mut self, group: &[u8], start: u64) -> Result<u64, JournalFailed> {
        let first = frame::size_at(group) as u64;
        let limit = self.shared.limits.segment_size;
        let full = match &self.segment {
            Some(active) => active.len > 0 && active.len + first > limit,
            None => true,
        };
        if full {
            self.persist(|writer| writer.begin_segment(start))?;
        }
        let len = self.segment.as_ref().map_or(0, |active| active.len);
        Ok(limit.saturating_sub(len).max(first))
    }

    fn write(&mut self, part: &[u8]) -> Result<(), Trouble> {
        let active = self.segment.as_mut().expect("room_for has made one");
        if active.ragged {
            active
                .file
                .set_len(HEADER as u64 + active.len)
                .map_err(Trouble::Write)?;
        }
        active.ragged = true;
        active.file.write_all(part).map_err(Trouble::Write)?;
        active.ragged = false;
        active.len += part.len() as u64;
        Ok(())
    }

    /// Creates the next segment. It is durable, with its name, before its first
    /// frame is written.
    fn begin_segment(&mut self, base: u64) -> Result<(), Trouble> {
        let shared = Arc::clone(&self.shared);
        let disk = &*shared.disk;
        self.cut()?;
        let header = Header::new(base, shared.tail.lock().written);
        let path = segment::path(&shared.dir, base);
        // A sync of the folder covers all of its names. If one failed for the
        // positions file, the segment's name would be lost too, and the sync
        // below would answer Ok.
        let _names = shared.positions_file.lock();
        // Left by an earlier attempt that failed.
        if disk.exists(&path).map_err(Trouble::Write)? {
            disk.remove(&path).map_err(Trouble::Write)?;
        }
        let file = disk.create_new(&path).map_err(Trouble::Write)?;
        file.write_all(&header.to_bytes()).map_err(Trouble::Write)?;
        file.sync_all()
            .map_err(|e| unsynced("fsync of a new segment", e))?;
        disk.sync_dir(&shared.dir)
            .map_err(|e| unsynced("fsync of the folder", e))?;
        self.segment = Some(Active {
            file,
            salt: header.salt,
            len: 0,
            ragged: false,
        });
        shared.buffer.lock().used += HEADER as u64;
        shared
            .tail
            .lock()
            .begin_segment(base, header.salt, HEADER as u64);
        Ok(())
    }

    /// Truncates what an earlier process left half-written.
    fn cut(&mut self) -> Result<(), Trouble> {
        let shared = Arc::clone(&self.shared);
        while let Some(cut) = self.cuts.last() {
            let path = segment::path(&shared.dir, cut.base);
            if shared.disk.exists(&path).map_err(Trouble::Write)? {
                match cut.len {
                    None => shared.disk.remove(&path).map_err(Trouble::Write)?,
                    Some(len) => {
                        let file = shared.disk.open_append(&path).map_err(Trouble::Write)?;
                        file.set_len(len).map_err(Trouble::Write)?;
                        file.sync_all()
                            .map_err(|e| unsynced("fsync of a cut segment", e))?;
                    }
                }
            }
            let mut buffer = shared.buffer.lock();
            buffer.used = buffer.used.saturating_sub(cut.freed);
            drop(buffer);
            self.cuts.pop();
        }
        Ok(())
    }

    /// Retries until the step succeeds, fails finally, or the journal is closed.
    fn persist(
        &mut self,
        mut step: impl FnMut(&mut Self) -> Result<(), Trouble>,
    ) -> Result<(), JournalFailed> {
        let mut pause = self.pause;
        let mut stalled = false;
        let mut last_tries = LAST_TRIES;
        loop {
            let error = match step(self) {
                Ok(()) => break,
                Err(Trouble::Fatal(reason)) => {
                    return Err(JournalFailed {
                        reason: reason.into(),
                    });
                }
                Err(Trouble::Write(error)) => error,
            };
            if !stalled {
                warn!(%error, "the journal cannot write and acknowledges nothing; retrying");
                stalled = true;
            }
            let mut buffer = self.shared.buffer.lock();
            buffer.stalled = Some(format!("the journal cannot write: {error}"));
            if buffer.closing {
                if last_tries == 0 {
                    return Err(failed("write", &error));
                }
                last_tries -= 1;
                pause = self.pause;
            }
            // Woken early when space is freed or the journal is closed.
            self.shared.space_freed.wait_for(&mut buffer, pause);
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        if stalled {
            self.shared.buffer.lock().stalled = None;
            info!("journal writes again");
        }
        Ok(())
    }
}

impl Shared {
    /// Nothing is acknowledged after this.
    fn fail(&self, failed: JournalFailed, mut listeners: Listeners) {
        error!(reason = %failed.reason, "the journal has failed");
        let mut buffer = self.buffer.lock();
        buffer.failed = Some(failed);
        listeners.append(&mut buffer.listeners);
        let room = buffer.take_room(&self.limits);
        self.commit_changed.notify_all();
        drop(buffer);
        for waker in room {
            waker.wake();
        }
        sort_distinct(&mut listeners);
        for (listener, _) in listeners {
            listener.failed();
        }
    }
}

/// Seals the frames that fit; returns their bytes and their number.
fn seal(group: &mut [u8], room: u64, salt: u64, start: u64) -> (usize, u64) {
    let (mut at, mut messages) = (0, 0);
    while at < group.len() && (at + frame::size_at(&group[at..])) as u64 <= room {
        at += frame::seal(&mut group[at..], salt, start + at as u64);
        messages += 1;
    }
    (at, messages)
}

/// Keeps each listener once, with its last ticket.
fn sort_distinct(listeners: &mut Listeners) {
    if listeners.len() < 2 {
        return;
    }
    listeners.sort_unstable_by_key(|entry| (address(entry), Reverse(entry.1)));
    listeners.dedup_by(|next, kept| address(next) == address(kept));
}

fn address(entry: &(Arc<dyn CommitListener>, Position)) -> *const () {
    Arc::as_ptr(&entry.0).cast()
}

/// A sync that failed for lack of space has lost a file that nothing depends on
/// yet: it may be created again. Every other failure is final.
fn unsynced(what: &str, error: io::Error) -> Trouble {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Trouble::Write(error),
        _ => Trouble::Fatal(format!("{what} failed: {error}")),
    }
}

fn failed(what: &str, error: &io::Error) -> JournalFailed {
    JournalFailed {
        reason: format!("{what} failed: {error}").into(),
    }
}
