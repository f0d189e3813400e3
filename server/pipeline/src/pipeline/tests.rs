//! The same records give the same shadow updates, wherever they are cut.

use weir_model::tick;

use super::*;

const MILLISECOND: i64 = 1_000_000;
const T0: i64 = 1_700_000_000_000_000_000;

fn config() -> Config {
    let text = r#"
[shadows]
interval = "1s"

[[function]]
name = "hot"
kind = "threshold"
sensor = "temperature"
warning_high = 80.0
deadband = 2.0
"#;
    Config::from_toml(text).unwrap()
}

enum Content {
    Reading(&'static str, f64),
    Request(&'static str),
    Tick,
}

/// A record and the milliseconds at which it was received.
struct Record(i64, Content);

/// Three devices with several messages in an interval, a request, a silence with
/// ticks, and a clock that is set back.
fn journal() -> Vec<Record> {
    let mut records = Vec::new();
    for nth in 0..40 {
        let device = ["p1", "p2", "p3"][nth as usize % 3];
        let value = if nth % 7 < 3 { 85.0 } else { 60.0 + nth as f64 };
        records.push(Record(nth * 130, Content::Reading(device, value)));
        if nth % 11 == 5 {
            records.push(Record(nth * 130 + 1, Content::Request(device)));
        }
    }
    for at in [6_400, 11_400, 16_400] {
        records.push(Record(at, Content::Tick));
    }
    for nth in 0..10 {
        let at = 3_000 + nth * 400;
        records.push(Record(at, Content::Reading("p2", nth as f64)));
    }
    records
}

fn run(pipeline: &mut Pipeline, first: u64, records: &[Record]) -> Vec<ShadowUpdate> {
    let mut effects = Effects::default();
    for (position, Record(at, content)) in (first..).zip(records) {
        let received = Timestamp(T0 + at * MILLISECOND);
        let (topic, payload) = match content {
            Content::Tick => {
                pipeline.on_message(Position(position), &tick(received), &mut effects);
                continue;
            }
            Content::Reading(device, value) => (
                format!("devices/{device}/telemetry"),
                format!(r#"{{"temperature": {value}}}"#),
            ),
            Content::Request(device) => (
                format!("$aws/things/{device}/shadow/update"),
                r#"{"state": {"desired": {"on": true}}}"#.to_owned(),
            ),
        };
        let message = Message {
            topic: &topic,
            payload: payload.as_bytes(),
            ingress: Ingress::Broker,
            ..tick(received)
        };
        pipeline.on_message(Position(position), &message, &mut effects);
    }
    effects.shadow_updates
}

fn report_times(updates: &[ShadowUpdate]) -> Vec<i64> {
    let reports = updates
        .iter()
        .filter(|update| matches!(update.cause, ShadowCause::Report(_)));
    let mut times: Vec<i64> = reports.map(|update| update.received.0).collect();
    times.dedup();
    times
}

#[test]
fn a_replay_from_any_snapshot_makes_the_same_updates_at_the_same_positions() {
    let (config, records) = (config(), journal());
    let whole = run(&mut Pipeline::new(&config), 0, &records);
    assert!(report_times(&whole).len() > 5);
    assert_eq!(whole, run(&mut Pipeline::new(&config), 0, &records));
    for cut in 0..records.len() {
        let (before, after) = records.split_at(cut);
        let mut pipeline = Pipeline::new(&config);
        let mut updates = run(&mut pipeline, 0, before);
        let snapshot = Snapshot::decode(&pipeline.snapshot(1).encode()).unwrap();
        let mut restored = Pipeline::restore(&config, &snapshot).unwrap();
        updates.extend(run(&mut restored, cut as u64, after));
        assert_eq!(updates, whole, "cut at {cut}");
    }
}

#[test]
fn reports_are_an_interval_apart_while_time_goes_forward() {
    let updates = run(&mut Pipeline::new(&config()), 0, &journal()[..45]);
    let times = report_times(&updates);
    for pair in times.windows(2) {
        assert!(pair[1] - pair[0] >= 1_000 * MILLISECOND, "{times:?}");
    }
}

#[test]
fn a_tick_reports_what_no_message_follows() {
    let mut pipeline = Pipeline::new(&config());
    let record = |at| Record(at, Content::Reading("p1", at as f64));
    let at = |millis: i64| Timestamp(T0 + millis * MILLISECOND);
    assert!(!pipeline.reports_wait(at(0)));
    assert_eq!(run(&mut pipeline, 0, &[record(0), record(10)]).len(), 1);
    assert!(!pipeline.reports_wait(at(999)));
    assert!(pipeline.reports_wait(at(1_000)));
    let updates = run(&mut pipeline, 2, &[Record(1_000, Content::Tick)]);
    assert_eq!(report_times(&updates), [T0 + 1_000 * MILLISECOND]);
    assert!(!pipeline.reports_wait(at(9_000)));
    assert_eq!(pipeline.counts().messages, 2);
}

#[test]
fn nothing_is_reported_without_reports() {
    let mut pipeline = Pipeline::new(&config()).without_reports();
    let updates = run(&mut pipeline, 0, &journal());
    assert!(report_times(&updates).is_empty());
    assert!(!pipeline.reports_wait(Timestamp(i64::MAX)));
}

#[test]
fn every_message_has_one_outcome() {
    let mut pipeline = Pipeline::new(&config());
    let mut effects = Effects::default();
    let payload = br#"{"temperature": 90.0, "pressure": 1.0}"#;
    let message = Message {
        topic: "devices/p1/telemetry",
        payload,
        ingress: Ingress::Http,
        ..tick(Timestamp(T0))
    };
    for position in [Position(3), Position(8)] {
        pipeline.on_message(position, &message, &mut effects);
    }
    pipeline.on_corrupt(Position(9), "its checksum is wrong", b"??", &mut effects);
    let found: Vec<_> = effects
        .processed
        .iter()
        .map(|outcome| (outcome.position.0, outcome.readings, outcome.alerts))
        .collect();
    assert_eq!(found, [(3, 2, 1), (8, 2, 0), (9, 0, 0)]);
    assert_eq!(effects.processed[0].timestamp, Some(Timestamp(T0)));
    assert_eq!(effects.quarantined.len(), 1);
    assert_eq!(pipeline.counts().messages, 3);
}
