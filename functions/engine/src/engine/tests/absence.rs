//! Who says nothing: by ticks, by messages of others, over restarts.

use weir_config::Absence;
use weir_model::{Why, tick};

use super::*;

/// In 100 s steps: nobody notices holes of less than 30 s.
const SECOND: i64 = 1_000_000_000;

fn settings(after_s: Option<u64>) -> Absence {
    Absence {
        after: after_s.map(Duration::from_secs),
        factor: 3.0,
        expect: Vec::new(),
        gateway: None,
        severity: Severity::Warning,
    }
}

fn config(sensor: Option<&str>, absence: Absence) -> Config {
    let function = Function {
        name: "silent".to_owned(),
        device: Some("p*".to_owned()),
        sensor: sensor.map(str::to_owned),
        location: None,
        kind: FunctionKind::Absence(absence),
        on_delay: Duration::ZERO,
        off_delay: Duration::ZERO,
        longest_gap: None,
    };
    Config {
        functions: vec![function],
        ..Config::default()
    }
}

/// An engine and a clock that ticks every five seconds.
struct Plant {
    bench: Bench,
    config: Config,
    now_s: i64,
    /// "second device level" of each verdict that changes anything.
    found: Vec<String>,
    last: std::collections::BTreeMap<u32, Level>,
}

impl Plant {
    fn new(config: Config) -> Self {
        Self {
            bench: Bench::with(&config),
            config,
            now_s: 0,
            found: Vec::new(),
            last: Default::default(),
        }
    }

    fn note(&mut self, batch: &Batch) {
        for verdict in &batch.verdicts {
            let last = self.last.insert(verdict.slot, verdict.level).flatten();
            if last != verdict.level {
                let slot = self.bench.engine.slot(verdict.slot);
                let level = verdict.level.map_or("back", |_| "silent");
                let (second, device, sensor) = (self.now_s, slot.device, slot.sensor);
                self.found
                    .push(format!("{second} {device} {sensor} {level}"));
            }
        }
    }

    fn received(&self) -> Timestamp {
        Timestamp(RECEIVED.0 + self.now_s * SECOND)
    }

    fn send(&mut self, device: &str, payload: &str) {
        let topic = format!("devices/{device}/telemetry");
        let batch = self.bench.send_message(Message {
            received: self.received(),
            ..message(&topic, payload.as_bytes())
        });
        self.note(&batch);
    }

    /// Ticks until so many seconds have passed.
    fn wait(&mut self, seconds: i64) {
        let until = self.now_s + seconds;
        while self.now_s < until {
            self.now_s = (self.now_s + 5).min(until);
            let batch = self.bench.send_message(tick(self.received()));
            assert_eq!(batch.received, 0, "a tick is no reading");
            self.note(&batch);
        }
    }

    fn restart(&mut self) {
        let snapshot = self.bench.engine.snapshot();
        self.bench.engine = Engine::restore(&self.config, &snapshot).unwrap();
        assert_eq!(self.bench.engine.snapshot(), snapshot);
    }
}

#[test]
fn a_device_that_falls_silent_is_reported_once_and_comes_back() {
    let mut plant = Plant::new(config(None, settings(Some(60))));
    plant.send("p1", r#"{"a":1}"#);
    plant.send("q1", r#"{"a":1}"#);
    plant.wait(60);
    assert_eq!(plant.found, [""; 0]);
    plant.wait(600);
    assert_eq!(plant.found, ["65 p1 presence silent"]);
    plant.send("p1", r#"{"a":1}"#);
    assert_eq!(plant.found[1..], ["660 p1 presence back"]);
}

#[test]
fn messages_of_others_pass_the_time_as_ticks_do() {
    let mut plant = Plant::new(config(None, settings(Some(60))));
    plant.send("p1", r#"{"a":1}"#);
    for _ in 0..10 {
        plant.now_s += 10;
        plant.send("p2", r#"{"a":1}"#);
    }
    assert_eq!(plant.found, ["70 p1 presence silent"]);
}

#[test]
fn what_brings_no_reading_is_no_sign_of_life() {
    let mut plant = Plant::new(config(None, settings(Some(60))));
    plant.send("p1", r#"{"a":1}"#);
    for payload in ["{}", "", "x", r#"{"a":null}"#]
        .into_iter()
        .cycle()
        .take(14)
    {
        plant.wait(5);
        plant.send("p1", payload);
    }
    assert_eq!(plant.found, ["65 p1 presence silent"]);
}

#[test]
fn with_a_sensor_a_heartbeat_does_not_hide_that_it_is_silent() {
    let mut plant = Plant::new(config(Some("temp*"), settings(Some(60))));
    plant.send("p1", r#"{"temperature":1,"uptime":1}"#);
    for _ in 0..14 {
        plant.wait(5);
        plant.send("p1", r#"{"uptime":1}"#);
    }
    assert_eq!(plant.found, ["65 p1 temperature silent"]);
    plant.send("p1", r#"{"temperature":1}"#);
    assert_eq!(plant.found[1..], ["70 p1 temperature back"]);
}

#[test]
fn who_is_expected_and_never_spoke_is_missed() {
    let absence = Absence {
        expect: vec!["p7".to_owned()],
        ..settings(Some(60))
    };
    let mut plant = Plant::new(config(None, absence));
    plant.wait(75);
    assert_eq!(plant.found, ["75 p7 presence silent"]);
    let device = plant.bench.engine.device_ix("p7").unwrap();
    let summary = plant.bench.engine.device_summary(device);
    assert_eq!((summary.last_seen, summary.series), (None, 0));
    plant.send("p7", r#"{"a":1}"#);
    assert_eq!(plant.found[1..], ["75 p7 presence back"]);
}

#[test]
fn while_weir_itself_was_away_nobody_was_silent() {
    let mut plant = Plant::new(config(None, settings(Some(60))));
    plant.send("p1", r#"{"a":1}"#);
    plant.wait(40);
    plant.restart();
    // An hour later; the time of every device starts again.
    plant.now_s += 3_600;
    plant.wait(60);
    assert_eq!(plant.found, [""; 0]);
    plant.wait(10);
    assert_eq!(plant.found, ["3710 p1 presence silent"]);
    // A silence that was known before the restart stays one.
    plant.restart();
    plant.now_s += 3_600;
    plant.wait(20);
    assert_eq!(plant.found.len(), 1);
}

#[test]
fn a_gateway_that_is_down_speaks_for_those_behind_it() {
    let absence = Absence {
        gateway: Some("gw-{location}".to_owned()),
        ..settings(Some(60))
    };
    let mut plant = Plant::new(config(None, absence));
    let reading = r#"{"a":1,"location":"hall"}"#;
    plant.send("gw-hall", reading);
    plant.send("p1", reading);
    plant.send("p2", reading);
    plant.wait(300);
    assert_eq!(plant.found, [""; 0]);
    // It is back, and p1: p2 has its time from then on.
    for _ in 0..14 {
        plant.send("gw-hall", reading);
        plant.send("p1", reading);
        plant.wait(5);
    }
    assert_eq!(plant.found, ["370 p2 presence silent"]);
}

#[test]
fn the_usual_interval_is_learnt() {
    let mut plant = Plant::new(config(None, settings(None)));
    for _ in 0..20 {
        plant.send("p1", r#"{"a":1}"#);
        plant.wait(10);
    }
    // Interval 10 s, the deviation has nearly vanished: some 30 s.
    plant.wait(15);
    assert_eq!(plant.found, [""; 0]);
    plant.wait(30);
    assert_eq!(plant.found.len(), 1, "{:?}", plant.found);
}

#[test]
fn a_verdict_says_for_how_long_and_what_is_expected() {
    let mut plant = Plant::new(config(None, settings(Some(60))));
    plant.send("p1", r#"{"a":1}"#);
    plant.wait(60);
    plant.now_s += 5;
    let batch = plant.bench.send_message(tick(plant.received()));
    let verdict = batch.verdicts[0];
    assert_eq!(verdict.value, 65.0);
    let (seconds, expected) = (65.0, 60.0);
    assert_eq!(verdict.why, Why::Silence { seconds, expected });
}

#[test]
fn a_restart_anywhere_changes_nothing() {
    let run = |restart_at: Option<usize>| {
        let absence = Absence {
            expect: vec!["p1".to_owned(), "p9".to_owned()],
            ..settings(None)
        };
        let mut plant = Plant::new(config(None, absence));
        for step in 0..120_usize {
            if restart_at == Some(step) {
                plant.restart();
            }
            if !(60..=100).contains(&step) {
                plant.send(["p1", "p2", "p3"][step % 3], r#"{"a":1}"#);
            }
            plant.wait(2 + (step % 5) as i64);
        }
        (plant.found, plant.bench.engine.snapshot())
    };
    let unbroken = run(None);
    assert!(unbroken.0.len() >= 6, "{:?}", unbroken.0);
    for step in 0..120 {
        assert_eq!(run(Some(step)), unbroken, "{step}");
    }
}
