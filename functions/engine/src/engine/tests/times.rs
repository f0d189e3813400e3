//! Time: missing, confused, late, retained.

use super::*;
use QuarantineReason as R;

#[track_caller]
fn check(timestamp: &str, expect: Result<&str, R>) {
    let mut bench = Bench::new();
    let batch = bench.send(&format!(r#"{{"a":1,"timestamp":{timestamp}}}"#));
    match expect {
        Ok(row) => assert_eq!(bench.show(&batch), [row], "{timestamp}"),
        Err(reason) => assert_eq!(reasons(&batch), [(Some(0), reason)], "{timestamp}"),
    }
}

#[test]
fn timestamps_are_whole_milliseconds_of_our_time() {
    check("1700000000000", Ok(r#"p1@"" +0ms [] a=1"#));
    check("1.7e12", Ok(r#"p1@"" +0ms [] a=1"#));
    check("null", Ok(r#"p1@"" +100000ms [time_received] a=1"#));
    check("1000000000000", Ok(r#"p1@"" -700000000000ms [] a=1"#));
    check("999999999999", Err(R::TimeTooOld));
    check("0", Err(R::TimeTooOld));
    check("-1", Err(R::TimeTooOld));
    check("1700000000", Err(R::TimeTooOld)); // seconds
    check("1700000000000000", Err(R::InvalidTime)); // microseconds
    check("1700000000000000000", Err(R::InvalidTime)); // nanoseconds
    check("9223372036854775807", Err(R::InvalidTime));
    check("-9223372036854775808", Err(R::InvalidTime));
    check("9223372036854775808", Err(R::InvalidTime));
    check("1e300", Err(R::InvalidTime));
    check("1e400", Err(R::InvalidTime));
    check("1700000000000.5", Err(R::InvalidTime));
    check("\"1700000000000\"", Ok(r#"p1@"" +0ms [] a=1"#));
    check("\"1700000000000.5\"", Err(R::InvalidTime));
    check("true", Err(R::InvalidTime));
    check("{}", Err(R::InvalidTime));
    let ahead = RECEIVED.millis() + 24 * 3_600_000;
    check(&ahead.to_string(), Ok(r#"p1@"" +86500000ms [] a=1"#));
    check(&(ahead + 1).to_string(), Err(R::TimeInFuture));
}

#[test]
fn a_reading_from_the_far_future_moves_nothing() {
    let mut bench = Bench::new();
    bench.temperature(0, 20.0);
    let batch = bench.temperature(10 * 365 * 86_400_000, 99.0);
    assert_eq!(reasons(&batch), [(Some(0), R::TimeInFuture)]);
    let batch = bench.temperature(1, 21.0);
    assert_eq!(bench.show(&batch), [r#"p1@"" +1ms [] temperature=21"#]);
}

#[test]
fn a_reading_has_its_own_time_before_its_events() {
    let mut bench = Bench::new();
    let batch = bench.send(
        r#"{"timestamp":1700000000000,"data":[{"sensorId":"a","value":1,"timestamp":1700000000009},
            {"sensorId":"b","value":2}]}"#,
    );
    assert_eq!(
        bench.show(&batch),
        [r#"p1@"" +9ms [] a=1"#, r#"p1@"" +0ms [] b=2"#]
    );
    // What is wrong with the event's time is wrong only with readings that need it.
    let batch = bench.send(
        r#"{"timestamp":"x","data":[{"sensorId":"a","value":1,"timestamp":1700000000010},
            {"sensorId":"b","value":2}]}"#,
    );
    assert_eq!(reasons(&batch), [(Some(1), R::InvalidTime)]);
    assert_eq!(bench.show(&batch), [r#"p1@"" +10ms [] a=1"#]);
}

#[test]
fn late_readings_are_stored_and_change_nothing() {
    let config = Config {
        functions: vec![overheat()],
        ..Config::default()
    };
    let mut bench = Bench::with(&config);
    assert_eq!(levels(&bench.temperature(1_000, 20.0)), [None]);
    for millis in [1_000, 999, -3_600_000] {
        let batch = bench.temperature(millis, 95.0);
        assert_eq!(
            bench.show(&batch),
            [format!(r#"p1@"" {millis:+}ms [late] temperature=95"#)]
        );
        assert_eq!(batch.verdicts, []);
    }
    let device = bench.engine.device_ix("p1").unwrap();
    assert_eq!(
        bench.engine.latest(device)[0].value,
        LatestValue::Number(20.0)
    );
    assert_eq!(levels(&bench.temperature(1_001, 95.0)), [CRITICAL]);
}

#[test]
fn retained_readings_raise_no_alarm() {
    let config = Config {
        functions: vec![overheat()],
        ..Config::default()
    };
    let mut bench = Bench::with(&config);
    let payload = r#"{"temperature":95,"timestamp":1700000000000}"#;
    let batch = bench.send_retained(payload, RECEIVED);
    assert_eq!(
        bench.show(&batch),
        [r#"p1@"" +0ms [retained] temperature=95"#]
    );
    assert_eq!(batch.verdicts, []);
    let device = bench.engine.device_ix("p1").unwrap();
    assert_eq!(bench.engine.latest(device)[0].flags, Flags::RETAINED);
    // Once more it is a repetition, and says so: the store will know it.
    let batch = bench.send_retained(payload, RECEIVED);
    assert_eq!(
        bench.show(&batch),
        [r#"p1@"" +0ms [retained,late] temperature=95"#]
    );
    assert_eq!(levels(&bench.temperature(1, 95.0)), [CRITICAL]);
}

#[test]
fn a_retained_message_without_a_time_is_stored_once() {
    let mut bench = Bench::new();
    let later = |seconds: i64| RECEIVED.saturating_add_nanos(seconds * 1_000_000_000);
    let batch = bench.send_retained(r#"{"a":1,"b":[],"c":2}"#, RECEIVED);
    assert_eq!(
        bench.show(&batch),
        [r#"p1@"" +100000ms [time_received,retained] a=1 c=2"#]
    );
    for reconnect in 1..4 {
        let batch = bench.send_retained(r#"{"a":1,"b":[],"c":2}"#, later(reconnect));
        assert_eq!(
            (batch.received, batch.deduplicated, batch.quarantined.len()),
            (3, 2, 1)
        );
        assert!(batch.rows.is_empty());
    }
    // Another value is another reading; a message that is not retained as well.
    assert_eq!(
        bench
            .send_retained(r#"{"a":2,"b":[],"c":2}"#, later(5))
            .rows
            .readings(),
        2
    );
    let live = Message {
        received: later(6),
        ..message(TOPIC, br#"{"a":2,"b":[],"c":2}"#)
    };
    assert_eq!(bench.send_message(live).rows.readings(), 2);
}

#[test]
fn retained_messages_of_several_topics_of_a_device_are_distinguished() {
    let config = config_with_topics(&["{device}/{sensor}"]);
    let mut bench = Bench::with(&config);
    let mut replay = |seconds: i64| {
        let received = RECEIVED.saturating_add_nanos(seconds * 1_000_000_000);
        let mut deduplicated = 0;
        for topic in ["p1/a", "p1/b", "p1/c"] {
            let message = Message {
                retained: true,
                received,
                ..message(topic, br#"{"value":1}"#)
            };
            deduplicated += bench.send_message(message).deduplicated;
        }
        deduplicated
    };
    assert_eq!([replay(0), replay(1), replay(2)], [0, 3, 3]);
}

#[test]
fn two_events_of_one_retained_message_are_no_repetition() {
    let mut bench = Bench::new();
    assert_eq!(
        bench
            .send_retained(r#"[{"a":1},{"b":1}]"#, RECEIVED)
            .rows
            .readings(),
        2
    );
    assert_eq!(
        bench
            .send_retained(r#"[{"a":1},{"b":1}]"#, RECEIVED)
            .deduplicated,
        2
    );
}

#[test]
fn a_retained_message_of_unknown_age_does_not_hide_a_live_alarm() {
    let config = Config {
        functions: vec![overheat()],
        ..Config::default()
    };
    let mut bench = Bench::with(&config);
    assert_eq!(levels(&bench.temperature(0, 20.0)), [None]);
    // Received 100 s after the device's clock: not a sign that time moved on.
    bench.send_retained(r#"{"temperature":20}"#, RECEIVED);
    let batch = bench.temperature(1_000, 95.0);
    assert_eq!(
        bench.show(&batch),
        [r#"p1@"" +1000ms [late] temperature=95"#]
    );
    assert_eq!(levels(&batch), [CRITICAL]);
    let device = bench.engine.device_ix("p1").unwrap();
    assert_eq!(
        bench.engine.latest(device)[0].value,
        LatestValue::Number(95.0)
    );
}
