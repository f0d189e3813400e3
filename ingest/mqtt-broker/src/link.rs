//! What the broker and the task of one connection share: flags and a waker.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Waker;

use parking_lot::Mutex;
use weir_mqtt_codec::ReasonCode;

use crate::time::Time;

/// Set by anybody, read by the connection's task.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) id: u64,
    waker: Mutex<Option<Waker>>,
    /// Acknowledgements up to this position may leave.
    released: AtomicU64,
    /// Why the connection is to be closed, plus one; 0: it is not.
    close: AtomicU64,
    /// When something arrived last, in milliseconds.
    last_seen: AtomicU64,
    /// How long the client may be silent, in milliseconds; 0 is for ever.
    patience_ms: AtomicU64,
    /// The broker does not read from the client, which so cannot be blamed for
    /// its silence.
    is_paused: AtomicBool,
}

impl Link {
    pub(crate) fn new(id: u64, now: Time) -> Self {
        Self {
            id,
            waker: Mutex::new(None),
            released: AtomicU64::new(0),
            close: AtomicU64::new(0),
            last_seen: AtomicU64::new(now.0),
            patience_ms: AtomicU64::new(0),
            is_paused: AtomicBool::new(false),
        }
    }

    /// Wakes `waker` at the next change. Look at everything afterwards: what has
    /// changed before wakes nobody.
    pub(crate) fn register(&self, waker: &Waker) {
        let mut registered = self.waker.lock();
        match &mut *registered {
            Some(registered) => registered.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
    }

    pub(crate) fn wake(&self) {
        let waker = self.waker.lock().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(crate) fn release(&self, position: u64) {
        self.released.fetch_max(position, Ordering::AcqRel);
        self.wake();
    }

    pub(crate) fn released(&self) -> u64 {
        self.released.load(Ordering::Acquire)
    }

    /// The first reason counts.
    pub(crate) fn close(&self, reason: ReasonCode) {
        let code = reason as u64 + 1;
        let _ = self
            .close
            .compare_exchange(0, code, Ordering::AcqRel, Ordering::Acquire);
        self.wake();
    }

    pub(crate) fn close_reason(&self) -> Option<ReasonCode> {
        let code = self.close.load(Ordering::Acquire).checked_sub(1)?;
        u8::try_from(code).ok().and_then(ReasonCode::from_u8)
    }

    pub(crate) fn seen(&self, now: Time) {
        self.last_seen.store(now.0, Ordering::Relaxed);
    }

    pub(crate) fn set_patience(&self, ms: u64) {
        self.patience_ms.store(ms, Ordering::Relaxed);
    }

    pub(crate) fn set_paused(&self, is_paused: bool, now: Time) {
        if self.is_paused.swap(is_paused, Ordering::Relaxed) && !is_paused {
            self.seen(now);
        }
    }

    /// The client has been silent for too long.
    pub(crate) fn is_overdue(&self, now: Time) -> bool {
        let patience = self.patience_ms.load(Ordering::Relaxed);
        let last_seen = self.last_seen.load(Ordering::Relaxed);
        patience > 0
            && now.0.saturating_sub(last_seen) > patience
            && !self.is_paused.load(Ordering::Relaxed)
    }
}
