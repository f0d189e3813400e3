//! Storms: a channel that would get more notifications than a person can read gets
//! one summary per minute until the rate falls again.
//!
//! ```text
//!            more than N in a minute                 a minute with N or fewer
//!   Quiet ─────────────────────────▶ Storm ─────────────────────────────────▶ Quiet
//!            (first summary)          │  ▲        (last summary)
//!                                     └──┘ a summary every minute
//! ```
//!
//! Critical alarms are notified one by one until they alone exceed N.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use weir_model::Severity;

use crate::notification::{Cause, Notification, NotifiedAlert};

const MINUTE_MS: i64 = 60_000;
/// Alarms that a summary lists.
const EXAMPLES: usize = 10;

/// The storm of one channel. Stored in postcard: the order of the fields is the
/// format.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Storm {
    /// The alarms of the last minute: time, and whether critical.
    recent: VecDeque<(i64, bool)>,
    /// When the last summary was sent; `None` without a storm.
    summarised: Option<i64>,
    /// Alarms since the last summary.
    held: u64,
    /// The most severe of them.
    worst: Vec<NotifiedAlert>,
}

impl Storm {
    /// Counts an alarm that is about to be notified; whether it goes into the
    /// summary instead.
    pub(super) fn absorbs(&mut self, notified: &NotifiedAlert, above: usize, now: i64) -> bool {
        if above == 0 {
            return false;
        }
        self.forget(now);
        let critical = notified.alert.severity == Severity::Critical;
        self.recent.push_back((now, critical));
        // A bound on memory; enough entries to detect a storm.
        let excess = self.recent.len().saturating_sub(10 * above + 100);
        self.recent.drain(..excess);
        let criticals = self.recent.iter().filter(|(_, critical)| *critical).count();
        let stormy = self.summarised.is_some() || self.recent.len() > above;
        if !stormy || critical && criticals <= above {
            return false;
        }
        self.held += 1;
        let place = self
            .worst
            .partition_point(|other| other.alert.severity >= notified.alert.severity);
        if place < EXAMPLES {
            self.worst.insert(place, notified.clone());
            self.worst.truncate(EXAMPLES);
        }
        true
    }

    /// The summary that is due, if any.
    pub(super) fn summary(
        &mut self,
        channel: &str,
        above: usize,
        now: i64,
    ) -> Option<Notification> {
        self.forget(now);
        let over = self.recent.len() <= above && self.summarised.is_some();
        let due = self
            .summarised
            .map_or(self.held > 0, |last| now.saturating_sub(last) >= MINUTE_MS);
        if !due || self.held == 0 && !over {
            return None;
        }
        let listed = std::mem::take(&mut self.worst);
        let held = std::mem::take(&mut self.held);
        self.summarised = (!over).then_some(now);
        let more = held.saturating_sub(listed.len() as u64);
        let mut notification = Notification::new(channel, Cause::Storm, listed, now, now);
        notification.more = more;
        Some(notification)
    }

    /// Whether it needs no stored entry.
    pub(super) fn is_quiet(&self) -> bool {
        self.summarised.is_none() && self.held == 0 && self.recent.is_empty()
    }

    fn forget(&mut self, now: i64) {
        while let Some((at, _)) = self.recent.front()
            && now.saturating_sub(*at) >= MINUTE_MS
        {
            self.recent.pop_front();
        }
    }
}
