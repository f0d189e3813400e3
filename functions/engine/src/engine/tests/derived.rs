//! Sensors that are computed from others.

use weir_config::{Derived, Expression, Multivariate, Scores};

use super::*;

fn derived(expression: &str, output: &str) -> Function {
    Function {
        name: output.to_owned(),
        device: Some("p*".to_owned()),
        sensor: None,
        location: None,
        kind: FunctionKind::Derived(Derived {
            expression: Expression::new(expression).unwrap(),
            output: output.to_owned(),
            unit: Some("W".to_owned()),
            max_age: Duration::from_secs(60),
            severity: None,
        }),
        on_delay: Duration::ZERO,
        off_delay: Duration::ZERO,
    }
}

fn with(functions: &[Function]) -> Bench {
    Bench::with(&Config {
        functions: functions.to_vec(),
        ..Config::default()
    })
}

fn payload(millis: i64, members: &str) -> String {
    format!(r#"{{"timestamp":{},{members}}}"#, T0 + millis)
}

#[test]
fn a_new_sensor_comes_of_one_message_or_of_several() {
    let mut bench = with(&[
        derived("u * i", "power"),
        derived("power * 0.1", "loss"),
        derived("a + b", "sum"),
    ]);
    let batch = bench.send(&payload(0, r#""u":230,"i":2"#));
    assert_eq!(
        bench.show(&batch),
        [
            r#"p1@"" +0ms [] u=230 i=2"#,
            r#"p1@"" +0ms [derived] power=460 W loss=46 W"#
        ]
    );
    assert_eq!(batch.received, 4, "they count as received");
    // The latest of the other input serves, at the time of the newer.
    let batch = bench.send(&payload(5, r#""i":3"#));
    assert_eq!(
        bench.show(&batch)[1],
        r#"p1@"" +5ms [derived] power=690 W loss=69 W"#
    );
    // Nothing new, nothing derived: late, of others, of another device.
    for (topic, payload) in [
        (TOPIC, payload(3, r#""i":9"#)),
        (TOPIC, payload(9, r#""x":9"#)),
        ("devices/q1/telemetry", payload(9, r#""u":1,"i":9"#)),
    ] {
        assert_eq!(bench.send_to(topic, &payload).rows.rows.len(), 1);
    }
    // Too far apart.
    let batch = bench.send(&payload(60_006, r#""u":231"#));
    assert_eq!(bench.show(&batch).len(), 1);
}

#[test]
fn two_events_of_one_message_are_two() {
    let mut bench = with(&[derived("u * i", "power")]);
    let (one, two) = (payload(0, r#""u":2,"i":3"#), payload(1, r#""u":2,"i":4"#));
    let batch = bench.send(&format!("[{one},{two}]"));
    let rows = bench.show(&batch);
    let powers: Vec<_> = rows.iter().filter(|row| row.contains("power")).collect();
    assert_eq!(powers.len(), 2, "{rows:?}");
}

#[test]
fn what_fails_is_quarantined_with_its_expression() {
    let mut bench = with(&[derived("1.0 / x", "inverse"), derived("ln(x)", "ln")]);
    let batch = bench.send(&payload(0, r#""x":0"#));
    let failed = QuarantineReason::ExpressionFailed;
    assert_eq!(reasons(&batch), [(Some(1), failed), (Some(2), failed)]);
    assert_eq!(
        batch.quarantined[0].detail,
        "\"inverse\" = 1.0 / x: comes to inf, which is no reading"
    );
    assert_eq!(bench.show(&batch), [r#"p1@"" +0ms [] x=0"#]);
    assert_eq!(reasons(&bench.send(&payload(1, r#""x":2"#))), []);
}

#[test]
fn a_condition_is_a_sensor_and_raises_an_alarm() {
    let mut hot = derived("t > 30.0 && h > 80.0", "muggy");
    let FunctionKind::Derived(settings) = &mut hot.kind else {
        panic!("{hot:?}")
    };
    settings.severity = CRITICAL;
    settings.unit = None;
    let mut bench = with(&[hot]);
    let batch = bench.send(&payload(0, r#""t":31,"h":81"#));
    assert_eq!(bench.show(&batch)[1], r#"p1@"" +0ms [derived] muggy=1"#);
    assert_eq!(levels(&batch), [CRITICAL]);
    let slot = bench.engine.slot(batch.verdicts[0].slot);
    assert_eq!((slot.sensor, slot.function), ("muggy", "muggy"));
    assert_eq!(levels(&bench.send(&payload(1, r#""t":29,"h":81"#))), [None]);
}

#[test]
fn derived_readings_are_checked_and_watched_like_any() {
    let limit = Function {
        name: "limit".to_owned(),
        sensor: Some("power".to_owned()),
        ..overheat()
    };
    let mut bench = with(&[derived("u * i", "power"), limit]);
    let batch = bench.send(&payload(0, r#""u":50,"i":2"#));
    assert_eq!(levels(&batch), [CRITICAL]);
}

#[test]
fn a_restart_between_any_two_messages_changes_nothing() {
    let functions = [derived("1.0 / (a - b)", "x"), derived("a + x", "y")];
    let config = Config {
        functions: functions.to_vec(),
        ..Config::default()
    };
    let run = |restart_at: Option<i64>| {
        let mut bench = Bench::with(&config);
        let mut all = String::new();
        for nth in 0..30 {
            if restart_at == Some(nth) {
                let snapshot = bench.engine.snapshot();
                bench.engine = Engine::restore(&config, &snapshot).unwrap();
            }
            let sensor = ["a", "b", "c"][nth as usize % 3];
            let message = payload(nth, &format!(r#""{sensor}":{}"#, nth % 2));
            all += &format!("{:?}", bench.send(&message));
        }
        (all, bench.engine.snapshot())
    };
    let unbroken = run(None);
    assert!(unbroken.0.contains("ExpressionFailed"));
    for nth in 0..30 {
        assert_eq!(run(Some(nth)), unbroken, "{nth}");
    }
}

#[test]
fn sensors_that_part_are_found_and_the_score_is_a_sensor() {
    let multivariate = Multivariate {
        sensors: vec!["a".to_owned(), "b".to_owned()],
        output: "pattern".to_owned(),
        warmup: 50,
        explained: 0.9,
        max_age: Duration::from_secs(60),
        scores: Scores {
            warning: Some(3.0),
            ..Scores::default()
        },
    };
    let mut function = derived("a + b", "pattern");
    function.kind = FunctionKind::Multivariate(multivariate);
    let config = Config {
        functions: vec![function],
        ..Config::default()
    };
    let run = |restart_at: Option<i64>| {
        let mut bench = Bench::with(&config);
        let (mut all, mut last) = (String::new(), Batch::default());
        for nth in 0..300 {
            if restart_at == Some(nth) {
                let snapshot = bench.engine.snapshot();
                bench.engine = Engine::restore(&config, &snapshot).unwrap();
            }
            let a = (nth * 7919 % 101) as f64;
            let noise = (nth * 31 % 7) as f64 / 10.0;
            let b = if nth == 299 {
                2.0 * (100.0 - a)
            } else {
                2.0 * a + noise
            };
            // One after the other: a vector is complete with the second.
            let first = bench.send(&payload(2 * nth, &format!(r#""a":{a}"#)));
            last = bench.send(&payload(2 * nth + 1, &format!(r#""b":{b}"#)));
            if nth > 0 {
                assert_eq!(levels(&first), []);
                assert_eq!(
                    levels(&last),
                    [if nth == 299 { WARNING } else { None }],
                    "{nth}"
                );
            }
            all += &format!("{first:?}{last:?}");
        }
        assert!(
            bench.show(&last)[1].contains("pattern="),
            "{:?}",
            bench.show(&last)
        );
        (all, bench.engine.snapshot())
    };
    let unbroken = run(None);
    for nth in [1, 49, 51, 200, 299] {
        assert_eq!(run(Some(nth)), unbroken, "{nth}");
    }
}
