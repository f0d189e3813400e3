//! Modules that keep to the interface: what they conclude, and that it follows
//! from the messages alone. `hostile` holds those that do not.

use std::process::Command;
use std::time::Duration;

use proptest::prelude::*;
use weir_config::{Config, Function, FunctionKind, Module, ModuleContent, Wasm};
use weir_model::{Ingress, Level, Message, Position, Severity, Side, Timestamp, Verdict};

use crate::{Batch, Engine};

mod hostile;

const T0: i64 = 1_700_000_000_000;
const LIMIT: &str = include_str!("../../../../docs/reference/functions/wasm/limit.wat");
const WARNING: Level = Some(Severity::Warning);
const CRITICAL: Level = Some(Severity::Critical);

/// A module with this text or these bytes, and little of everything.
fn wasm(content: impl AsRef<[u8]>) -> Wasm {
    Wasm {
        module: Module {
            path: "test.wat".into(),
            line: 7,
            content: ModuleContent::new(content.as_ref().to_vec()).into(),
        },
        state: 0,
        state_version: None,
        params: Vec::new(),
        reasons: Vec::new(),
        fuel: 100_000,
        memory: 1 << 20,
        timeout: Duration::from_secs(60),
        max_failures: 3,
    }
}

/// A module around a body of `weir_evaluate_1`, with the batch at 1024 and as
/// `$batch`; `$r` is for its use. `more` are further fields.
fn body(evaluate: &str, more: &str) -> String {
    format!(
        r#"(module
             (memory (export "memory") 4)
             {more}
             (func (export "weir_input_1") (param i32) (result i32) (i32.const 1024))
             (func (export "weir_evaluate_1") (param $batch i32) (param i32) (result i32)
               (local $r i32) (local $end i32)
               (local.set $r (i32.add (local.get $batch) (i32.load offset=24 (local.get $batch))))
               (local.set $end (i32.add (local.get $r)
                 (i32.mul (i32.load offset=4 (local.get $batch)) (i32.const 48))))
               {evaluate}
               (i32.const 0)))"#
    )
}

/// Adds every value to the state of its series, and gives the sum as the score.
fn sums() -> Wasm {
    let evaluate = "
        (block $done (loop $next
          (br_if $done (i32.ge_u (local.get $r) (local.get $end)))
          (local.set $s (i32.add
            (i32.add (local.get $batch) (i32.load offset=28 (local.get $batch)))
            (i32.mul (i32.load offset=16 (local.get $r)) (i32.const 8))))
          (f64.store (local.get $s)
            (f64.add (f64.load (local.get $s)) (f64.load offset=8 (local.get $r))))
          (f64.store offset=32 (local.get $r) (f64.load (local.get $s)))
          (i32.store8 offset=24 (local.get $r)
            (f64.gt (f64.load (local.get $s)) (f64.const 50)))
          (local.set $r (i32.add (local.get $r) (i32.const 48)))
          (br $next)))";
    let text = body(evaluate, "").replace("(local $r i32)", "(local $r i32) (local $s i32)");
    Wasm {
        state: 8,
        memory: 2 << 20,
        ..wasm(text.replace("\"memory\") 4", "\"memory\") 6"))
    }
}

fn config(modules: Vec<Wasm>) -> Config {
    let function = |(nth, settings): (usize, Wasm)| Function {
        name: format!("own-{nth}"),
        device: None,
        sensor: None,
        location: None,
        kind: FunctionKind::Wasm(settings),
        on_delay: Duration::ZERO,
        off_delay: Duration::ZERO,
        longest_gap: None,
    };
    Config {
        functions: modules.into_iter().enumerate().map(function).collect(),
        ..Config::default()
    }
}

fn engine(settings: Wasm) -> Engine {
    Engine::new(&config(vec![settings]))
}

fn send(engine: &mut Engine, position: u64, payload: &str, out: &mut Batch) {
    let message = Message {
        received: Timestamp::from_millis(T0 + 100_000).unwrap(),
        ingress: Ingress::Broker,
        client: "",
        topic: "devices/p1/telemetry",
        payload: payload.as_bytes(),
        qos: 1,
        retained: false,
        duplicate: false,
    };
    engine.on_message(Position(position), &message, out);
}

/// One message of the sensor `x`, at so many milliseconds.
fn one(engine: &mut Engine, time: i64, value: f64) -> Vec<Verdict> {
    let mut out = Batch::default();
    let payload = format!(r#"{{"x": {value:?}, "timestamp": {}}}"#, T0 + time);
    send(engine, time as u64, &payload, &mut out);
    assert_eq!(
        out.rows.readings(),
        1,
        "it is stored whatever becomes of it"
    );
    out.verdicts
}

fn tripped(engine: &Engine) -> Option<String> {
    engine.modules().next().unwrap().tripped.map(str::to_owned)
}

#[test]
fn the_text_example_on_a_series_checked_by_hand() {
    let settings = Wasm {
        params: vec![80.0, 90.0],
        reasons: vec!["hot".to_owned(), "far too hot".to_owned()],
        ..wasm(LIMIT)
    };
    assert_eq!(super::check(&config(vec![settings.clone()])), []);
    let mut engine = engine(settings);
    // Level, reason, score and limit of 79.5, 80, 80.5, 95.25 and 60.
    let expected = [
        (79.5, None, None, -0.5, 80.0),
        (80.0, None, None, 0.0, 80.0),
        (80.5, WARNING, Some("hot"), 0.5, 80.0),
        (95.25, CRITICAL, Some("far too hot"), 5.25, 90.0),
        (60.0, None, None, -20.0, 80.0),
    ];
    for (nth, (value, level, said, score, limit)) in (1..).zip(expected) {
        let verdicts = one(&mut engine, nth, value);
        let [verdict] = &verdicts[..] else {
            panic!("{verdicts:?}")
        };
        let found = (
            verdict.level,
            verdict.score,
            verdict.threshold,
            verdict.side,
        );
        assert_eq!(found, (level, score, limit, Side::High), "{value}");
        assert_eq!(engine.custom_reason(verdict), said, "{value}");
        assert_eq!(verdict.value, value);
    }
}

#[test]
fn the_module_of_the_demo_on_a_series_checked_by_hand() {
    let settings = Wasm {
        state: 24,
        params: vec![2.0, 3.0],
        reasons: vec!["swinging up and down".to_owned()],
        ..wasm(include_str!("../../../../simulator/hunting.wat"))
    };
    assert_eq!(super::check(&config(vec![settings.clone()])), []);
    let mut engine = engine(settings);
    // Value, and swings in a row: of at least 2, each back from the one before.
    let series = [
        (10.0, 0.0),
        (12.0, 1.0),
        (10.0, 2.0),
        (13.5, 3.0),
        (9.0, 4.0),
        // On the same way: it starts with an empty state.
        (6.0, 1.0),
        (8.0, 2.0),
        // Too little.
        (7.0, 0.0),
        (9.5, 1.0),
        (7.5, 2.0),
        (9.5, 3.0),
        (9.5, 0.0),
    ];
    for (nth, (value, swings)) in (1..).zip(series) {
        let verdict = one(&mut engine, nth, value)[0];
        assert_eq!(verdict.score, swings, "reading {nth}");
        assert!(verdict.threshold.is_nan());
        let many = swings >= 3.0;
        assert_eq!(
            verdict.level,
            many.then_some(Severity::Warning),
            "reading {nth}"
        );
        assert_eq!(
            engine.custom_reason(&verdict),
            many.then_some("swinging up and down")
        );
    }
}

#[test]
#[ignore = "needs the wasm32 target"]
fn the_example_in_rust_finds_the_drift_that_plain_arithmetic_finds() {
    let folder = tempfile::tempdir().unwrap();
    let module = folder.path().join("drift.wasm");
    let source = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/reference/functions/wasm/drift.rs"
    );
    let status = Command::new(std::env::var_os("RUSTC").unwrap_or("rustc".into()))
        .args(["--edition", "2024", "--target", "wasm32-unknown-unknown"])
        .args(["--crate-type", "cdylib", "-O", "-C", "panic=abort"])
        .args(["-C", "link-arg=-zstack-size=16384", "-o"])
        .args([module.as_os_str(), source.as_ref()])
        .status()
        .unwrap();
    assert!(status.success());
    let settings = Wasm {
        state: 32,
        params: vec![3.0, 6.0],
        reasons: vec!["drifting".to_owned()],
        ..wasm(std::fs::read(&module).unwrap())
    };
    assert_eq!(super::check(&config(vec![settings.clone()])), []);
    let mut engine = engine(settings);
    let (mut seen, mut fast, mut slow, mut spread) = (0_u64, 0.0_f64, 0.0_f64, 0.0_f64);
    let mut found = Vec::new();
    for nth in 0..300 {
        let level = if nth < 200 { 10.0 } else { 13.0 };
        let value = level + f64::from(nth * 7 % 11) * 0.1;
        let moved = (fast - slow) / spread.max(1e-9);
        let expected = if seen >= 30 { moved.abs() } else { f64::NAN };
        seen += 1;
        let weight = |most: u64| 1.0 / seen.min(most) as f64;
        fast += weight(10) * (value - fast);
        slow += weight(1_000) * (value - slow);
        spread += weight(1_000) * ((value - slow).abs() - spread);
        let verdict = one(&mut engine, i64::from(nth) + 1, value)[0];
        assert_eq!(verdict.score.to_bits(), expected.to_bits(), "reading {nth}");
        if verdict.level.is_some() {
            assert_eq!(engine.custom_reason(&verdict), Some("drifting"));
            found.push(nth);
        }
    }
    assert_eq!(found.first(), Some(&205));
}

/// Series, milliseconds since the reading before, value: some messages of some readings.
fn messages() -> impl Strategy<Value = Vec<Vec<(u8, i64, f64)>>> {
    let reading = (0_u8..3, -2_i64..5, -10.0..20.0);
    prop::collection::vec(prop::collection::vec(reading, 1..6), 1..40)
}

/// Every verdict, and the snapshot at the end. The outcome is taken and the engine
/// restored before the messages at these places.
fn run(config: &Config, messages: &[Vec<(u8, i64, f64)>], cuts: &[usize]) -> (String, Vec<u8>) {
    let mut engine = Engine::new(config);
    let (mut verdicts, mut out, mut time) = (Vec::new(), Batch::default(), T0);
    for (nth, message) in messages.iter().enumerate() {
        if cuts.contains(&nth) {
            verdicts.append(&mut out.verdicts);
            out.clear();
            let snapshot = engine.snapshot();
            engine = Engine::restore(config, &snapshot).unwrap();
            assert_eq!(engine.snapshot(), snapshot);
        }
        let readings = message.iter().map(|(series, step, value)| {
            time += step;
            format!(r#"{{"sensorId": "s{series}", "value": {value:?}, "timestamp": {time}}}"#)
        });
        let readings: Vec<String> = readings.collect();
        let payload = format!(r#"{{"data": [{}]}}"#, readings.join(","));
        send(&mut engine, nth as u64, &payload, &mut out);
    }
    verdicts.append(&mut out.verdicts);
    (format!("{verdicts:?}"), engine.snapshot())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(40) })]

    #[test]
    fn neither_the_cut_of_the_journal_nor_a_restart_changes_anything(
        messages in messages(), cuts in prop::collection::vec(0_usize..40, 0..5),
    ) {
        let limit = Wasm { params: vec![5.0, 9.0], reasons: vec!["a".to_owned(); 2], ..wasm(LIMIT) };
        // One that fails now and then, and trips or does not.
        let traps = wasm(body("
            (if (f64.gt (f64.load offset=8 (local.get $r)) (f64.const 8)) (then unreachable))", ""));
        let config = config(vec![limit, sums(), traps]);
        let unbroken = run(&config, &messages, &[]);
        prop_assert_eq!(&unbroken, &run(&config, &messages, &[]));
        prop_assert_eq!(&unbroken, &run(&config, &messages, &cuts));
    }
}

#[test]
fn a_large_message_is_cut_into_pieces_that_share_the_states() {
    let mut engine = engine(sums());
    let readings = (1..=3_000).map(|nth| {
        let (sensor, time) = (nth % 2, T0 + nth);
        format!(r#"{{"sensorId": "s{sensor}", "value": 1, "timestamp": {time}}}"#)
    });
    let payload = format!(
        r#"{{"data": [{}]}}"#,
        readings.collect::<Vec<_>>().join(",")
    );
    let mut out = Batch::default();
    send(&mut engine, 1, &payload, &mut out);
    let scores: Vec<f64> = out.verdicts.iter().map(|verdict| verdict.score).collect();
    let expected: Vec<f64> = (2..=3_001).map(|nth| f64::from(nth / 2)).collect();
    assert_eq!(scores, expected);
    let report = engine.modules().next().unwrap();
    assert_eq!((report.calls, report.readings), (3, 3_000));
}

#[test]
fn nothing_carries_over_from_call_to_call_but_the_states() {
    let evaluate = "
        (global.set $g (i32.add (global.get $g) (i32.const 1)))
        (i32.store (i32.const 16) (i32.add (i32.load (i32.const 16)) (i32.const 1)))
        (f64.store offset=32 (local.get $r) (f64.convert_i32_u
          (i32.add (global.get $g) (i32.load (i32.const 16)))))";
    let mut engine = engine(wasm(body(evaluate, "(global $g (mut i32) (i32.const 0))")));
    for time in 1..5 {
        assert_eq!(one(&mut engine, time, 1.0)[0].score, 2.0);
    }
}

#[test]
fn another_module_keeps_the_states_only_under_the_same_version() {
    let changed = |version| {
        let mut settings = sums();
        let text = String::from_utf8(settings.module.content.bytes().to_vec()).unwrap();
        let text = text.replace("f64.const 50", "f64.const 5");
        settings.module.content = ModuleContent::new(text.into_bytes()).into();
        settings.state_version = version;
        config(vec![settings])
    };
    let versioned = |version| {
        let mut settings = sums();
        settings.state_version = version;
        engine(settings)
    };
    for (before, after, expected) in [
        (None, None, 1.0),
        (Some(1), Some(2), 1.0),
        (Some(1), Some(1), 11.0),
    ] {
        let mut engine = versioned(before);
        one(&mut engine, 1, 10.0);
        let config = changed(after);
        let mut restored = Engine::restore(&config, &engine.snapshot()).unwrap();
        engine.reconfigure(&config);
        assert_eq!(one(&mut engine, 2, 1.0)[0].score, expected);
        assert_eq!(one(&mut restored, 2, 1.0)[0].score, expected);
    }
}

#[test]
fn late_retained_and_text_readings_are_not_for_it() {
    let mut engine = engine(sums());
    let mut out = Batch::default();
    for (nth, payload) in [
        format!(r#"{{"x": 5, "timestamp": {}}}"#, T0 + 5),
        format!(r#"{{"x": 5, "timestamp": {}}}"#, T0 + 4),
        format!(r#"{{"x": "text", "timestamp": {}}}"#, T0 + 6),
    ]
    .iter()
    .enumerate()
    {
        send(&mut engine, nth as u64, payload, &mut out);
    }
    assert_eq!(out.rows.readings(), 3);
    assert_eq!(engine.modules().next().unwrap().readings, 1);
}
