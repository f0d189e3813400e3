//! Latest values, what changed, and the summary of a device.

use super::*;
use crate::inspect::latest::{DeviceSummary, Latest};

fn changed(engine: &mut Engine) -> Vec<String> {
    let mut seen = Vec::new();
    engine.changed_devices(&mut |device, latest| {
        let show = |latest: &Latest| {
            format!(
                "{}={:?}@{}",
                latest.sensor,
                latest.value,
                latest.time.millis() - T0
            )
        };
        let latest: Vec<String> = latest.iter().map(show).collect();
        seen.push(format!("{} {}", device.0, latest.join(" ")));
    });
    seen
}

#[test]
fn changes_are_handed_out_once() {
    let mut bench = Bench::new();
    bench.send(r#"{"timestamp":1700000000000,"a":1,"b":"x"}"#);
    bench.send_to(
        "devices/p2/telemetry",
        r#"{"timestamp":1700000000001,"a":2}"#,
    );
    bench.send(r#"{"timestamp":1700000000002,"a":3}"#);
    let expect = [r#"0 a=Number(3.0)@2 b=Text("x")@0"#, "1 a=Number(2.0)@1"];
    assert_eq!(changed(&mut bench.engine), expect);
    assert!(changed(&mut bench.engine).is_empty());
    bench.send(r#"{"timestamp":1700000000000,"a":9}"#); // late
    assert!(changed(&mut bench.engine).is_empty());
    bench.send(r#"{"timestamp":1700000000009,"b":"y"}"#);
    assert_eq!(changed(&mut bench.engine), [r#"0 b=Text("y")@9"#]);
}

#[test]
fn changes_that_were_not_handed_out_survive_a_restart() {
    let mut bench = Bench::new();
    bench.send(r#"{"timestamp":1700000000000,"a":1}"#);
    let snapshot = bench.engine.snapshot();
    let mut restored = Engine::restore(&Config::default(), &snapshot).unwrap();
    assert_eq!(changed(&mut restored), ["0 a=Number(1.0)@0"]);
    let snapshot = restored.snapshot();
    assert!(changed(&mut Engine::restore(&Config::default(), &snapshot).unwrap()).is_empty());
}

#[test]
fn a_summary_shows_a_device_at_a_glance() {
    let mut bench = Bench::new();
    bench.send(r#"{"timestamp":1700000000005,"location":"hall","a":1,"b":2}"#);
    bench.send(r#"{"timestamp":1700000000001,"a":1,"c":[]}"#);
    let device = bench.engine.device_ix("p1").unwrap();
    assert_eq!(bench.engine.device_ix("p2"), None);
    let expect = DeviceSummary {
        last_seen: Some(RECEIVED),
        last_time: Some(Timestamp::from_millis(T0 + 5).unwrap()),
        series: 2,
        readings: 3,
        location: Some("hall".into()),
    };
    assert_eq!(bench.engine.device_summary(device), expect);
    // What the broker replays says nothing about the device being there.
    bench.send_retained(
        r#"{"timestamp":1700000000006,"a":1}"#,
        Timestamp(RECEIVED.0 + 5),
    );
    let summary = bench.engine.device_summary(device);
    assert_eq!(summary.last_seen, Some(RECEIVED));
}

#[test]
fn the_latest_value_keeps_the_unit_it_came_with() {
    let mut bench = Bench::new();
    bench.send(r#"{"timestamp":1700000000005,"data":[{"sensorId":"a","value":1,"unit":"C"}]}"#);
    bench.send(r#"{"timestamp":1700000000001,"data":[{"sensorId":"a","value":9,"unit":"F"}]}"#);
    let device = bench.engine.device_ix("p1").unwrap();
    let latest = &bench.engine.latest(device)[0];
    assert_eq!(
        (latest.unit.as_deref(), &latest.value),
        (Some("C"), &LatestValue::Number(1.0))
    );
}
