//! What fleets send: padding, times as text, null, nesting, bare values, and several
//! readings without a time.

use weir_config::{Allowed, Effect, RouteCodec, Values};
use weir_model::Quality;

use super::*;

#[test]
fn padding_around_a_text_does_not_count() {
    let mut bench = Bench::new();
    for payload in [
        "{\"v\":15}\0",
        "{\"v\":15}\0\0\r\n\0",
        "\u{feff}{\"v\":15}",
        "\u{feff}{\"v\":15} \n\0\n",
    ] {
        let batch = bench.send(payload);
        assert_eq!(reasons(&batch), [], "{payload:?}");
        assert_eq!(batch.rows.readings(), 1, "{payload:?}");
    }
    let whole = |reason| vec![(None, reason)];
    let batch = bench.send("\0\0\n");
    assert_eq!(reasons(&batch), whole(QuarantineReason::Empty));
    let batch = bench.send("{\"v\":15}\0{}");
    assert_eq!(reasons(&batch), whole(QuarantineReason::InvalidJson));
}

#[test]
fn a_time_may_be_text() {
    let mut bench = Bench::new();
    let mut check = |time: &str, expect: &str| {
        let batch = bench.send(&format!(r#"{{"a":1,"timestamp":"{time}"}}"#));
        assert_eq!(bench.show(&batch), [expect.to_owned()], "{time}");
    };
    check("2023-11-14T22:13:20Z", r#"p1@"" +0ms [] a=1"#);
    check("2023-11-15T00:13:21.5+02:00", r#"p1@"" +1500ms [] a=1"#);
    check("1700000002000", r#"p1@"" +2000ms [] a=1"#);
    for time in [
        "2023-11-14T22:13:20",
        "soon",
        "",
        "1700000002000.5",
        "2023-11-14",
    ] {
        let batch = bench.send(&format!(r#"{{"a":1,"timestamp":"{time}"}}"#));
        assert_eq!(
            reasons(&batch),
            [(Some(0), QuarantineReason::InvalidTime)],
            "{time}"
        );
    }
}

#[test]
fn null_is_no_news_and_nested_members_are_flattened() {
    let mut bench = Bench::new();
    let batch = bench.send(
        r#"{"ENERGY":{"Power":17,"Phases":[1,null,3],"Deep":{"x":{"y":true}}},"note":null,
            "s":"x","timestamp":1700000000000}"#,
    );
    assert_eq!(reasons(&batch), []);
    assert_eq!(
        bench.show(&batch),
        [
            r#"p1@"" +0ms [] ENERGY.Power=17 ENERGY.Phases.0=1 ENERGY.Phases.2=3 ENERGY.Deep.x.y=1 s="x""#
        ]
    );
    assert_eq!(batch.absent[RouteCodec::Json.index()], 2);
    let nothing = bench.send(r#"{"a":null,"b":{"c":null}}"#);
    assert_eq!((nothing.received, nothing.absent[0]), (0, 2));
}

#[test]
fn what_cannot_be_flattened_is_refused_alone() {
    let mut bench = Bench::new();
    let wave: Vec<String> = (0..65).map(|n| n.to_string()).collect();
    let deep = format!("{}1{}", "{\"d\":".repeat(8), "}".repeat(8));
    let payload = format!(
        r#"{{"a":1,"wave":[{}],"mixed":[1,{{"b":2}}],"deep":{deep},"{}":{{"k":1}},"z":2}}"#,
        wave.join(","),
        "n".repeat(255)
    );
    let batch = bench.send(&payload);
    let wrong = QuarantineReason::WrongType;
    let label = QuarantineReason::InvalidLabel;
    assert_eq!(
        reasons(&batch),
        [
            (Some(1), wrong),
            (Some(2), wrong),
            (Some(3), wrong),
            (Some(4), label)
        ]
    );
    assert_eq!(batch.rows.readings(), 2, "a and z");
    let longest: Vec<String> = (0..64).map(|n| n.to_string()).collect();
    let batch = bench.send(&format!(r#"{{"w":[{}]}}"#, longest.join(",")));
    assert_eq!(batch.rows.readings(), 64);
}

#[test]
fn several_readings_without_a_time_do_not_replace_each_other() {
    let mut bench = Bench::new();
    let missing = QuarantineReason::MissingTime;
    // The device is not known yet; then it is.
    for _ in 0..2 {
        let batch = bench.send(r#"[{"temp":1},{"temp":2},{"temp":3}]"#);
        assert_eq!(reasons(&batch), [(Some(1), missing), (Some(2), missing)]);
        assert_eq!(batch.rows.readings(), 1);
    }
    let timed =
        r#"[{"temp":1,"timestamp":1700000000001},{"temp":2,"timestamp":1700000000002},{"temp":3}]"#;
    assert_eq!(reasons(&bench.send(timed)), []);
    assert_eq!(reasons(&bench.send(r#"[{"a":1},{"b":2},{"temp":3}]"#)), []);
}

fn bare() -> Config {
    let route = Route {
        topic: TopicPattern::parse("{location}/{device}/{sensor}").unwrap(),
        codec: RouteCodec::Value,
        ..Route::default()
    };
    Config {
        routes: vec![route],
        ..Config::default()
    }
}

#[test]
fn a_bare_value_is_a_reading_of_the_sensor_in_the_topic() {
    let mut bench = Bench::with(&bare());
    let topic = "hall-2/p1/temperature";
    let mut device = 0;
    let mut check = |payload: &str, expect: &str| {
        // A device of its own: all messages of the bench are received at one time.
        device += 1;
        let batch = bench.send_to(&format!("hall-2/q{device}/temperature"), payload);
        let expect =
            format!(r#"q{device}@"hall-2" +100000ms [time_received] temperature={expect}"#);
        assert_eq!(bench.show(&batch), [expect], "{payload:?}");
    };
    check("21.5", "21.5");
    check("-1.5e-3\n", "-0.0015");
    check("ON", "1");
    check("21.5 °C", "21.5 Cel");
    check("idle", "\"idle\"");
    check("21,5", "\"21,5\"");
    let batch = bench.send_to(topic, "unknown");
    assert_eq!(
        (batch.received, batch.absent[RouteCodec::Value.index()]),
        (0, 1)
    );
    let batch = bench.send_to(topic, "");
    assert_eq!((batch.received, batch.cleared), (0, 1));
}

#[test]
fn an_empty_retained_message_is_no_bad_reading() {
    let mut bench = Bench::new();
    let batch = bench.send_retained("", RECEIVED);
    assert_eq!(
        (batch.received, batch.cleared, reasons(&batch)),
        (0, 1, vec![])
    );
    let batch = bench.send("");
    assert_eq!(reasons(&batch), [(None, QuarantineReason::Empty)]);
}

#[test]
fn the_verdict_on_a_text_has_the_text() {
    let mut config = Config::default();
    config.functions.push(Function {
        name: "door".to_owned(),
        sensor: Some("door".to_owned()),
        kind: FunctionKind::Allowed(Allowed {
            values: Some(Values {
                numbers: Vec::new(),
                texts: vec!["closed".to_owned()],
            }),
            not: Values::default(),
            effect: Effect {
                quality: Quality::Good,
                severity: Some(Severity::Warning),
            },
        }),
        on_delay: Duration::ZERO,
        off_delay: Duration::ZERO,
        ..overheat()
    });
    let mut bench = Bench::with(&config);
    let batch = bench.send(r#"{"t":3,"door":"open"}"#);
    let at = batch
        .verdicts
        .iter()
        .position(|verdict| verdict.level == WARNING);
    let at = at.expect("open is not allowed");
    assert_eq!(batch.text_of(at), Some("open"));
    let allowed = bench.engine.allowed_values(&batch.verdicts[at]);
    assert_eq!(allowed.as_deref(), Some("closed"));
}
