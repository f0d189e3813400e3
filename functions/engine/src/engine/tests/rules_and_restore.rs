//! Which functions a series has, and what a snapshot keeps of them when the
//! configuration changes.

use super::*;

fn config(functions: &[Function]) -> Config {
    Config {
        functions: functions.to_vec(),
        ..Config::default()
    }
}

fn named(name: &str) -> Function {
    Function {
        name: name.to_owned(),
        ..overheat()
    }
}

#[test]
fn a_rule_takes_the_place_of_limits_in_the_payload() {
    let mut bench = Bench::with(&config(&[overheat()]));
    let batch = bench.send(
        r#"{"timestamp":1700000000000,"data":[{"sensorId":"temperature","value":50,"criticalThreshold":40},
            {"sensorId":"other","value":50,"criticalThreshold":40}]}"#,
    );
    let function = |at: usize| {
        bench
            .engine
            .slot(batch.verdicts[at].slot)
            .function
            .to_owned()
    };
    assert_eq!(levels(&batch), [None, CRITICAL]);
    assert_eq!(
        (function(0), function(1)),
        ("overheat".to_owned(), "payload".to_owned())
    );
    let infos = bench.engine.functions();
    assert_eq!(
        (&*infos[0].name, infos[0].on_delay_ns, infos[0].off_delay_ns),
        ("payload", 0, 0)
    );
    assert_eq!(infos[1].on_delay_ns, 10_000_000_000);
    assert_eq!(infos[1].off_delay_ns, 30_000_000_000);
}

#[test]
fn every_function_of_a_series_gives_a_verdict_per_newer_number() {
    let mut bench = Bench::with(&config(&[named("one"), named("two")]));
    assert_eq!(levels(&bench.temperature(0, 85.0)), [WARNING, WARNING]);
    assert_eq!(levels(&bench.temperature(1, 79.0)), [WARNING, WARNING]);
    assert_eq!(levels(&bench.temperature(2, 78.0)), [None, None]);
    let text = bench.send(r#"{"temperature":"hot","timestamp":1700000000003}"#);
    assert_eq!(levels(&text), []);
    assert_eq!(
        levels(&bench.send(r#"{"door":true,"timestamp":1700000000003}"#)),
        []
    );
}

#[test]
fn limits_in_the_payload_that_go_away_end_what_they_raised() {
    let mut bench = Bench::new();
    let mut send = |millis: i64, limits: &str| {
        let time = T0 + millis;
        let reading = format!(r#"{{"sensorId":"a","value":5{limits}}}"#);
        levels(&bench.send(&format!(r#"{{"timestamp":{time},"data":[{reading}]}}"#)))
    };
    assert_eq!(send(0, ""), []);
    assert_eq!(send(1, r#","warningThreshold":4"#), [WARNING]);
    assert_eq!(
        send(2, r#","criticalThreshold":4,"warningThreshold":3"#),
        [CRITICAL]
    );
    assert_eq!(send(3, r#","criticalThreshold":5"#), [None]);
    assert_eq!(send(4, r#","criticalThreshold":4"#), [CRITICAL]);
    assert_eq!(send(5, ""), [None]);
}

#[test]
fn a_series_that_moves_has_the_functions_of_its_new_place() {
    let hall = Function {
        location: Some("hall-*".to_owned()),
        ..overheat()
    };
    let mut bench = Bench::with(&config(&[hall]));
    let mut send = |millis: i64, location: &str| {
        let time = T0 + millis;
        let payload = format!(
            r#"{{"timestamp":{time},"location":{location:?},"data":[
                {{"sensorId":"temperature","value":85,"criticalThreshold":9}}]}}"#
        );
        let batch = bench.send(&payload);
        let verdict = |verdict: &weir_model::Verdict| (verdict.function, verdict.level);
        batch.verdicts.iter().map(verdict).collect::<Vec<_>>()
    };
    assert_eq!(send(0, "yard"), [(0, CRITICAL)]);
    assert_eq!(send(1, "hall-1"), [(0, None), (1, WARNING)]);
    assert_eq!(send(2, "hall-2"), [(0, None), (1, WARNING)]);
    // Late news of an old place move nothing.
    assert_eq!(send(1, "yard"), []);
    assert_eq!(send(3, "hall-2"), [(0, None), (1, WARNING)]);
    assert_eq!(send(4, "yard"), [(0, CRITICAL), (1, None)]);
}

#[test]
fn a_function_keeps_its_memory_by_its_name() {
    let mut bench = Bench::with(&config(&[named("a"), named("b")]));
    assert_eq!(levels(&bench.temperature(0, 85.0)), [WARNING, WARNING]);
    let snapshot = bench.engine.snapshot();

    // 79 is a warning only for one that remembers that it was above 80, and a
    // threshold that is changed keeps that.
    let changed = Function {
        device: Some("*".to_owned()),
        ..named("b")
    };
    let new_config = config(&[named("new"), changed, named("a")]);
    let mut bench = Bench {
        engine: Engine::restore(&new_config, &snapshot).unwrap(),
        position: 9,
    };
    let batch = bench.temperature(1, 79.0);
    let verdict = |verdict: &weir_model::Verdict| {
        let slot = bench.engine.slot(verdict.slot);
        assert_eq!(slot.function_ix, verdict.function);
        (verdict.slot, slot.function.to_owned(), verdict.level)
    };
    let verdicts: Vec<_> = batch.verdicts.iter().map(verdict).collect();
    let expect = [
        (0, "a".into(), WARNING),
        (1, "b".into(), WARNING),
        (2, "new".into(), None),
    ];
    assert_eq!(verdicts, expect);
}

#[test]
fn a_removed_function_leaves_its_slot_and_may_come_back_empty() {
    let both = config(&[named("a"), named("b")]);
    let mut bench = Bench::with(&both);
    assert_eq!(levels(&bench.temperature(0, 85.0)), [WARNING, WARNING]);

    let snapshot = bench.engine.snapshot();
    let engine = Engine::restore(&config(&[named("b")]), &snapshot).unwrap();
    let slot = engine.slot(0);
    assert_eq!(
        (slot.function, slot.function_ix),
        ("a", crate::REMOVED_FUNCTION)
    );
    let mut bench = Bench {
        engine,
        position: 9,
    };
    let batch = bench.temperature(1, 79.0);
    let verdicts: Vec<_> = batch
        .verdicts
        .iter()
        .map(|v| (v.slot, v.function, v.level))
        .collect();
    assert_eq!(verdicts, [(1, 1, WARNING)]);

    let snapshot = bench.engine.snapshot();
    let mut bench = Bench {
        engine: Engine::restore(&both, &snapshot).unwrap(),
        position: 99,
    };
    assert_eq!(levels(&bench.temperature(2, 79.0)), [None, WARNING]);
    assert_eq!(bench.engine.slot_count(), 2);
}

#[test]
fn a_snapshot_that_is_damaged_is_refused_and_never_panics() {
    let mut bench = Bench::with(&config(&[overheat()]));
    bench.send(r#"{"timestamp":1700000000000,"temperature":85,"state":"on","location":"hall"}"#);
    bench.send_retained(r#"{"temperature":85}"#, RECEIVED);
    let snapshot = bench.engine.snapshot();
    let restore = |bytes: &[u8]| Engine::restore(&config(&[overheat()]), bytes);
    assert_eq!(restore(&[]).unwrap_err(), SnapshotError::Empty);
    assert_eq!(
        restore(&[99]).unwrap_err(),
        SnapshotError::Version { found: 99 }
    );
    for end in 1..snapshot.len() {
        assert!(restore(&snapshot[..end]).is_err(), "cut at {end}");
    }
    for at in 1..snapshot.len() {
        for flip in [0x01, 0x10, 0x80, 0xff] {
            let mut damaged = snapshot.clone();
            damaged[at] ^= flip;
            // What is taken in spite of the damage must work.
            if let Ok(engine) = restore(&damaged) {
                let mut bench = Bench {
                    engine,
                    position: 0,
                };
                bench.temperature(50, 95.0);
                bench.engine.changed_devices(&mut |_, _| {});
                bench.engine.snapshot();
            }
        }
    }
}

/// Version 2, written by the last Weir that did: functions a and b on
/// `temperature` at 85, both warning, and a payload's limit on `other`.
const VERSION_2: &[u8] = include_bytes!("snapshot-2.bin");

#[test]
fn a_snapshot_of_the_versions_before_is_read() {
    let both = config(&[named("a"), named("b")]);
    let engine = Engine::restore(&both, VERSION_2).unwrap();
    assert_eq!(engine.sequence_totals().seen, 1);
    let mut bench = Bench {
        engine,
        position: 9,
    };
    // Only who remembers that it was above 80 warns at 79.
    assert_eq!(levels(&bench.temperature(2, 79.0)), [WARNING, WARNING]);
    assert_eq!(bench.engine.slot_count(), 3);
    let other = r#"{"timestamp":1700000000003,"other":1}"#;
    assert_eq!(levels(&bench.send(other)), [None]);

    // Version 1 had no sequences: the device's and the totals of it.
    let (_, tables) = VERSION_2.split_first().unwrap();
    let first = [&[1], &tables[..tables.len() - SEQUENCES.len()]].concat();
    assert!(VERSION_2.ends_with(SEQUENCES));
    let engine = Engine::restore(&both, &first).unwrap();
    assert_eq!(engine.sequence_totals().seen, 0);
    assert_eq!(engine.slot_count(), 3);
}

/// One device: index 0, last number 7, one seen, no gap; and no series.
const SEQUENCES: &[u8] = &[1, 0, 1, 7, 1, 0, 0, 0, 0, 0];
