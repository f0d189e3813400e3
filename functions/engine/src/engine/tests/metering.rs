//! What the engine counts of its functions' work.

use weir_config::{Derived, Effect, Expression, Range};
use weir_model::Quality;

use super::*;
use crate::{FunctionUsage, Tally, Watched};

fn range(name: &str, max: f64, quality: Quality) -> Function {
    let effect = Effect {
        quality,
        severity: WARNING,
    };
    Function {
        name: name.to_owned(),
        kind: FunctionKind::Range(Range {
            min: None,
            max: Some(max),
            not: Vec::new(),
            effect,
        }),
        ..overheat()
    }
}

fn ratio() -> Function {
    Function {
        name: "ratio".to_owned(),
        sensor: None,
        kind: FunctionKind::Derived(Derived {
            expression: Expression::new("temperature / load").unwrap(),
            output: "ratio".to_owned(),
            unit: None,
            max_age: Duration::from_secs(60),
            severity: None,
        }),
        ..overheat()
    }
}

fn config(functions: &[Function]) -> Config {
    Config {
        functions: functions.to_vec(),
        ..Config::default()
    }
}

fn usage(bench: &mut Bench, name: &str) -> FunctionUsage {
    let functions = bench.engine.usage().functions;
    functions
        .into_iter()
        .find(|function| *function.name == *name)
        .unwrap()
}

#[test]
fn every_invocation_counts_and_what_it_came_to() {
    let functions = [
        range("flags", 85.0, Quality::Suspect),
        range("refuses", 95.0, Quality::Bad),
        overheat(),
        ratio(),
    ];
    let mut bench = Bench::with(&config(&functions));
    for (millis, value) in [(0, 20.0), (10, 85.0), (20, 92.0), (30, 99.0)] {
        bench.temperature(millis, value);
    }
    // Late: only checks without a memory look at it.
    bench.temperature(5, 21.0);
    // The division by zero fails.
    bench.send(&format!(r#"{{"load": 0, "timestamp": {}}}"#, T0 + 40));

    let tally = |bench: &mut Bench, name: &str| usage(bench, name).tally;
    let five = Tally {
        invocations: 5,
        ..Tally::default()
    };
    assert_eq!(
        tally(&mut bench, "flags"),
        Tally {
            warning: 2,
            suspect: 2,
            ..five
        }
    );
    assert_eq!(
        tally(&mut bench, "refuses"),
        Tally {
            warning: 1,
            bad: 1,
            ..five
        }
    );
    // What was refused it did not see, nor what was late.
    assert_eq!(
        tally(&mut bench, "overheat"),
        Tally {
            invocations: 3,
            warning: 1,
            critical: 1,
            ..Tally::default()
        }
    );
    assert_eq!(
        tally(&mut bench, "ratio"),
        Tally {
            invocations: 1,
            errors: 1,
            ..Tally::default()
        }
    );
    assert_eq!(tally(&mut bench, "payload"), Tally::default());
    assert_eq!(bench.engine.usage().messages, 6);
    assert_eq!(usage(&mut bench, "overheat").series, 1);
    assert_eq!(usage(&mut bench, "payload").series, 0);
}

#[test]
fn a_message_that_is_refused_and_limits_of_a_payload_count_too() {
    let mut bench = Bench::new();
    bench.send("{");
    for device in ["a", "b"] {
        let payload = r#"{"data":[{"sensorId":"t","value":9,"criticalThreshold":5}]}"#;
        bench.send_to(&format!("devices/{device}/telemetry"), payload);
    }
    let payload = usage(&mut bench, "payload");
    assert_eq!((payload.tally.invocations, payload.tally.critical), (2, 2));
    assert_eq!((payload.series, bench.engine.usage().messages), (2, 3));
}

#[test]
fn counts_continue_after_a_restart_and_a_reload_by_name_and_kind() {
    let before = config(&[overheat(), range("r", 95.0, Quality::Suspect)]);
    let mut bench = Bench::with(&before);
    bench.temperature(0, 85.0);
    let (snapshot, tallies) = (bench.engine.snapshot(), bench.engine.tallies());

    let mut restarted = Bench {
        engine: Engine::restore(&before, &snapshot).unwrap(),
        position: bench.position,
    };
    restarted.engine.resume_tallies(&tallies);
    for bench in [&mut bench, &mut restarted] {
        bench.temperature(1, 85.0);
    }
    assert_eq!(bench.engine.tallies(), restarted.engine.tallies());
    assert_eq!(usage(&mut bench, "overheat").tally.invocations, 2);
    assert_eq!(usage(&mut restarted, "overheat").series, 1);

    // Another place, and "r" is another kind now.
    let r = Function {
        name: "r".to_owned(),
        ..overheat()
    };
    bench.engine.reconfigure(&config(&[r, overheat()]));
    bench.temperature(2, 85.0);
    assert_eq!(usage(&mut bench, "overheat").tally.invocations, 3);
    assert_eq!(usage(&mut bench, "r").tally.invocations, 1);
    assert_eq!(usage(&mut bench, "r").series, 1);
    bench.engine.reconfigure(&config(&[]));
    assert_eq!(bench.engine.usage().functions.len(), 1);
}

#[test]
fn a_clock_changes_no_outcome() {
    let functions = [overheat(), range("r", 50.0, Quality::Suspect), ratio()];
    let config = config(&functions);
    let (mut timed, mut plain) = (Bench::with(&config), Bench::with(&config));
    timed.engine.measure_by(|| 0);
    for nth in 0..300_u32 {
        let value = f64::from(nth % 100);
        let (a, b) = (
            timed.temperature(nth.into(), value),
            plain.temperature(nth.into(), value),
        );
        assert_eq!(format!("{a:?}"), format!("{b:?}"));
    }
    assert_eq!(timed.engine.snapshot(), plain.engine.snapshot());
    assert_eq!(timed.engine.tallies(), plain.engine.tallies());
    let times = usage(&mut timed, "overheat").time;
    assert!(times.count() >= 300 / 128, "{times:?}");
    assert_eq!(usage(&mut plain, "overheat").time.count(), 0);
}

#[test]
fn the_series_that_a_function_watches_are_found_in_short_looks() {
    let functions = [range("flags", 85.0, Quality::Suspect), ratio()];
    let mut bench = Bench::with(&config(&functions));
    bench.temperature(0, 20.0);
    bench.send(&format!(r#"{{"load": 1, "timestamp": {}}}"#, T0 + 10));
    for looks in [1, 1_000] {
        let mut found = Watched::default();
        while bench.engine.watched("flags", looks, 10, &mut found) {}
        let series: Vec<&str> = found.series.iter().map(|(_, sensor)| &**sensor).collect();
        assert_eq!((series, found.total), (vec!["temperature"], 1));
    }
    let mut found = Watched::default();
    assert!(!bench.engine.watched("flags", 1_000, 0, &mut found));
    assert_eq!((found.series.len(), found.total), (0, 1));
    assert!(!bench.engine.watched("no-such", 1_000, 10, &mut found));
    assert_eq!(bench.engine.stage_of("flags"), Some("check"));
    assert_eq!(bench.engine.stage_of("payload"), Some("detect"));
    assert_eq!(bench.engine.stage_of("no-such"), None);
}
