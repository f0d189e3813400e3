//! HTTP requests that wait until the pipeline has decided about their message
//! (`?wait=processed`).

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio::sync::oneshot;
use weir_journal::{AppendError, Appended};
use weir_model::Position;
use weir_pipeline::Processed;

/// Requests by the position of their message.
#[derive(Debug, Default)]
pub struct ProcessedWaiters {
    /// Zero spares the pipeline the lock.
    count: AtomicUsize,
    by_position: Mutex<BTreeMap<Position, oneshot::Sender<Processed>>>,
}

impl ProcessedWaiters {
    /// Appends and waits in one step, so that the pipeline cannot be faster.
    pub fn append(
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

    /// Answers the requests whose message is before `end`. `processed` holds the
    /// outcomes of the messages by ascending position.
    pub(crate) fn resolve(&self, end: Position, processed: &[Processed]) {
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
            let Ok(at) = processed.binary_search_by_key(&position, |outcome| outcome.position)
            else {
                // Its message was not in the journal; the request ends without an answer.
                continue;
            };
            // The client may have gone; its message is processed all the same.
            let _ = sender.send(processed[at]);
        }
    }
}
