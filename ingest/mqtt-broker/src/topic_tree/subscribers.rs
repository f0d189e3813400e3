//! Who subscribes to one filter: single sessions, and `$share` groups. A list, with a
//! map beside it once there are more than [`LIST`].

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use ahash::RandomState;
use hashbrown::HashMap;

use super::{SessionIx, Subscriber};

/// Subscribers of one filter that are searched one by one.
const LIST: usize = 16;

/// Who subscribes to one filter.
#[derive(Debug, Default)]
pub(crate) struct Subscribers {
    list: Vec<Subscriber>,
    /// Where a session is in `list`, once that is long.
    index: Option<Box<HashMap<SessionIx, usize, RandomState>>>,
    groups: Option<Box<HashMap<Box<str>, Group, RandomState>>>,
}

/// What a `$share` group is known by.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct GroupName {
    pub(crate) group: Box<str>,
    pub(crate) filter: Box<str>,
}

/// The members of one `$share` group.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) name: Arc<GroupName>,
    pub(crate) members: Subscribers,
    turn: AtomicU32,
}

impl Group {
    /// The members, beginning with the one whose turn it is.
    pub(crate) fn by_turns(&self) -> impl Iterator<Item = &Subscriber> {
        let members = self.members.as_slice();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) as usize;
        let start = turn.checked_rem(members.len()).unwrap_or(0);
        members[start..].iter().chain(&members[..start])
    }
}

impl Subscribers {
    pub(crate) fn as_slice(&self) -> &[Subscriber] {
        &self.list
    }

    pub(crate) fn groups(&self) -> impl Iterator<Item = &Group> {
        self.groups.iter().flat_map(|groups| groups.values())
    }

    pub(crate) fn has_groups(&self) -> bool {
        self.groups.is_some()
    }

    pub(super) fn group(&self, name: &str) -> Option<&Group> {
        self.groups.as_ref()?.get(name)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty() && self.groups.is_none()
    }

    fn position(&self, session: SessionIx) -> Option<usize> {
        match &self.index {
            Some(index) => index.get(&session).copied(),
            None => self.list.iter().position(|one| one.session == session),
        }
    }

    /// Whether the session had no such subscription.
    pub(super) fn insert(&mut self, subscriber: Subscriber) -> bool {
        if let Some(position) = self.position(subscriber.session) {
            self.list[position] = subscriber;
            return false;
        }
        let position = self.list.len();
        self.list.push(subscriber);
        match &mut self.index {
            Some(index) => {
                index.insert(subscriber.session, position);
            }
            None if position >= LIST => {
                let places = self.list.iter().enumerate();
                let places = places.map(|(place, one)| (one.session, place));
                self.index = Some(Box::new(places.collect()));
            }
            None => {}
        }
        true
    }

    pub(super) fn remove(&mut self, session: SessionIx) -> bool {
        let Some(position) = self.position(session) else {
            return false;
        };
        self.list.swap_remove(position);
        if let Some(index) = &mut self.index {
            index.remove(&session);
            if let Some(moved) = self.list.get(position) {
                index.insert(moved.session, position);
            }
        }
        if self.list.len() <= LIST / 2 {
            self.index = None;
            self.list.shrink_to_fit();
        }
        true
    }

    pub(super) fn insert_shared(
        &mut self,
        filter: &str,
        group: &str,
        subscriber: Subscriber,
    ) -> bool {
        let groups = self.groups.get_or_insert_default();
        if let Some(group) = groups.get_mut(group) {
            return group.members.insert(subscriber);
        }
        let mut members = Subscribers::default();
        members.insert(subscriber);
        let name = Arc::new(GroupName {
            group: group.into(),
            filter: filter.into(),
        });
        let turn = AtomicU32::new(0);
        groups.insert(
            group.into(),
            Group {
                name,
                members,
                turn,
            },
        );
        true
    }

    pub(super) fn remove_shared(&mut self, group: &str, session: SessionIx) -> bool {
        let Some(groups) = &mut self.groups else {
            return false;
        };
        let Some(members) = groups.get_mut(group).map(|group| &mut group.members) else {
            return false;
        };
        let removed = members.remove(session);
        if members.is_empty() {
            groups.remove(group);
        }
        if groups.is_empty() {
            self.groups = None;
        }
        removed
    }
}
