//! The fleet that both stores are given: the same readings every time.
//!
//! Five sensors per device every 10 s, with ±0.4 s of jitter per message. Values
//! are random walks, rounded as the sensors would.

/// 2026-11-10T00:00:00Z: in the past, as VictoriaMetrics refuses the future.
pub(crate) const START_MS: i64 = 1_794_268_800_000;
pub(crate) const INTERVAL_MS: i64 = 10_000;

/// Name, first value, resolution.
pub(crate) const SENSORS: [(&str, f64, f64); 5] = [
    ("temperature", 21.0, 0.1),
    ("humidity", 45.0, 0.5),
    ("pressure", 1013.0, 0.01),
    ("vibration", 0.3, 0.001),
    ("current", 4.0, 0.01),
];

/// What one device sends at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) device: usize,
    pub(crate) time_ms: i64,
    /// In the order of [`SENSORS`].
    pub(crate) values: [f64; 5],
}

#[derive(Debug)]
pub(crate) struct Fleet {
    random: Random,
    /// Per device and sensor.
    values: Vec<[f64; 5]>,
    next_ms: i64,
}

impl Fleet {
    pub(crate) fn new(devices: usize) -> Self {
        Self {
            random: Random(0x2545_f491_4f6c_dd1d),
            values: vec![SENSORS.map(|(_, start, _)| start); devices],
            next_ms: START_MS,
        }
    }

    /// What all devices send in the next `ticks` intervals, by time.
    pub(crate) fn take(&mut self, ticks: usize, out: &mut Vec<Sample>) {
        out.clear();
        for _ in 0..ticks {
            for (device, values) in self.values.iter_mut().enumerate() {
                let jitter = (self.random.symmetric() * 400.0) as i64;
                let mut rounded = [0.0; 5];
                for ((value, (_, _, step)), rounded) in
                    values.iter_mut().zip(SENSORS).zip(&mut rounded)
                {
                    *value += self.random.symmetric() * 3.0 * step;
                    *rounded = (*value / step).round() / (1.0 / step).round();
                }
                out.push(Sample {
                    device,
                    time_ms: self.next_ms + jitter,
                    values: rounded,
                });
            }
            self.next_ms += INTERVAL_MS;
        }
    }

    /// The end of what was taken, milliseconds since the epoch.
    pub(crate) fn end_ms(&self) -> i64 {
        self.next_ms
    }
}

pub(crate) fn device_name(device: usize) -> String {
    format!("device-{device:05}")
}

/// xorshift.
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// From -1 to 1.
    fn symmetric(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }
}
