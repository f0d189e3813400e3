//! The external broker goes away and comes back.

use serde_json::json;
use weir_tests::{
    LoadSpec, Loader, Mosquitto, MosquittoSpec, Subscriber, Weir, WeirSpec, audit, now_ms,
};

/// What the log may say about a broker that is away.
fn source(broker: &Mosquitto) -> WeirSpec {
    WeirSpec::source(broker).allow("source").allow("publisher")
}

#[test]
#[ignore = "needs Mosquitto"]
fn a_broker_that_keeps_its_sessions_loses_nothing_when_it_restarts() {
    let mut broker = Mosquitto::start(MosquittoSpec {
        persistent: true,
        ..Default::default()
    });
    let mut weir = Weir::start(source(&broker));
    let load = Loader::start(broker.address(), LoadSpec::new("kept", 10_000));
    load.wait_acknowledged(2_000);
    broker.stop();
    broker.resume();
    load.wait_acknowledged(5_000);
    // Weir is away at the same time: the broker keeps what it has promised.
    weir.kill9();
    load.wait_acknowledged(6_000);
    broker.stop();
    broker.resume();
    weir.restart();
    let report = load.finish();
    audit(&weir, &[&report]);
}

#[test]
#[ignore = "needs Mosquitto"]
fn after_a_broker_forgot_its_sessions_weir_subscribes_again_and_alerts_still_go_out() {
    let mut broker = Mosquitto::start(MosquittoSpec::default());
    let mut weir = Weir::start(source(&broker));
    broker.kill9();
    // Raised while there is no broker to publish it to.
    let event = json!({"deviceId": "d", "timestamp": now_ms() - 5_000, "data": [
        {"sensorId": "a", "value": 99.0, "criticalThreshold": 90.0}]});
    weir.ingest_and_wait("d", event.to_string());
    // Held, so that operations are subscribed before Weir is back.
    weir.process().freeze();
    broker.resume();
    let operations = Subscriber::new(broker.address(), &["alerts/#"]);
    weir.process().resume();
    assert_eq!(
        operations.wait_json("alerts/critical/d", 1)[0]["state"],
        "raised"
    );

    weir.wait_ready();
    let report = Loader::start(broker.address(), LoadSpec::new("again", 500)).finish();
    let flow = weir.wait_received(1_001);
    assert_eq!(flow.readings.stored, 1_001, "{flow:#?}");
    assert_eq!(report.acknowledged_count(), 500);
}
