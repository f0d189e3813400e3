//! How sessions begin, change hands and end.

use std::sync::Arc;

use weir_mqtt_codec::ReasonCode;

use super::{DueWill, Ending, Opened, Opening, Router, Slot, Will};
use crate::session::Session;
use crate::time::Time;
use crate::topic_tree::SessionIx;

impl Slot {
    fn due(&self, will: Will) -> DueWill {
        DueWill {
            will,
            session: self.session.number,
            client_id: self.session.client_id.clone(),
            permissions: self.permissions.clone(),
        }
    }
}

impl Router {
    /// A connection begins: it continues the client's session, takes it over
    /// from another connection, or begins a new one.
    pub(crate) fn open(&mut self, now: Time, opening: Opening) -> Result<Opened, ReasonCode> {
        let Some(&ix) = self.by_client.get(&opening.client_id) else {
            return self.begin(opening);
        };
        let will = self.leave(ix, &opening)?;
        if !opening.clean_start {
            return self.resume(ix, opening, will);
        }
        let ended = self.end(ix, now);
        let mut opened = self.begin(opening)?;
        opened.will = will.or(ended);
        Ok(opened)
    }

    /// Counts a session by its identity for as long as it outlives its connection.
    fn set_kept(&mut self, ix: SessionIx, is_kept: bool) {
        let Some(slot) = self.slots[ix.0 as usize].as_mut() else {
            return;
        };
        if std::mem::replace(&mut slot.is_kept, is_kept) == is_kept {
            return;
        }
        let identity = slot.permissions.identity();
        if is_kept {
            *self.kept.entry(identity.into()).or_default() += 1;
        } else if let Some(count) = self.kept.get_mut(identity) {
            *count -= 1;
            if *count == 0 {
                self.kept.remove(identity);
            }
        }
    }

    /// Ends the connection that the session has; its will, if that is due.
    fn leave(&mut self, ix: SessionIx, opening: &Opening) -> Result<Option<DueWill>, ReasonCode> {
        let Some(slot) = self.slots[ix.0 as usize].as_mut() else {
            return Ok(None);
        };
        if slot.permissions.identity() != opening.permissions.identity() {
            return Err(ReasonCode::NotAuthorized);
        }
        let Some(old) = slot.link.take() else {
            return Ok(None);
        };
        old.close(ReasonCode::SessionTakenOver);
        self.connected -= 1;
        slot.session.set_connected(false);
        slot.session.outbox.lock().detach(&self.drops);
        // A delayed will waits for the client to come back: here it is.
        let will = slot
            .will
            .take_if(|will| opening.clean_start || will.delay == 0);
        Ok(will.map(|will| slot.due(will)))
    }

    fn resume(
        &mut self,
        ix: SessionIx,
        opening: Opening,
        will: Option<DueWill>,
    ) -> Result<Opened, ReasonCode> {
        let slot = self.slots[ix.0 as usize]
            .as_mut()
            .ok_or(ReasonCode::UnspecifiedError)?;
        slot.permissions = opening.permissions;
        let is_kept = opening.expiry > 0;
        slot.expiry = opening.expiry;
        slot.will = opening.will;
        slot.will_due = Time::NEVER;
        slot.ends = Time::NEVER;
        slot.link = Some(opening.peer.link.clone());
        let session = slot.session.clone();
        session.outbox.lock().attach(opening.peer);
        session.set_connected(true);
        self.connected += 1;
        self.set_kept(ix, is_kept);
        Ok(Opened {
            ix,
            session,
            present: true,
            will,
        })
    }

    fn begin(&mut self, opening: Opening) -> Result<Opened, ReasonCode> {
        let kept = self.kept.get(opening.permissions.identity());
        let is_full =
            opening.expiry > 0 && kept.is_some_and(|kept| *kept >= self.settings.max_kept_sessions);
        if is_full || self.sessions() >= self.settings.max_sessions {
            return Err(ReasonCode::QuotaExceeded);
        }
        self.last_number += 1;
        let session = Arc::new(Session::new(self.last_number, opening.client_id.clone()));
        let slot = Slot {
            session: session.clone(),
            permissions: opening.permissions,
            subscriptions: Default::default(),
            link: Some(opening.peer.link.clone()),
            expiry: opening.expiry,
            will: opening.will,
            is_kept: false,
            will_due: Time::NEVER,
            ends: Time::NEVER,
        };
        session.outbox.lock().attach(opening.peer);
        session.set_connected(true);
        self.connected += 1;
        let ix = match self.free.pop() {
            Some(ix) => {
                self.slots[ix.0 as usize] = Some(slot);
                ix
            }
            None => {
                self.slots.push(Some(slot));
                SessionIx((self.slots.len() - 1) as u32)
            }
        };
        self.by_client.insert(opening.client_id, ix);
        self.set_kept(ix, opening.expiry > 0);
        Ok(Opened {
            ix,
            session,
            present: false,
            will: None,
        })
    }

    /// Clients that come and go leave deadlines behind that have no meaning.
    fn tidy_deadlines(&mut self) {
        if self.deadlines.len() <= 4 * self.slots.len() + 1_024 {
            return;
        }
        self.deadlines.clear();
        for (ix, slot) in self.slots.iter().enumerate() {
            let Some(slot) = slot else { continue };
            self.deadlines.push(slot.will_due, SessionIx(ix as u32));
            self.deadlines.push(slot.ends, SessionIx(ix as u32));
        }
    }

    /// A connection has ended. One that was taken over has nothing to end. The
    /// will is returned when it is due now.
    pub(crate) fn close(
        &mut self,
        now: Time,
        ix: SessionIx,
        link: u64,
        ending: Ending,
    ) -> Option<DueWill> {
        self.tidy_deadlines();
        let max_expiry = self.settings.max_session_expiry;
        let slot = self.slots.get_mut(ix.0 as usize)?.as_mut()?;
        slot.link.take_if(|current| current.id == link)?;
        self.connected -= 1;
        slot.session.set_connected(false);
        slot.session.outbox.lock().detach(&self.drops);
        if let Some(expiry) = ending.expiry {
            slot.expiry = expiry.min(max_expiry);
        }
        if ending.discards_will {
            slot.will = None;
        }
        if slot.expiry == 0 {
            return self.end(ix, now);
        }
        slot.ends = now.plus_seconds(slot.expiry);
        self.deadlines.push(slot.ends, ix);
        let will = slot.will.take_if(|will| will.delay == 0);
        if let Some(will) = will {
            return Some(slot.due(will));
        }
        if let Some(will) = &slot.will {
            slot.will_due = now.plus_seconds(will.delay);
            self.deadlines.push(slot.will_due, ix);
        }
        None
    }

    /// Ends a session: its subscriptions, its queue. Its will is due then, unless
    /// it was discarded.
    fn end(&mut self, ix: SessionIx, now: Time) -> Option<DueWill> {
        self.set_kept(ix, false);
        let slot = self.slots[ix.0 as usize].take()?;
        self.free.push(ix);
        self.by_client.remove(&slot.session.client_id);
        for filter in &slot.subscriptions {
            self.remove_from_tree(ix, filter);
        }
        let orphans = slot.session.outbox.lock().end(&self.drops);
        self.give_to_others(orphans, now);
        let will = slot.will.clone();
        will.map(|will| slot.due(will))
    }

    /// When [`Self::advance`] has something to do next.
    pub(crate) fn next_deadline(&self) -> Option<Time> {
        self.deadlines.next()
    }

    /// Ends the sessions that have expired; the wills that are due.
    pub(crate) fn advance(&mut self, now: Time) -> Vec<DueWill> {
        let mut due = Vec::new();
        while let Some((time, ix)) = self.deadlines.pop_due(now) {
            let Some(slot) = self.slots[ix.0 as usize].as_mut() else {
                continue;
            };
            // An entry from before the client was back is too early.
            if slot.will_due <= time {
                slot.will_due = Time::NEVER;
                if let Some(will) = slot.will.take() {
                    due.push(slot.due(will));
                }
            }
            if slot.ends <= time {
                due.extend(self.end(ix, now));
            }
        }
        due
    }

    /// Asks again what each client may do. Connections of clients that may not
    /// be here are closed; subscriptions and queued messages that are no longer
    /// permitted are removed. Returns (closed, unsubscribed).
    pub(crate) fn review(&mut self) -> (usize, usize) {
        let (mut closed, mut unsubscribed) = (0, 0);
        for ix in 0..self.slots.len() {
            let Some(slot) = &self.slots[ix] else {
                continue;
            };
            let permissions = slot.permissions.clone();
            if !permissions.is_valid() {
                if let Some(link) = &slot.link {
                    link.close(ReasonCode::NotAuthorized);
                    closed += 1;
                }
                continue;
            }
            let refused = slot.subscriptions.iter();
            let refused = refused.filter(|filter| !permissions.may_subscribe(filter));
            let refused: Vec<_> = refused.cloned().collect();
            let session = slot.session.clone();
            for filter in &refused {
                self.unsubscribe(SessionIx(ix as u32), session.number, filter);
            }
            unsubscribed += refused.len();
            let may_receive = |topic: &str| permissions.may_receive(topic);
            session
                .outbox
                .lock()
                .retain_permitted(&self.drops, may_receive);
        }
        (closed, unsubscribed)
    }
}
