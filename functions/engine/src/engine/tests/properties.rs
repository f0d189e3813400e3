//! Laws that hold for any input: nothing panics, every reading has one outcome,
//! and the same messages give the same effects, wherever the engine was
//! restarted.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;

#[derive(Clone, Debug)]
struct Sent {
    topic: &'static str,
    payload: Vec<u8>,
    received_ms: i64,
    retained: bool,
}

impl Sent {
    fn message(&self) -> Message<'_> {
        Message {
            received: Timestamp::from_millis(T0 + self.received_ms).unwrap(),
            retained: self.retained,
            ..message(self.topic, &self.payload)
        }
    }
}

fn tight_config() -> Config {
    let topics = [
        "devices/{device}/telemetry",
        "{location}/{device}/{sensor}",
        "bulk",
    ];
    let mut config = config_with_topics(&topics);
    let hall = Function {
        name: "hall".to_owned(),
        sensor: None,
        ..overheat()
    };
    config.functions = vec![
        overheat(),
        Function {
            location: Some("hall".to_owned()),
            ..hall
        },
    ];
    config.limits.max_readings_per_message = 12;
    config.limits.max_series_per_device = 5;
    config.limits.max_devices = 3;
    config
}

fn label() -> BoxedStrategy<Json> {
    let names = vec!["temperature", "a", "b", "c", "hall", "p1", "p2", "p3"];
    prop_oneof![
        8 => prop::sample::select(names).prop_map(Json::from),
        1 => any::<String>().prop_map(Json::from),
        1 => Just(Json::Null),
        1 => Just(json!(5)),
    ]
    .boxed()
}

fn value() -> BoxedStrategy<Json> {
    prop_oneof![
        6 => (60i32..100).prop_map(Json::from),
        2 => any::<f64>().prop_map(Json::from),
        1 => any::<i64>().prop_map(Json::from),
        1 => any::<bool>().prop_map(Json::from),
        2 => "[a-c]{0,2}".prop_map(Json::from),
        1 => Just(Json::Null),
        1 => Just(json!({"x": [1]})),
    ]
    .boxed()
}

fn time() -> BoxedStrategy<Json> {
    prop_oneof![
        8 => (0i64..20).prop_map(|millis| Json::from(T0 + millis)),
        2 => Just(Json::Null),
        1 => any::<i64>().prop_map(Json::from),
        1 => any::<f64>().prop_map(Json::from),
    ]
    .boxed()
}

/// An object with the members that are given.
fn object(members: Vec<(&'static str, Option<Json>)>) -> Json {
    let given = members
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Json::Object(given.collect())
}

fn member(
    name: &'static str,
    often: f64,
    value: BoxedStrategy<Json>,
) -> impl Strategy<Value = (&'static str, Option<Json>)> {
    prop::option::weighted(often, value).prop_map(move |value| (name, value))
}

fn reading() -> impl Strategy<Value = Json> {
    let parts = (
        member("sensorId", 0.95, label()),
        member("value", 0.95, value()),
        member("unit", 0.3, label()),
        member("location", 0.3, label()),
        member("timestamp", 0.3, time()),
        member("warningThreshold", 0.3, value()),
        member("criticalThreshold", 0.3, value()),
    );
    parts.prop_map(|(a, b, c, d, e, f, g)| object(vec![a, b, c, d, e, f, g]))
}

fn event() -> impl Strategy<Value = Json> {
    let data = prop::collection::vec(prop_oneof![9 => reading().boxed(), 1 => value()], 0..6);
    let parts = (
        member("deviceId", 0.3, label()),
        member("timestamp", 0.6, time()),
        member("location", 0.3, label()),
        member("data", 0.75, data.prop_map(Json::from).boxed()),
        prop::collection::vec(("[a-f]", value()), 0..3),
    );
    parts.prop_map(|(a, b, c, d, flat)| {
        let mut event = object(vec![a, b, c, d]);
        for (name, value) in flat {
            event[name] = value;
        }
        event
    })
}

fn payload() -> impl Strategy<Value = Vec<u8>> {
    let json = prop_oneof![
        6 => event().boxed(),
        2 => prop::collection::vec(event(), 0..4).prop_map(Json::from).boxed(),
        1 => value(),
    ]
    .boxed();
    prop_oneof![
        12 => json.clone().prop_map(|json| json.to_string().into_bytes()),
        2 => (json, any::<prop::sample::Index>(), any::<u8>()).prop_map(|(json, at, byte)| {
            let mut bytes = json.to_string().into_bytes();
            *at.get_mut(&mut bytes) = byte;
            bytes
        }),
        1 => prop::collection::vec(any::<u8>(), 0..40),
    ]
}

fn sent() -> impl Strategy<Value = Sent> {
    let topics = prop::sample::select(vec![
        "devices/p1/telemetry",
        "devices/p2/telemetry",
        "hall/p1/a",
        "yard/p1/a",
        "bulk",
        "nowhere/to/go/x",
    ]);
    (topics, payload(), 0i64..30, prop::bool::weighted(0.2)).prop_map(
        |(topic, payload, received_ms, retained)| Sent {
            topic,
            payload,
            received_ms,
            retained,
        },
    )
}

#[track_caller]
fn check_batch(batch: &Batch) {
    let ended = batch.rows.readings() + batch.quarantined.len() as u64 + batch.deduplicated;
    assert_eq!(batch.received, ended, "conservation");
    let mut next_cell = 0;
    for row in &batch.rows.rows {
        assert_eq!(row.first_cell, next_cell);
        assert!(row.cell_count > 0);
        next_cell += row.cell_count;
    }
    assert_eq!(next_cell as usize, batch.rows.cells.len());
    for (i, a) in batch.rows.rows.iter().enumerate() {
        for b in &batch.rows.rows[..i] {
            let same =
                (a.device, a.time, a.location, a.flags) == (b.device, b.time, b.location, b.flags);
            assert!(
                !same || a.flags.contains(Flags::LATE),
                "what can share a row shares it"
            );
        }
    }
}

/// Every (device, sensor, time) that is not flagged late is newer than all
/// before it: this is what lets a store append without looking. And no row has
/// a sensor twice.
fn check_newness(engine: &Engine, batches: &[Batch]) {
    let mut newest = BTreeMap::new();
    for batch in batches {
        let before = newest.clone();
        for row in &batch.rows.rows {
            let mut sensors = Vec::new();
            for cell in batch.rows.cells_of(row) {
                let sensor = engine.catalog().column(cell.column).sensor.clone();
                assert!(!sensors.contains(&sensor));
                sensors.push(sensor.clone());
                let key = (row.device, sensor);
                if !row.flags.contains(Flags::LATE) {
                    assert!(before.get(&key).is_none_or(|newest| row.time > *newest));
                }
                let newest = newest.entry(key).or_insert(row.time);
                *newest = row.time.max(*newest);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn any_bytes_have_one_outcome(payload in prop::collection::vec(any::<u8>(), 0..200)) {
        Bench::new().send_message(message(TOPIC, &payload));
    }

    #[test]
    fn replay_gives_the_same_and_a_restart_changes_nothing(
        messages in prop::collection::vec(sent(), 1..25), cut in any::<prop::sample::Index>(),
    ) {
        let config = tight_config();
        let run = |restart_at: Option<usize>| {
            let mut engine = Engine::new(&config);
            let mut batches = Vec::new();
            for (i, sent) in messages.iter().enumerate() {
                if restart_at == Some(i) {
                    engine = Engine::restore(&config, &engine.snapshot()).unwrap();
                }
                let mut batch = Batch::default();
                engine.on_message(Position(i as u64 * 10), &sent.message(), &mut batch);
                check_batch(&batch);
                batches.push(batch);
            }
            check_newness(&engine, &batches);
            let snapshot = engine.snapshot();
            let mut changed = Vec::new();
            engine.changed_devices(&mut |device, latest| changed.push((device, latest.to_vec())));
            // As text, for a threshold may be NaN.
            (format!("{batches:?}"), snapshot, format!("{changed:?}"))
        };
        let first = run(None);
        prop_assert_eq!(&first, &run(None));
        prop_assert_eq!(&first, &run(Some(cut.index(messages.len()))));
    }

    #[test]
    fn how_messages_are_batched_changes_nothing(messages in prop::collection::vec(sent(), 1..15)) {
        let config = tight_config();
        let mut together = Batch::default();
        let mut single = Vec::new();
        let (mut a, mut b) = (Engine::new(&config), Engine::new(&config));
        for (i, sent) in messages.iter().enumerate() {
            let mut batch = Batch::default();
            a.on_message(Position(i as u64), &sent.message(), &mut batch);
            b.on_message(Position(i as u64), &sent.message(), &mut together);
            single.push(batch);
        }
        check_batch_sums(&single, &together);
        prop_assert_eq!(a.snapshot(), b.snapshot());
    }
}

#[track_caller]
fn check_batch_sums(single: &[Batch], together: &Batch) {
    let sum = |count: fn(&Batch) -> u64| single.iter().map(count).sum::<u64>();
    assert_eq!(sum(|batch| batch.received), together.received);
    assert_eq!(
        sum(|batch| batch.rows.rows.len() as u64),
        together.rows.rows.len() as u64
    );
    let cells: Vec<_> = single
        .iter()
        .flat_map(|batch| &batch.rows.rows)
        .map(|row| row.cell_count)
        .collect();
    let expect: Vec<_> = together
        .rows
        .rows
        .iter()
        .map(|row| row.cell_count)
        .collect();
    assert_eq!(cells, expect);
    let verdicts: Vec<_> = single.iter().flat_map(|batch| &batch.verdicts).collect();
    let expect: Vec<_> = together.verdicts.iter().collect();
    assert_eq!(format!("{verdicts:?}"), format!("{expect:?}"));
}
