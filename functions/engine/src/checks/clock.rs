//! The kind `clock`: is the time of a reading near the time at which it came?
//!
//! Ahead of Weir's clock a device's clock is wrong; behind it, the reading was
//! long on its way, or the clock is wrong. A reading without a time has the one
//! at which it came and is never at fault. Remembers nothing: 0 bytes per series.

use weir_config::Clock;
use weir_model::{Flags, Why};

use crate::conclusion::Conclusion;
use crate::input::Input;
use crate::inspect::fact::{Fact, length};
use crate::kind::{Kind, Stage};

impl Kind for Clock {
    type Memory = ();

    const STAGE: Stage = Stage::Check;
    const CHECKS_LATE: bool = true;

    fn empty(&self) {}

    fn step(&self, _: &mut (), input: &Input<'_>) -> Conclusion {
        check(self, input.time, input.received)
    }

    fn settings(&self) -> Vec<Fact> {
        let ahead = self.max_ahead.map(|most| length("max_ahead", most));
        let behind = self.max_behind.map(|most| length("max_behind", most));
        ahead.into_iter().chain(behind).collect()
    }
}

/// Concludes from both times, nanoseconds.
fn check(settings: &Clock, time: i64, received: i64) -> Conclusion {
    let ahead = time.saturating_sub(received);
    let beyond = |by: i64, limit: Option<std::time::Duration>| {
        limit.is_some_and(|limit| i128::from(by) > limit.as_nanos() as i128)
    };
    let (limit, fault) = if ahead >= 0 {
        (settings.max_ahead, beyond(ahead, settings.max_ahead))
    } else {
        let behind = ahead.saturating_neg();
        (settings.max_behind, beyond(behind, settings.max_behind))
    };
    let why = Why::Clock {
        ahead: ahead as f64 / 1e9,
        allowed: limit.map_or(f64::NAN, |limit| limit.as_secs_f64()),
    };
    Conclusion::check(fault, settings.effect, Flags::CLOCK, why)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use weir_config::Effect;
    use weir_model::Quality::{self, Good, Suspect};

    use super::*;

    #[test]
    fn both_sides_have_their_own_limit() {
        let settings = Clock {
            max_ahead: Some(Duration::from_secs(5)),
            max_behind: Some(Duration::from_secs(60)),
            effect: Effect {
                quality: Suspect,
                severity: None,
            },
        };
        #[track_caller]
        fn quality(settings: &Clock, ahead_s: i64, expect: Quality) {
            let received = 1_700_000_000_000_000_000;
            let found = check(settings, received + ahead_s * 1_000_000_000, received);
            assert_eq!(found.quality, expect, "{ahead_s}");
        }
        for (ahead_s, expect) in [
            (0, Good),
            (5, Good),
            (6, Suspect),
            (-60, Good),
            (-61, Suspect),
        ] {
            quality(&settings, ahead_s, expect);
        }
        let only_ahead = Clock {
            max_behind: None,
            ..settings
        };
        quality(&only_ahead, -1_000_000, Good);
        // The ends of time do not overflow.
        assert_eq!(check(&only_ahead, i64::MAX, i64::MIN).quality, Suspect);
        assert_eq!(check(&only_ahead, i64::MIN, i64::MAX).quality, Good);
    }
}
