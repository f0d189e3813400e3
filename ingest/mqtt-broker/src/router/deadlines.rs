//! When something is due for a session that is not connected.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::time::Time;
use crate::topic_tree::SessionIx;

/// A heap. Entries are not removed when they lose their meaning: whoever takes
/// one looks whether it still holds.
#[derive(Debug, Default)]
pub(crate) struct Deadlines(BinaryHeap<Reverse<(Time, SessionIx)>>);

impl Deadlines {
    pub(super) fn push(&mut self, due: Time, session: SessionIx) {
        if due != Time::NEVER {
            self.0.push(Reverse((due, session)));
        }
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn next(&self) -> Option<Time> {
        self.0.peek().map(|Reverse((due, _))| *due)
    }

    /// The next entry that is due, and when it was due.
    pub(super) fn pop_due(&mut self, now: Time) -> Option<(Time, SessionIx)> {
        let Reverse(entry) = *self.0.peek()?;
        if entry.0 > now {
            return None;
        }
        self.0.pop();
        Some(entry)
    }
}
