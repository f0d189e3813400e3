//! What functions make of a reading besides alarms: flags, and the quarantine.

use weir_config::{Allowed, Clock, Effect, Ewma, Range, Scores, UnitCheck, Values};
use weir_model::Quality;

use super::*;

fn function(name: &str, kind: FunctionKind) -> Function {
    Function {
        name: name.to_owned(),
        kind,
        on_delay: Duration::ZERO,
        off_delay: Duration::ZERO,
        longest_gap: None,
        ..overheat()
    }
}

fn with(functions: &[Function]) -> Bench {
    Bench::with(&Config {
        functions: functions.to_vec(),
        ..Config::default()
    })
}

fn range(quality: Quality, severity: Level) -> Function {
    let effect = Effect { quality, severity };
    let (min, max) = (Some(-40.0), Some(85.0));
    let not = Vec::new();
    function(
        "range",
        FunctionKind::Range(Range {
            min,
            max,
            not,
            effect,
        }),
    )
}

#[test]
fn a_bad_reading_is_quarantined_and_the_next_is_judged_as_if_it_had_not_been() {
    let mut bench = with(&[range(Quality::Bad, CRITICAL), overheat()]);
    bench.temperature(0, 20.0);
    let batch = bench.temperature(1, 999.0);
    assert_eq!(reasons(&batch), [(Some(0), QuarantineReason::OutOfRange)]);
    assert_eq!(
        batch.quarantined[0].detail,
        "\"temperature\" 999 is above 85.0, the most it can be (function range)"
    );
    // Its own alarm, and no other function saw it.
    assert_eq!(levels(&batch), [CRITICAL]);
    assert!(batch.rows.is_empty());
    // It is not late: the bad one has not moved the series on.
    let batch = bench.temperature(1, 21.0);
    assert_eq!(bench.show(&batch), [r#"p1@"" +1ms [] temperature=21"#]);
    assert_eq!(levels(&batch), [None, None]);
}

#[test]
fn a_suspect_reading_is_stored_with_a_flag_and_continues() {
    let mut bench = with(&[range(Quality::Suspect, None), overheat()]);
    let batch = bench.temperature(0, 99.0);
    assert_eq!(
        bench.show(&batch),
        [r#"p1@"" +0ms [out_of_range] temperature=99"#]
    );
    assert_eq!(levels(&batch), [None, CRITICAL]);
    // Late readings are checked too, as far as no memory is needed.
    let batch = bench.temperature(-5, 99.0);
    assert_eq!(
        bench.show(&batch),
        [r#"p1@"" -5ms [late,out_of_range] temperature=99"#]
    );
    assert_eq!(levels(&batch), []);
}

#[test]
fn limits_in_a_payload_count_beside_checks() {
    let mut bench = with(&[range(Quality::Bad, None)]);
    let payload = r#"{"timestamp":1700000000000,"data":[
        {"sensorId":"temperature","value":50,"criticalThreshold":40}]}"#;
    assert_eq!(levels(&bench.send(payload)), [None, CRITICAL]);
}

#[test]
fn a_clock_that_is_off_is_flagged() {
    let effect = Effect {
        quality: Quality::Suspect,
        severity: None,
    };
    let clock = Clock {
        max_ahead: Some(Duration::from_secs(1)),
        max_behind: Some(Duration::from_secs(60)),
        effect,
    };
    let mut bench = with(&[function("clock", FunctionKind::Clock(clock))]);
    // Received 100 s after T0.
    let flags = |bench: &mut Bench, millis| bench.temperature(millis, 1.0).rows.rows[0].flags;
    assert_eq!(flags(&mut bench, 0), Flags::CLOCK);
    assert_eq!(flags(&mut bench, 99_000), Flags::default());
    assert_eq!(flags(&mut bench, 102_000), Flags::CLOCK);
}

#[test]
fn a_detector_scores_and_may_make_a_reading_suspect() {
    let ewma = Ewma {
        half_life: Duration::from_secs(1),
        warmup: 10,
        min_spread: 0.0,
        scores: Scores {
            warning: Some(4.0),
            critical: None,
            quality: Quality::Suspect,
        },
    };
    let mut bench = with(&[function("ewma", FunctionKind::Ewma(ewma))]);
    for millis in 0..50 {
        let batch = bench.temperature(millis, 20.0 + (millis % 2) as f64);
        assert_eq!(levels(&batch), [None]);
        assert_eq!(batch.verdicts[0].score.is_nan(), millis < 10);
    }
    let batch = bench.temperature(50, 40.0);
    assert_eq!(levels(&batch), [WARNING]);
    assert_eq!(batch.rows.rows[0].flags, Flags::UNUSUAL);
    assert!(batch.verdicts[0].score > 30.0);
    let info = &bench.engine.functions()[1];
    assert_eq!((info.kind, info.bytes_per_series), ("ewma", 80));
}

#[test]
fn readings_come_into_the_expected_unit_before_anything_sees_them() {
    let unit = |assume| {
        let kind = FunctionKind::Unit(UnitCheck {
            unit: "Cel".to_owned(),
            assume,
            effect: Effect {
                quality: Quality::Bad,
                severity: None,
            },
        });
        function("unit", kind)
    };
    let mut bench = with(&[unit(true)]);
    let send = |bench: &mut Bench, millis: i64, unit: &str| {
        let time = T0 + millis;
        bench.send(&format!(
            r#"{{"timestamp":{time},"data":[{{"sensorId":"temperature","value":50{unit},"criticalThreshold":104}}]}}"#
        ))
    };
    // From the first reading on, with its limit: 104 °F are 40 °C.
    let batch = send(&mut bench, 0, r#","unit":"[degF]""#);
    assert_eq!(
        bench.show(&batch),
        [r#"p1@"" +0ms [converted] temperature=10 Cel"#]
    );
    assert!((batch.verdicts[1].threshold - 40.0).abs() < 1e-9);
    let batch = send(&mut bench, 1, r#","unit":"K""#);
    assert!(bench.show(&batch)[0].contains("[converted] temperature=-223.14"));
    let batch = send(&mut bench, 2, "");
    assert_eq!(bench.show(&batch), [r#"p1@"" +2ms [] temperature=50 Cel"#]);
    let batch = send(&mut bench, 3, r#","unit":"bar""#);
    assert_eq!(reasons(&batch), [(Some(0), QuarantineReason::WrongUnit)]);
    assert!(
        batch.quarantined[0].detail.contains("in another unit"),
        "{:?}",
        batch.quarantined
    );
    let mut bench = with(&[unit(false)]);
    let batch = send(&mut bench, 2, "");
    assert_eq!(reasons(&batch), [(Some(0), QuarantineReason::WrongUnit)]);
}

#[test]
fn texts_are_checked_too() {
    let allowed = Allowed {
        values: Some(Values {
            numbers: vec![0.0],
            texts: vec!["open".to_owned(), "shut".to_owned()],
        }),
        not: Values::default(),
        effect: Effect {
            quality: Quality::Bad,
            severity: WARNING,
        },
    };
    let mut bench = with(&[function("states", FunctionKind::Allowed(allowed))]);
    let batch = bench.send(r#"{"temperature":"ajar"}"#);
    assert_eq!(
        reasons(&batch),
        [(Some(0), QuarantineReason::NotAllowedValue)]
    );
    assert_eq!(
        batch.quarantined[0].detail,
        r#""temperature" "ajar" is none of the values allowed (function states)"#
    );
    assert_eq!(levels(&batch), [WARNING]);
    assert_eq!(reasons(&bench.send(r#"{"temperature":"open"}"#)), []);
}
