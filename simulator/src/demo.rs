//! The faults of the scenario `demo`: one or more for every kind of function, and
//! some that the endpoint, the decoder or the store handles.
//!
//! Faults that need no learning begin within ten seconds, the others when their
//! function has learned enough. Pools are disjoint where two faults would hide each
//! other. No fault is shorter than two seconds: a device that sends every two
//! seconds misses none.
//!
//! Boilers have a daily profile, which takes days to learn: they begin by sending
//! the log of their last [`LOG_DAYS`] days, a day per message.

use crate::FaultKind;
use crate::kinds::Kind;
use crate::track::{FOREVER_S, Track, Whom};

pub(crate) const LOG_DAYS: i64 = 5;
/// One message of the log: as long as a device waits between two messages.
pub(crate) const LOG_STEP_MS: i64 = 2_000;
/// From entry to entry of the log, which begins in the middle of one.
pub(crate) const LOG_EVERY_MS: i64 = 1_800_000;

/// The tracks in a fleet of so many devices; none for kinds that it lacks.
pub(crate) fn tracks(devices: usize) -> Vec<Track> {
    use FaultKind as F;
    let all = |kind: Kind| -> Vec<usize> {
        (0..devices)
            .filter(|device| Kind::of_device(*device) == kind)
            .collect()
    };
    // A pool without its last device, which has a fault of its own.
    let but_last = |kind: Kind| {
        let mut pool = all(kind);
        let last = pool.pop();
        (pool, last.into_iter().collect::<Vec<_>>())
    };
    let half = |pool: &[usize], odd: usize| -> Vec<usize> {
        pool.iter().copied().skip(odd).step_by(2).collect()
    };
    let (rooms, broken) = but_last(Kind::Hvac);
    let (meters, ahead) = but_last(Kind::PowerMeter);
    let (pumps, psi) = but_last(Kind::Pump);
    let weather = all(Kind::WeatherStation);
    let plan = [
        (F::ClockAhead, ahead, [0.0, FOREVER_S, FOREVER_S]),
        (F::OtherUnit, psi, [0.0, FOREVER_S, FOREVER_S]),
        (F::Overheat, all(Kind::Pump), [1.0, 24.0, 120.0]),
        (F::Duplicate, all(Kind::Pump), [3.0, 2.0, 30.0]),
        (F::OutOfRange, half(&rooms, 0), [4.0, 4.0, 150.0]),
        (F::Broken, broken, [5.0, 2.0, 20.0]),
        (F::Late, all(Kind::Tank), [6.0, 2.0, 45.0]),
        (F::Spike, rooms.clone(), [7.0, 2.5, 75.0]),
        (F::Stuck, all(Kind::Tank), [8.0, 120.0, 240.0]),
        (F::BadState, all(Kind::ColdRoom), [8.5, 4.0, 140.0]),
        (F::Silence, half(&meters, 0), [9.0, 60.0, 150.0]),
        (F::WrongUnit, pumps.clone(), [9.5, 6.0, 180.0]),
        (F::Drift, all(Kind::ColdRoom), [10.0, 200.0, 300.0]),
        (F::Restamp, pumps, [14.0, 2.0, 100.0]),
        (F::Miswired, half(&meters, 1), [16.0, 20.0, 160.0]),
        (F::Silence, half(&weather, 1), [20.0, 20.0, 200.0]),
        (F::WrongTime, all(Kind::Boiler), [25.0, 30.0, 600.0]),
        (F::Stuck, half(&weather, 0), [30.0, 90.0, 300.0]),
        (F::Hunting, all(Kind::Boiler), [60.5, 30.0, 240.0]),
        (F::Bursts, rooms.clone(), [75.0, 24.0, 170.0]),
        (F::Dip, half(&rooms, 1), [90.0, 20.0, 190.0]),
        (F::Slip, all(Kind::Motor), [220.0, 30.0, 230.0]),
        (F::Shift, all(Kind::Motor), [150.0, 300.0, 600.0]),
        (F::Shaking, all(Kind::Tank), [285.0, 60.0, 1_800.0]),
    ];
    let present = plan.into_iter().filter(|(_, pool, _)| !pool.is_empty());
    present
        .map(|(kind, pool, times)| Track::new(kind, Whom::OneOf(pool), times))
        .collect()
}
