//! What a load consists of: message `i` is a function of `i`, so what was sent,
//! and what must have become of it, can be said without having kept it.

use crate::now_ms;

/// A number that no double holds exactly: its reading is quarantined.
const INEXACT: &str = "9007199254740993";

/// What to publish.
#[derive(Clone, Debug)]
pub struct LoadSpec {
    /// Names the client, and starts the names of its devices.
    pub name: String,
    pub messages: usize,
    pub devices: usize,
    /// Unacknowledged messages at once.
    pub window: usize,
    /// Time of the first message, milliseconds since the epoch.
    pub start_ms: i64,
    /// One of so many messages is to be quarantined, in whole or in part; 0: none.
    pub spoil_every: usize,
    /// Messages over which the temperatures climb from 20 to 80 and fall back.
    pub ramp: usize,
    /// Blanks behind every payload, to make it larger.
    pub padding: usize,
    /// Sent with every temperature as its `criticalThreshold`.
    pub critical: Option<f64>,
}

/// What of a message is to be quarantined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spoilt {
    No,
    /// Its second reading.
    Reading,
    /// It cannot be decoded.
    Message,
}

impl LoadSpec {
    pub fn new(name: &str, messages: usize) -> Self {
        // Within any retention, and not ahead of anyone's clock.
        let start_ms = now_ms() - 3_600_000;
        Self {
            name: name.to_owned(),
            messages,
            devices: 20,
            window: 200,
            start_ms,
            spoil_every: 0,
            ramp: 600,
            padding: 0,
            critical: None,
        }
    }

    pub fn device(&self, message: usize) -> String {
        format!("{}-{:03}", self.name, message % self.devices)
    }

    /// Unique among the messages of a load.
    pub fn time_ms(&self, message: usize) -> i64 {
        self.start_ms + i64::try_from(message).expect("a load has fewer than 2^63 messages")
    }

    pub fn spoilt(&self, message: usize) -> Spoilt {
        match self.spoil_every {
            0 => Spoilt::No,
            every if message % every != every - 1 => Spoilt::No,
            every if (message / every).is_multiple_of(2) => Spoilt::Message,
            _ => Spoilt::Reading,
        }
    }

    /// Sensor and value of each reading in a message, the spoilt ones too.
    pub fn readings(&self, message: usize) -> [(&'static str, f64); 2] {
        let (fast, slow) = (message % self.ramp * 600 / self.ramp, message % 70_001);
        [
            ("temperature", 20.0 + fast as f64 / 10.0),
            ("sequence", slow as f64),
        ]
    }

    /// The readings of a message that are good.
    pub fn good_readings(&self, message: usize) -> impl Iterator<Item = (&'static str, f64)> {
        let good = match self.spoilt(message) {
            Spoilt::No => 2,
            Spoilt::Reading => 1,
            Spoilt::Message => 0,
        };
        self.readings(message).into_iter().take(good)
    }

    pub fn topic(&self, message: usize) -> String {
        format!("devices/{}/telemetry", self.device(message))
    }

    pub fn payload(&self, message: usize) -> String {
        let [(first, a), (second, b)] = self.readings(message);
        let spoilt = self.spoilt(message);
        let b = match spoilt {
            Spoilt::Reading => INEXACT.to_owned(),
            _ => b.to_string(),
        };
        let limit = self
            .critical
            .map(|limit| format!(r#","criticalThreshold":{limit}"#))
            .unwrap_or_default();
        let mut payload = format!(
            r#"{{"deviceId":"{}","timestamp":{},"data":[{{"sensorId":"{first}","value":{a},"location":"plant-1"{limit}}},{{"sensorId":"{second}","value":{b},"location":"plant-1"}}]}}"#,
            self.device(message),
            self.time_ms(message),
        );
        if spoilt == Spoilt::Message {
            payload.truncate(payload.len() - 4);
        }
        payload.extend(std::iter::repeat_n(' ', self.padding));
        payload
    }
}
