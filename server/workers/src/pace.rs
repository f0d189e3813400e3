//! How often each device sends, learnt from what it sends: a device that is silent for
//! much longer than usual is shown as silent, also without a function that watches it.
//!
//! It is for displays only: it raises nothing and is not part of a checkpoint. The
//! interval is smoothed as TCP smooths its round-trip time (V. Jacobson, "Congestion
//! avoidance and control", 1988).

use parking_lot::Mutex;
use weir_engine::{Batch, Engine};
use weir_model::{DeviceIx, Timestamp};

/// Intervals before a device has a pace.
const WARMUP: u32 = 5;
/// How many usual intervals a device may be silent.
const FACTOR: f32 = 3.0;
/// No silence is shorter than this, seconds.
const LEAST: f32 = 10.0;
/// The longest silence of a device without a pace, seconds.
const UNKNOWN: f32 = 3_600.0;

/// The pace of all devices, by their index.
#[derive(Debug, Default)]
pub struct Pace(Mutex<Vec<Memory>>);

#[derive(Clone, Copy, Debug, Default)]
struct Memory {
    /// By Weir's clock; 0 before the first message.
    heard: i64,
    /// Seconds.
    interval: f32,
    deviation: f32,
    intervals: u32,
}

impl Memory {
    fn record(&mut self, heard: Timestamp) {
        let elapsed = heard.0.saturating_sub(self.heard) as f32 / 1e9;
        if self.heard != 0 && elapsed > 0.0 {
            if self.intervals == 0 {
                (self.interval, self.deviation) = (elapsed, elapsed / 2.0);
            } else {
                // An outage counts as the longest silence that was usual.
                let error = elapsed.min(self.longest()) - self.interval;
                self.interval += error / 8.0;
                self.deviation += (error.abs() - self.deviation) / 4.0;
            }
            self.intervals = self.intervals.saturating_add(1);
        }
        self.heard = heard.0;
    }

    /// The longest silence that is usual, seconds.
    fn longest(&self) -> f32 {
        if self.intervals < WARMUP {
            return UNKNOWN;
        }
        (FACTOR * (self.interval + 4.0 * self.deviation)).max(LEAST)
    }
}

impl Pace {
    pub(crate) fn record(&self, engine: &Engine, batch: &Batch) {
        if batch.rows.rows.is_empty() {
            return;
        }
        let mut devices = self.0.lock();
        let mut last = None;
        for row in &batch.rows.rows {
            if last == Some(row.device) {
                continue;
            }
            last = Some(row.device);
            let Some(heard) = engine.last_seen(row.device) else {
                continue;
            };
            let ix = row.device.0 as usize;
            if devices.len() <= ix {
                devices.resize(ix + 1, Memory::default());
            }
            devices[ix].record(heard);
        }
    }

    /// Whether each of these devices is silent at `now`: its index, and when Weir last
    /// received something from it.
    pub fn silent(
        &self,
        devices: impl Iterator<Item = (DeviceIx, Option<Timestamp>)>,
        now: Timestamp,
    ) -> Vec<bool> {
        let known = self.0.lock();
        devices
            .map(|(ix, last_seen)| {
                let memory = known.get(ix.0 as usize).copied().unwrap_or_default();
                last_seen.is_some_and(|heard| {
                    now.0.saturating_sub(heard.0) as f32 / 1e9 > memory.longest()
                })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = Timestamp::NANOS_PER_SECOND;

    #[test]
    fn a_device_is_silent_by_its_own_pace() {
        let paced = |seconds: i64| {
            let mut memory = Memory::default();
            for n in 1..=20 {
                memory.record(Timestamp(n * seconds * SECOND));
            }
            memory.longest()
        };
        assert_eq!(paced(1), LEAST);
        assert!((3_600.0..18_000.0).contains(&paced(3_600)));
        assert_eq!(Memory::default().longest(), UNKNOWN);
    }

    #[test]
    fn one_outage_changes_the_pace_little() {
        let mut memory = Memory::default();
        for n in 1..=20 {
            memory.record(Timestamp(n * SECOND));
        }
        memory.record(Timestamp(9_000 * SECOND));
        assert!(memory.longest() < 60.0, "{memory:?}");
    }
}
