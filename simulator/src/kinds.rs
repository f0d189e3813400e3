//! The kinds of devices: their sensors, and what those measure over a day.
//!
//! Every curve is bounded by construction, and its bound is below the
//! sensor's own limits: a device without a fault never alarms.

use std::f64::consts::TAU;

use crate::noise::{mix, smooth, unit, wander, white};

/// Most sensors that one kind has.
pub(crate) const MAX_SENSORS: usize = 4;

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Pump,
    Hvac,
    PowerMeter,
    ColdRoom,
    Tank,
    WeatherStation,
    Motor,
    Boiler,
}

/// What a sensor measures and how it prints it.
#[derive(Debug)]
pub(crate) struct Sensor {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) form: Form,
    /// Warning and critical: above them the reading is beyond its limit.
    pub(crate) limits: Option<(f64, f64)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Rounded to so many decimals.
    Decimals(u32),
    /// `true` above one half.
    Boolean,
}

const fn sensor(name: &'static str, unit: &'static str, decimals: u32) -> Sensor {
    Sensor {
        name,
        unit,
        form: Form::Decimals(decimals),
        limits: None,
    }
}

impl Sensor {
    const fn limits(mut self, warning: f64, critical: f64) -> Self {
        self.limits = Some((warning, critical));
        self
    }
}

const PUMP: &[Sensor] = &[
    sensor("temperature", "°C", 1).limits(70.0, 85.0),
    // The limits of ISO 10816 for machines of medium size.
    sensor("vibration", "mm/s", 2).limits(4.5, 7.1),
    sensor("pressure", "bar", 2).limits(8.0, 10.0),
    sensor("flow", "m³/h", 1),
];
const HVAC: &[Sensor] = &[
    sensor("co2", "ppm", 0).limits(1_200.0, 2_000.0),
    sensor("temperature", "°C", 1).limits(28.0, 32.0),
    sensor("humidity", "%", 1),
];
const POWER_METER: &[Sensor] = &[
    sensor("current", "A", 2).limits(80.0, 100.0),
    sensor("voltage", "V", 1).limits(250.0, 260.0),
    sensor("power", "kW", 3),
    sensor("energy", "kWh", 2),
];
const COLD_ROOM: &[Sensor] = &[
    sensor("temperature", "°C", 1).limits(-15.0, -10.0),
    Sensor {
        name: "door",
        unit: "",
        form: Form::Boolean,
        limits: None,
    },
];
const TANK: &[Sensor] = &[
    sensor("level", "%", 1).limits(90.0, 95.0),
    sensor("temperature", "°C", 1),
];
const WEATHER_STATION: &[Sensor] = &[
    sensor("wind_speed", "m/s", 1).limits(25.0, 32.0),
    sensor("temperature", "°C", 1),
    sensor("humidity", "%", 0),
    sensor("pressure", "hPa", 1),
];

/// Three sensors that go together, and one that is steady.
const MOTOR: &[Sensor] = &[
    sensor("current", "A", 2).limits(60.0, 75.0),
    sensor("speed", "rpm", 0),
    sensor("torque", "N.m", 1),
    sensor("seal_flow", "L/min", 2),
];
/// Its power has a day, and little else.
const BOILER: &[Sensor] = &[
    sensor("power", "kW", 1).limits(500.0, 550.0),
    sensor("temperature", "°C", 1),
];

impl Kind {
    pub(crate) const ALL: [Self; 8] = [
        Self::Pump,
        Self::Hvac,
        Self::PowerMeter,
        Self::ColdRoom,
        Self::Tank,
        Self::WeatherStation,
        Self::Motor,
        Self::Boiler,
    ];

    /// How a fleet of any size is made up: the first twelve devices hold one of
    /// nearly every kind, so that a small fleet is varied too.
    pub(crate) fn of_device(device: usize) -> Self {
        match device % 60 {
            3 => return Self::Motor,
            6 => return Self::Boiler,
            11 => return Self::WeatherStation,
            _ => {}
        }
        match device % 12 {
            1 | 5 | 10 => Self::Hvac,
            2 | 8 => Self::PowerMeter,
            4 | 11 => Self::Tank,
            7 => Self::ColdRoom,
            _ => Self::Pump,
        }
    }

    /// The beginning of its devices' ids.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Pump => "pump",
            Self::Hvac => "hvac",
            Self::PowerMeter => "meter",
            Self::ColdRoom => "cold-room",
            Self::Tank => "tank",
            Self::WeatherStation => "weather",
            Self::Motor => "motor",
            Self::Boiler => "boiler",
        }
    }

    /// Where its devices stand.
    pub(crate) const fn locations(self) -> &'static [&'static str] {
        match self {
            Self::Pump | Self::PowerMeter | Self::Motor => {
                &["hall-1", "hall-2", "hall-3", "hall-4"]
            }
            Self::Hvac => &["hall-1", "hall-2", "hall-3", "hall-4", "office"],
            Self::ColdRoom => &["cold-store"],
            Self::Tank => &["tank-farm"],
            Self::WeatherStation => &["roof"],
            Self::Boiler => &["boiler-house"],
        }
    }

    /// The first one is what faults show on; it has limits.
    pub(crate) const fn sensors(self) -> &'static [Sensor] {
        match self {
            Self::Pump => PUMP,
            Self::Hvac => HVAC,
            Self::PowerMeter => POWER_METER,
            Self::ColdRoom => COLD_ROOM,
            Self::Tank => TANK,
            Self::WeatherStation => WEATHER_STATION,
            Self::Motor => MOTOR,
            Self::Boiler => BOILER,
        }
    }

    /// What the sensors of the device with this seed measure at `t_ms`, in the
    /// order of [`Self::sensors`].
    pub(crate) fn measure(self, seed: u64, t_ms: i64) -> [f64; MAX_SENSORS] {
        let at = At { seed, t_ms };
        match self {
            Self::Pump => pump(at),
            Self::Hvac => hvac(at),
            Self::PowerMeter => power_meter(at),
            Self::ColdRoom => cold_room(at),
            Self::Tank => tank(at),
            Self::WeatherStation => weather_station(at),
            Self::Motor => motor(at),
            Self::Boiler => boiler(at),
        }
    }
}

/// A device at an instant. `tag` separates its sources of noise.
#[derive(Clone, Copy)]
struct At {
    seed: u64,
    t_ms: i64,
}

impl At {
    /// -1 to 1, the same for ever: no two devices are quite alike.
    fn offset(self, tag: u64) -> f64 {
        unit(self.seed ^ tag << 32)
    }

    /// -1 to 1, from reading to reading.
    fn noise(self, tag: u64) -> f64 {
        white(self.seed ^ tag << 40, self.t_ms)
    }

    /// -1 to 1, over `period_ms`.
    fn wander(self, tag: u64, period_ms: i64) -> f64 {
        wander(mix(self.seed ^ tag << 48), self.t_ms, period_ms)
    }

    /// -1 before dawn to 1 in the afternoon.
    fn day(self) -> f64 {
        let hours = self.t_ms.rem_euclid(DAY) as f64 / HOUR as f64;
        ((hours - 9.0) / 24.0 * TAU).sin()
    }

    /// 0 at night, 1 in working hours.
    fn shift(self) -> f64 {
        let hours = self.t_ms.rem_euclid(DAY) as f64 / HOUR as f64;
        smooth((hours - 5.5) / 2.0) * (1.0 - smooth((hours - 17.0) / 2.5))
    }

    /// 0 to 1: on for `on` of each period, rising and falling within `ramp` of it.
    fn duty(self, period_ms: i64, on: f64, ramp: f64) -> f64 {
        let phase_ms = (mix(self.seed) % period_ms.cast_unsigned()).cast_signed();
        let x = (self.t_ms + phase_ms).rem_euclid(period_ms) as f64 / period_ms as f64;
        smooth(x / ramp) * (1.0 - smooth((x - on) / ramp))
    }
}

fn pump(at: At) -> [f64; MAX_SENSORS] {
    let load = at.duty(30 * MINUTE, 0.8, 0.03);
    // Metal warms slower than water moves.
    let warmth = at.duty(30 * MINUTE, 0.8, 0.15);
    let demand = 0.85 + 0.1 * at.shift() + 0.05 * at.wander(1, 5 * MINUTE);
    let temperature = 37.0
        + 13.0 * warmth * demand
        + 3.0 * at.offset(1)
        + 2.0 * at.wander(2, 20 * MINUTE)
        + 0.2 * at.noise(1);
    let vibration =
        0.5 + 2.0 * load * demand + 0.3 * at.offset(2) * load + 0.15 * at.noise(2) * (0.2 + load);
    let pressure = 1.2 + 4.3 * load * demand + 0.2 * at.offset(3) + 0.04 * at.noise(3);
    let flow = load * (42.0 * demand + 3.0 * at.offset(4) + 0.4 * at.noise(4));
    [temperature, vibration, pressure, flow.max(0.0)]
}

fn hvac(at: At) -> [f64; MAX_SENSORS] {
    let people = at.shift() * (0.8 + 0.2 * at.wander(1, 30 * MINUTE));
    let co2 = 430.0
        + 480.0 * people
        + 25.0 * at.offset(1)
        + 30.0 * at.wander(2, 10 * MINUTE)
        + 6.0 * at.noise(1);
    let temperature = 21.0
        + 0.8 * at.day()
        + 0.6 * people
        + 0.7 * at.offset(2)
        + 0.3 * at.duty(18 * MINUTE, 0.5, 0.4)
        + 0.05 * at.noise(2);
    let humidity = 46.0 - 3.0 * at.day()
        + 5.0 * at.wander(3, 2 * HOUR)
        + 3.0 * at.offset(3)
        + 0.2 * at.noise(3);
    [co2, temperature, humidity, 0.0]
}

fn power_meter(at: At) -> [f64; MAX_SENSORS] {
    let machine = at.duty(12 * MINUTE, 0.6, 0.02);
    let current = 9.0
        + at.shift() * (18.0 + 14.0 * machine + 4.0 * at.wander(1, 3 * MINUTE))
        + 2.0 * at.offset(1)
        + 0.3 * at.noise(1);
    let voltage =
        231.0 - 1.5 * at.day() + 2.0 * at.wander(2, 15 * MINUTE) + at.offset(2) + 0.4 * at.noise(2);
    let power_kw = current * voltage / 1_000.0;
    // The integral of a power that swings over the day around its mean: a
    // counter must never run backwards, also not by a rounding.
    let mean_kw = 4.6 + 0.4 * at.offset(1);
    let hours = at.t_ms as f64 / HOUR as f64;
    let swing_kwh = -0.6 * mean_kw * 24.0 / TAU * ((hours - 6.0) / 24.0 * TAU).cos();
    let energy_kwh = mean_kw * (hours - YEAR_2020_HOURS) + swing_kwh + 5_000.0;
    [current, voltage, power_kw, energy_kwh]
}

/// Hours from the epoch to 2020: the meters were installed then.
const YEAR_2020_HOURS: f64 = 438_288.0;

fn cold_room(at: At) -> [f64; MAX_SENSORS] {
    let (door, warmth) = door(at);
    let temperature = -22.0
        + 1.2 * at.duty(24 * MINUTE, 0.4, 0.35)
        + 1.6 * warmth
        + 0.5 * at.offset(1)
        + 0.1 * at.noise(1);
    [temperature, door, 0.0, 0.0]
}

/// Whether the door is open, and how much warmth it has let in (0 to 1). In
/// working hours someone comes about every ten minutes.
fn door(at: At) -> (f64, f64) {
    const VISIT: i64 = 10 * MINUTE;
    let visit = at.t_ms.div_euclid(VISIT);
    let since_ms = at.t_ms.rem_euclid(VISIT) as f64;
    let chance = unit(at.seed ^ mix(visit.cast_unsigned()));
    if at.shift() < 0.5 || chance < -0.2 {
        return (0.0, 0.0);
    }
    let open_ms = 60_000.0 + 50_000.0 * chance;
    let door = if since_ms < open_ms { 1.0 } else { 0.0 };
    let warmth = smooth(since_ms / open_ms) * (1.0 - smooth((since_ms - open_ms) / 240_000.0));
    (door, warmth)
}

fn tank(at: At) -> [f64; MAX_SENSORS] {
    // Filled quickly, drawn off slowly.
    let period_ms = 3 * HOUR + (mix(at.seed) % 120).cast_signed() * MINUTE;
    let phase_ms = (mix(at.seed ^ 1) % period_ms.cast_unsigned()).cast_signed();
    let x = (at.t_ms + phase_ms).rem_euclid(period_ms) as f64 / period_ms as f64;
    let fill = if x < 0.2 { x / 0.2 } else { (1.0 - x) / 0.8 };
    let level = 22.0 + 55.0 * fill + 5.0 * at.offset(1) + 0.15 * at.noise(1);
    let temperature = 17.0 + 2.0 * at.day() + 1.5 * at.offset(2) + 0.3 * at.noise(2);
    [level, temperature, 0.0, 0.0]
}

fn weather_station(at: At) -> [f64; MAX_SENSORS] {
    let gust = 1.5 * at.wander(1, 20 * SECOND) + 0.4 * at.noise(1);
    let wind = 5.0 + 3.0 * at.wander(2, 3 * HOUR) + gust;
    let temperature = 12.0 + 6.0 * at.day() + 3.0 * at.wander(3, DAY) + 0.05 * at.noise(2);
    let humidity = 68.0 - 18.0 * at.day() + 8.0 * at.wander(4, 6 * HOUR);
    let pressure = 1_014.0 + 9.0 * at.wander(5, 2 * DAY) + 0.05 * at.noise(3);
    [wind.max(0.0), temperature, humidity, pressure]
}

/// Load and setpoint move it; current is what both together ask for.
fn motor(at: At) -> [f64; MAX_SENSORS] {
    let (load, setpoint) = (at.wander(1, 20 * SECOND), at.wander(2, 33 * SECOND));
    let current = 30.0 + 6.0 * load + 2.5 * setpoint + at.offset(1) + 0.15 * at.noise(1);
    let speed = 1_450.0 + 25.0 * setpoint - 5.0 * load + at.noise(2);
    let torque = 60.0 + 15.0 * load + 0.4 * at.noise(3);
    let seal_flow = 5.0 + 0.3 * at.offset(2) + 0.2 * at.noise(4);
    [current, speed, torque, seal_flow]
}

/// The middle of a boiler's power over the day, kW.
pub(crate) const BOILER_MIDDLE_KW: f64 = 250.0;
/// How far it swings to either side.
pub(crate) const BOILER_SWING_KW: f64 = 200.0;

fn boiler(at: At) -> [f64; MAX_SENSORS] {
    // Cold mornings ask for most.
    let power = BOILER_MIDDLE_KW - BOILER_SWING_KW * at.day()
        + 10.0 * at.wander(1, 6 * HOUR)
        + 2.0 * at.noise(1);
    let temperature = 48.0 + 0.05 * power + 0.5 * at.offset(1) + 0.1 * at.noise(2);
    [power, temperature, 0.0, 0.0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_shows_faults_on_a_sensor_with_limits() {
        for kind in Kind::ALL {
            assert!(kind.sensors()[0].limits.is_some(), "{kind:?}");
            assert!(kind.sensors().len() <= MAX_SENSORS, "{kind:?}");
        }
    }

    #[test]
    fn a_meter_never_counts_backwards() {
        let start = 1_790_000_000_000_i64;
        for seed in 0..5 {
            let energy =
                |step: i64| Kind::PowerMeter.measure(mix(seed), start + step * 10 * SECOND)[3];
            assert!(
                (0..20_000).all(|step| energy(step) <= energy(step + 1)),
                "seed {seed}"
            );
        }
    }
}
