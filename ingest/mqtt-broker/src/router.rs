//! Sessions, subscriptions, retained messages and wills: the state that decides
//! who gets what. Pure but for the wakers of connections: time is passed in, and
//! wills that are due are returned to the caller, who publishes them.
//!
//! Its methods are called in the order of the log. Publishing only reads, so
//! several threads can publish at once under a read lock.
//!
//! A message goes to a session once, with the highest QoS and all subscription
//! identifiers of the subscriptions that match. A `$share` group gives it to the
//! connected members by turns, and to an absent one only when none is connected.

mod deadlines;
mod publish;
mod sessions;

use std::sync::Arc;

use ahash::RandomState;
use hashbrown::{HashMap, HashSet};
use weir_mqtt_codec::{ReasonCode, RetainHandling, SubscriptionOptions, split_shared};

use crate::access::Permissions;
use crate::drops::Drops;
use crate::link::Link;
use crate::message::Budget;
use crate::outbox::{Bounds, Peer};
use crate::retained::Retained;
use crate::session::Session;
use crate::settings::Settings;
use crate::time::Time;
use crate::topic_tree::{SessionIx, Subscriber, TopicTree};
pub(crate) use deadlines::Deadlines;
pub(crate) use publish::Scratch;

#[derive(Debug)]
pub(crate) struct Router {
    settings: Settings,
    tree: TopicTree,
    pub(crate) retained: Retained,
    slots: Vec<Option<Slot>>,
    free: Vec<SessionIx>,
    by_client: HashMap<Arc<str>, SessionIx, RandomState>,
    deadlines: Deadlines,
    last_number: u64,
    connected: usize,
    /// Sessions that outlive their connection, by identity.
    kept: HashMap<Box<str>, usize, RandomState>,
    pub(crate) budget: Arc<Budget>,
    pub(crate) drops: Arc<Drops>,
}

/// A session and what only the router touches of it.
#[derive(Debug)]
struct Slot {
    session: Arc<Session>,
    permissions: Arc<dyn Permissions>,
    subscriptions: HashSet<Box<str>, RandomState>,
    /// Of the connection, while there is one.
    link: Option<Arc<Link>>,
    /// Seconds; 0 ends the session with its connection.
    expiry: u32,
    will: Option<Will>,
    /// It is counted as a session that outlives its connection.
    is_kept: bool,
    /// When the will of a lost connection is published.
    will_due: Time,
    /// When the session of a lost connection ends.
    ends: Time,
}

/// A message to publish when a connection is lost.
#[derive(Clone, Debug)]
pub(crate) struct Will {
    pub(crate) topic: Box<str>,
    pub(crate) payload: Box<[u8]>,
    /// Those that are forwarded.
    pub(crate) properties: Box<[u8]>,
    pub(crate) qos: u8,
    pub(crate) retain: bool,
    /// Seconds; counted from the moment it is published.
    pub(crate) expiry: Option<u32>,
    /// Seconds.
    pub(crate) delay: u32,
}

/// A will that is to be published now, and for whom.
#[derive(Clone, Debug)]
pub(crate) struct DueWill {
    pub(crate) will: Will,
    pub(crate) session: u64,
    pub(crate) client_id: Arc<str>,
    pub(crate) permissions: Arc<dyn Permissions>,
}

/// A connection that begins.
#[derive(Debug)]
pub(crate) struct Opening {
    pub(crate) client_id: Arc<str>,
    pub(crate) permissions: Arc<dyn Permissions>,
    pub(crate) clean_start: bool,
    pub(crate) expiry: u32,
    pub(crate) will: Option<Will>,
    pub(crate) peer: Peer,
}

/// What became of an [`Opening`].
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) ix: SessionIx,
    pub(crate) session: Arc<Session>,
    pub(crate) present: bool,
    /// Of the session or connection that this one has ended.
    pub(crate) will: Option<DueWill>,
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ending {
    /// The client has said goodbye: its will is discarded.
    pub(crate) discards_will: bool,
    /// What DISCONNECT has changed the session expiry to.
    pub(crate) expiry: Option<u32>,
}

impl Router {
    pub(crate) fn new(settings: Settings, budget: Arc<Budget>, drops: Arc<Drops>) -> Self {
        Self {
            settings,
            tree: TopicTree::default(),
            retained: Retained::new(settings.retained),
            slots: Vec::new(),
            free: Vec::new(),
            by_client: HashMap::default(),
            deadlines: Deadlines::default(),
            last_number: 0,
            connected: 0,
            kept: HashMap::default(),
            budget,
            drops,
        }
    }

    /// Sessions, connected or not.
    pub(crate) fn sessions(&self) -> usize {
        self.by_client.len()
    }

    pub(crate) fn connected(&self) -> usize {
        self.connected
    }

    pub(crate) fn shared_subscriptions(&self) -> usize {
        self.tree.shared()
    }

    pub(crate) fn subscriptions(&self) -> usize {
        self.tree.len()
    }

    fn bounds(&self) -> Bounds<'_> {
        Bounds {
            queue: self.settings.queue,
            budget: &self.budget,
            drops: &self.drops,
        }
    }

    fn slot(&self, ix: SessionIx) -> Option<&Slot> {
        self.slots.get(ix.0 as usize)?.as_ref()
    }

    /// The slot, if it is still this session's.
    fn slot_of(&mut self, ix: SessionIx, session: u64) -> Option<&mut Slot> {
        let slot = self.slots.get_mut(ix.0 as usize)?.as_mut()?;
        (slot.session.number == session).then_some(slot)
    }

    /// Adds a subscription. The reason code is the granted QoS or a refusal.
    pub(crate) fn subscribe(
        &mut self,
        ix: SessionIx,
        session: u64,
        filter: &str,
        options: SubscriptionOptions,
        id: u32,
    ) -> ReasonCode {
        let limit = self.settings.max_subscriptions;
        let Some(slot) = self.slot_of(ix, session) else {
            return ReasonCode::UnspecifiedError;
        };
        let is_new = !slot.subscriptions.contains(filter);
        if is_new {
            if slot.subscriptions.len() >= limit {
                return ReasonCode::QuotaExceeded;
            }
            slot.subscriptions.insert(filter.into());
        }
        let session = slot.session.clone();
        let subscriber = Subscriber {
            session: ix,
            options,
            id,
        };
        match split_shared(filter) {
            Some(shared) => {
                self.tree
                    .insert(shared.filter, Some(shared.group), subscriber);
            }
            None => {
                self.tree.insert(filter, None, subscriber);
                let wants_retained = match options.retain_handling {
                    RetainHandling::Send => true,
                    RetainHandling::SendIfNew => is_new,
                    RetainHandling::DoNotSend => false,
                };
                if wants_retained && self.retained.len() > 0 {
                    let cursor = self.retained.cursor(filter);
                    let link = session.outbox.lock().push_cursor(cursor, options.qos, id);
                    link.inspect(|link| link.wake());
                }
            }
        }
        match options.qos {
            0 => ReasonCode::Success,
            1 => ReasonCode::GrantedQos1,
            _ => ReasonCode::GrantedQos2,
        }
    }

    /// Removes a subscription; whether it existed.
    pub(crate) fn unsubscribe(&mut self, ix: SessionIx, session: u64, filter: &str) -> bool {
        let Some(slot) = self.slot_of(ix, session) else {
            return false;
        };
        let existed = slot.subscriptions.remove(filter);
        if slot.subscriptions.is_empty() {
            slot.subscriptions.shrink_to_fit();
        }
        if existed {
            slot.session.outbox.lock().remove_cursor(filter);
            self.remove_from_tree(ix, filter);
        }
        existed
    }

    /// Sessions whose queue is full: each message costs them their oldest one.
    pub(crate) fn full_queues(&self) -> usize {
        let limits = self.settings.queue;
        let is_full = |slot: &&Slot| slot.session.outbox.lock().is_full(limits);
        self.slots.iter().flatten().filter(is_full).count()
    }

    /// The client that has lost most since the last call, and how many messages
    /// all of them have lost.
    pub(crate) fn new_losses(&mut self) -> Option<(Arc<str>, u64)> {
        let mut most = None;
        let mut sum = 0;
        for slot in self.slots.iter_mut().flatten() {
            let lost = slot.session.outbox.lock().take_new_losses();
            sum += lost;
            if lost > most.as_ref().map_or(0, |(most, _)| *most) {
                most = Some((lost, slot.session.client_id.clone()));
            }
        }
        most.map(|(_, client_id)| (client_id, sum))
    }

    /// How many subscriptions the session has, and whether this is one of them.
    pub(crate) fn has_subscription(&self, ix: SessionIx, filter: &str) -> (usize, bool) {
        self.slot(ix).map_or((0, false), |slot| {
            let subscriptions = &slot.subscriptions;
            (subscriptions.len(), subscriptions.contains(filter))
        })
    }

    fn remove_from_tree(&mut self, ix: SessionIx, filter: &str) {
        match split_shared(filter) {
            Some(shared) => self.tree.remove(shared.filter, Some(shared.group), ix),
            None => self.tree.remove(filter, None, ix),
        };
    }
}

#[cfg(test)]
mod tests;
