//! A log in memory that commits at once, after a delay, or on demand.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use weir_mqtt_broker::{AppendError, BoxFuture, CommitListener, CommitLog, Record};

/// When an append is committed.
#[allow(dead_code)]
#[derive(Clone, Copy, Debug)]
pub(crate) enum Commit {
    /// With the append.
    AtOnce,
    /// Together with what else was appended, this long after.
    After(Duration),
    /// When the test says so.
    ByHand,
}

#[derive(Debug)]
pub(crate) struct MemoryLog {
    commit: Commit,
    state: Mutex<State>,
    changed: Condvar,
    committed: AtomicU64,
    has_room: AtomicBool,
    has_failed: AtomicBool,
    room: tokio::sync::Notify,
}

#[derive(Debug, Default)]
struct State {
    end: u64,
    listener: Option<Arc<dyn CommitListener>>,
    /// Topic and payload of each publish.
    published: Vec<(String, Vec<u8>)>,
    /// Keeps what was published.
    keeps: bool,
}

#[allow(dead_code)]
impl MemoryLog {
    pub(crate) fn new(commit: Commit) -> Arc<Self> {
        let log = Arc::new(Self {
            commit,
            state: Mutex::new(State {
                keeps: matches!(commit, Commit::ByHand),
                ..State::default()
            }),
            changed: Condvar::new(),
            committed: AtomicU64::new(0),
            has_room: AtomicBool::new(true),
            has_failed: AtomicBool::new(false),
            room: tokio::sync::Notify::new(),
        });
        if let Commit::After(delay) = commit {
            let weak = Arc::downgrade(&log);
            std::thread::spawn(move || {
                while let Some(log) = weak.upgrade() {
                    log.commit_after(delay);
                }
            });
        }
        log
    }

    fn commit_after(&self, delay: Duration) {
        let mut state = self.state.lock();
        let committed = self.committed.load(Ordering::Relaxed);
        if state.end == committed {
            self.changed
                .wait_for(&mut state, Duration::from_millis(200));
        }
        let end = state.end;
        drop(state);
        if end > committed {
            std::thread::sleep(delay);
            self.commit_to(end);
        }
    }

    pub(crate) fn commit_to(&self, end: u64) {
        self.committed.fetch_max(end, Ordering::AcqRel);
        let listener = self.state.lock().listener.clone();
        if let Some(listener) = listener {
            listener.committed(end);
        }
    }

    pub(crate) fn commit_all(&self) {
        let end = self.end();
        self.commit_to(end);
    }

    pub(crate) fn end(&self) -> u64 {
        self.state.lock().end
    }

    pub(crate) fn published(&self) -> Vec<(String, Vec<u8>)> {
        self.state.lock().published.clone()
    }

    pub(crate) fn set_room(&self, has_room: bool) {
        self.has_room.store(has_room, Ordering::Release);
        if has_room {
            self.room.notify_waiters();
        }
    }

    pub(crate) fn fail(&self) {
        self.has_failed.store(true, Ordering::Release);
        if let Some(listener) = self.state.lock().listener.clone() {
            listener.failed();
        }
    }
}

/// A log and its room, for a future that outlives the borrow.
#[derive(Debug, Clone)]
pub(crate) struct Log(pub(crate) Arc<MemoryLog>);

impl CommitLog for Log {
    fn append(
        &self,
        records: &[Record<'_>],
        listener: &Arc<dyn CommitListener>,
    ) -> Result<u64, AppendError> {
        let log = &self.0;
        if log.has_failed.load(Ordering::Acquire) {
            return Err(AppendError::Failed);
        }
        if !log.has_room.load(Ordering::Acquire) {
            return Err(AppendError::NoRoom);
        }
        let mut state = log.state.lock();
        if state.listener.is_none() {
            state.listener = Some(listener.clone());
        }
        state.end += records.len() as u64;
        for record in records {
            if let (Record::Publish(publish), true) = (record, state.keeps) {
                let topic = publish.topic.to_owned();
                state.published.push((topic, publish.payload.to_vec()));
            }
        }
        let end = state.end;
        drop(state);
        match log.commit {
            Commit::AtOnce => log.commit_to(end),
            Commit::After(_) => {
                log.changed.notify_one();
            }
            Commit::ByHand => {}
        }
        Ok(end)
    }

    fn room(&self) -> BoxFuture<'static, ()> {
        let log = self.0.clone();
        Box::pin(async move {
            loop {
                let notified = log.room.notified();
                let is_over = log.has_failed.load(Ordering::Acquire);
                if is_over || log.has_room.load(Ordering::Acquire) {
                    return;
                }
                notified.await;
            }
        })
    }

    fn committed(&self) -> u64 {
        self.0.committed.load(Ordering::Acquire)
    }
}
