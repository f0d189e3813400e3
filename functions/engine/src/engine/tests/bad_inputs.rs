//! Bad inputs: each has its reason, and the next message is unaffected.

use super::*;
use QuarantineReason as R;

#[track_caller]
fn check_message(bench: &mut Bench, message: Message<'_>, expect: R) {
    let shown = message.payload.get(..60).unwrap_or(message.payload);
    let what = String::from_utf8_lossy(shown).into_owned();
    let batch = bench.send_message(message);
    assert_eq!(
        reasons(&batch),
        [(None, expect)],
        "{what}: {:?}",
        batch.quarantined
    );
    assert!(batch.rows.is_empty() && batch.verdicts.is_empty());
    let detail = &batch.quarantined[0].detail;
    assert!(
        detail.len() > 10 && detail.len() < 400,
        "a sentence: {detail}"
    );
    assert!(
        !detail.contains(char::is_control),
        "harmless in a terminal: {detail:?}"
    );
}

#[track_caller]
fn check(payload: &str, expect: R) {
    let mut bench = Bench::new();
    check_message(&mut bench, message(TOPIC, payload.as_bytes()), expect);
    assert_eq!(
        bench.engine.catalog().devices().len(),
        0,
        "nothing is remembered of it"
    );
    assert_eq!(bench.send(r#"{"temperature": 21.5}"#).rows.readings(), 1);
}

/// One bad reading between two good ones.
#[track_caller]
fn check_reading(reading: &str, expect: R) {
    let mut bench = Bench::new();
    let batch = bench.send(&format!(
        r#"{{"timestamp":{T0},"data":[{{"sensorId":"a","value":1}},{reading},{{"sensorId":"b","value":2}}]}}"#
    ));
    assert_eq!(
        reasons(&batch),
        [(Some(1), expect)],
        "{reading}: {:?}",
        batch.quarantined
    );
    assert_eq!(bench.show(&batch), [r#"p1@"" +0ms [] a=1 b=2"#]);
}

#[test]
fn messages_that_cannot_be_decoded() {
    check("", R::Empty);
    check(" ", R::InvalidJson);
    check("hello", R::InvalidJson);
    check(r#"{"temperature": 21.5"#, R::InvalidJson);
    check(r#"{"temperature": 21.5}}"#, R::InvalidJson);
    check(r#"{"temperature": NaN}"#, R::InvalidJson);
    check(r#"{"temperature": -Infinity}"#, R::InvalidJson);
    check("{\"temperature\u{1b}[31m\": 1}", R::InvalidJson);
    check("\u{1b}[31m", R::InvalidJson);
    check(&"[".repeat(100_000), R::TooDeep);
    check(
        &format!(r#"{{"a":{}{}}}"#, "[".repeat(128), "]".repeat(128)),
        R::TooDeep,
    );
    check(r#"{"temperature": 1, "temperature": 2}"#, R::DuplicateKey);
    check(
        r#"{"deviceId":"p1","deviceId":"p1","data":[]}"#,
        R::DuplicateKey,
    );
    check(
        r#"{"data":[{"sensorId":"a","value":1}],"data":[]}"#,
        R::DuplicateKey,
    );
    check(
        r#"{"x":1,"data":[{"sensorId":"a","value":1}],"x":{}}"#,
        R::DuplicateKey,
    );
    check(
        r#"{"x":{"y":1,"y":1},"data":[{"sensorId":"a","value":1}]}"#,
        R::DuplicateKey,
    );
    check("21.5", R::UnknownForm);
    check("null", R::UnknownForm);
    check(r#""text""#, R::UnknownForm);
    check("{}", R::UnknownForm);
    check(r#"{"timestamp": 1700000000000}"#, R::UnknownForm);
    check(r#"{"deviceId": 5, "data": []}"#, R::WrongType);
    check(
        r#"{"location": {"lat": 1}, "data": [{"sensorId":"a","value":1}]}"#,
        R::WrongType,
    );
    check(r#"{"sensorId": "temperature"}"#, R::MissingValue);
}

#[test]
fn bytes_that_are_no_text_or_too_many() {
    let mut bench = Bench::new();
    check_message(
        &mut bench,
        message(TOPIC, b"{\"temperature\": \xff}"),
        R::InvalidUtf8,
    );
    check_message(
        &mut bench,
        message(TOPIC, b"\xd9\xd9\xf7\xa1\x61"),
        R::InvalidUtf8,
    );
    check_message(&mut bench, message("other/p1", b"{}"), R::NoRoute);
    check_message(&mut bench, message("", b"{}"), R::NoRoute);
    check_message(&mut bench, message("\u{e9}/x", b"{}"), R::NoRoute);
    let limit = Limits::default().max_payload as usize;
    let padded = |bytes: usize| format!("{:bytes$}", r#"{"a": 1}"#);
    assert_eq!(
        bench
            .send(&format!("{}{}", padded(60_000), " ".repeat(limit - 60_000)))
            .rows
            .readings(),
        1
    );
    let long = format!("{}{}", padded(60_000), " ".repeat(limit - 59_999));
    check_message(&mut bench, message(TOPIC, long.as_bytes()), R::TooLarge);
}

#[test]
fn a_corrupt_record_counts_as_one_reading() {
    let mut bench = Bench::new();
    let mut batch = Batch::default();
    bench.engine.on_corrupt(Position(7), "checksum", &mut batch);
    assert_eq!(
        (batch.received, reasons(&batch)),
        (1, vec![(None, R::CorruptRecord)])
    );
    assert_eq!(batch.quarantined[0].position, Position(7));
}

#[test]
fn one_bad_reading_harms_no_other() {
    let value = |value: &str| format!(r#"{{"sensorId": "x", "value": {value}}}"#);
    check_reading("5", R::WrongType);
    check_reading(r#"[{"a":1,"a":1}]"#, R::WrongType);
    check_reading("{}", R::MissingSensor);
    check_reading(r#"{"value": 1}"#, R::MissingSensor);
    check_reading(r#"{"sensorId": null, "value": 1}"#, R::MissingSensor);
    check_reading(r#"{"sensorId": 5, "value": 1}"#, R::WrongType);
    check_reading(r#"{"sensorId": "", "value": 1}"#, R::InvalidLabel);
    check_reading(r#"{"sensorId": "x\u0000", "value": 1}"#, R::InvalidLabel);
    check_reading(r#"{"sensorId": "x\u202e", "value": 1}"#, R::InvalidLabel);
    check_reading(
        &format!(r#"{{"sensorId": "{}", "value": 1}}"#, "x".repeat(257)),
        R::InvalidLabel,
    );
    check_reading(r#"{"sensorId": "x"}"#, R::MissingValue);
    check_reading(&value("null"), R::MissingValue);
    check_reading(&value("{}"), R::WrongType);
    check_reading(&value("[1]"), R::WrongType);
    check_reading(&value("1e400"), R::NumberOutOfRange);
    check_reading(&value(&"9".repeat(400)), R::NumberOutOfRange);
    check_reading(&value("9007199254740993"), R::InexactInteger);
    check_reading(&value("-18446744073709551615"), R::InexactInteger);
    check_reading(&value(&format!("{:?}", "x".repeat(257))), R::TextTooLong);
    check_reading(
        &value(&format!("{:?}", "x".repeat(900_000))),
        R::TextTooLong,
    );
    check_reading(
        r#"{"sensorId": "x", "value": 1, "value": 2}"#,
        R::DuplicateKey,
    );
    check_reading(
        r#"{"sensorId": "x", "value": 1, "k": 1, "\u006b": 2}"#,
        R::DuplicateKey,
    );
    check_reading(
        r#"{"sensorId": "x", "value": 1, "meta": {"k": 1, "k": 2}}"#,
        R::DuplicateKey,
    );
    check_reading(
        r#"{"sensorId": "x", "value": 1, "criticalThreshold": "90"}"#,
        R::WrongType,
    );
    check_reading(
        r#"{"sensorId": "x", "value": 1, "warningThreshold": 1e999}"#,
        R::NumberOutOfRange,
    );
    check_reading(r#"{"sensorId": "x", "value": 1, "unit": 5}"#, R::WrongType);
    check_reading(
        r#"{"sensorId": "x", "value": 1, "unit": "a\nb"}"#,
        R::InvalidLabel,
    );
    check_reading(
        r#"{"sensorId": "x", "value": 1, "location": true}"#,
        R::WrongType,
    );
    check_reading(
        r#"{"sensorId": "x", "value": 1, "location": "\u2066"}"#,
        R::InvalidLabel,
    );
    check_reading(
        r#"{"sensorId": "x", "value": 1, "timestamp": "2026-01-01"}"#,
        R::InvalidTime,
    );
    check_reading(
        r#"{"sensorId": "x", "value": 1, "timestamp": 1.5}"#,
        R::InvalidTime,
    );
    check_reading(
        r#"{"sensorId": "x", "value": 1, "timestamp": 0}"#,
        R::TimeTooOld,
    );
}

#[test]
fn one_bad_of_a_thousand() {
    let mut bench = Bench::new();
    let reading = |i: usize| match i {
        500 => r#"{"sensorId":"s500"}"#.to_owned(),
        i => format!(r#"{{"sensorId":"s{i}","value":{i}}}"#),
    };
    let data: Vec<String> = (0..1_000).map(reading).collect();
    let batch = bench.send(&format!(
        r#"{{"timestamp":{T0},"data":[{}]}}"#,
        data.join(",")
    ));
    assert_eq!(
        (batch.received, batch.rows.readings(), batch.rows.rows.len()),
        (1_000, 999, 1)
    );
    assert_eq!(reasons(&batch), [(Some(500), R::MissingValue)]);
    assert!(batch.quarantined[0].detail.contains("s500"));
}

#[test]
fn details_name_the_member_and_what_was_found() {
    #[track_caller]
    fn check(payload: &str, expect: &str) {
        assert_eq!(Bench::new().send(payload).quarantined[0].detail, expect);
    }
    check(
        r#"{"a": 1"#,
        "not JSON: expected a comma or the end of the object at byte 7, but the payload ends",
    );
    check(
        r#"{"data":[{"sensorId":"a","value":9007199254740993}]}"#,
        r#"data[0]: "value" is 9007199254740993, which a double cannot hold exactly"#,
    );
    check(
        r#"{"data":[{"sensorId":"a","value":1,"unit":[]}]}"#,
        r#"data[0]: "unit" is an array, not a text"#,
    );
    check(
        r#"{"a":1,"b\u001b":[]}"#,
        r#""b\u{1b}" is an array, not a number, boolean or text"#,
    );
    check(
        r#"{"deviceId":"p2","a":1}"#,
        r#""deviceId" is "p2", but the topic says "p1""#,
    );
    check(
        r#"{"timestamp":1700000000,"a":1}"#,
        "the time 1970-01-20T16:13:20Z is before 2001-09-09T01:46:40Z: are these milliseconds?",
    );
}

#[test]
fn devices_are_who_their_topic_and_payload_say() {
    let config = config_with_topics(&["devices/{device}/telemetry", "bulk"]);
    let check = |topic: &str, device: Option<&str>, expect| {
        let mut event = serde_json::json!({"data": [{"sensorId": "a", "value": 1}]});
        if let Some(device) = device {
            event["deviceId"] = device.into();
        }
        let payload = event.to_string();
        check_message(
            &mut Bench::with(&config),
            message(topic, payload.as_bytes()),
            expect,
        );
    };
    check("bulk", None, R::MissingDevice);
    check(TOPIC, Some("p2"), R::DeviceMismatch);
    let long = "x".repeat(65_536);
    for bad in [
        "",
        "+",
        "#",
        "a/b",
        "..",
        "$SYS",
        "a\0b",
        "a\nb",
        "a\u{202e}b",
        &long,
    ] {
        check("bulk", Some(bad), R::InvalidDevice);
        check(TOPIC, Some(bad), R::InvalidDevice);
    }
    check("devices//telemetry", None, R::InvalidDevice);
    check("devices/+/telemetry", None, R::InvalidDevice);
    check("devices/../telemetry", Some("p1"), R::InvalidDevice);

    let mut bench = Bench::with(&config);
    let batch = bench.send_to("bulk", r#"{"deviceId":"p7","a":1}"#);
    assert_eq!(
        bench.show(&batch),
        [r#"p7@"" +100000ms [time_received] a=1"#]
    );
}

#[test]
fn limits_hold_per_message_and_per_device() {
    let mut config = Config::default();
    config.limits.max_readings_per_message = 3;
    config.limits.max_series_per_device = 4;
    config.limits.max_devices = 2;
    let mut bench = Bench::with(&config);
    for payload in [
        r#"{"a":1,"b":1,"c":1,"d":1}"#,
        r#"{"data":[{},{},{},{}]}"#,
        "[1,2,3,4]",
        r#"[{"data":[]},{"data":[]},{"data":[]},{"data":[]}]"#,
        r#"[{"data":[{},{}]},{"a":1,"b":2}]"#,
    ] {
        check_message(
            &mut bench,
            message(TOPIC, payload.as_bytes()),
            R::TooManyReadings,
        );
    }
    assert_eq!(bench.send(r#"{"a":1,"b":1,"c":1}"#).rows.readings(), 3);
    let batch = bench.send(r#"{"c":1,"d":1,"e":1}"#);
    assert_eq!(
        (batch.rows.readings(), reasons(&batch)),
        (2, vec![(Some(2), R::TooManySeries)])
    );
    assert!(
        batch.quarantined[0]
            .detail
            .contains("max_series_per_device")
    );

    assert_eq!(
        bench
            .send_to("devices/p2/telemetry", r#"{"e":1}"#)
            .rows
            .readings(),
        1
    );
    let third = message("devices/p3/telemetry", br#"{"e":1}"#);
    check_message(&mut bench, third, R::TooManySeries);
    // The known ones go on.
    assert_eq!(bench.send(r#"{"a":2}"#).rows.readings(), 1);
}

#[test]
fn names_that_a_device_invents_are_bounded() {
    let mut config = Config::default();
    config.limits.max_series_per_device = 5;
    let mut bench = Bench::with(&config);
    let mut refused = 0;
    for i in 0..100 {
        let reading = format!(r#"{{"sensorId":"a","value":{i},"unit":"u{i}","location":"l{i}"}}"#);
        let batch = bench.send(&format!(r#"{{"timestamp":{},"data":[{reading}]}}"#, T0 + i));
        refused += batch.quarantined.len();
    }
    assert_eq!(refused, 95);
    let catalog = bench.engine.catalog();
    assert!(catalog.columns().len() <= 10 && catalog.locations().len() == 6);
    // Another device is not affected.
    let other = r#"{"data":[{"sensorId":"a","value":1,"unit":"new","location":"new"}]}"#;
    assert_eq!(
        bench.send_to("devices/p2/telemetry", other).rows.readings(),
        1
    );
}
