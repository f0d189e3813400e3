//! The writer thread: takes what has gathered, writes it, shows it to the
//! readers, syncs it, tells who waits. What arrives during one sync makes up the
//! next group.
//!
//! A group costs about the same work whether it holds ten messages or a
//! thousand: the sync, and a wake-up of everyone downstream. So while messages
//! pour in, the writer lets them gather for up to [`GATHER_MOST`]. It stops as
//! soon as a look finds nothing new, for then the senders may be waiting for
//! their acknowledgements; and groups below [`POURING`] never wait, so a sender
//! that sends one message at a time is answered as fast as the disk can.
//!
//! A failed write is repeated, after cutting off what it left, until it
//! succeeds. A failed sync is final: the kernel has forgotten which bytes were
//! not written, and would answer the next sync with Ok.

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
use super::intake::{Intake, Listeners};
use super::recovery::Cut;
use super::segment::{self, HEADER, Header};
use crate::frame;
use crate::journal::{CommitListener, JournalFailed};

const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// Bytes of a group from which on messages are said to pour in.
const POURING: u64 = 8 << 10;
/// The first look after so long, each further one after twice the time.
const GATHER_FIRST: Duration = Duration::from_micros(250);
const GATHER_MOST: Duration = Duration::from_millis(2);
/// Bytes that are worth a group by themselves.
const GATHER_BYTES: usize = 512 << 10;
/// Once the journal is closing, a write that fails is repeated so often.
const LAST_TRIES: u32 = 3;

#[derive(Debug)]
pub(super) struct Writer {
    pub(super) shared: Arc<Shared>,
    pub(super) segment: Option<Active>,
    pub(super) cuts: Vec<Cut>,
    /// The first pause after a failed write.
    pub(super) pause: Duration,
}

/// The segment that is written.
#[derive(Debug)]
pub(super) struct Active {
    file: Box<dyn DiskFile>,
    salt: u64,
    /// Bytes of good frames.
    len: u64,
    /// A write failed half-way: the file may be longer than `len` says.
    ragged: bool,
}

/// Why a step did not succeed.
enum Trouble {
    /// It may be tried again.
    Write(io::Error),
    Fatal(String),
}

impl Writer {
    /// Until the journal is closed or has failed. A listener that panics fails
    /// the journal: nobody may wait for a thread that is gone.
    pub(super) fn run(self) {
        let shared = Arc::clone(&self.shared);
        if catch_unwind(AssertUnwindSafe(|| self.serve())).is_err() {
            let reason = "its thread has panicked".into();
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

    /// Settles the last group and waits for the next one; `None` when closing
    /// and nothing is left.
    fn next_group(&self, listeners: &mut Listeners) -> Option<(BytesMut, u64)> {
        let shared = &self.shared;
        let mut intake = shared.intake.lock();
        let last = std::mem::take(&mut intake.in_flight);
        if last > 0 {
            if intake.commit_waiters > 0 {
                shared.commit_changed.notify_all();
            }
            let room = intake.take_room(&shared.limits);
            if !room.is_empty() {
                MutexGuard::unlocked(&mut intake, || room.into_iter().for_each(Waker::wake));
            }
        }
        while intake.pending.is_empty() {
            if intake.closing {
                return None;
            }
            intake.writer_idle = true;
            shared.wake_writer.wait(&mut intake);
            intake.writer_idle = false;
        }
        if last.max(intake.pending.len() as u64) >= POURING {
            self.gather(&mut intake);
        }
        let group = intake.pending.split();
        let start = intake.end - group.len() as u64;
        intake.in_flight = group.len() as u64;
        std::mem::swap(&mut intake.listeners, listeners);
        Some((group, start))
    }

    /// Waits for a fuller group while messages pour in. Appends do not wake it.
    fn gather(&self, intake: &mut MutexGuard<'_, Intake>) {
        let (mut look, mut waited) = (GATHER_FIRST, Duration::ZERO);
        while waited < GATHER_MOST && intake.pending.len() < GATHER_BYTES && !intake.closing {
            let before = intake.pending.len();
            self.shared.wake_writer.wait_for(intake, look);
            if intake.pending.len() == before {
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

    /// Makes the next segment: durable with its name before its first frame.
    fn begin_segment(&mut self, base: u64) -> Result<(), Trouble> {
        let shared = Arc::clone(&self.shared);
        let disk = &*shared.disk;
        self.cut()?;
        let header = Header::new(base, shared.tail.lock().written);
        let path = segment::path(&shared.dir, base);
        // A folder's sync is about all of its names. If it failed for the
        // positions, the segment's name would be lost with theirs, and the sync
        // below would answer Ok.
        let _names = shared.positions_file.lock();
        // Left by an attempt of ours that did not come to its end.
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
        shared.intake.lock().used += HEADER as u64;
        shared
            .tail
            .lock()
            .begin_segment(base, header.salt, HEADER as u64);
        Ok(())
    }

    /// Cuts off what an earlier life left half-written.
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
            let mut intake = shared.intake.lock();
            intake.used = intake.used.saturating_sub(cut.freed);
            drop(intake);
            self.cuts.pop();
        }
        Ok(())
    }

    /// Tries until it succeeds, fails for good, or the journal is closed.
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
                warn!(%error, "the journal cannot write and acknowledges nothing; it goes on trying");
                stalled = true;
            }
            let mut intake = self.shared.intake.lock();
            intake.stalled = Some(format!("the journal cannot write: {error}"));
            if intake.closing {
                if last_tries == 0 {
                    return Err(failed("write", &error));
                }
                last_tries -= 1;
                pause = self.pause;
            }
            // Woken early by whoever makes room, or closes.
            self.shared.space_freed.wait_for(&mut intake, pause);
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        if stalled {
            self.shared.intake.lock().stalled = None;
            info!("the journal writes again");
        }
        Ok(())
    }
}

impl Shared {
    /// From now on nothing is acknowledged.
    fn fail(&self, failed: JournalFailed, mut listeners: Listeners) {
        error!(reason = %failed.reason, "the journal has failed");
        let mut intake = self.intake.lock();
        intake.failed = Some(failed);
        listeners.append(&mut intake.listeners);
        let room = intake.take_room(&self.limits);
        self.commit_changed.notify_all();
        drop(intake);
        for waker in room {
            waker.wake();
        }
        sort_distinct(&mut listeners);
        for (listener, _) in listeners {
            listener.failed();
        }
    }
}

/// Seals the frames that fit; returns their bytes and how many they are.
fn seal(group: &mut [u8], room: u64, salt: u64, start: u64) -> (usize, u64) {
    let (mut at, mut messages) = (0, 0);
    while at < group.len() && (at + frame::size_at(&group[at..])) as u64 <= room {
        at += frame::seal(&mut group[at..], salt, start + at as u64);
        messages += 1;
    }
    (at, messages)
}

/// Leaves each listener once, with its last position.
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

/// A sync that failed for want of space has lost a file that nothing depends on
/// yet: another one may be made. Every other failure is final.
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
