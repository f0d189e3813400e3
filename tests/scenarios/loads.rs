//! The harness itself against a real broker: a load is what it says it is, and
//! it goes on when its broker dies.

use std::collections::BTreeSet;

use weir_tests::{DEADLINE, LoadSpec, Loader, Mosquitto, MosquittoSpec, Subscriber, wait_until};

#[test]
#[ignore = "needs Mosquitto"]
fn what_a_load_sends_is_what_its_spec_says() {
    const MESSAGES: usize = 1_000;
    let broker = Mosquitto::start(MosquittoSpec::default());
    let subscriber = Subscriber::new(broker.address(), &["devices/#"]);
    let report = Loader::start(broker.address(), LoadSpec::new("load", MESSAGES)).finish();
    assert_eq!(report.acknowledged_count(), MESSAGES);
    wait_until("all are received", DEADLINE, || {
        subscriber.received().len() >= MESSAGES
    });
    let received: BTreeSet<(String, Vec<u8>)> = subscriber
        .received()
        .into_iter()
        .map(|m| (m.topic, m.payload))
        .collect();
    let message = |n| (report.spec.topic(n), report.spec.payload(n).into_bytes());
    assert_eq!(received, (0..MESSAGES).map(message).collect());
}

#[test]
#[ignore = "needs Mosquitto"]
fn a_load_survives_its_broker() {
    const MESSAGES: usize = 20_000;
    let mut broker = Mosquitto::start(MosquittoSpec::default());
    let load = Loader::start(broker.address(), LoadSpec::new("load", MESSAGES));
    load.wait_acknowledged(100);
    broker.kill9();
    broker.resume();
    let report = load.finish();
    assert_eq!(
        (report.sent, report.acknowledged_count()),
        (MESSAGES, MESSAGES)
    );
}
