//! Laws that hold for every kind: the same readings give the same verdicts, a
//! restart in their middle changes nothing, and no reading panics.

use proptest::prelude::*;
use weir_config::{
    Absence, Adaptive, Allowed, Clock, Cusum, Derived, Duplicate, Effect, Ewma, Expression,
    Flatline, Gap, Mad, Multivariate, Range, RateOfChange, Scores, Season, Seasonal, UnitCheck,
    Values,
};
#[cfg(feature = "wasm")]
use weir_config::{Module, ModuleContent, Wasm};
use weir_model::Quality;

use super::*;

fn effect(quality: Quality) -> Effect {
    Effect {
        quality,
        severity: WARNING,
    }
}

/// Tight enough that each has something to say about the readings below.
pub(super) fn kinds() -> Vec<FunctionKind> {
    let scores = Scores {
        warning: Some(1.0),
        critical: Some(3.0),
        quality: Quality::Suspect,
    };
    let second = Duration::from_secs(1);
    vec![
        FunctionKind::Threshold(Threshold {
            warning_high: Some(15.0),
            warning_low: Some(2.0),
            deadband: 1.0,
            ..Threshold::default()
        }),
        FunctionKind::Range(Range {
            min: Some(0.0),
            max: Some(1e6),
            not: vec![85.0],
            effect: effect(Quality::Bad),
        }),
        FunctionKind::Clock(Clock {
            max_ahead: Some(second),
            max_behind: Some(60 * second),
            effect: effect(Quality::Suspect),
        }),
        FunctionKind::Allowed(Allowed {
            values: Some(Values {
                numbers: (0..20).map(f64::from).collect(),
                texts: vec!["on".to_owned()],
            }),
            not: Values::default(),
            effect: effect(Quality::Suspect),
        }),
        FunctionKind::RateOfChange(RateOfChange {
            max_rise: Some(5.0),
            max_fall: Some(5.0),
            per: second,
            effect: effect(Quality::Bad),
        }),
        FunctionKind::Flatline(Flatline {
            after: 3 * second,
            tolerance: 1.0,
            min_readings: 2,
            effect: effect(Quality::Suspect),
        }),
        FunctionKind::Gap(Gap {
            max_gap: 2 * second,
            effect: effect(Quality::Suspect),
        }),
        FunctionKind::Duplicate(Duplicate {
            interval: 2 * second,
            effect: effect(Quality::Bad),
        }),
        FunctionKind::Ewma(Ewma {
            half_life: 5 * second,
            warmup: 3,
            min_spread: 0.0,
            scores,
        }),
        FunctionKind::Adaptive(Adaptive {
            scores: Scores {
                warning: Some(0.01),
                critical: Some(0.1),
                quality: Quality::Suspect,
            },
            at_most_every: Duration::ZERO,
        }),
        FunctionKind::Mad(Mad {
            window: 5,
            warmup: 3,
            min_spread: 0.1,
            scores,
        }),
        FunctionKind::Seasonal(Seasonal {
            season: Season::Week,
            bin: 300 * second,
            utc_offset_minutes: -90,
            warmup: 2,
            min_spread: 0.0,
            scores,
        }),
        FunctionKind::Cusum(Cusum {
            drift: 0.2,
            warmup: 5,
            min_spread: 0.0,
            scores,
        }),
        FunctionKind::Unit(UnitCheck {
            unit: "Cel".to_owned(),
            assume: true,
            effect: effect(Quality::Bad),
        }),
        FunctionKind::Absence(Absence {
            after: Some(5 * second),
            factor: 3.0,
            expect: Vec::new(),
            gateway: None,
            severity: Severity::Warning,
        }),
        FunctionKind::Derived(Derived {
            expression: Expression::new("x > y").expect("it is an expression"),
            output: "more".to_owned(),
            unit: None,
            max_age: 60 * second,
            severity: WARNING,
        }),
        FunctionKind::Multivariate(Multivariate {
            sensors: vec!["x".to_owned(), "y".to_owned()],
            output: "together".to_owned(),
            warmup: 20,
            explained: 0.9,
            max_age: 60 * second,
            scores,
        }),
        #[cfg(feature = "wasm")]
        FunctionKind::Wasm(hunting()),
    ]
}

/// The module of the demo: it remembers, and gives a score for every reading.
#[cfg(feature = "wasm")]
fn hunting() -> Wasm {
    let text = include_bytes!("../../../../../simulator/hunting.wat");
    Wasm {
        module: Module {
            path: "hunting.wat".into(),
            line: 1,
            content: ModuleContent::new(text.to_vec()).into(),
        },
        state: 24,
        state_version: None,
        params: vec![1.0, 2.0],
        reasons: vec!["swinging up and down".to_owned()],
        fuel: 100_000,
        memory: 1 << 20,
        timeout: Duration::from_secs(60),
        max_failures: 3,
    }
}

fn function(kind: FunctionKind, nth: usize) -> Function {
    Function {
        name: format!("{}-{nth}", kind.name()),
        device: None,
        sensor: Some("x".to_owned()),
        location: None,
        kind,
        on_delay: Duration::ZERO,
        off_delay: Duration::ZERO,
        longest_gap: None,
    }
}

pub(super) fn config(kinds: &[FunctionKind]) -> Config {
    let functions = kinds.iter().enumerate();
    let functions = functions.map(|(nth, kind)| function(kind.clone(), nth));
    Config {
        functions: functions.collect(),
        ..Config::default()
    }
}

/// Seconds since the reading before, and a value as JSON.
fn readings() -> impl Strategy<Value = Vec<(i64, String)>> {
    let value = prop_oneof![
        20 => (0_u8..20).prop_map(|value| value.to_string()),
        3 => (-50.0..50.0).prop_map(|value: f64| format!("{value:?}")),
        1 => any::<f64>().prop_map(|value| format!("{:e}", if value.is_finite() { value } else { 0.0 })),
        1 => prop::sample::select(vec!["\"on\"".to_owned(), "\"off\"".to_owned()]),
    ];
    let step = prop_oneof![10 => 1_i64..3, 2 => -3_i64..60, 1 => 80_000_i64..90_000];
    prop::collection::vec((step, value), 1..80)
}

/// Everything that comes of the readings; the engine is restored before those at `cuts`.
fn run(config: &Config, readings: &[(i64, String)], cuts: &[usize]) -> (String, Vec<u8>) {
    let mut bench = Bench::with(config);
    let (mut all, mut time) = (String::new(), 0);
    for (nth, (step, value)) in readings.iter().enumerate() {
        if cuts.contains(&nth) {
            let snapshot = bench.engine.snapshot();
            bench.engine = Engine::restore(config, &snapshot).unwrap();
            assert_eq!(bench.engine.snapshot(), snapshot);
        }
        time += step;
        let unit = ["Cel", "Cel", "[degF]", "V", "Cel", ""][nth % 6];
        let payload = format!(
            r#"{{"data": [{{"sensorId": "x", "value": {value}, "unit": "{unit}"}},
                {{"sensorId": "y", "value": {}}}], "timestamp": {}}}"#,
            nth % 11,
            T0 + time * 1_000
        );
        let received = Timestamp::from_millis(T0 + time * 1_000 + (nth as i64 % 7) * 20_000);
        let batch = bench.send_message(Message {
            received: received.unwrap(),
            ..message(TOPIC, payload.as_bytes())
        });
        all += &format!("{batch:?}\n");
    }
    (all, bench.engine.snapshot())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(120) })]

    #[test]
    fn a_restart_in_the_middle_of_any_kind_changes_nothing(
        readings in readings(), cuts in prop::collection::vec(0_usize..80, 0..4),
    ) {
        for kind in kinds() {
            let config = config(&[kind]);
            let unbroken = run(&config, &readings, &[]);
            prop_assert_eq!(&unbroken, &run(&config, &readings, &[]));
            prop_assert_eq!(&unbroken, &run(&config, &readings, &cuts));
        }
        let all = config(&kinds());
        prop_assert_eq!(run(&all, &readings, &[]), run(&all, &readings, &cuts));
    }
}

#[test]
fn memory_of_every_kind_is_known_and_bounded() {
    let engine = Engine::new(&config(&kinds()));
    for function in engine.functions() {
        assert!(
            (16..=40_000).contains(&function.bytes_per_series),
            "{}: {}",
            function.kind,
            function.bytes_per_series
        );
    }
}

#[test]
fn settings_that_do_not_shape_the_memory_leave_it_as_it_is() {
    let mad = |window, warning| {
        let scores = Scores {
            warning: Some(warning),
            ..Scores::default()
        };
        let (warmup, min_spread) = (5, 0.0);
        config(&[FunctionKind::Mad(Mad {
            window,
            warmup,
            min_spread,
            scores,
        })])
    };
    let mut bench = Bench::with(&mad(5, 100.0));
    let send = |bench: &mut Bench, nth: i64, value: f64| {
        let time = T0 + nth;
        bench.send(&format!(r#"{{"x": {value}, "timestamp": {time}}}"#))
    };
    for nth in 0..5 {
        send(&mut bench, nth, nth as f64);
    }
    bench.engine.reconfigure(&mad(5, 3.0));
    assert_eq!(levels(&send(&mut bench, 5, 20.0)), [WARNING]);
    // Another window is another memory.
    bench.engine.reconfigure(&mad(6, 3.0));
    assert!(send(&mut bench, 6, 50.0).verdicts[0].score.is_nan());
}
