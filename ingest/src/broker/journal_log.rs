//! The journal as the log of the MQTT broker: what a route or the shadows take is
//! appended, everything else has no record.
//!
//! The broker releases an acknowledgement when the position behind its message is
//! committed. A batch without any message for the journal ends where the last
//! append has ended, so that acknowledgements keep their order.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use tracing::error;
use weir_journal::{Appender, Ticket};
use weir_model::{Ingress, Message, Timestamp};
use weir_mqtt_broker::{AppendError, BoxFuture, CommitListener, CommitLog, PublishRecord, Record};
use weir_retry::LogThrottle;

/// See the module.
pub(super) struct JournalLog {
    journal: Arc<dyn Appender>,
    commits: Arc<Commits>,
    /// [`Self::commits`], as the journal takes it.
    listener: Arc<dyn weir_journal::CommitListener>,
    /// The position behind the last append.
    end: AtomicU64,
    /// Messages that were appended.
    appended: AtomicU64,
    failure_log: LogThrottle,
}

/// Passes the commits on, from the journal's thread.
#[derive(Debug, Default)]
struct Commits {
    committed: AtomicU64,
    /// Known from the first append on.
    broker: OnceLock<Arc<dyn CommitListener>>,
}

impl weir_journal::CommitListener for Commits {
    fn committed(&self, ticket: Ticket) {
        self.committed.fetch_max(ticket.0, Ordering::AcqRel);
        if let Some(broker) = self.broker.get() {
            broker.committed(ticket.0);
        }
    }

    fn failed(&self) {
        if let Some(broker) = self.broker.get() {
            broker.failed();
        }
    }
}

impl JournalLog {
    pub(super) fn new(journal: Arc<dyn Appender>) -> Self {
        let commits = Arc::<Commits>::default();
        Self {
            journal,
            listener: commits.clone(),
            commits,
            end: AtomicU64::new(0),
            appended: AtomicU64::new(0),
            failure_log: LogThrottle::per_second(),
        }
    }

    pub(super) fn appended(&self) -> u64 {
        self.appended.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for JournalLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JournalLog")
            .field("end", &self.end)
            .field("commits", &self.commits)
            .finish_non_exhaustive()
    }
}

impl CommitLog for JournalLog {
    fn append(
        &self,
        records: &[Record<'_>],
        listener: &Arc<dyn CommitListener>,
    ) -> Result<u64, AppendError> {
        self.commits.broker.get_or_init(|| listener.clone());
        let received = Timestamp::now();
        let mut messages = Vec::with_capacity(records.len());
        for record in records {
            match record {
                Record::Publish(publish) if !publish.is_accepted => {}
                Record::Publish(publish) => messages.push(message(publish, received)),
                // Sessions are kept in memory.
                Record::Subscribed { .. }
                | Record::Unsubscribed { .. }
                | Record::Released { .. } => {}
            }
        }
        if !messages.is_empty() {
            let appended = self.journal.append(&messages, Some(&self.listener));
            let appended = appended.map_err(|error| self.refused(&error))?;
            self.end.fetch_max(appended.end.0, Ordering::AcqRel);
            let count = messages.len() as u64;
            self.appended.fetch_add(count, Ordering::Relaxed);
        }
        Ok(self.end.load(Ordering::Acquire))
    }

    fn room(&self) -> BoxFuture<'static, ()> {
        let journal = self.journal.clone();
        Box::pin(async move { journal.room().await })
    }

    fn committed(&self) -> u64 {
        self.commits.committed.load(Ordering::Acquire)
    }
}

impl JournalLog {
    fn refused(&self, error: &weir_journal::AppendError) -> AppendError {
        match error {
            weir_journal::AppendError::Full { .. } | weir_journal::AppendError::Busy { .. } => {
                AppendError::NoRoom
            }
            weir_journal::AppendError::Failed(error) => {
                if let Some(suppressed) = self.failure_log.admit() {
                    error!(%error, suppressed, "closing connections: nothing can be acknowledged");
                }
                AppendError::Failed
            }
        }
    }
}

/// A device's publish is fresh even when it asks the broker to retain it. The flag
/// stays only where there is no reading: on an empty publish that deletes a retained
/// message.
fn message<'a>(publish: &PublishRecord<'a>, received: Timestamp) -> Message<'a> {
    Message {
        received,
        ingress: Ingress::Broker,
        client: publish.identity,
        topic: publish.topic,
        payload: publish.payload,
        qos: publish.qos,
        retained: publish.retain && publish.payload.is_empty(),
        duplicate: publish.duplicate,
    }
}
