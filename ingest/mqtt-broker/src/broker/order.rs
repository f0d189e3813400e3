//! What is appended and waits for its commit, in the order of the log.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use weir_mqtt_codec::SubscriptionOptions;

use super::Publication;
use crate::batch::Batch;
use crate::commit_log::{AppendError, CommitListener, CommitLog, Record};
use crate::link::Link;
use crate::router::DueWill;
use crate::topic_tree::SessionIx;

/// What to do once a position is committed.
pub(crate) enum Work {
    /// Nothing but to acknowledge: nobody subscribes to anything.
    Nothing,
    /// Publishes of this session.
    Publishes(Batch, u64),
    Subscribe {
        ix: SessionIx,
        session: u64,
        filters: Vec<(Box<str>, SubscriptionOptions)>,
        id: u32,
    },
    Unsubscribe {
        ix: SessionIx,
        session: u64,
        filters: Vec<Box<str>>,
    },
    /// A message of Weir's own, and whom to call when it is routed.
    Own(Publication, Option<Box<dyn FnOnce() + Send>>),
}

impl Work {
    /// What it holds of messages.
    fn bytes(&self) -> usize {
        match self {
            Self::Publishes(batch, _) => batch.bytes(),
            _ => 0,
        }
    }
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "Nothing",
            Self::Publishes(..) => "Publishes",
            Self::Subscribe { .. } => "Subscribe",
            Self::Unsubscribe { .. } => "Unsubscribe",
            Self::Own(..) => "Own",
        })
    }
}

#[derive(Debug)]
pub(crate) struct Pending {
    /// The position behind it.
    pub(crate) end: u64,
    /// Whose acknowledgements wait for it.
    pub(crate) link: Option<Arc<Link>>,
    pub(crate) publishes: usize,
    pub(crate) work: Work,
}

#[derive(Debug, Default)]
pub(crate) struct Order {
    pending: VecDeque<Pending>,
    end: u64,
    uncommitted: usize,
    own: usize,
    subscribes: usize,
    /// Of the publishes that wait.
    bytes: usize,
    /// A connection was refused for them, and waits.
    has_refused: bool,
    /// Wills that the log had no room for.
    pub(crate) stalled_wills: Vec<DueWill>,
}

impl Order {
    /// The position behind everything that was appended.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// Whether publishes may be appended.
    pub(crate) fn has_room(&mut self, limit: usize) -> bool {
        let has_room = self.bytes <= limit;
        self.has_refused |= !has_room;
        has_room
    }

    /// Whether there is room again for those who were refused.
    pub(crate) fn is_relieved(&mut self, limit: usize) -> bool {
        self.bytes <= limit && std::mem::take(&mut self.has_refused)
    }

    /// Publishes that wait for their commit.
    pub(crate) fn uncommitted(&self) -> usize {
        self.uncommitted
    }

    pub(crate) fn own_waiting(&self) -> usize {
        self.own
    }

    /// Whether a subscription waits, which what is appended now will meet.
    pub(crate) fn expects_subscriptions(&self) -> bool {
        self.subscribes > 0
    }

    /// One of them has taken effect.
    pub(crate) fn subscribed(&mut self) {
        self.subscribes -= 1;
    }

    pub(crate) fn append(
        &mut self,
        log: &dyn CommitLog,
        records: &[Record<'_>],
        listener: &Arc<dyn CommitListener>,
    ) -> Result<u64, AppendError> {
        self.end = log.append(records, listener)?.max(self.end);
        Ok(self.end)
    }

    pub(crate) fn push(&mut self, pending: Pending) {
        self.uncommitted += pending.publishes;
        self.bytes += pending.work.bytes();
        match pending.work {
            Work::Own(..) => self.own += 1,
            Work::Subscribe { .. } => self.subscribes += 1,
            _ => {}
        }
        self.pending.push_back(pending);
    }

    /// The next one, if it is committed.
    pub(crate) fn pop(&mut self, committed: u64) -> Option<Pending> {
        if self.pending.front()?.end > committed {
            return None;
        }
        let pending = self.pending.pop_front()?;
        self.uncommitted -= pending.publishes;
        self.bytes -= pending.work.bytes();
        if let Work::Own(..) = pending.work {
            self.own -= 1;
        }
        Some(pending)
    }
}
