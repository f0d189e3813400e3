//! Payloads that cannot be read, in whole or in part: each is acknowledged,
//! ends in the quarantine with its reason, and harms nothing else.

use std::collections::BTreeMap;

use serde_json::json;
use weir_tests::mqtt::Connection;
use weir_tests::{Flow, Weir, WeirSpec, now_ms};

/// A Weir and a connection to its broker.
struct Bench {
    weir: Weir,
    device: Connection,
    received: u64,
    good: i64,
}

impl Bench {
    fn new() -> Self {
        // A device that sends what it may not is a security event, and one of a
        // thousand sensors has a report that is larger than a shadow may be.
        let spec = WeirSpec::embedded().allow("security").allow("does not fit");
        let weir = Weir::start(spec);
        let device = Connection::connect(weir.mqtt().get(), "bench").expect("the broker accepts");
        Self {
            weir,
            device,
            received: 0,
            good: now_ms() - 3_000_000,
        }
    }

    /// Publishes `payload` for device `d`, then a good message, and compares how
    /// many readings each reason has gained. All others must be stored.
    #[track_caller]
    fn check(&mut self, payload: impl AsRef<[u8]>, reasons: &[(&str, u64)], stored: u64) {
        self.check_topic("devices/d/telemetry", payload, reasons, stored);
    }

    #[track_caller]
    fn check_topic(
        &mut self,
        topic: &str,
        payload: impl AsRef<[u8]>,
        reasons: &[(&str, u64)],
        stored: u64,
    ) {
        let payload = payload.as_ref();
        let before = self.weir.flow();
        self.publish(topic, payload);
        self.good += 1;
        let next = json!({"timestamp": self.good, "temperature": 20.5});
        self.publish("devices/good/telemetry", next.to_string().as_bytes());

        let quarantined: u64 = reasons.iter().map(|(_, count)| count).sum();
        self.received += quarantined + stored + 1;
        let after = self.weir.wait_received(self.received);
        let shown = String::from_utf8_lossy(&payload[..payload.len().min(80)]).into_owned();
        assert_eq!(
            after.readings.received, self.received,
            "{shown}: {after:#?}"
        );
        assert_eq!(gained(&before, &after), expected(reasons), "{shown}");
        let gained_rows = after.readings.stored - before.readings.stored;
        assert_eq!(gained_rows, stored + 1, "{shown}: {after:#?}");
    }

    fn publish(&mut self, topic: &str, payload: &[u8]) {
        self.device
            .publish(topic.as_bytes(), payload, 1)
            .expect("it is acknowledged");
    }
}

fn gained(before: &Flow, after: &Flow) -> BTreeMap<String, u64> {
    let now = after.readings.quarantined_by_reason.iter();
    let gained =
        now.map(|(reason, count)| (reason.clone(), count - before.quarantined_for(reason)));
    gained.filter(|(_, count)| *count > 0).collect()
}

fn expected(reasons: &[(&str, u64)]) -> BTreeMap<String, u64> {
    reasons
        .iter()
        .map(|(reason, count)| ((*reason).to_owned(), *count))
        .collect()
}

/// An event with this `data`, a minute old.
fn event(data: &str) -> String {
    format!(
        r#"{{"deviceId":"d","timestamp":{},"data":[{data}]}}"#,
        now_ms() - 60_000
    )
}

/// An event of one reading with this text as value.
fn value(value: &str) -> String {
    event(&format!(r#"{{"sensorId":"a","value":{value}}}"#))
}

/// An event of one good reading with this text as time.
fn at(time: &str) -> String {
    format!(r#"{{"deviceId":"d","timestamp":{time},"data":[{{"sensorId":"t","value":1}}]}}"#)
}

#[test]
fn a_payload_that_is_no_event_is_quarantined_whole() {
    let mut bench = Bench::new();
    bench.check("", &[("empty", 1)], 0);
    bench.check("not json", &[("invalid_json", 1)], 0);
    bench.check(r#"{"deviceId":"d","data":["#, &[("invalid_json", 1)], 0);
    bench.check(b"{\"a\":\"\xff\"}", &[("invalid_utf8", 1)], 0);
    bench.check("[".repeat(129) + &"]".repeat(129), &[("too_deep", 1)], 0);
    bench.check("[".repeat(100_000), &[("too_deep", 1)], 0);
    bench.check("{\"a\":".repeat(100_000), &[("too_deep", 1)], 0);
    bench.check(r#"{"a":1,"b":2,"a":3}"#, &[("duplicate_key", 1)], 0);
    bench.check("NaN", &[("invalid_json", 1)], 0);
    bench.check("true", &[("unknown_form", 1)], 0);
    bench.check(
        b"\xa2\x61\x61\x01\x61\x62\xf9\x3e\x00",
        &[("invalid_utf8", 1)],
        0,
    );
    bench.check(many_keys(10_001), &[("too_many_readings", 1)], 0);
    bench.check(value(&text(1 << 20)), &[("too_large", 1)], 0);
    bench.weir.wait_count("SELECT count(*) FROM quarantine", 13);
    assert_eq!(bench.weir.count("SELECT count(*) FROM quarantine"), 13);
}

fn many_keys(count: usize) -> String {
    let members: Vec<String> = (0..count).map(|n| format!("\"s{n}\":{n}")).collect();
    format!("{{{}}}", members.join(","))
}

fn text(length: usize) -> String {
    format!("\"{}\"", "x".repeat(length))
}

#[test]
fn a_bad_reading_is_quarantined_and_its_neighbours_are_stored() {
    let mut bench = Bench::new();
    let good = r#"{"sensorId":"ok","value":1.5}"#;
    let mut check = |reading: &str, reason: &str| {
        let time = bench.good + 1_000_000;
        let event = format!(r#"{{"deviceId":"d","timestamp":{time},"data":[{reading},{good}]}}"#);
        bench.check(event, &[(reason, 1)], 1);
    };
    check(r#"{"sensorId":"a","value":1e400}"#, "number_out_of_range");
    check(
        r#"{"sensorId":"a","value":9007199254740993}"#,
        "inexact_integer",
    );
    check(
        r#"{"sensorId":"a","value":-9007199254740993}"#,
        "inexact_integer",
    );
    check(r#"{"sensorId":"a","value":null}"#, "missing_value");
    check(r#"{"sensorId":"a"}"#, "missing_value");
    check(r#"{"sensorId":"a","value":[1]}"#, "wrong_type");
    check(r#"{"sensorId":"a","value":{"b":1}}"#, "wrong_type");
    check(
        r#"{"sensorId":"a","value":1,"criticalThreshold":"high"}"#,
        "wrong_type",
    );
    check(r#"{"value":1}"#, "missing_sensor");
    check(r#"{"sensorId":"","value":1}"#, "invalid_label");
    check("{\"sensorId\":\"a\\u0000b\",\"value\":1}", "invalid_label");
    check("{\"sensorId\":\"a\\u202eb\",\"value\":1}", "invalid_label");
    check(
        "{\"sensorId\":\"a\",\"value\":1,\"location\":\"x\\ny\"}",
        "invalid_label",
    );
    check(
        &format!(r#"{{"sensorId":"a","value":{}}}"#, text(257)),
        "text_too_long",
    );
    check(
        &format!(r#"{{"sensorId":"a","value":{}}}"#, text(1_000_000)),
        "text_too_long",
    );
}

#[test]
fn one_bad_reading_of_a_thousand_leaves_999() {
    let mut bench = Bench::new();
    let reading = |n: usize| match n {
        500 => r#"{"sensorId":"s500","value":1e999}"#.to_owned(),
        n => format!(r#"{{"sensorId":"s{n}","value":{n}}}"#),
    };
    let data: Vec<String> = (0..1_000).map(reading).collect();
    bench.check(event(&data.join(",")), &[("number_out_of_range", 1)], 999);
}

#[test]
fn a_device_with_too_many_series_does_not_harm_others() {
    let mut bench = Bench::new();
    bench.check(many_keys(1_500), &[("too_many_series", 500)], 1_000);
    bench.check_topic("devices/other/telemetry", r#"{"s1400": 1}"#, &[], 1);
}

#[test]
fn times_that_cannot_be_are_quarantined() {
    let mut bench = Bench::new();
    let now = now_ms();
    bench.check(at("0"), &[("time_too_old", 1)], 0);
    bench.check(at("-1"), &[("time_too_old", 1)], 0);
    bench.check(at(&(now / 1_000).to_string()), &[("time_too_old", 1)], 0);
    bench.check(at("9223372036854775807"), &[("invalid_time", 1)], 0);
    bench.check(at("-9223372036854775808"), &[("invalid_time", 1)], 0);
    bench.check(at(&format!("{now}000000")), &[("invalid_time", 1)], 0);
    bench.check(at("\"yesterday\""), &[("invalid_time", 1)], 0);
    let ten_years = 10 * 365 * 24 * 3_600_000;
    bench.check(
        at(&(now + ten_years).to_string()),
        &[("time_in_future", 1)],
        0,
    );
    // The watermark did not move: a reading of now is not late.
    bench.check(at(&now.to_string()), &[], 1);
    let rows = bench
        .weir
        .sql("SELECT flags FROM readings WHERE sensor = 't'");
    assert_eq!(rows, [json!({"flags": ""})]);
}

#[test]
fn late_repeated_and_expired_readings_have_their_own_outcomes() {
    let bench = Bench::new();
    let weir = &bench.weir;
    let now = now_ms();
    let send = |time: i64, value: f64| {
        let event = json!({"timestamp": time, "data": [
            {"sensorId": "a", "value": value, "criticalThreshold": 90.0}]});
        weir.ingest_and_wait("d", event.to_string());
    };
    send(now, 1.0);
    send(now - 3_600_000, 99.0);
    let flow = weir.wait_received(2);
    assert_eq!(flow.readings.stored, 2, "an hour late is stored: {flow:#?}");
    // It raises no alarm: another device's, decided later, is the only one.
    let hot = r#"{"data":[{"sensorId":"a","value":99,"criticalThreshold":90}]}"#;
    weir.ingest_and_wait("hot", hot);
    assert_eq!(weir.wait_alarms("state=any", 1)[0]["deviceId"], "hot");

    send(now, 1.0);
    let flow = weir.wait_received(4);
    assert_eq!(
        (flow.readings.stored, flow.readings.deduplicated),
        (3, 1),
        "{flow:#?}"
    );
    assert_eq!(flow.readings.conflicts, 0, "{flow:#?}");

    send(now, 2.0);
    let flow = weir.wait_received(5);
    assert_eq!(
        (flow.readings.stored, flow.readings.deduplicated),
        (3, 2),
        "{flow:#?}"
    );
    assert_eq!(flow.readings.conflicts, 1, "{flow:#?}");
    let rows = weir.sql("SELECT value FROM readings WHERE device = 'd' ORDER BY time DESC LIMIT 1");
    assert_eq!(rows, [json!({"value": 2.0})], "the last one wins");

    send(now - 200 * 24 * 3_600_000, 1.0);
    let flow = weir.wait_received(6);
    assert_eq!((flow.readings.stored, flow.expired()), (3, 1), "{flow:#?}");
}

#[test]
fn a_device_id_that_would_be_harmful_is_refused() {
    let mut bench = Bench::new();
    let id =
        |id: &str| json!({"deviceId": id, "data": [{"sensorId": "a", "value": 1}]}).to_string();
    bench.check(id("other"), &[("device_mismatch", 1)], 0);
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
    ] {
        let before = bench.weir.flow();
        bench.publish("devices/d/telemetry", id(bad).as_bytes());
        bench.received += 1;
        let after = bench.weir.wait_received(bench.received);
        assert_eq!(
            after.quarantined(),
            before.quarantined() + 1,
            "{bad:?}: {after:#?}"
        );
    }
    for topic in [
        "devices/../telemetry",
        "devices/$SYS/telemetry",
        "devices/é/telemetry",
    ] {
        bench.check_topic(topic, r#"{"a": 1}"#, &[("invalid_device", 1)], 0);
    }
    let long = format!("devices/{}/telemetry", "x".repeat(60_000));
    bench.check_topic(&long, r#"{"a": 1}"#, &[("invalid_device", 1)], 0);
}
