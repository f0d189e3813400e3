//! The numbers that devices give their messages and readings.

use super::*;
use crate::SequenceCounts;

fn counts(bench: &Bench) -> [u64; 5] {
    let device = bench.engine.device_ix("p1").unwrap();
    let of_device = bench.engine.sequence_counts(device);
    assert_eq!(of_device, bench.engine.sequence_totals());
    let SequenceCounts {
        seen,
        gaps,
        missing,
        repeats,
        restarts,
    } = of_device;
    [seen, gaps, missing, repeats, restarts]
}

fn event(sequence: &str, value: &str) -> String {
    format!(
        r#"{{"deviceId":"p1","sequence":{sequence},"data":[{{"sensorId":"a","value":{value}}}]}}"#
    )
}

#[test]
fn events_are_counted_per_device() {
    let mut bench = Bench::new();
    for number in [1, 2, 5, 5, 0, 1] {
        let batch = bench.send(&event(&number.to_string(), "1"));
        assert_eq!(batch.quarantined, []);
    }
    assert_eq!(counts(&bench), [6, 1, 2, 1, 1]);
    // A reading that is refused has arrived all the same.
    assert_eq!(bench.send(&event("2", "[]")).quarantined.len(), 1);
    bench.send(&event("3", "1"));
    assert_eq!(counts(&bench), [8, 1, 2, 1, 1]);
}

#[test]
fn readings_are_counted_per_sensor() {
    let mut bench = Bench::new();
    let reading = |sensor: &str, number: u32, value: &str| {
        let reading = format!(r#"{{"sensorId":"{sensor}","value":{value},"sequence":{number}}}"#);
        format!(r#"{{"deviceId":"p1","data":[{reading}]}}"#)
    };
    for (sensor, number) in [("a", 10), ("b", 70), ("a", 11), ("b", 72), ("a", 11)] {
        bench.send(&reading(sensor, number, "1"));
    }
    assert_eq!(counts(&bench), [5, 1, 1, 1, 0]);
    bench.send(&reading("a", 12, "null"));
    bench.send(&reading("a", 13, "1"));
    assert_eq!(counts(&bench), [7, 1, 1, 1, 0]);
    // The other forms that have members of readings.
    bench.send(r#"{"deviceId":"p1","sensorId":"a","value":1,"sequence":15}"#);
    assert_eq!(counts(&bench), [8, 2, 2, 1, 0]);
    // In a flat map it is a sensor like any other.
    let batch = bench.send(r#"{"deviceId":"p1","sequence":99}"#);
    assert_eq!(batch.received, 1);
    assert_eq!(counts(&bench), [8, 2, 2, 1, 0]);
}

#[test]
fn what_is_no_count_is_passed_over() {
    let mut bench = Bench::new();
    for number in ["1.5", "-1", "\"7\"", "null", "[1]", "1e400"] {
        let batch = bench.send(&event(number, "1"));
        assert_eq!(batch.quarantined, [], "{number}");
    }
    assert_eq!(counts(&bench), [0; 5]);
}

#[test]
fn a_retained_message_is_not_counted() {
    let mut bench = Bench::new();
    bench.send(&event("1", "1"));
    bench.send_retained(&event("9", "1"), RECEIVED);
    assert_eq!(counts(&bench), [1, 0, 0, 0, 0]);
}

#[test]
fn the_counts_are_part_of_the_snapshot() {
    let mut bench = Bench::new();
    bench.send(&event("1", "1"));
    bench.send(&event("4", "1"));
    bench.send(r#"{"deviceId":"p1","data":[{"sensorId":"b","value":1,"sequence":3}]}"#);
    let snapshot = bench.engine.snapshot();
    bench.engine = Engine::restore(&Config::default(), &snapshot).unwrap();
    assert_eq!(bench.engine.snapshot(), snapshot);
    assert_eq!(counts(&bench), [3, 1, 2, 0, 0]);
    bench.send(&event("6", "1"));
    bench.send(r#"{"deviceId":"p1","data":[{"sensorId":"b","value":1,"sequence":5}]}"#);
    assert_eq!(counts(&bench), [5, 3, 4, 0, 0]);
}
