//! `$SYS/broker/load/…`: how fast the counters grow, per minute, as averages over
//! 1, 5 and 15 minutes that weigh the recent past most, as Mosquitto computes them.

use super::BrokerStatus;
use crate::time::Time;

const COUNTERS: [&str; 9] = [
    "messages/received",
    "messages/sent",
    "publish/received",
    "publish/sent",
    "publish/dropped",
    "bytes/received",
    "bytes/sent",
    "sockets",
    "connections",
];
const MINUTES: [(f64, &str); 3] = [(1.0, "1min"), (5.0, "5min"), (15.0, "15min")];

#[derive(Debug, Default)]
pub(super) struct Loads {
    last: Option<(Time, [u64; COUNTERS.len()])>,
    per_minute: [[f64; MINUTES.len()]; COUNTERS.len()],
}

impl Loads {
    /// The counters at a later time.
    pub(super) fn note(&mut self, now: Time, status: &BrokerStatus) {
        let counts = [
            status.packets_received,
            status.packets_sent,
            status.received,
            status.sent,
            status.dropped_messages(),
            status.bytes_received,
            status.bytes_sent,
            status.opened,
            status.admitted,
        ];
        if let Some((then, before)) = self.last.replace((now, counts)) {
            self.advance(now.since(then).as_secs_f64() / 60.0, before, counts);
        }
    }

    fn advance(&mut self, minutes: f64, before: [u64; COUNTERS.len()], now: [u64; COUNTERS.len()]) {
        if minutes <= 0.0 {
            return;
        }
        for ((averages, now), before) in self.per_minute.iter_mut().zip(now).zip(before) {
            let rate = now.saturating_sub(before) as f64 / minutes;
            for (average, (window, _)) in averages.iter_mut().zip(MINUTES) {
                *average = rate + (-minutes / window).exp() * (*average - rate);
            }
        }
    }

    /// Topics below `$SYS/broker/`, and their values.
    pub(super) fn topics(&self) -> impl Iterator<Item = (String, f64)> {
        COUNTERS
            .iter()
            .zip(&self.per_minute)
            .flat_map(|(name, averages)| {
                let named = MINUTES.iter().zip(averages);
                named.map(move |((_, window), load)| (format!("load/{name}/{window}"), *load))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_rate_is_reached_and_forgotten() {
        let mut loads = Loads::default();
        let mut status = BrokerStatus::default();
        let mut now = Time(0);
        // 100 a minute, for an hour, then silence for a minute.
        for _ in 0..=360 {
            loads.note(now, &status);
            now = now.plus_seconds(6);
            status.received += 10;
        }
        let read = |loads: &Loads, topic: &str| {
            let found = loads.topics().find(|(name, _)| name == topic);
            (found.unwrap().1 * 100.0).round() / 100.0
        };
        assert_eq!(read(&loads, "load/publish/received/1min"), 100.0);
        assert_eq!(read(&loads, "load/publish/received/15min"), 90.93);
        assert_eq!(read(&loads, "load/publish/sent/1min"), 0.0);
        let last = loads.last.unwrap().0;
        status.received = loads.last.unwrap().1[2];
        loads.note(last.plus_seconds(60), &status);
        assert_eq!(read(&loads, "load/publish/received/1min"), 36.79);
        assert_eq!(loads.topics().count(), 27);
    }
}
