//! An alarm whose function is taken out of the configuration is cleared.

use serde_json::{Value, json};
use weir_tests::{Exit, Weir, WeirSpec, now_ms};

fn with_function(name: &str) -> WeirSpec {
    WeirSpec::embedded().with(&format!(
        "[[function]]\nname = \"{name}\"\nkind = \"threshold\"\nsensor = \"pressure\"\n\
         critical_high = 9.0\n"
    ))
}

#[test]
fn an_alarm_of_a_function_that_is_gone_after_a_restart_is_cleared_once() {
    let mut weir = Weir::start(with_function("burst"));
    let event = |time: i64| {
        json!({"timestamp": time, "data": [{"sensorId": "pressure", "value": 12.0}]}).to_string()
    };
    let start = now_ms() - 60_000;
    weir.ingest_and_wait("valve", event(start));
    let raised = weir.wait_alarms("state=active", 1);
    assert_eq!(weir.sigterm(), Exit::Code(0));

    // Under another name it is another function, and raises its own.
    weir.restart_with(with_function("overpressure"));
    weir.wait_alarms("state=active", 0);
    let cleared = weir.wait_alarms("state=cleared", 1);
    assert_eq!(cleared[0]["alarmId"], raised[0]["alarmId"]);
    weir.ingest_and_wait("valve", event(start + 1_000));
    let open = weir.wait_alarms("state=active", 1);
    assert_ne!(open[0]["alarmId"], raised[0]["alarmId"]);

    // The same once more, as after a crash before the next checkpoint.
    weir.kill9();
    weir.restart_with(with_function("overpressure"));
    let again = weir.wait_alarms("state=cleared", 1);
    let without_now = |alarms: Vec<Value>| -> Vec<Value> {
        let without = |mut alarm: Value| {
            // The sensor's latest value, which is another one by now.
            alarm.as_object_mut().expect("an object").remove("now");
            alarm
        };
        alarms.into_iter().map(without).collect()
    };
    assert_eq!(without_now(again), without_now(cleared));
    let open_again = weir.wait_alarms("state=active", 1);
    assert_eq!(without_now(open_again), without_now(open));
    weir.wait_received(2);
}
