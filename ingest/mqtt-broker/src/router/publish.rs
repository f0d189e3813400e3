//! From a message to the outboxes of those who get it.

use std::sync::Arc;

use super::Router;
use crate::link::Link;
use crate::message::{Message, Published};
use crate::outbox::{Extra, Outgoing};
use crate::time::Time;
use crate::topic_tree::{Group, GroupName, SessionIx, Subscriber, Subscribers};

/// Memory that routing uses again and again.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    targets: Vec<Target>,
    shared: Vec<(Target, Arc<GroupName>)>,
    /// Connections that have something to send now.
    wake: Vec<Arc<Link>>,
}

impl Scratch {
    /// Wakes each connection once.
    pub(crate) fn wake_all(&mut self) {
        for link in self.wake.drain(..) {
            link.wake();
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Target {
    session: SessionIx,
    qos: u8,
    retain: bool,
    id: u32,
}

impl Router {
    /// Whether a subscription matches.
    pub(crate) fn has_subscriber(&self, topic: &str) -> bool {
        let mut found = false;
        self.tree.matching(topic, &mut |_| found = true);
        found
    }

    /// Keeps or clears the retained message; the message, if it was kept. Full:
    /// it is routed all the same, and the caller counts it.
    pub(crate) fn retain(&mut self, published: &Published<'_>) -> Result<Option<Arc<Message>>, ()> {
        if published.payload.is_empty() {
            self.retained.clear(published.topic);
            return Ok(None);
        }
        let message = Message::new(published, &self.budget);
        match self.retained.set(message.clone()) {
            Ok(()) => Ok(Some(message)),
            Err(_) => Err(()),
        }
    }

    /// Puts the message into the outbox of everyone who gets it; how many.
    pub(crate) fn route(
        &self,
        published: &Published<'_>,
        retained: Option<Arc<Message>>,
        scratch: &mut Scratch,
    ) -> usize {
        let Scratch {
            targets,
            shared,
            wake,
        } = scratch;
        targets.clear();
        shared.clear();
        let mut filters = 0;
        self.tree
            .matching(published.topic, &mut |subscribers: &Subscribers| {
                filters += 1;
                for one in subscribers.as_slice() {
                    if !(one.options.no_local && self.is_own(one, published)) {
                        targets.push(target(one, published));
                    }
                }
                if subscribers.has_groups() {
                    let members = subscribers.groups().filter_map(|group| {
                        Some((target(self.choose(group)?, published), group.name.clone()))
                    });
                    shared.extend(members);
                }
            });
        if targets.is_empty() && shared.is_empty() {
            return 0;
        }
        if filters > 1 {
            targets.sort_unstable_by_key(|target| target.session);
        }
        let message = retained.unwrap_or_else(|| Message::new(published, &self.budget));
        let mut count = shared.len();
        let mut rest = &targets[..];
        while let Some(first) = rest.first() {
            let same = match filters {
                1 => 1,
                _ => rest
                    .iter()
                    .take_while(|one| one.session == first.session)
                    .count(),
            };
            let (group, others) = rest.split_at(same);
            rest = others;
            count += 1;
            wake.extend(self.deliver(merge(group, &message), first.session));
        }
        for (target, name) in shared.drain(..) {
            let mut outgoing = merge(&[target], &message);
            outgoing.extra.get_or_insert_default().group = Some(name);
            wake.extend(self.deliver(outgoing, target.session));
        }
        count
    }

    fn is_own(&self, subscriber: &Subscriber, published: &Published<'_>) -> bool {
        let slot = self.slot(subscriber.session);
        slot.is_some_and(|slot| slot.session.number == published.publisher)
    }

    /// The member whose turn it is among the connected, or among all.
    fn choose<'g>(&self, group: &'g Group) -> Option<&'g Subscriber> {
        let is_connected = |one: &&Subscriber| {
            let slot = self.slot(one.session);
            slot.is_some_and(|slot| slot.session.is_connected())
        };
        let mut absent = None;
        for one in group.by_turns() {
            if is_connected(&one) {
                return Some(one);
            }
            absent = absent.or(Some(one));
        }
        absent
    }

    fn deliver(&self, outgoing: Outgoing, session: SessionIx) -> Option<Arc<Link>> {
        let slot = self.slot(session)?;
        slot.session.outbox.lock().push(outgoing, self.bounds())
    }

    /// Gives what a member of `$share` groups has left to other members.
    pub(super) fn give_to_others(&self, orphans: Vec<Outgoing>, now: Time) {
        let mut lost = 0;
        for mut outgoing in orphans {
            let Some(extra) = &mut outgoing.extra else {
                continue;
            };
            let Some(name) = &extra.group else { continue };
            let group = self.tree.group(&name.filter, &name.group);
            let member = group.and_then(|group| self.choose(group));
            let Some(member) = member.filter(|_| !outgoing.message.is_expired(now)) else {
                lost += 1;
                continue;
            };
            extra.ids = (member.id > 0).then_some(member.id).into_iter().collect();
            outgoing.qos = outgoing.message.qos.min(member.options.qos);
            if let Some(link) = self.deliver(outgoing, member.session) {
                link.wake();
            }
        }
        self.drops.add(crate::DropReason::SessionEnded, lost);
    }
}

fn target(subscriber: &Subscriber, published: &Published<'_>) -> Target {
    Target {
        session: subscriber.session,
        qos: subscriber.options.qos.min(published.qos),
        retain: published.retain && subscriber.options.retain_as_published,
        id: subscriber.id,
    }
}

/// One copy for all subscriptions of a session.
fn merge(targets: &[Target], message: &Arc<Message>) -> Outgoing {
    let has_ids = targets.iter().any(|target| target.id > 0);
    let extra = has_ids.then(|| {
        let ids = targets.iter().map(|target| target.id).filter(|id| *id > 0);
        let ids = ids.collect();
        Box::new(Extra { ids, group: None })
    });
    Outgoing {
        message: message.clone(),
        qos: targets.iter().map(|target| target.qos).max().unwrap_or(0),
        retain: targets.iter().any(|target| target.retain),
        extra,
    }
}
