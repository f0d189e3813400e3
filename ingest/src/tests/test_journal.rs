//! An appender for the tests of endpoints: it keeps appended messages in memory
//! and commits when the test says so.
//!
//! Tickets grow by [`TICKETS_PER_MESSAGE`], so that a test cannot confuse a count
//! with a ticket.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use weir_journal::{
    AppendError, Appended, Appender, CommitListener, JournalFailed, JournalStatus, ReportStatus,
    Ticket,
};
use weir_model::{Ingress, Message, Position, Timestamp};

const TICKETS_PER_MESSAGE: u64 = 100;
/// How long [`TestJournal::until`] waits: long enough for a machine under load.
const DEADLINE: Duration = Duration::from_secs(30);

/// A message as it was appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) received: Timestamp,
    pub(crate) ingress: Ingress,
    pub(crate) client: String,
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) qos: u8,
    pub(crate) retained: bool,
    pub(crate) duplicate: bool,
}

impl From<&Message<'_>> for Taken {
    fn from(message: &Message<'_>) -> Self {
        Self {
            received: message.received,
            ingress: message.ingress,
            client: message.client.to_owned(),
            topic: message.topic.to_owned(),
            payload: message.payload.to_vec(),
            qos: message.qos,
            retained: message.retained,
            duplicate: message.duplicate,
        }
    }
}

#[derive(Default)]
struct State {
    taken: Vec<Taken>,
    /// Of [`State::taken`], how many are committed.
    committed: usize,
    /// Appends whose listener is not notified yet, oldest first: the number of
    /// messages up to their end.
    waiting: Vec<(usize, Arc<dyn CommitListener>)>,
    commit_at_once: bool,
    refusal: Option<AppendError>,
    /// Calls of append that were refused.
    refused: u64,
    /// Calls of append that were not.
    appends: u64,
}

/// See the module.
pub(crate) struct TestJournal {
    state: Mutex<State>,
    changed: Notify,
}

impl fmt::Debug for TestJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.lock();
        f.debug_struct("TestJournal")
            .field("taken", &state.taken.len())
            .field("committed", &state.committed)
            .finish_non_exhaustive()
    }
}

#[allow(dead_code, reason = "each endpoint's tests use another part of it")]
impl TestJournal {
    /// Commits only on request.
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            changed: Notify::new(),
        })
    }

    /// Commits every append before it returns from it.
    pub(crate) fn committing() -> Arc<Self> {
        let journal = Self::new();
        journal.state.lock().commit_at_once = true;
        journal
    }

    /// Everything that was appended, in order.
    pub(crate) fn taken(&self) -> Vec<Taken> {
        self.state.lock().taken.clone()
    }

    pub(crate) fn len(&self) -> usize {
        self.state.lock().taken.len()
    }

    pub(crate) fn appends(&self) -> u64 {
        self.state.lock().appends
    }

    pub(crate) fn refused(&self) -> u64 {
        self.state.lock().refused
    }

    /// Commits the first `messages` messages and notifies the listeners.
    pub(crate) fn commit(&self, messages: usize) {
        let notified = {
            let mut state = self.state.lock();
            assert!(
                messages <= state.taken.len(),
                "only what was appended can be committed"
            );
            state.committed = state.committed.max(messages);
            let committed = state.committed;
            let due = state
                .waiting
                .iter()
                .take_while(|(end, _)| *end <= committed)
                .count();
            state.waiting.drain(..due).collect::<Vec<_>>()
        };
        for (end, listener) in notified {
            listener.committed(ticket(end));
        }
        self.changed.notify_waiters();
    }

    /// Commits everything that was appended so far.
    pub(crate) fn commit_all(&self) {
        self.commit(self.len());
    }

    /// From now on every append is also committed.
    pub(crate) fn commit_from_now_on(&self) {
        self.state.lock().commit_at_once = true;
        self.commit_all();
    }

    /// From now on every append is refused so.
    pub(crate) fn refuse(&self, refusal: AppendError) {
        self.state.lock().refusal = Some(refusal);
    }

    /// From now on appends are taken again.
    pub(crate) fn make_room(&self) {
        self.state.lock().refusal = None;
        self.changed.notify_waiters();
    }

    /// The disk has failed: appends are refused, what waits is never committed.
    pub(crate) fn fail(&self) {
        let notified = {
            let mut state = self.state.lock();
            state.refusal = Some(AppendError::Failed(failure()));
            std::mem::take(&mut state.waiting)
        };
        for (_, listener) in notified {
            listener.failed();
        }
        self.changed.notify_waiters();
    }

    /// Waits until `predicate` holds of the journal.
    ///
    /// # Panics
    /// After 30 s.
    pub(crate) async fn until(&self, what: &str, predicate: impl Fn(&Self) -> bool) {
        let wait = async {
            loop {
                let changed = self.changed.notified();
                if predicate(self) {
                    return;
                }
                changed.await;
            }
        };
        tokio::time::timeout(DEADLINE, wait)
            .await
            .unwrap_or_else(|_| panic!("waited in vain until {what}: {self:?}"));
    }

    /// Waits until so many messages were appended.
    pub(crate) async fn until_taken(&self, messages: usize) {
        self.until(&format!("{messages} messages are appended"), |j| {
            j.len() >= messages
        })
        .await;
    }

    fn has_room(&self) -> bool {
        matches!(
            self.state.lock().refusal,
            None | Some(AppendError::Failed(_))
        )
    }
}

fn ticket(messages: usize) -> Ticket {
    Position(messages as u64 * TICKETS_PER_MESSAGE)
}

fn failure() -> JournalFailed {
    JournalFailed {
        reason: "fdatasync: Input/output error".into(),
    }
}

impl Appender for TestJournal {
    fn append(
        &self,
        messages: &[Message<'_>],
        listener: Option<&Arc<dyn CommitListener>>,
    ) -> Result<Appended, AppendError> {
        let (appended, commit_at_once) = {
            let mut state = self.state.lock();
            if let Some(refusal) = state.refusal.clone() {
                state.refused += 1;
                drop(state);
                self.changed.notify_waiters();
                return Err(refusal);
            }
            let first = ticket(state.taken.len());
            state.taken.extend(messages.iter().map(Taken::from));
            state.appends += 1;
            let end = state.taken.len();
            if let Some(listener) = listener {
                state.waiting.push((end, listener.clone()));
            }
            (
                Appended {
                    first,
                    end: ticket(end),
                },
                state.commit_at_once,
            )
        };
        if commit_at_once {
            self.commit_all();
        }
        self.changed.notify_waiters();
        Ok(appended)
    }

    fn room(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {
            loop {
                let changed = self.changed.notified();
                if self.has_room() {
                    return;
                }
                changed.await;
            }
        })
    }
}

impl ReportStatus for TestJournal {
    fn status(&self) -> JournalStatus {
        let state = self.state.lock();
        JournalStatus {
            written: ticket(state.taken.len()),
            committed: ticket(state.committed),
            appended_messages: state.taken.len() as u64,
            committed_messages: state.committed as u64,
            ..JournalStatus::default()
        }
    }
}
