//! The forms of the codec, and how readings become rows.

use super::*;

#[track_caller]
fn check(payload: &str, expect: &[&str]) {
    let mut bench = Bench::new();
    let batch = bench.send(payload);
    assert_eq!(batch.quarantined, []);
    assert_eq!(bench.show(&batch), expect);
}

#[test]
fn the_reference_event_becomes_one_row_with_verdicts() {
    let mut bench = Bench::new();
    let batch = bench.send(
        r#"{"deviceId":"p1","timestamp":1700000000000,"data":[
            {"sensorId":"temperature","value":95.5,"unit":"C","location":"hall-2","criticalThreshold":90.0},
            {"sensorId":"vibration","value":6,"location":"hall-2","warningThreshold":5,"criticalThreshold":8,"sequence":7},
            {"sensorId":"humidity","value":40,"location":"hall-2"}]}"#,
    );
    assert_eq!(
        bench.show(&batch),
        [r#"p1@"hall-2" +0ms [] temperature=95.5 C vibration=6 humidity=40"#]
    );
    let verdict = |at: usize| {
        let verdict = &batch.verdicts[at];
        let slot = bench.engine.slot(verdict.slot);
        (
            slot.sensor,
            slot.function,
            verdict.level,
            verdict.threshold,
            verdict.side,
        )
    };
    assert_eq!(
        batch.verdicts.len(),
        2,
        "a reading without limits has no function"
    );
    assert_eq!(
        verdict(0),
        ("temperature", "payload", CRITICAL, 90.0, Side::High)
    );
    assert_eq!(
        verdict(1),
        ("vibration", "payload", WARNING, 5.0, Side::High)
    );
    let slot = bench.engine.slot(batch.verdicts[0].slot);
    assert_eq!(
        (slot.device, slot.unit, slot.function_ix),
        ("p1", Some("C"), 0)
    );
}

#[test]
fn an_event_gives_its_readings_what_they_lack() {
    check(
        r#"{"data":[{"sensorId":"a","value":1},{"sensorId":"b","value":2,"location":"there"}],
            "location":"here","timestamp":1700000000001,"vendor":{"x":[1,2,{"y":null}]}}"#,
        &[r#"p1@"here" +1ms [] a=1"#, r#"p1@"there" +1ms [] b=2"#],
    );
    check(r#"{"deviceId":"p1","data":[]}"#, &[]);
    check(
        r#"{"timestamp":null,"location":null,"data":[
            {"sensorId":"a","value":1,"unit":null,"timestamp":null,"criticalThreshold":null}]}"#,
        &[r#"p1@"" +100000ms [time_received] a=1"#],
    );
}

#[test]
fn an_array_holds_events() {
    check(
        r#"[{"timestamp":1700000000000,"data":[{"sensorId":"a","value":1}]},
            {"timestamp":1700000000001,"data":[{"sensorId":"a","value":2}]},
            {"timestamp":1700000000002,"a":3}]"#,
        &[
            r#"p1@"" +0ms [] a=1"#,
            r#"p1@"" +1ms [] a=2"#,
            r#"p1@"" +2ms [] a=3"#,
        ],
    );
    check("[]", &[]);
    let mut bench = Bench::new();
    let batch = bench.send(
        r#"[5, {"a":1,"b":2}, {"deviceId":"p2","data":[{"sensorId":"c","value":1}]},
            {"b":1,"b":1}, {"d":{}}]"#,
    );
    use QuarantineReason as R;
    let expect = [
        (Some(0), R::UnknownForm),
        (Some(3), R::DeviceMismatch),
        (Some(4), R::DuplicateKey),
        (Some(5), R::WrongType),
    ];
    assert_eq!(reasons(&batch), expect);
    assert_eq!(
        bench.show(&batch),
        [r#"p1@"" +100000ms [time_received] a=1 b=2"#]
    );
}

#[test]
fn a_flat_map_is_a_reading_per_member() {
    check(
        r#"{"temperature": 21.5, "door": true, "open": false, "state": "über \"alles\"",
            "timestamp": 1700000000000.0, "deviceId": "p1", "location": "hall", "value": -0.5e1, "data": 3}"#,
        &[
            r#"p1@"hall" +0ms [] temperature=21.5 door=1 open=0 state="über \"alles\"" value=-5 data=3"#,
        ],
    );
}

#[test]
fn a_topic_may_name_the_sensor_and_the_location() {
    let config = config_with_topics(&["{location}/{device}/{sensor}/value", "x/{device}/{sensor}"]);
    let mut bench = Bench::with(&config);
    let batch = bench.send_to(
        "hall/p1/temp/value",
        r#"{"value":21.5,"unit":"C","timestamp":1700000000000,"criticalThreshold":20}"#,
    );
    assert_eq!(bench.show(&batch), [r#"p1@"hall" +0ms [] temp=21.5 C"#]);
    assert_eq!(levels(&batch), [CRITICAL]);
    let batch = bench.send_to(
        "hall/p1/temp/value",
        r#"{"timestamp":1700000000001,"data":[{"value":1},{"sensorId":"other","value":2,"location":"yard"}]}"#,
    );
    assert_eq!(
        bench.show(&batch),
        [
            r#"p1@"hall" +1ms [] temp=1"#,
            r#"p1@"yard" +1ms [] other=2"#
        ]
    );
    let batch = bench.send_to("x/p1/temp", r#"{"temperature":21.5}"#);
    assert_eq!(reasons(&batch), [(None, QuarantineReason::MissingValue)]);
    let batch = bench.send_to("x/p1/a\u{202e}b", r#"{"value":21.5}"#);
    assert_eq!(reasons(&batch), [(Some(0), QuarantineReason::InvalidLabel)]);
    check(
        r#"{"sensorId":"solo","value":1,"timestamp":1700000000000,"location":"l"}"#,
        &[r#"p1@"l" +0ms [] solo=1"#],
    );
}

#[test]
fn the_first_route_that_matches_takes_a_message() {
    let config = config_with_topics(&["+/fixed/{sensor}", "{location}/{device}/#"]);
    let mut bench = Bench::with(&config);
    let batch = bench.send_to("a/fixed/s", r#"{"deviceId":"p1","value":1}"#);
    assert_eq!(
        bench.show(&batch),
        [r#"p1@"" +100000ms [time_received] s=1"#]
    );
    let batch = bench.send_to("a/p2/s", r#"{"value":1}"#);
    assert_eq!(
        bench.show(&batch),
        [r#"p2@"a" +100000ms [time_received] value=1"#]
    );
}

#[test]
fn readings_that_share_everything_share_a_row_wherever_they_stand() {
    check(
        r#"{"timestamp":1700000000000,"data":[
            {"sensorId":"a","value":1,"location":"x"},{"sensorId":"b","value":2,"location":"y"},
            {"sensorId":"c","value":3,"location":"x"},{"sensorId":"d","value":4,"location":"y"},
            {"sensorId":"e","value":5,"timestamp":1700000000005,"location":"x"},
            {"sensorId":"f","value":6,"location":"x"}]}"#,
        &[
            r#"p1@"x" +0ms [] a=1 c=3 f=6"#,
            r#"p1@"y" +0ms [] b=2 d=4"#,
            r#"p1@"x" +5ms [] e=5"#,
        ],
    );
}

#[test]
fn a_sensor_that_repeats_in_a_message_starts_another_row() {
    check(
        r#"{"timestamp":1700000000000,"data":[
            {"sensorId":"a","value":1},{"sensorId":"a","value":2},{"sensorId":"a","value":3},
            {"sensorId":"b","value":4},{"sensorId":"b","value":5}]}"#,
        &[
            r#"p1@"" +0ms [] a=1 b=4"#,
            r#"p1@"" +0ms [late] a=2"#,
            r#"p1@"" +0ms [late] a=3 b=5"#,
        ],
    );
}

#[test]
fn a_sensor_that_changes_its_unit_or_type_changes_its_column() {
    let mut bench = Bench::new();
    let mut send = |millis: i64, reading: &str| {
        let time = T0 + millis;
        let payload = format!(r#"{{"timestamp":{time},"data":[{{"sensorId":"s",{reading}}}]}}"#);
        let batch = bench.send(&payload);
        (bench.show(&batch).remove(0), batch.rows.cells[0].column.0)
    };
    assert_eq!(
        send(0, r#""value":1,"unit":"C""#),
        (r#"p1@"" +0ms [] s=1 C"#.into(), 0)
    );
    assert_eq!(send(1, r#""value":1"#), (r#"p1@"" +1ms [] s=1"#.into(), 1));
    assert_eq!(
        send(2, r#""value":"on""#),
        (r#"p1@"" +2ms [] s="on""#.into(), 2)
    );
    assert_eq!(
        send(3, r#""value":2,"unit":"C""#),
        (r#"p1@"" +3ms [] s=2 C"#.into(), 0)
    );
    let device = bench.engine.device_ix("p1").unwrap();
    assert_eq!(bench.engine.device_summary(device).series, 1);
}
