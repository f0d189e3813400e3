//! Which fault happens to which device and when, and what it does to a message.

use crate::demo;
use crate::kinds::{BOILER_MIDDLE_KW, BOILER_SWING_KW};
use crate::noise::smooth;
use crate::track::{Active, Track, Whom};
use crate::{Anomaly, FaultKind, Scenario};

/// How old the messages of a late device are. Not a whole number of seconds: it
/// meets no time at which the device has spoken.
pub(crate) const LATE_MS: i64 = 90_500;
/// How much later an event is stamped when it comes again.
pub(crate) const AGAIN_MS: i64 = 400;
pub(crate) const PSI_PER_BAR: f64 = 14.503_774;
/// How far a clock is ahead.
pub(crate) const AHEAD_MS: i64 = 300_000;

/// The tracks of a scenario with an anomaly over it.
pub(crate) fn tracks(scenario: Scenario, anomaly: Option<Anomaly>, devices: usize) -> Vec<Track> {
    if devices == 0 {
        return Vec::new();
    }
    let mut tracks = match scenario {
        Scenario::Demo => demo::tracks(devices),
        Scenario::Steady | Scenario::Burst => Vec::new(),
        Scenario::Flaky => flaky(devices),
    };
    tracks.extend(anomaly.map(|anomaly| anomalous(anomaly, devices)));
    tracks
}

fn flaky(devices: usize) -> Vec<Track> {
    let plan = [
        (FaultKind::Duplicate, 10, [2.0, 3.0, 5.0]),
        (FaultKind::Late, 12, [3.0, 5.0, 7.0]),
        (FaultKind::Silence, 15, [4.0, 20.0, 30.0]),
        (FaultKind::ClockAhead, 40, [5.0, 60.0, 90.0]),
    ];
    let track = |(kind, nth, times): (_, usize, _)| {
        Track::new(
            kind,
            Whom::Every {
                nth: nth.min(devices),
            },
            times,
        )
    };
    plan.into_iter().map(track).collect()
}

fn anomalous(anomaly: Anomaly, devices: usize) -> Track {
    let (kind, length) = match anomaly {
        Anomaly::Spike => (FaultKind::Spike, 3.0),
        Anomaly::Drift => (FaultKind::Drift, 60.0),
        Anomaly::Stuck => (FaultKind::Stuck, 60.0),
        Anomaly::Silence => (FaultKind::Silence, 30.0),
        Anomaly::Overheat => (FaultKind::Overheat, 24.0),
    };
    Track::new(
        kind,
        Whom::Every {
            nth: devices.min(20),
        },
        [5.0, length, 90.0],
    )
}

impl FaultKind {
    /// The sensor that shows it, as an index into [`Kind::sensors`]; the first one
    /// also of what the device as a whole has.
    pub(crate) const fn sensor(self) -> usize {
        match self {
            Self::OutOfRange | Self::Dip | Self::BadState | Self::Shaking | Self::Hunting => 1,
            Self::OtherUnit | Self::WrongUnit | Self::Bursts | Self::Miswired => 2,
            Self::Restamp | Self::Shift => 3,
            _ => 0,
        }
    }
}

impl Active {
    /// What the sensor that shows the fault says instead of `value`.
    pub(crate) fn bend(self, value: f64, limits: Option<(f64, f64)>) -> f64 {
        let since_s = self.since_ms as f64 / 1_000.0;
        match self.kind {
            FaultKind::Overheat | FaultKind::Spike | FaultKind::Drift => match limits {
                Some(limits) => self.beyond(value, limits),
                None => value,
            },
            // What a resistance thermometer without its wire comes to.
            FaultKind::OutOfRange => -242.0,
            FaultKind::BadState => 7.0,
            FaultKind::OtherUnit => value * PSI_PER_BAR,
            // 0 to 10 V for 0 to 16 bar.
            FaultKind::WrongUnit => value / 1.6,
            FaultKind::Dip => value - 5.0,
            FaultKind::Bursts if (self.since_ms / 2_000) % 3 == 0 => value + 25.0,
            FaultKind::Shift => value + 0.4,
            FaultKind::WrongTime if value > BOILER_MIDDLE_KW => {
                BOILER_MIDDLE_KW - BOILER_SWING_KW + 10.0
            }
            FaultKind::WrongTime => BOILER_MIDDLE_KW + BOILER_SWING_KW - 10.0,
            FaultKind::Slip => value + 5.0,
            FaultKind::Miswired => -value,
            FaultKind::Shaking => value + 6.0 * (since_s * 0.9).sin(),
            // A burner that is on at one reading and off at the next.
            FaultKind::Hunting if (self.since_ms / 2_000) % 2 == 0 => value + 3.0,
            _ => value,
        }
    }

    /// Over the limits.
    fn beyond(self, value: f64, (warning, critical): (f64, f64)) -> f64 {
        let gap = critical - warning;
        let progress = self.since_ms as f64 / self.length_ms as f64;
        match self.kind {
            FaultKind::Overheat => value.max(overheat(progress, value, warning, gap)),
            FaultKind::Spike => critical + 0.5 * gap,
            _ => {
                let up = smooth(progress / 0.8) * (1.0 - smooth((progress - 0.85) / 0.15));
                value + up * (warning + 0.5 * gap - value)
            }
        }
    }

    /// A sentence about `device` in the demo.
    pub(crate) fn text(kind: FaultKind, device: &str, sensor: &str, length_s: f64) -> String {
        match kind {
            FaultKind::Overheat => format!(
                "{device}: {sensor} climbs over its warning limit after {:.0} s and its critical \
                 one after {:.0} s, and is back to normal after {length_s:.0} s",
                length_s * WARNING_AT,
                length_s * CRITICAL_AT,
            ),
            FaultKind::Spike => {
                format!("{device}: {sensor} jumps far beyond its critical limit for {length_s} s")
            }
            FaultKind::Drift => format!(
                "{device}: {sensor} drifts over its warning limit and back within {length_s:.0} s"
            ),
            FaultKind::Stuck => {
                format!("{device}: {sensor} repeats one value for {length_s:.0} s")
            }
            FaultKind::Silence => format!("{device}: silent for {length_s:.0} s"),
            FaultKind::Broken => format!("{device}: sends payloads that cannot be decoded"),
            FaultKind::Duplicate => format!("{device}: sends each message twice"),
            FaultKind::Late => {
                format!(
                    "{device}: sends messages that are {} s old",
                    LATE_MS / 1_000
                )
            }
            FaultKind::ClockAhead => {
                format!("{device}: its clock is {} minutes ahead", AHEAD_MS / 60_000)
            }
            FaultKind::OutOfRange => {
                format!("{device}: the wire of {sensor} is broken for {length_s} s")
            }
            FaultKind::BadState => format!("{device}: {sensor} is in a state that does not exist"),
            FaultKind::OtherUnit => format!("{device}: {sensor} comes in psi"),
            FaultKind::WrongUnit => {
                format!("{device}: {sensor} comes in volts for {length_s} s")
            }
            FaultKind::Restamp => {
                format!("{device}: sends each event again under a new time")
            }
            FaultKind::Dip => format!("{device}: {sensor} falls by 5 for {length_s} s"),
            FaultKind::Bursts => {
                format!("{device}: every third reading of {sensor} is far off for {length_s} s")
            }
            FaultKind::Shift => {
                format!("{device}: the level of {sensor} is a little higher for {length_s} s")
            }
            FaultKind::WrongTime => {
                format!("{device}: {sensor} is as at another time of the day for {length_s} s")
            }
            FaultKind::Slip => {
                format!("{device}: {sensor} does not go with the other sensors for {length_s} s")
            }
            FaultKind::Miswired => format!("{device}: {sensor} is turned round for {length_s} s"),
            FaultKind::Shaking => format!("{device}: {sensor} swings for {length_s} s"),
            FaultKind::Hunting => {
                format!("{device}: {sensor} goes up and down with every reading for {length_s} s")
            }
        }
    }
}

/// The limits are crossed just before these parts of an overheat have passed.
const WARNING_AT: f64 = 3.0 / 24.0;
const CRITICAL_AT: f64 = 7.0 / 24.0;

/// A straight line from corner to corner: (part passed, gaps above the warning
/// limit). It begins and ends at the value that would have been.
fn overheat(progress: f64, value: f64, warning: f64, gap: f64) -> f64 {
    const CORNERS: [(f64, f64); 5] = [
        (WARNING_AT, 0.1),
        (CRITICAL_AT, 1.1),
        (0.42, 1.4),
        (0.6, 1.3),
        (0.8, 0.3),
    ];
    let normal = (value - warning) / gap;
    let mut before = (0.0, normal);
    for corner in CORNERS.into_iter().chain([(1.0, normal)]) {
        if progress <= corner.0 {
            let part = (progress - before.0) / (corner.0 - before.0);
            return warning + gap * (before.1 + part * (corner.1 - before.1));
        }
        before = corner;
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_when_the_fault_is_active() {
        for track in tracks(Scenario::Demo, Some(Anomaly::Spike), 120) {
            for (turn, begin, end) in track.turns(0, 600_000) {
                let device = track.hit(turn, 120)[0];
                assert!(track.active(device, begin).is_some(), "{track:?}");
                assert!(track.active(device, end - 1).is_some(), "{track:?}");
            }
        }
    }
}
