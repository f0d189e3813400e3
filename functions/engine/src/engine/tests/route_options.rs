//! The options of routes: the time's member and unit, numbers in texts, names that come
//! from the topic.

use weir_config::{PayloadOptions, RouteCodec, RouteOptions, TimeUnit, TopicTemplate};

use super::*;

fn route(topic: &str, codec: RouteCodec, options: RouteOptions) -> Config {
    let route = Route {
        topic: TopicPattern::parse(topic).unwrap(),
        codec,
        options,
        ..Route::default()
    };
    Config {
        routes: vec![route],
        ..Config::default()
    }
}

fn written(payload: PayloadOptions) -> Config {
    let options = RouteOptions {
        payload,
        ..RouteOptions::default()
    };
    route("devices/{device}/telemetry", RouteCodec::Json, options)
}

fn timed(time: &str, time_unit: TimeUnit) -> Config {
    written(PayloadOptions {
        time: Some(time.to_owned()),
        time_unit,
        ..PayloadOptions::default()
    })
}

#[test]
fn a_time_has_its_own_member_and_unit() {
    for (unit, text, expect) in [
        (TimeUnit::Seconds, "1700000002", "+2000ms"),
        (TimeUnit::Seconds, "1700000002.25", "+2250ms"),
        (TimeUnit::Seconds, "\"1700000002\"", "+2000ms"),
        (TimeUnit::Seconds, "\"1700000002.5\"", "+2500ms"),
        (TimeUnit::Millis, "1700000002000", "+2000ms"),
        (TimeUnit::Micros, "1700000002000000", "+2000ms"),
        (TimeUnit::Nanos, "1700000002000000000", "+2000ms"),
        (TimeUnit::Seconds, "\"2023-11-14T22:13:22Z\"", "+2000ms"),
    ] {
        let mut bench = Bench::with(&timed("ts", unit));
        let batch = bench.send(&format!(r#"{{"a":1,"ts":{text}}}"#));
        assert_eq!(
            bench.show(&batch),
            [format!(r#"p1@"" {expect} [] a=1"#)],
            "{text}"
        );
        let event = format!(r#"{{"data":[{{"sensorId":"b","value":1,"ts":{text}}}]}}"#);
        let batch = bench.send(&event);
        assert_eq!(
            bench.show(&batch),
            [format!(r#"p1@"" {expect} [] b=1"#)],
            "{text}"
        );
    }
    // What the default would take for the time is a reading like any other.
    let mut bench = Bench::with(&timed("ts", TimeUnit::Seconds));
    let batch = bench.send(r#"{"timestamp":5,"ts":1700000002}"#);
    assert_eq!(bench.show(&batch), [r#"p1@"" +2000ms [] timestamp=5"#]);
    let batch = bench.send(r#"{"a":1,"ts":1e300}"#);
    assert_eq!(reasons(&batch), [(Some(0), QuarantineReason::InvalidTime)]);
}

#[test]
fn texts_are_numbers_where_the_route_says_so() {
    let numbers = |numbers_in_text, decimal_comma| {
        Bench::with(&written(PayloadOptions {
            numbers_in_text,
            decimal_comma,
            ..PayloadOptions::default()
        }))
    };
    let payload = r#"{"a":"21.5","b":"21,5","c":"007","timestamp":1700000000000}"#;
    for (numbers_in_text, decimal_comma, expect) in [
        (false, false, r#"p1@"" +0ms [] a="21.5" b="21,5" c="007""#),
        (true, false, r#"p1@"" +0ms [] a=21.5 b="21,5" c="007""#),
        (false, true, r#"p1@"" +0ms [] a="21.5" b=21.5 c="007""#),
        (true, true, r#"p1@"" +0ms [] a=21.5 b=21.5 c="007""#),
    ] {
        let mut bench = numbers(numbers_in_text, decimal_comma);
        let batch = bench.send(payload);
        assert_eq!(bench.show(&batch), [expect]);
    }
    let batch = numbers(true, false).send(r#"{"a":"9007199254740993"}"#);
    assert_eq!(
        reasons(&batch),
        [(Some(0), QuarantineReason::InexactInteger)]
    );
}

#[test]
fn names_come_from_levels_of_the_topic() {
    let template = |text: &str| Some(TopicTemplate::parse(text).unwrap());
    let options = RouteOptions {
        device: template("{topic.1}"),
        sensor: template("{topic.2..}"),
        location: template("hall {topic.0}"),
        unit: template("V"),
        ..RouteOptions::default()
    };
    let mut bench = Bench::with(&route("+/+/#", RouteCodec::Value, options.clone()));
    let batch = bench.send_to("7/p1/phase/a", "230.5");
    assert_eq!(reasons(&batch), []);
    assert_eq!(
        bench.show(&batch),
        [r#"p1@"hall 7" +100000ms [time_received] phase.a=230.5 V"#]
    );
    // What the payload names goes before.
    let mut bench = Bench::with(&route("+/+/#", RouteCodec::Json, options));
    let event =
        r#"{"location":"roof","timestamp":1700000000000,"data":[{"sensorId":"x","value":1}]}"#;
    let batch = bench.send_to("7/p1/phase/a", event);
    assert_eq!(bench.show(&batch), [r#"p1@"roof" +0ms [] x=1 V"#]);
    let other = r#"{"deviceId":"p2","timestamp":1700000000000,"data":[{"value":1}]}"#;
    let batch = bench.send_to("7/p1/phase/a", other);
    assert_eq!(bench.show(&batch), [r#"p2@"hall 7" +0ms [] phase.a=1 V"#]);
}

#[test]
fn a_member_that_looks_like_the_time_and_is_none_is_noted() {
    for (payload, expect) in [
        (r#"{"time":"1612881528","t":21.5}"#, Some("time")),
        (r#"{"val":12,"ts":1700000000000}"#, Some("ts")),
        (r#"{"a":1,"Date":"2026-11-30 15:07:22"}"#, Some("Date")),
        (r#"{"a":1,"utc":"2023-11-14T22:13:20Z"}"#, Some("utc")),
        (r#"{"a":1,"ts":1700000000,"timestamp":1700000000000}"#, None),
        (r#"{"a":1,"ts":12,"t":21.5,"date":"monday"}"#, None),
        (
            r#"{"data":[{"sensorId":"a","value":1}],"ts":1700000000}"#,
            None,
        ),
    ] {
        let mut bench = Bench::new();
        let batch = bench.send(payload);
        let found: Vec<&str> = batch
            .unused_times
            .iter()
            .map(|unused| &*unused.member)
            .collect();
        assert_eq!(found, Vec::from_iter(expect), "{payload}");
    }
    // With the route's own member nothing is left over.
    let mut bench = Bench::with(&timed("ts", TimeUnit::Seconds));
    let batch = bench.send(r#"{"a":1,"ts":1700000000}"#);
    assert_eq!(batch.unused_times, []);
}
