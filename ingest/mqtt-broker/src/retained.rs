//! Retained messages, in the order of their topics.
//!
//! The order makes a cursor a topic: whoever reads page by page continues behind
//! the last topic, whatever has been set or cleared meanwhile. A filter with
//! wildcards skips what cannot match: from `a/+/b` to the next topic with the
//! prefix `a/…/b`.
//!
//! Each change has a number. A cursor does not deliver what was set after its
//! subscription: the subscription has delivered that already.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use weir_mqtt_codec::matches;

use crate::message::Message;
use crate::time::Time;

/// How many retained messages there may be, and how many bytes.
#[derive(Clone, Copy, Debug)]
pub struct RetainedLimits {
    pub messages: usize,
    pub bytes: usize,
}

#[derive(Debug)]
pub(crate) struct Retained {
    messages: BTreeMap<Key, u64>,
    bytes: usize,
    changes: u64,
    limits: RetainedLimits,
}

/// A message by its topic.
#[derive(Debug)]
struct Key(Arc<Message>);

impl Borrow<str> for Key {
    fn borrow(&self) -> &str {
        self.0.topic()
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.0.topic() == other.0.topic()
    }
}

impl Eq for Key {}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.topic().cmp(other.0.topic())
    }
}

/// Where a subscriber is in its retained messages.
#[derive(Clone, Debug)]
pub(crate) struct Cursor {
    pub(crate) filter: Box<str>,
    /// The last topic that was looked at.
    after: Option<Box<str>>,
    /// The last change that the subscription does not deliver itself.
    until: u64,
}

/// The store is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

impl Retained {
    pub(crate) fn new(limits: RetainedLimits) -> Self {
        Self {
            messages: BTreeMap::new(),
            bytes: 0,
            changes: 0,
            limits,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.messages.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether a message of this topic and size would be kept.
    pub(crate) fn has_room(&self, topic: &str, size: usize) -> bool {
        let (messages, bytes) = match self.messages.get_key_value(topic) {
            Some((old, _)) => (self.len() - 1, self.bytes - old.0.size()),
            None => (self.len(), self.bytes),
        };
        messages < self.limits.messages && bytes.saturating_add(size) <= self.limits.bytes
    }

    /// Keeps a message in place of the one with its topic.
    pub(crate) fn set(&mut self, message: Arc<Message>) -> Result<(), Full> {
        if !self.has_room(message.topic(), message.size()) {
            return Err(Full);
        }
        self.changes += 1;
        self.clear(message.topic());
        self.bytes += message.size();
        self.messages.insert(Key(message), self.changes);
        Ok(())
    }

    /// Whether there was one.
    pub(crate) fn clear(&mut self, topic: &str) -> bool {
        match self.messages.remove_entry(topic) {
            Some((old, _)) => {
                self.bytes -= old.0.size();
                true
            }
            None => false,
        }
    }

    /// Removes what has expired among the `limit` messages behind `after`;
    /// where to continue, `None` at the end.
    pub(crate) fn sweep(
        &mut self,
        now: Time,
        after: Option<&str>,
        limit: usize,
    ) -> Option<Box<str>> {
        let mut last = None;
        let mut expired = Vec::new();
        for (key, _) in self
            .messages
            .range::<str, _>((start(after), Bound::Unbounded))
            .take(limit)
        {
            last = Some(key.0.topic());
            if key.0.is_expired(now) {
                expired.push(Box::<str>::from(key.0.topic()));
            }
        }
        let last = last.map(Box::from);
        for topic in expired {
            self.clear(&topic);
        }
        last
    }

    /// A cursor over what is retained now.
    pub(crate) fn cursor(&self, filter: &str) -> Cursor {
        Cursor {
            filter: filter.into(),
            after: None,
            until: self.changes,
        }
    }

    /// Moves the cursor over at most `limit` messages and gives those that
    /// match; whether there may be more.
    pub(crate) fn read(
        &self,
        cursor: &mut Cursor,
        now: Time,
        limit: usize,
        mut give: impl FnMut(&Arc<Message>),
    ) -> bool {
        if !cursor.filter.contains(['+', '#']) {
            if let Some((Key(message), change)) = self.messages.get_key_value(&*cursor.filter)
                && *change <= cursor.until
                && !message.is_expired(now)
            {
                give(message);
            }
            return false;
        }
        let from = match &cursor.after {
            Some(after) => Bound::Excluded(&**after),
            None => Bound::Included(literal_prefix(&cursor.filter)),
        };
        let mut range = self.messages.range::<str, _>((from, Bound::Unbounded));
        let mut last = None;
        for _ in 0..limit {
            let Some((Key(message), change)) = range.next() else {
                return false;
            };
            let topic = message.topic();
            last = Some(topic);
            if matches(&cursor.filter, topic) {
                if *change <= cursor.until && !message.is_expired(now) {
                    give(message);
                }
                continue;
            }
            let Some(next) = next_candidate(&cursor.filter, topic) else {
                return false;
            };
            let from = Bound::Included(next.as_str());
            range = self.messages.range::<str, _>((from, Bound::Unbounded));
        }
        cursor.after = last.map(Box::from);
        true
    }
}

fn start(after: Option<&str>) -> Bound<&str> {
    after.map_or(Bound::Unbounded, Bound::Excluded)
}

/// What every topic begins with that the filter can match.
fn literal_prefix(filter: &str) -> &str {
    let wild = filter.find(['+', '#']).unwrap_or(filter.len());
    match filter[wild..].starts_with('#') {
        // `a/#` matches `a` too.
        true => filter[..wild].strip_suffix('/').unwrap_or(&filter[..wild]),
        false => &filter[..wild],
    }
}

/// The least string behind `topic`, which does not match, at which a topic that
/// matches can be; `None` when there is none.
fn next_candidate(filter: &str, topic: &str) -> Option<String> {
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        // '%' is the character behind '$'.
        return Some("%".to_owned());
    }
    // Bytes of `topic` that the filter's levels so far have matched, with the
    // separator behind them.
    let mut matched = 0;
    for wanted in filter.split('/') {
        let rest = &topic[matched..];
        let level = rest.split('/').next().unwrap_or_default();
        match wanted {
            "#" => return None,
            _ if wanted == "+" || wanted == level => {
                matched += level.len() + 1;
                if matched > topic.len() {
                    // The topic has too few levels. Behind it come siblings that
                    // begin as it does (`a!` is before `a/`), then its children.
                    let separator = if wanted == "+" { '\u{1}' } else { '/' };
                    return Some(format!("{topic}{separator}"));
                }
            }
            _ => return after_level(&topic[..matched], wanted, rest),
        }
    }
    // The topic has too many levels. Its siblings come next.
    Some(format!("{}0", &topic[..matched - 1]))
}

/// `rest` is what follows `prefix` in a topic whose next level is not `wanted`.
fn after_level(prefix: &str, wanted: &str, rest: &str) -> Option<String> {
    let exact = format!("{prefix}{wanted}");
    let below = format!("{exact}/");
    let topic = format!("{prefix}{rest}");
    if topic < exact {
        Some(exact)
    } else if topic < below {
        Some(below)
    } else {
        // Behind all that begins with the prefix. '0' is the character behind '/'.
        let prefix = prefix.strip_suffix('/')?;
        Some(format!("{prefix}0"))
    }
}

#[cfg(test)]
mod tests;
