//! The life of an alarm between its condition and the people who work on it,
//! after ISA-18.2 / IEC 62682: pure.
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
//!   over all of them: Shelved (until a time), Suppressed (by design:
//!   maintenance, inhibition), OutOfService (until somebody ends it)
//! ```
//!
//! The condition's own part (limits, deadband, delays, severity) is the
//! [`crate::AlarmEngine`]'s, in event time; what stands here is by the order in
//! which things are recorded. An alarm is told to be cleared exactly once: when
//! its condition is over, or if it latches and nobody had acknowledged it, when
//! somebody does (or when the next alarm of the same sensor takes its place).

use serde::{Deserialize, Serialize};

use crate::router::HeldBack;

/// Where an alarm stands, in ISA-18.2's words.
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

/// What is known of one alarm, from its raise on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    /// The condition holds.
    pub(crate) active: bool,
    /// Its clear has been told.
    pub(crate) cleared: bool,
    pub(crate) acknowledged: bool,
}

/// What happens to an alarm after its raise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Happening {
    Escalated,
    /// The condition is over.
    Returned,
    Acknowledged,
    Unacknowledged,
    /// Another alarm of the same sensor and function is raised.
    Superseded,
}

impl Standing {
    pub(crate) const RAISED: Self = Self {
        active: true,
        cleared: false,
        acknowledged: false,
    };

    /// The next standing. It tells a clear if `cleared` turns true.
    pub(crate) fn after(mut self, happening: Happening, latches: bool) -> Self {
        match happening {
            Happening::Escalated => self.acknowledged = false,
            Happening::Returned => {
                self.active = false;
                self.cleared |= !latches || self.acknowledged;
            }
            Happening::Acknowledged => {
                self.acknowledged = true;
                self.cleared |= !self.active;
            }
            Happening::Unacknowledged => self.acknowledged = false,
            Happening::Superseded => (self.active, self.cleared) = (false, true),
        }
        self
    }

    pub(crate) fn lifecycle(self, held_back: Option<HeldBack>) -> Lifecycle {
        match held_back {
            Some(HeldBack::OutOfService) => return Lifecycle::OutOfService,
            Some(HeldBack::Shelved) => return Lifecycle::Shelved,
            Some(HeldBack::Maintenance | HeldBack::Inhibited) if !self.cleared => {
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
    fn check(latches: bool, happenings: &[Happening], expect: Lifecycle) {
        let standing = happenings
            .iter()
            .fold(Standing::RAISED, |at, next| at.after(*next, latches));
        assert_eq!(standing.lifecycle(None), expect, "{happenings:?}");
    }

    #[test]
    fn an_alarm_lives_as_the_standard_says() {
        use Happening::{Acknowledged, Escalated, Returned, Superseded, Unacknowledged};
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
    fn what_holds_an_alarm_back_is_said_first() {
        let raised = Standing::RAISED;
        let held = |by| raised.lifecycle(Some(by));
        assert_eq!(held(HeldBack::Shelved), Lifecycle::Shelved);
        assert_eq!(held(HeldBack::OutOfService), Lifecycle::OutOfService);
        assert_eq!(held(HeldBack::Inhibited), Lifecycle::Suppressed);
        assert_eq!(held(HeldBack::Maintenance), Lifecycle::Suppressed);
    }

    proptest! {
        /// The model: it is cleared once its condition is over and either it does
        /// not latch or somebody stands by it; and never unclears.
        #[test]
        fn it_clears_exactly_once(
            latches: bool,
            before in prop::collection::vec(0..3u8, 0..8),
            after in prop::collection::vec(0..2u8, 0..8),
        ) {
            let happening = |n: &u8| match n {
                0 => Happening::Acknowledged,
                1 => Happening::Unacknowledged,
                _ => Happening::Escalated,
            };
            let mut at = Standing::RAISED;
            let mut clears = 0;
            let mut step = |at: &mut Standing, next| {
                let then = at.after(next, latches);
                clears += u32::from(then.cleared && !at.cleared);
                *at = then;
            };
            for n in &before {
                step(&mut at, happening(n));
            }
            let acknowledged = before.last() == Some(&0);
            step(&mut at, Happening::Returned);
            for n in &after {
                step(&mut at, happening(n));
            }
            let stood_by = acknowledged || after.contains(&0);
            prop_assert_eq!(clears, u32::from(!latches || stood_by));
            prop_assert_eq!(at.cleared, clears == 1);
        }
    }
}
