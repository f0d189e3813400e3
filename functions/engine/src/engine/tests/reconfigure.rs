//! What a change of the configuration in the middle of the stream keeps.

use proptest::prelude::*;
use weir_model::Verdict;

use super::*;

fn named(name: &str, sensor: &str, warning_high: f64) -> Function {
    Function {
        name: name.to_owned(),
        sensor: Some(sensor.to_owned()),
        kind: FunctionKind::Threshold(Threshold {
            warning_high: Some(warning_high),
            deadband: 2.0,
            ..Threshold::default()
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

/// Function and level of each verdict.
fn verdicts(bench: &Bench, batch: &Batch) -> Vec<(String, Level)> {
    let verdict = |v: &Verdict| (bench.engine.slot(v.slot).function.to_owned(), v.level);
    batch.verdicts.iter().map(verdict).collect()
}

#[test]
fn a_changed_limit_judges_what_is_open_and_keeps_the_deadband() {
    let mut bench = Bench::with(&config(&[named("hot", "temp*", 80.0)]));
    assert_eq!(levels(&bench.temperature(0, 85.0)), [WARNING]);

    // It was above: 83 is within the deadband of the new limit.
    bench
        .engine
        .reconfigure(&config(&[named("hot", "temp*", 84.0)]));
    assert_eq!(bench.engine.abandoned(), [0_u32; 0]);
    assert_eq!(levels(&bench.temperature(1, 83.0)), [WARNING]);
    bench
        .engine
        .reconfigure(&config(&[named("hot", "temp*", 90.0)]));
    assert_eq!(levels(&bench.temperature(2, 85.0)), [None]);
}

#[test]
fn functions_come_and_go_and_the_others_do_not_notice() {
    let (a, b) = (named("a", "temp*", 80.0), named("b", "temp*", 80.0));
    let mut bench = Bench::with(&config(&[a.clone(), b.clone()]));
    bench.temperature(0, 85.0);
    let catalog = bench.engine.catalog().clone();

    bench.engine.reconfigure(&config(std::slice::from_ref(&b)));
    assert_eq!(bench.engine.abandoned(), [0]);
    let slot = bench.engine.slot(0);
    let removed = ("a", crate::REMOVED_FUNCTION);
    assert_eq!((slot.function, slot.function_ix), removed);
    let batch = bench.temperature(1, 79.0);
    assert_eq!(verdicts(&bench, &batch), [("b".into(), WARNING)]);

    // It may come back, empty, and in another place.
    let c = named("c", "temp*", 70.0);
    bench.engine.reconfigure(&config(&[c, b, a]));
    assert_eq!(bench.engine.abandoned(), [0_u32; 0]);
    let batch = bench.temperature(2, 79.0);
    let expect = [
        ("a".to_owned(), None),
        ("b".to_owned(), WARNING),
        ("c".to_owned(), WARNING),
    ];
    assert_eq!(verdicts(&bench, &batch), expect);
    assert!(std::sync::Arc::ptr_eq(&catalog, bench.engine.catalog()));
}

#[test]
fn a_function_that_selects_a_series_no_more_abandons_its_slot() {
    let mut bench = Bench::with(&config(&[named("hot", "temp*", 80.0)]));
    bench.temperature(0, 85.0);
    bench
        .engine
        .reconfigure(&config(&[named("hot", "pressure", 80.0)]));
    assert_eq!(bench.engine.abandoned(), [0]);
    // Back again it starts empty.
    bench
        .engine
        .reconfigure(&config(&[named("hot", "temp*", 80.0)]));
    assert_eq!(levels(&bench.temperature(1, 79.0)), [None]);
}

#[test]
fn a_rule_for_a_series_takes_the_place_of_limits_in_its_payload() {
    let mut bench = Bench::new();
    let limited = |millis: i64| {
        let time = T0 + millis;
        format!(
            r#"{{"timestamp":{time},"data":[{{"sensorId":"temperature","value":50,"criticalThreshold":40}}]}}"#
        )
    };
    assert_eq!(levels(&bench.send(&limited(0))), [CRITICAL]);
    bench
        .engine
        .reconfigure(&config(&[named("hot", "temp*", 80.0)]));
    assert_eq!(bench.engine.abandoned(), [0]);
    let batch = bench.send(&limited(1));
    let expect = [("payload".to_owned(), None), ("hot".to_owned(), None)];
    assert_eq!(verdicts(&bench, &batch), expect);
    bench.engine.reconfigure(&config(&[]));
    assert_eq!(bench.engine.abandoned(), [1]);
    assert_eq!(levels(&bench.send(&limited(2))), [CRITICAL]);
}

#[test]
fn routes_and_limits_change_too() {
    let mut bench = Bench::new();
    let mut config = config_with_topics(&["plant/{device}"]);
    config.limits.max_payload = 30;
    bench.engine.reconfigure(&config);
    let reason = |batch: Batch| reasons(&batch);
    let small = r#"{"temperature":1}"#;
    assert_eq!(
        reason(bench.send(small)),
        [(None, QuarantineReason::NoRoute)]
    );
    assert_eq!(reason(bench.send_to("plant/p1", small)), []);
    let large = r#"{"temperature":1,"pressure":1000000}"#;
    assert_eq!(
        reason(bench.send_to("plant/p1", large)),
        [(None, QuarantineReason::TooLarge)]
    );
}

fn some_functions() -> impl Strategy<Value = Vec<Function>> {
    let function = (
        prop::sample::select(vec!["a", "b", "c"]),
        prop::sample::select(vec!["temp*", "x", "*"]),
        prop::sample::select(vec![10.0, 20.0]),
    );
    prop::collection::vec(function, 0..4).prop_map(|drawn| {
        let mut functions: Vec<Function> = Vec::new();
        for (name, sensor, limit) in drawn {
            if functions.iter().all(|other| other.name != name) {
                functions.push(named(name, sensor, limit));
            }
        }
        functions
    })
}

fn readings() -> impl Strategy<Value = Vec<(&'static str, u8)>> {
    let sensor = prop::sample::select(vec!["temperature", "x", "y"]);
    prop::collection::vec((sensor, 0_u8..30), 1..20)
}

fn feed(bench: &mut Bench, from: usize, readings: &[(&str, u8)]) -> String {
    let mut all = String::new();
    for (nth, (sensor, value)) in (from..).zip(readings) {
        let time = T0 + nth as i64;
        let batch = bench.send(&format!(r#"{{"{sensor}": {value}, "timestamp": {time}}}"#));
        all += &format!("{batch:?}");
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    /// To reload is as to restart with the new configuration, to the byte; and to
    /// reload what is in force changes nothing.
    #[test]
    fn a_reload_is_a_restart_that_nobody_notices(
        before in some_functions(), after in some_functions(),
        first in readings(), second in readings(),
    ) {
        let (before, after) = (config(&before), config(&after));
        let mut bench = Bench::with(&before);
        feed(&mut bench, 0, &first);
        let snapshot = bench.engine.snapshot();
        bench.engine.reconfigure(&before);
        prop_assert_eq!(&bench.engine.snapshot(), &snapshot);
        prop_assert!(bench.engine.abandoned().is_empty());

        bench.engine.reconfigure(&after);
        let mut restarted = Bench {
            engine: Engine::restore(&after, &snapshot).unwrap(),
            position: bench.position,
        };
        prop_assert_eq!(bench.engine.abandoned(), restarted.engine.abandoned());
        prop_assert_eq!(bench.engine.snapshot(), restarted.engine.snapshot());
        let live = feed(&mut bench, first.len(), &second);
        prop_assert_eq!(live, feed(&mut restarted, first.len(), &second));
        prop_assert_eq!(bench.engine.snapshot(), restarted.engine.snapshot());
    }

    /// The verdicts of a function that stays as it is are those that it would
    /// have given without the reload.
    #[test]
    fn an_unchanged_function_continues_as_if_nothing_had_happened(
        others in some_functions(), later in some_functions(),
        first in readings(), second in readings(),
    ) {
        let kept = named("kept", "*", 15.0);
        let with_kept = |mut functions: Vec<Function>, at: usize| {
            functions.insert(at.min(functions.len()), kept.clone());
            config(&functions)
        };
        let of_kept = |bench: &mut Bench, from: usize, readings: &[(&str, u8)]| {
            let mut all = Vec::new();
            for (nth, (sensor, value)) in (from..).zip(readings) {
                let time = T0 + nth as i64;
                let batch = bench.send(&format!(r#"{{"{sensor}": {value}, "timestamp": {time}}}"#));
                let verdicts = batch.verdicts.iter();
                let kept = verdicts.filter(|v| bench.engine.slot(v.slot).function == "kept");
                all.extend(kept.map(|v| (v.time, v.level, v.threshold.to_bits())));
            }
            all
        };
        let mut reloaded = Bench::with(&with_kept(others, 1));
        let mut alone = Bench::with(&config(std::slice::from_ref(&kept)));
        of_kept(&mut reloaded, 0, &first);
        of_kept(&mut alone, 0, &first);
        reloaded.engine.reconfigure(&with_kept(later, 0));
        let expect = of_kept(&mut alone, first.len(), &second);
        prop_assert_eq!(of_kept(&mut reloaded, first.len(), &second), expect);
    }
}
