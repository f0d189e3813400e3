//! Random batches against a map, across checkpoints and restarts.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::support::{SECOND, T0, V, late, n, open, reopen, row, t};

const DEVICES: [&str; 3] = ["a", "b", "c-with-a-long-device-name"];
const SENSORS: [&str; 4] = ["x", "y [bar]", "time", "s"];

#[derive(Clone, Debug)]
enum Step {
    /// Device, time and cells: sensor, value, and whether it is a text.
    Send(usize, i64, Vec<(usize, i32, bool)>),
    Checkpoint,
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let cell = (0..SENSORS.len(), -3..4_i32, any::<bool>());
    let cells = prop::collection::vec(cell, 1..5);
    prop_oneof![
        20 => (0..DEVICES.len(), 0..12_i64, cells)
            .prop_map(|(device, time, cells)| Step::Send(device, time, cells)),
        2 => Just(Step::Checkpoint),
        1 => Just(Step::Restart),
    ]
}

fn value(sensor: usize, number: i32, text: bool) -> V {
    match (sensor, text) {
        // This one changes its type; the others keep to numbers.
        (3, true) => t(&format!("text {number}")),
        (0, _) => n(f64::from(number) / 3.0),
        _ => n(f64::from(number) / 10.0),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn the_store_keeps_what_a_map_would(steps in prop::collection::vec(step(), 1..60)) {
        let dir = tempfile::tempdir().unwrap();
        let mut store = open(dir.path());
        let mut model: BTreeMap<(usize, &str, i64), V> = BTreeMap::new();
        let mut newest: BTreeMap<(usize, &str), i64> = BTreeMap::new();
        let (mut sent, mut stored, mut deduplicated, mut conflicts) = (0, 0, 0, 0);
        let mut expected_conflicts = 0;
        for step in steps {
            match step {
                Step::Send(device, time, cells) => {
                    let time = T0 + time * SECOND;
                    let mut is_late = false;
                    let mut values = Vec::new();
                    for (sensor, number, text) in cells {
                        let (name, value) = (SENSORS[sensor], value(sensor, number, text));
                        let bare = name.split(' ').next().unwrap();
                        let last = newest.entry((device, bare)).or_insert(i64::MIN);
                        is_late |= time <= *last;
                        *last = time.max(*last);
                        let before = model.insert((device, bare, time), value.clone());
                        expected_conflicts += u64::from(before.is_some_and(|v| v != value));
                        values.push((name, value));
                    }
                    sent += values.len() as u64;
                    let make = if is_late { late } else { row };
                    let applied = store.append(&[make(DEVICES[device], time, values)]);
                    stored += applied.stored;
                    deduplicated += applied.deduplicated;
                    conflicts += applied.conflicts;
                }
                Step::Checkpoint => {
                    store.checkpoint();
                }
                Step::Restart => {
                    store.checkpoint();
                    store = reopen(store, dir.path());
                }
            }
        }
        prop_assert_eq!(stored + deduplicated, sent);
        prop_assert_eq!(stored, model.len() as u64);
        prop_assert_eq!(conflicts, expected_conflicts);
        store.checkpoint();
        prop_assert_eq!(store.count(), stored);
        let columns = ["device", "sensor", "time_ns", "value", "text"];
        let rows = store.readings().show(&columns);
        let expected = model.iter().map(|((device, sensor, time), value)| match value {
            V::N(number) => format!("{}|{sensor}|{time}|{number:?}|-", DEVICES[*device]),
            V::T(text) => format!("{}|{sensor}|{time}|-|{text}", DEVICES[*device]),
        });
        let mut expected: Vec<String> = expected.collect();
        expected.sort();
        let mut rows = rows;
        rows.sort();
        prop_assert_eq!(rows, expected);
    }
}
