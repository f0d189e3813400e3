//! The memory of single devices: taken out of an engine, put together in another.

use std::fmt::Write;

use proptest::prelude::*;
use weir_model::{DeviceIx, tick};

use super::every_kind::{config, kinds};
use super::*;

const DEVICES: [&str; 3] = ["p0", "p1", "p2"];

/// Seconds since the message before, the device, and a value as JSON.
type Sent = (i64, usize, String);

fn messages() -> impl Strategy<Value = Vec<Sent>> {
    let value = prop_oneof![
        20 => (0_u8..20).prop_map(|value| value.to_string()),
        3 => (-50.0..50.0).prop_map(|value: f64| format!("{value:?}")),
        1 => Just("\"on\"".to_owned()),
    ];
    let step = prop_oneof![10 => 0_i64..3, 2 => -3_i64..25, 1 => 80_000_i64..90_000];
    prop::collection::vec((step, 0..DEVICES.len(), value), 2..60)
}

/// A message of each device, with the position and the time at which it came.
struct Delivery {
    device: usize,
    position: Position,
    received: Timestamp,
    topic: String,
    payload: String,
}

fn build(sent: &[Sent]) -> Vec<Delivery> {
    let mut time = 0;
    let message = |(nth, (step, device, value)): (usize, &Sent)| {
        time += step;
        let unit = ["Cel", "Cel", "[degF]", "V", "Cel", ""][nth % 6];
        let location = ["", "hall-1", "hall-2"][nth / 4 % 3];
        Delivery {
            device: *device,
            position: Position(nth as u64),
            received: Timestamp::from_millis(T0 + time * 1_000 + 500).unwrap(),
            topic: format!("devices/{}/telemetry", DEVICES[*device]),
            payload: format!(
                r#"{{"data": [{{"sensorId": "x", "value": {value}, "unit": "{unit}"}},
                    {{"sensorId": "y", "value": {}, "criticalThreshold": 8}}],
                    "location": "{location}", "sequence": {}, "timestamp": {}}}"#,
                nth % 11,
                nth / 2,
                T0 + time * 1_000
            ),
        }
    };
    sent.iter().enumerate().map(message).collect()
}

/// Everything that comes of a message for one device, by names.
fn outcome(engine: &Engine, batch: &Batch, device: &str) -> String {
    let catalog = engine.catalog();
    let mut text = String::new();
    for row in &batch.rows.rows {
        if *catalog.device(row.device) != *device {
            continue;
        }
        let location = catalog.location(row.location);
        write!(text, "{} {location} {:?}", row.time, row.flags).unwrap();
        for cell in batch.rows.cells_of(row) {
            let value = match cell.value {
                Value::Number(value) => format!("{value}"),
                Value::Text(at) => batch.rows.texts[at as usize].to_string(),
            };
            write!(text, " {:?}={value}", catalog.column(cell.column)).unwrap();
        }
        text.push('\n');
    }
    for verdict in &batch.verdicts {
        let slot = engine.slot(verdict.slot);
        if slot.device != device {
            continue;
        }
        assert_eq!(*catalog.device(verdict.device), *device);
        let by_name = weir_model::Verdict {
            slot: 0,
            device: DeviceIx(0),
            location: weir_model::LocationIx(0),
            ..*verdict
        };
        let location = catalog.location(verdict.location);
        writeln!(text, "{slot:?} {location} {by_name:?}").unwrap();
    }
    text
}

/// What became of the readings of the message itself.
fn counts(batch: &Batch) -> String {
    let (received, deduplicated) = (batch.received, batch.deduplicated);
    format!("{received} {deduplicated} {:?}", batch.quarantined)
}

/// An engine in which the messages of other devices are ticks: time passes with
/// them all the same.
fn run_alone(engine: &mut Engine, message: &Delivery, device: usize) -> String {
    let mut batch = Batch::default();
    if message.device != device {
        engine.on_message(message.position, &tick(message.received), &mut batch);
        return outcome(engine, &batch, DEVICES[device]);
    }
    run_together(engine, message, &mut batch);
    outcome(engine, &batch, DEVICES[device]) + &counts(&batch)
}

fn run_together(engine: &mut Engine, sent: &Delivery, batch: &mut Batch) {
    let message = Message {
        received: sent.received,
        ..message(&sent.topic, sent.payload.as_bytes())
    };
    engine.on_message(sent.position, &message, batch);
}

fn snapshot_of(engine: &Engine, device: &str) -> Option<Vec<u8>> {
    Some(engine.device_snapshot(engine.device_ix(device)?))
}

/// Holds the law for one configuration; the devices are put together at `cut`.
fn check(config: &Config, messages: &[Delivery], cut: usize) {
    let mut alone = DEVICES.map(|_| Engine::new(config));
    let mut together = Engine::new(config);
    for (nth, message) in messages.iter().enumerate() {
        if nth == cut {
            let known = DEVICES.map(|device| snapshot_of(&together, device));
            let known: Vec<&[u8]> = known.iter().flatten().map(Vec::as_slice).collect();
            together = Engine::assemble(config, &known).unwrap();
            let again = DEVICES.map(|device| snapshot_of(&together, device));
            let again: Vec<&[u8]> = again.iter().flatten().map(Vec::as_slice).collect();
            assert_eq!(known, again, "nothing is lost on the way");
        }
        let mut batch = Batch::default();
        run_together(&mut together, message, &mut batch);
        for (device, engine) in alone.iter_mut().enumerate() {
            let expect = run_alone(engine, message, device);
            let mut found = outcome(&together, &batch, DEVICES[device]);
            if message.device == device {
                found += &counts(&batch);
            }
            assert_eq!(found, expect, "message {nth}, {}", DEVICES[device]);
        }
    }
    for (device, engine) in DEVICES.iter().zip(&alone) {
        assert_eq!(
            snapshot_of(&together, device),
            snapshot_of(engine, device),
            "the memory of {device} does not depend on the others"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(20) })]

    #[test]
    fn a_run_over_assembled_devices_of_any_kind_equals_separate_runs(
        sent in messages(), cut in any::<prop::sample::Index>(),
    ) {
        let messages = build(&sent);
        let cut = 1 + cut.index(messages.len() - 1);
        for kind in kinds() {
            check(&config(&[kind]), &messages, cut);
        }
        check(&config(&kinds()), &messages, cut);
    }
}

/// Absence without a sensor: the memory is of the device as a whole.
fn presence() -> Config {
    let absence = weir_config::Absence {
        after: Some(Duration::from_secs(5)),
        factor: 3.0,
        expect: Vec::new(),
        gateway: None,
        severity: Severity::Warning,
    };
    let mut config = config(&[FunctionKind::Absence(absence)]);
    config.functions[0].sensor = None;
    config
}

#[test]
fn the_law_holds_for_devices_as_a_whole_and_for_long_runs() {
    let mut state = 1_u64;
    let mut next = |below: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let sent: Vec<Sent> = (0..600)
        .map(|_| {
            let (step, device) = (next(4) as i64, next(3) as usize);
            (step, device, next(20).to_string())
        })
        .collect();
    let messages = build(&sent);
    check(&presence(), &messages, 250);
    check(&config(&kinds()), &messages, 400);
}

#[test]
fn a_device_alone_is_a_snapshot_like_any_other() {
    let config = config(&kinds());
    let mut bench = Bench::with(&config);
    for nth in 0..30 {
        bench.temperature(nth * 1_000, 20.0);
        bench.send_to(
            "devices/q1/telemetry",
            r#"{"x": 5, "timestamp": 1700000000000}"#,
        );
    }
    let device = bench.engine.device_ix("p1").unwrap();
    let snapshot = bench.engine.device_snapshot(device);
    let restored = Engine::restore(&config, &snapshot).unwrap();
    assert_eq!(restored.snapshot(), snapshot);
    assert_eq!(restored.device_ix("q1"), None);
    assert_eq!(restored.latest(DeviceIx(0)), bench.engine.latest(device));
}

#[test]
fn a_device_that_is_in_two_snapshots_is_refused() {
    let mut bench = Bench::new();
    bench.temperature(0, 20.0);
    let snapshot = bench.engine.snapshot();
    let config = Config::default();
    let twice = Engine::assemble(&config, &[&snapshot, &snapshot]).unwrap_err();
    assert_eq!(
        twice.to_string(),
        "the engine's snapshot contradicts itself: a device that is in two snapshots"
    );
    assert!(Engine::assemble(&config, &[&snapshot, b"\x03"]).is_err());
    let nobody = Engine::assemble(&config, &[]).unwrap();
    assert_eq!(nobody.snapshot(), Engine::new(&config).snapshot());
}

#[test]
fn functions_that_a_device_has_lost_are_known_by_name_and_cleared() {
    let with = |names: &[&str]| Config {
        functions: names
            .iter()
            .map(|name| Function {
                name: (*name).to_owned(),
                ..overheat()
            })
            .collect(),
        ..Config::default()
    };
    let mut bench = Bench::with(&with(&["a", "b"]));
    bench.send_to("devices/q1/telemetry", r#"{"temperature": 1}"#);
    bench.temperature(0, 85.0);
    bench.engine.reconfigure(&with(&["b"]));
    let (other, device) = (DeviceIx(0), DeviceIx(1));
    let snapshots = [device, other].map(|device| bench.engine.device_snapshot(device));
    let [first, second] = snapshots.each_ref().map(Vec::as_slice);
    let engine = Engine::assemble(&with(&["b"]), &[first, second]).unwrap();
    assert_eq!(engine.abandoned(), [0_u32; 0]);
    let names = |slot: u32| {
        let slot = engine.slot(slot);
        (slot.device, slot.function, slot.function_ix)
    };
    let removed = crate::REMOVED_FUNCTION;
    let slots: Vec<_> = (0..engine.slot_count()).map(names).collect();
    assert_eq!(
        slots,
        [
            ("p1", "a", removed),
            ("p1", "b", 1),
            ("q1", "a", removed),
            ("q1", "b", 1)
        ]
    );
    // Under yet another configuration all of them lose the rest.
    let engine = Engine::assemble(&with(&[]), &[first, second]).unwrap();
    assert_eq!(engine.abandoned(), [1, 3]);
    assert_eq!(engine.slot(3).function, "b");
}

#[test]
fn which_devices_a_message_is_of_is_known_without_taking_it() {
    let config = config_with_topics(&["devices/{device}/telemetry", "bulk"]);
    let mut bench = Bench::with(&config);
    bench.temperature(0, 20.0);
    let before = bench.engine.snapshot();
    let devices_of = |topic: &str, payload: &str| {
        let message = message(topic, payload.as_bytes());
        bench.engine.devices_of(&message)
    };
    let one = r#"{"temperature": 1}"#;
    assert_eq!(devices_of(TOPIC, one), ["p1"]);
    assert_eq!(devices_of("devices/new/telemetry", one), ["new"]);
    let several = r#"[{"deviceId": "b", "x": 1}, {"deviceId": "a", "x": 1}, 5,
        {"deviceId": "b", "x": 2}, {"deviceId": "\u0061b", "x": 2}, {"deviceId": "", "x": 2},
        {"x": 1}]"#;
    assert_eq!(devices_of("bulk", several), ["b", "a", "ab"]);
    // Refused whole: no route, no JSON, two devices that contradict each other.
    assert_eq!(devices_of("nowhere", one), [""; 0]);
    assert_eq!(devices_of(TOPIC, "{"), [""; 0]);
    assert_eq!(devices_of(TOPIC, r#"{"deviceId": "p2", "x": 1}"#), [""; 0]);
    assert_eq!(bench.engine.devices_of(&tick(RECEIVED)), [""; 0]);
    assert_eq!(bench.engine.snapshot(), before);
}
