//! The fleet of `weir up --demo` and the functions that watch it, in event time:
//! what each planned fault is found by, and what else fires.
//!
//! The same fleet, configuration, engine and alarms as in a running Weir; only
//! the clock is the fleet's own, so that a day takes seconds.

use std::collections::{BTreeMap, HashSet};

use weir_alarms::{AlarmEngine, Delays, SlotNames};
use weir_config::{Config, Problem};
use weir_engine::{Batch, Engine};
use weir_model::{Alert, AlertState, Flags, Ingress, Message, Position, Timestamp, Verdict};
use weir_simulator::{Emit, FaultKind, FaultPlan, Fleet, FleetSpec, Scenario, demo_configuration};

/// Each device speaks this often, as in the demo.
const PACE_MS: i64 = 2_000;
/// A fault's last reading may come so much later than the fault ends.
const GRACE_MS: i64 = PACE_MS + 500;

/// What is run.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    pub devices: usize,
    pub seed: u64,
    /// Milliseconds since the epoch.
    pub start_ms: i64,
    pub hours: i64,
}

/// What became of it.
#[derive(Debug, Default)]
pub struct Report {
    /// By the function that is meant for them: faults, found ones, and how long
    /// that took at most, in milliseconds.
    pub faults: BTreeMap<&'static str, Found>,
    /// Faults that were not found, as sentences.
    pub missed: Vec<String>,
    /// Alarms that belong to no fault of their function, by function: since the
    /// start, in milliseconds, with the alert's reason.
    pub others: BTreeMap<String, Vec<(i64, String)>>,
    /// Readings that were converted into another unit, by device.
    pub converted: BTreeMap<String, u64>,
    pub readings: u64,
    /// Messages that could not be decoded in whole or in part.
    pub undecoded: u64,
    /// Messages not newer than those before them, repeated ones included.
    pub late: u64,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Found {
    pub faults: usize,
    pub found: usize,
    pub slowest_ms: i64,
}

impl Report {
    /// The most alarms of one function within one hour that belong to no fault.
    pub fn most_others_per_hour(&self) -> usize {
        let busiest = |alarms: &Vec<(i64, String)>| {
            let hour = |from: &i64| {
                let within = |at: &i64| (0..3_600_000).contains(&(at - from));
                alarms.iter().filter(|(at, _)| within(at)).count()
            };
            alarms.iter().map(|(at, _)| hour(at)).max().unwrap_or(0)
        };
        self.others.values().map(busiest).max().unwrap_or(0)
    }
}

/// The function of the demo's configuration that is meant for a fault; `None`
/// where no function is: the decoder, the store and the unit's conversion see
/// to these.
pub fn meant_for(kind: FaultKind, device: &str) -> Option<&'static str> {
    let roof = device.starts_with("weather");
    Some(match kind {
        FaultKind::Overheat => "overheat",
        FaultKind::Drift => "thaw",
        FaultKind::Spike => "co2-jump",
        FaultKind::Stuck if roof => "wind-flatline",
        FaultKind::Stuck => "level-stuck",
        FaultKind::Silence if roof => "link-gap",
        FaultKind::Silence => "meter-offline",
        FaultKind::ClockAhead => "meter-clock",
        FaultKind::OutOfRange => "room-temperature-range",
        FaultKind::BadState => "door-states",
        FaultKind::WrongUnit => "pressure-unit",
        FaultKind::Restamp => "flow-copies",
        FaultKind::Dip => "room-cools",
        FaultKind::Bursts => "humidity-outlier",
        FaultKind::Shift => "seal-level",
        FaultKind::WrongTime => "boiler-profile",
        FaultKind::Slip => "motor-pattern",
        FaultKind::Miswired => "meter-wiring",
        FaultKind::Shaking => "anything-odd",
        FaultKind::Hunting => "burner-hunting",
        FaultKind::Broken | FaultKind::Duplicate | FaultKind::Late | FaultKind::OtherUnit => {
            return None;
        }
    })
}

/// Runs the demo.
pub fn run(spec: Spec) -> Result<Report, Vec<Problem>> {
    let config = demo_configuration(std::iter::empty())?.config;
    let mut fleet = Fleet::new(FleetSpec {
        devices: spec.devices,
        seed: spec.seed,
        scenario: Scenario::Demo,
        anomaly: None,
    });
    let plans = plans(&fleet, spec.hours);
    let mut run = Run::new(&config);
    let end_ms = spec.hours * 3_600_000;
    let mut payload = String::new();
    let messages = end_ms / PACE_MS * spec.devices as i64;
    for nth in 0..messages {
        let device = nth as usize % spec.devices;
        let elapsed_ms = nth * PACE_MS / spec.devices as i64;
        let Some(now) = Timestamp::from_millis(spec.start_ms + elapsed_ms) else {
            break;
        };
        let times = match fleet.next(device, now, &mut payload) {
            Emit::Silent => 0,
            Emit::Publish => 1,
            Emit::PublishTwice => 2,
        };
        for _ in 0..times {
            run.message(fleet.topic(device), &payload, now, elapsed_ms);
        }
    }
    Ok(run.judge(&plans, end_ms))
}

/// Every fault, once.
fn plans(fleet: &Fleet, hours: i64) -> Vec<FaultPlan> {
    let mut known = HashSet::new();
    let mut plans = Vec::new();
    for piece in 0..hours * 6 {
        let from_s = piece as f64 * 600.0;
        for plan in fleet.plans(from_s, from_s + 600.0) {
            if known.insert((plan.device.clone(), plan.kind, ms(plan.from_s))) {
                plans.push(plan);
            }
        }
    }
    plans
}

fn ms(seconds: f64) -> i64 {
    (seconds * 1_000.0) as i64
}

struct Run {
    engine: Engine,
    alarms: AlarmEngine,
    batch: Batch,
    position: u64,
    /// With the time since the start at which each came.
    raised: Vec<(i64, Alert)>,
    report: Report,
}

impl Run {
    fn new(config: &Config) -> Self {
        let engine = Engine::new(config);
        let delays = engine.functions().iter().map(|function| Delays {
            on_delay_ns: function.on_delay_ns,
            off_delay_ns: function.off_delay_ns,
            longest_gap_ns: function.longest_gap_ns,
        });
        Self {
            alarms: AlarmEngine::new(delays.collect()),
            engine,
            batch: Batch::default(),
            position: 0,
            raised: Vec::new(),
            report: Report::default(),
        }
    }

    fn message(&mut self, topic: &str, payload: &str, received: Timestamp, elapsed_ms: i64) {
        let Self {
            engine,
            alarms,
            batch,
            report,
            ..
        } = self;
        batch.clear();
        let message = Message {
            received,
            ingress: Ingress::Broker,
            client: "",
            topic,
            payload: payload.as_bytes(),
            qos: 1,
            retained: false,
            duplicate: false,
        };
        engine.on_message(Position(self.position), &message, batch);
        self.position += 100;
        for verdict in &batch.verdicts {
            let alert = alarms.on_verdict(verdict, || names(engine, verdict));
            if let Some(alert) = alert.filter(|alert| alert.state == AlertState::Raised) {
                self.raised.push((elapsed_ms, alert.clone()));
            }
        }
        report.readings += batch.received;
        let by_function = |reason: &str| {
            matches!(
                reason,
                "out_of_range" | "jump" | "wrong_unit" | "not_allowed_value"
            )
        };
        let undecoded = batch.quarantined.iter();
        report.undecoded += undecoded
            .filter(|q| !by_function(q.reason.as_str()))
            .count() as u64;
        for row in &batch.rows.rows {
            report.late += u64::from(row.flags.contains(Flags::LATE));
            if row.flags.contains(Flags::CONVERTED) {
                let device = engine.catalog().device(row.device).to_string();
                *report.converted.entry(device).or_default() += 1;
            }
        }
    }

    fn judge(self, plans: &[FaultPlan], end_ms: i64) -> Report {
        let Self {
            raised, mut report, ..
        } = self;
        let mut explained = vec![false; raised.len()];
        for plan in plans {
            let Some(function) = meant_for(plan.kind, &plan.device) else {
                continue;
            };
            let (from_ms, to_ms) = (ms(plan.from_s), ms(plan.to_s.min(1e9)));
            // The way back to the old level is a change of level, too.
            let after_ms = match plan.kind {
                FaultKind::Shift => 120_000,
                _ => GRACE_MS,
            };
            let fits = |(at, alert): &(i64, Alert)| {
                *alert.function == *function
                    && *alert.device_id == *plan.device
                    && (from_ms..=to_ms + after_ms).contains(at)
            };
            let mut first = None;
            for (nth, alarm) in raised.iter().enumerate().filter(|(_, a)| fits(a)) {
                explained[nth] = true;
                first.get_or_insert(alarm.0);
            }
            if to_ms.min(from_ms + 600_000) + GRACE_MS > end_ms {
                continue;
            }
            let found = report.faults.entry(function).or_default();
            found.faults += 1;
            match first.filter(|at| *at <= to_ms + GRACE_MS) {
                Some(at) => {
                    found.found += 1;
                    found.slowest_ms = found.slowest_ms.max(at - from_ms);
                }
                None => report
                    .missed
                    .push(format!("{:.0} s: {} ({function})", plan.from_s, plan.text)),
            }
        }
        for ((at, alert), explained) in raised.iter().zip(explained) {
            if !explained {
                let others = report.others.entry(alert.function.to_string()).or_default();
                others.push((*at, format!("{}: {}", alert.device_id, alert.reason)));
            }
        }
        report
    }
}

fn names(engine: &Engine, verdict: &Verdict) -> SlotNames {
    let slot = engine.slot(verdict.slot);
    SlotNames {
        device: slot.device.to_owned(),
        sensor: slot.sensor.to_owned(),
        unit: slot.unit.map(str::to_owned),
        function: slot.function.to_owned(),
        location: None,
        custom_reason: engine.custom_reason(verdict).map(str::to_owned),
        condition: engine.condition(verdict).map(str::to_owned),
        ..SlotNames::default()
    }
}
