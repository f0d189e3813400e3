//! The fleet: its devices, and what each sends at a given time.

use weir_model::Timestamp;

use crate::demo::{LOG_DAYS, LOG_EVERY_MS, LOG_STEP_MS};
use crate::faults::{AGAIN_MS, AHEAD_MS, LATE_MS, tracks};
use crate::kinds::Kind;
use crate::noise::mix;
use crate::payload::{Defect, Event, Frames, OtherUnit};
use crate::track::{Active, FOREVER_S, Track};
use crate::{Anomaly, FaultKind, Scenario};

/// What a fleet is made of. The same spec gives the same fleet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FleetSpec {
    /// 120 make a good demo: 36 pumps, 30 air conditioners, 20 power meters, 18
    /// tanks, 10 cold rooms, 2 weather stations, 2 motors, 2 boilers.
    pub devices: usize,
    pub seed: u64,
    pub scenario: Scenario,
    pub anomaly: Option<Anomaly>,
}

/// What to do with the payload of [`Fleet::next`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Emit {
    /// The device is silent; the payload is empty.
    Silent,
    /// Publish the payload, which a broken device may have left empty.
    Publish,
    /// Publish the same bytes twice.
    PublishTwice,
}

/// One planned fault.
#[derive(Clone, Debug, PartialEq)]
pub struct FaultPlan {
    pub device: String,
    pub kind: FaultKind,
    /// The sensor that shows it: the first when the whole device is at fault.
    pub sensor: &'static str,
    /// Seconds since the fleet's start.
    pub from_s: f64,
    /// Infinite when the fault does not end.
    pub to_s: f64,
    /// One sentence for a person.
    pub text: String,
}

/// A simulated fleet. What a device sends depends only on the spec, the device and
/// the time, not on earlier calls.
#[derive(Debug)]
pub struct Fleet {
    devices: Vec<Device>,
    tracks: Vec<Track>,
    frames: Frames,
    scenario: Scenario,
    start_ms: Option<i64>,
}

#[derive(Debug)]
struct Device {
    kind: Kind,
    /// Index into [`Kind::locations`].
    location: usize,
    seed: u64,
    /// `devices/{id}/telemetry`: the id is a part of it.
    topic: String,
}

const TOPIC_HEAD: &str = "devices/";
const TOPIC_TAIL: &str = "/telemetry";

/// The most plans in a description.
const MAX_PLANS: usize = 1_000;

impl Fleet {
    pub fn new(spec: FleetSpec) -> Self {
        let mut of_kind = [0_usize; Kind::ALL.len()];
        let device = |i| {
            let kind = Kind::of_device(i);
            let number = &mut of_kind[kind as usize];
            *number += 1;
            let id = format!("{}-{number:02}", kind.name());
            Device {
                kind,
                location: (*number - 1) % kind.locations().len(),
                seed: mix(spec.seed ^ mix(i as u64)),
                topic: [TOPIC_HEAD, &id, TOPIC_TAIL].concat(),
            }
        };
        Self {
            devices: (0..spec.devices).map(device).collect(),
            tracks: tracks(spec.scenario, spec.anomaly, spec.devices),
            frames: Frames::new(),
            scenario: spec.scenario,
            start_ms: None,
        }
    }

    pub fn len(&self) -> usize {
        self.devices.len()
    }

    pub fn is_empty(&self) -> bool {
        self.devices.is_empty()
    }

    /// The id of a device, which is less than [`Self::len`].
    pub fn id(&self, device: usize) -> &str {
        let topic = self.topic(device);
        &topic[TOPIC_HEAD.len()..topic.len() - TOPIC_TAIL.len()]
    }

    /// `devices/{id}/telemetry`
    pub fn topic(&self, device: usize) -> &str {
        &self.devices[device].topic
    }

    /// Writes what the device sends at `now` into `payload`, which is cleared first.
    /// The first call of a fleet is its start: faults are planned from there.
    pub fn next(&mut self, device: usize, now: Timestamp, payload: &mut String) -> Emit {
        let now_ms = now.millis();
        let start_ms = *self.start_ms.get_or_insert(now_ms);
        self.event(device, now_ms, now_ms - start_ms, payload)
    }

    /// As [`Self::next`], at a time since the start that the caller knows.
    pub(crate) fn event(
        &self,
        device: usize,
        now_ms: i64,
        elapsed_ms: i64,
        payload: &mut String,
    ) -> Emit {
        payload.clear();
        let state = self.state(device, now_ms, elapsed_ms);
        if state.silent {
            return Emit::Silent;
        }
        let Device {
            kind,
            location,
            seed,
            ..
        } = self.devices[device];
        let mut event = Event {
            device: self.id(device),
            kind,
            location,
            time_ms: state.stamp_ms,
            values: state.values,
            other_unit: state.other_unit,
        };
        if self.scenario == Scenario::Demo
            && kind == Kind::Boiler
            && let Some(entries) = log_entries(now_ms, elapsed_ms)
        {
            let entry = |time_ms| (time_ms, kind.measure(seed, time_ms)[0]);
            self.frames.write_log(&event, entries.map(entry), payload);
            return Emit::Publish;
        }
        if state.again {
            payload.push('[');
            self.frames.write(&event, None, payload);
            payload.push(',');
            event.time_ms += AGAIN_MS;
            self.frames.write(&event, None, payload);
            payload.push(']');
            return Emit::Publish;
        }
        self.frames.write(&event, state.defect, payload);
        if state.twice {
            Emit::PublishTwice
        } else {
            Emit::Publish
        }
    }

    /// The faults of the first five minutes, by their begin.
    pub fn describe(&self) -> Vec<FaultPlan> {
        self.plans(0.0, 300.0)
    }

    /// The faults that overlap a span of seconds since the start, by their
    /// begin; a thousand at most.
    pub fn plans(&self, from_s: f64, to_s: f64) -> Vec<FaultPlan> {
        let (from_ms, to_ms) = ((from_s * 1_000.0) as i64, (to_s * 1_000.0) as i64);
        let mut plans = Vec::new();
        for track in &self.tracks {
            let turns = track.turns(from_ms, to_ms);
            let hits = turns.flat_map(|(turn, begin, end)| {
                let hit = track.hit(turn, self.devices.len()).into_iter();
                hit.map(move |device| (device, begin, end))
            });
            let plan = |(device, begin, end)| self.plan(track.kind, device, begin, end);
            plans.extend(hits.take(MAX_PLANS).map(plan));
        }
        plans.sort_by(|a, b| a.from_s.total_cmp(&b.from_s));
        plans.truncate(MAX_PLANS);
        plans
    }

    fn plan(&self, kind: FaultKind, device: usize, begin_ms: i64, end_ms: i64) -> FaultPlan {
        let from_s = begin_ms as f64 / 1_000.0;
        let length_s = (end_ms - begin_ms) as f64 / 1_000.0;
        let sensor = self.devices[device].kind.sensors()[kind.sensor()].name;
        let device = self.id(device).to_owned();
        let text = Active::text(kind, &device, sensor, length_s);
        let to_s = if length_s < FOREVER_S {
            from_s + length_s
        } else {
            f64::INFINITY
        };
        FaultPlan {
            device,
            kind,
            sensor,
            from_s,
            to_s,
            text,
        }
    }

    fn state(&self, device: usize, now_ms: i64, elapsed_ms: i64) -> State {
        let active = |elapsed_ms| {
            self.tracks
                .iter()
                .filter_map(move |track| track.active(device, elapsed_ms))
        };
        let mut state = State {
            stamp_ms: now_ms,
            ..State::default()
        };
        let mut late_ms = 0;
        for fault in active(elapsed_ms) {
            match fault.kind {
                FaultKind::Silence => state.silent = true,
                FaultKind::Broken => state.defect = Some(Defect::of_turn(fault.turn)),
                FaultKind::Duplicate => state.twice = true,
                FaultKind::Late => late_ms = LATE_MS,
                FaultKind::ClockAhead => state.stamp_ms = now_ms + AHEAD_MS,
                FaultKind::Restamp => state.again = true,
                FaultKind::OtherUnit => state.other_unit = Some(unit_of(fault.kind, "psi")),
                FaultKind::WrongUnit => state.other_unit = Some(unit_of(fault.kind, "V")),
                _ => {}
            }
        }
        if state.silent {
            return state;
        }
        // A late message carries the values of the time at which it was due.
        state.stamp_ms -= late_ms;
        let Device { kind, seed, .. } = self.devices[device];
        let (then_ms, elapsed_ms) = (now_ms - late_ms, elapsed_ms - late_ms);
        state.values = kind.measure(seed, then_ms);
        for fault in active(elapsed_ms) {
            let sensor = fault.kind.sensor();
            if fault.kind == FaultKind::Stuck {
                state.values[sensor] = kind.measure(seed, then_ms - fault.since_ms)[sensor];
            } else {
                let limits = kind.sensors()[sensor].limits;
                state.values[sensor] = fault.bend(state.values[sensor], limits);
            }
        }
        state
    }
}

fn unit_of(fault: FaultKind, unit: &'static str) -> OtherUnit {
    OtherUnit {
        sensor: fault.sensor(),
        unit,
    }
}

/// The times of the log's part that is due; `None` when all of it has been sent.
fn log_entries(now_ms: i64, elapsed_ms: i64) -> Option<impl Iterator<Item = i64>> {
    const DAY_MS: i64 = 86_400_000;
    let part = elapsed_ms.div_euclid(LOG_STEP_MS);
    if !(0..LOG_DAYS).contains(&part) {
        return None;
    }
    let start_ms = now_ms - elapsed_ms;
    let from_ms = start_ms - (LOG_DAYS - part) * DAY_MS;
    let first = (from_ms + LOG_EVERY_MS / 2).div_euclid(LOG_EVERY_MS);
    let entry = move |nth| (first + nth) * LOG_EVERY_MS + LOG_EVERY_MS / 2;
    let entries = (0..).map(entry).skip_while(move |time| *time < from_ms);
    Some(entries.take_while(move |time| *time < from_ms + DAY_MS))
}

/// The state of a device at an instant.
#[derive(Debug, Default)]
struct State {
    silent: bool,
    twice: bool,
    /// The event comes again, under a new time.
    again: bool,
    other_unit: Option<OtherUnit>,
    defect: Option<Defect>,
    /// The time that the event carries.
    stamp_ms: i64,
    values: [f64; crate::kinds::MAX_SENSORS],
}

#[cfg(test)]
mod tests;
