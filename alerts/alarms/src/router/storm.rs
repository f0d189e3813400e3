//! Storms: when a channel would be told of more alarms than a person can read,
//! it gets a summary a minute instead, until it is quiet again.
//!
//! ```text
//!            more than N in a minute                 a minute with N or fewer
//!   Quiet ─────────────────────────▶ Storm ─────────────────────────────────▶ Quiet
//!            (first summary)          │  ▲        (last summary)
//!                                     └──┘ a summary every minute
//! ```
//!
//! Critical alarms are told one by one until they alone are more than N.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use weir_model::Severity;

use crate::notification::{Cause, Notification, Told};

const MINUTE_MS: i64 = 60_000;
/// Alarms that a summary names.
const EXAMPLES: usize = 10;

/// One channel's.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Storm {
    /// When alarms came in the last minute, and which were critical.
    recent: VecDeque<(i64, bool)>,
    /// When the last summary was sent, while there is a storm.
    summarised: Option<i64>,
    /// Since the last summary.
    held: u64,
    worst: Vec<Told>,
}

impl Storm {
    /// Counts an alarm that is about to be told; whether the summary tells it.
    pub(super) fn takes(&mut self, told: &Told, above: usize, now: i64) -> bool {
        if above == 0 {
            return false;
        }
        self.forget(now);
        let critical = told.alert.severity == Severity::Critical;
        self.recent.push_back((now, critical));
        // Enough to know that it is a storm.
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
            .partition_point(|other| other.alert.severity >= told.alert.severity);
        if place < EXAMPLES {
            self.worst.insert(place, told.clone());
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
        let named = std::mem::take(&mut self.worst);
        let held = std::mem::take(&mut self.held);
        self.summarised = (!over).then_some(now);
        let more = held.saturating_sub(named.len() as u64);
        let mut notification = Notification::new(channel, Cause::Storm, named, now, now);
        notification.more = more;
        Some(notification)
    }

    /// Whether a restart may forget it.
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
