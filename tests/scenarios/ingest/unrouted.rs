//! Messages that nobody takes: where a mistyped topic shows. And what the clients of
//! Mosquitto read about the broker.

use serde_json::json;
use weir_tests::mqtt::Connection;
use weir_tests::{MosquittoSub, Weir, WeirSpec, mosquitto_pub};

#[test]
fn a_mistyped_topic_shows_in_flow_metrics_and_log() {
    let weir = Weir::start(WeirSpec::embedded().allow("no route and no subscriber"));
    let mut device = Connection::connect(weir.mqtt().get(), "device").expect("the broker accepts");
    for topic in ["device/p1/telemetry", "devices/p1/telemetry/"] {
        let sent = device.publish(topic.as_bytes(), b"{}", 1);
        assert!(sent.is_ok(), "acknowledged as by every broker: {sent:?}");
    }
    let flow = weir.http().get("/api/v1/flow").expect(200).json();
    assert_eq!(
        flow["broker"]["unrouted"],
        json!({"device": 1, "devices": 1})
    );
    assert_eq!(flow["messages"]["received"], 0);
    let metric = "weir_broker_unrouted_messages_total{level=\"device\"}";
    assert_eq!(weir.metric(metric), 1.0);
    weir_tests::wait_until("the log names it", weir_tests::DEADLINE, || {
        weir.log().contains("device/p1/telemetry")
    });
}

#[test]
#[ignore = "needs mosquitto-clients"]
fn mosquitto_sub_reads_the_usual_system_topics() {
    let weir = Weir::start(WeirSpec::embedded());
    let system = MosquittoSub::start(weir.mqtt(), "$SYS/#");
    assert!(
        system
            .wait("$SYS/broker/version")
            .starts_with("weir version")
    );
    let retained = system.wait("$SYS/broker/retained messages/count");
    assert!(retained.parse::<u64>().is_ok(), "{retained}");
    // All others do not see them.
    let all = MosquittoSub::start(weir.mqtt(), "#");
    mosquitto_pub(weir.mqtt(), "ordinary", "x");
    assert_eq!(all.wait("ordinary"), "x");
}
