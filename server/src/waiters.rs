//! HTTP requests that wait until the pipeline has decided about their message
//! (`?wait=processed`).

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio::sync::oneshot;
use weir_journal::{AppendError, Appended};
use weir_model::{Position, Timestamp};

/// What became of one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Processed {
    /// Readings taken.
    pub(crate) processed: u64,
    /// Of those, beyond a limit.
    pub(crate) alerts: u64,
    /// The latest time among the readings, when there is any.
    pub(crate) timestamp: Option<Timestamp>,
}

#[derive(Debug, Default)]
pub(crate) struct Waiters {
    /// Lets the pipeline pass without the lock while nobody waits.
    count: AtomicUsize,
    by_position: Mutex<BTreeMap<Position, oneshot::Sender<Processed>>>,
}

impl Waiters {
    /// Appends and waits in one step, so that the pipeline cannot be faster.
    pub(crate) fn append(
        &self,
        append: impl FnOnce() -> Result<Appended, AppendError>,
    ) -> Result<oneshot::Receiver<Processed>, AppendError> {
        self.count.fetch_add(1, Ordering::SeqCst);
        let mut waiting = self.by_position.lock();
        let appended = append().inspect_err(|_| {
            self.count.fetch_sub(1, Ordering::SeqCst);
        })?;
        let (sender, receiver) = oneshot::channel();
        waiting.insert(appended.first, sender);
        Ok(receiver)
    }

    /// Answers everyone who waits for a message before `end`.
    pub(crate) fn resolve(&self, end: Position, outcome: impl Fn(Position) -> Processed) {
        if self.count.load(Ordering::SeqCst) == 0 {
            return;
        }
        let mut waiting = self.by_position.lock();
        while let Some(entry) = waiting.first_entry() {
            if *entry.key() >= end {
                break;
            }
            let (position, sender) = entry.remove_entry();
            self.count.fetch_sub(1, Ordering::SeqCst);
            // Whoever asked may have gone; its message is processed all the same.
            let _ = sender.send(outcome(position));
        }
    }
}
