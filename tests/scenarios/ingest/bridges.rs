//! A Mosquitto that bridges to Weir, as sites do that have one already.

use weir_tests::{
    Address, DEADLINE, Link, Mosquitto, MosquittoSpec, Subscriber, Weir, WeirSpec, wait_until,
};

const READING: &str = r#"{"data":[{"sensorId":"temperature","value":21.5}]}"#;

/// A Mosquitto with a bridge whose settings are all defaults.
fn bridge(to: &Address, topics: &str) -> Mosquitto {
    let to = to.get();
    Mosquitto::start(MosquittoSpec {
        more: format!("connection c\naddress {to}\n{topics}\n"),
        ..MosquittoSpec::default()
    })
}

#[test]
#[ignore = "needs Mosquitto"]
fn a_mosquitto_bridge_with_defaults_brings_its_readings() {
    let weir = Weir::start(WeirSpec::embedded());
    let site = bridge(weir.mqtt(), "topic devices/# out 1");
    let device = Subscriber::new(site.address(), &[]);
    device.publish("devices/p1/telemetry", READING);
    let flow = weir.wait_received(1);
    assert_eq!((flow.readings.received, flow.messages.received), (1, 1));
    assert_eq!(weir.metric("weir_broker_refused_logins_total"), 0.0);
}

#[test]
#[ignore = "needs Mosquitto"]
fn a_bridge_in_both_directions_makes_no_loop_and_resumes_after_a_break() {
    let mut weir = Weir::start(WeirSpec::embedded());
    // Weir has another port after its restart.
    let link = Link::start(weir.mqtt());
    let site = bridge(link.address(), "topic plant/# both 1");
    let here = Subscriber::new(weir.mqtt(), &["plant/#"]);
    let there = Subscriber::new(site.address(), &["plant/#"]);
    let count = |subscriber: &Subscriber, topic: &str| {
        let received = subscriber.received();
        received.iter().filter(|one| one.topic == topic).count()
    };
    wait_until("the bridge has subscribed", DEADLINE, || {
        weir.metric("weir_broker_subscriptions") == 2.0
    });
    here.publish("plant/from-weir", "1");
    there.publish("plant/from-site", "1");
    wait_until("both arrive on both sides", DEADLINE, || {
        [&here, &there]
            .iter()
            .all(|side| count(side, "plant/from-weir") == 1 && count(side, "plant/from-site") == 1)
    });
    // A loop would have repeated them before these arrive.
    here.publish("plant/last-weir", "1");
    there.publish("plant/last-site", "1");
    wait_until("the last ones arrive", DEADLINE, || {
        count(&there, "plant/last-weir") == 1 && count(&here, "plant/last-site") == 1
    });
    for side in [&here, &there] {
        assert_eq!(count(side, "plant/from-weir"), 1);
        assert_eq!(count(side, "plant/from-site"), 1);
    }
    weir.kill9();
    weir.restart();
    let device = Subscriber::new(weir.mqtt(), &["plant/after"]);
    wait_until("the bridge is back", DEADLINE, || {
        there.publish("plant/after", "1");
        count(&device, "plant/after") > 0
    });
}
