//! The lifecycle of an alarm between its condition and its operators, after
//! ISA-18.2 / IEC 62682: pure.
//!
//! ```text
//!                 raised                      acknowledge
//!   Normal ────────────────▶ Unacknowledged ───────────────▶ Acknowledged
//!     ▲ ▲                     │    ▲ ▲  escalated, unacknowledge   │ │
//!     │ │      condition over │    │ └─────────────────────────────┘ │
//!     │ │        ┌────────────┤    │                                 │
//!     │ │        │ latching   ▼    │ raised again                    │
//!     │ │        │   ReturnedUnacknowledged                          │
//!     │ │        ▼            │                                      │
//!     │ │     Latched         │ acknowledge                          │
//!     │ │        │ acknowledge│                                      │
//!     │ └────────┴────────────┘              condition over          │
//!     └──────────────────────────────────────────────────────────────┘
//!
//!   overriding all of them: Shelved (until a time), Suppressed (by design:
//!   maintenance, inhibition), OutOfService (until an operator ends it)
//! ```
//!
//! The condition itself (limits, deadband, delays, severity) belongs to
//! [`crate::AlarmEngine`] and follows event time. The lifecycle follows the order
//! in which events are recorded. The clear of an alarm is reported exactly once:
//! when its condition is over, or, for a latching alarm that nobody has
//! acknowledged, when somebody acknowledges it or the next alarm of the same
//! sensor supersedes it.

use serde::{Deserialize, Serialize};

use crate::suppression::Suppression;

/// The state of an alarm in the terms of ISA-18.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lifecycle {
    Normal,
    Unacknowledged,
    Acknowledged,
    ReturnedUnacknowledged,
    Latched,
    Shelved,
    Suppressed,
    OutOfService,
}

impl Lifecycle {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Unacknowledged => "unacknowledged",
            Self::Acknowledged => "acknowledged",
            Self::ReturnedUnacknowledged => "returned-unacknowledged",
            Self::Latched => "latched",
            Self::Shelved => "shelved",
            Self::Suppressed => "suppressed",
            Self::OutOfService => "out-of-service",
        }
    }
}

/// The state of one alarm after its raise, without suppression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LifecycleState {
    /// The condition holds.
    pub active: bool,
    /// The clear has been reported.
    pub cleared: bool,
    pub acknowledged: bool,
}

/// An event of an alarm after its raise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LifecycleEvent {
    Escalated,
    /// The condition is over.
    Returned,
    Acknowledged,
    Unacknowledged,
    /// Another alarm of the same sensor and function is raised.
    Superseded,
}

impl LifecycleState {
    pub const RAISED: Self = Self {
        active: true,
        cleared: false,
        acknowledged: false,
    };

    /// The next state. The clear is reported when `cleared` becomes true.
    #[must_use]
    pub fn after(mut self, event: LifecycleEvent, latches: bool) -> Self {
        match event {
            LifecycleEvent::Escalated => self.acknowledged = false,
            LifecycleEvent::Returned => {
                self.active = false;
                self.cleared |= !latches || self.acknowledged;
            }
            LifecycleEvent::Acknowledged => {
                self.acknowledged = true;
                self.cleared |= !self.active;
            }
            LifecycleEvent::Unacknowledged => self.acknowledged = false,
            LifecycleEvent::Superseded => (self.active, self.cleared) = (false, true),
        }
        self
    }

    pub fn lifecycle(self, suppression: Option<Suppression>) -> Lifecycle {
        match suppression {
            Some(Suppression::OutOfService) => return Lifecycle::OutOfService,
            Some(Suppression::Shelved) => return Lifecycle::Shelved,
            Some(Suppression::Maintenance | Suppression::Inhibited) if !self.cleared => {
                return Lifecycle::Suppressed;
            }
            _ => {}
        }
        match (self.active, self.cleared, self.acknowledged) {
            (true, _, false) => Lifecycle::Unacknowledged,
            (true, _, true) => Lifecycle::Acknowledged,
            (false, false, _) => Lifecycle::Latched,
            (false, true, false) => Lifecycle::ReturnedUnacknowledged,
            (false, true, true) => Lifecycle::Normal,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(latches: bool, events: &[LifecycleEvent], expect: Lifecycle) {
        let state = events
            .iter()
            .fold(LifecycleState::RAISED, |at, next| at.after(*next, latches));
        assert_eq!(state.lifecycle(None), expect, "{events:?}");
    }

    #[test]
    fn an_alarm_lives_as_the_standard_says() {
        use LifecycleEvent::{Acknowledged, Escalated, Returned, Superseded, Unacknowledged};
        check(false, &[], Lifecycle::Unacknowledged);
        check(false, &[Acknowledged], Lifecycle::Acknowledged);
        check(false, &[Acknowledged, Escalated], Lifecycle::Unacknowledged);
        check(
            false,
            &[Acknowledged, Unacknowledged],
            Lifecycle::Unacknowledged,
        );
        check(false, &[Acknowledged, Returned], Lifecycle::Normal);
        check(false, &[Returned], Lifecycle::ReturnedUnacknowledged);
        check(false, &[Returned, Acknowledged], Lifecycle::Normal);
        check(true, &[Returned], Lifecycle::Latched);
        check(true, &[Returned, Acknowledged], Lifecycle::Normal);
        check(true, &[Acknowledged, Returned], Lifecycle::Normal);
        check(
            true,
            &[Returned, Superseded],
            Lifecycle::ReturnedUnacknowledged,
        );
    }

    #[test]
    fn a_suppression_overrides_every_other_state() {
        let raised = LifecycleState::RAISED;
        let suppressed = |by| raised.lifecycle(Some(by));
        assert_eq!(suppressed(Suppression::Shelved), Lifecycle::Shelved);
        assert_eq!(
            suppressed(Suppression::OutOfService),
            Lifecycle::OutOfService
        );
        assert_eq!(suppressed(Suppression::Inhibited), Lifecycle::Suppressed);
        assert_eq!(suppressed(Suppression::Maintenance), Lifecycle::Suppressed);
    }

    proptest! {
        /// The model: an alarm clears once its condition is over and it either does
        /// not latch or is acknowledged; and it stays cleared.
        #[test]
        fn it_clears_exactly_once(
            latches: bool,
            before in prop::collection::vec(0..3u8, 0..8),
            after in prop::collection::vec(0..2u8, 0..8),
        ) {
            let event = |n: &u8| match n {
                0 => LifecycleEvent::Acknowledged,
                1 => LifecycleEvent::Unacknowledged,
                _ => LifecycleEvent::Escalated,
            };
            let mut at = LifecycleState::RAISED;
            let mut clears = 0;
            let mut step = |at: &mut LifecycleState, next| {
                let then = at.after(next, latches);
                clears += u32::from(then.cleared && !at.cleared);
                *at = then;
            };
            for n in &before {
                step(&mut at, event(n));
            }
            let acknowledged = before.last() == Some(&0);
            step(&mut at, LifecycleEvent::Returned);
            for n in &after {
                step(&mut at, event(n));
            }
            let seen = acknowledged || after.contains(&0);
            prop_assert_eq!(clears, u32::from(!latches || seen));
            prop_assert_eq!(at.cleared, clears == 1);
        }
    }
}
