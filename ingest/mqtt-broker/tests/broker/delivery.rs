//! Messages arrive: every QoS, in order, once.

use weir_mqtt_broker::Settings;
use weir_mqtt_codec::{Packet, ReasonCode, SubscriptionOptions, Version};

use crate::support::{BOTH, Connector, Server};

#[test]
fn every_qos_arrives_in_order() {
    let server = Server::start();
    for version in BOTH {
        for qos in 0..3 {
            let mut subscriber = server.client(version, "s");
            let mut publisher = server.client(version, "p");
            subscriber.subscribe("t/#", qos);
            for number in 0..500 {
                publisher.put(&format!("t/{number}"), b"x", qos, false);
            }
            for number in 0..500 {
                let message = subscriber.expect(&format!("t/{number}"), "x");
                assert_eq!(
                    (message.qos, message.retain, message.dup),
                    (qos, false, false)
                );
            }
            subscriber.leave();
        }
    }
}

#[test]
fn the_lower_qos_counts() {
    let server = Server::start();
    for (published, subscribed) in [(2, 1), (1, 2), (0, 2), (2, 0), (1, 0)] {
        let mut subscriber = server.client(Version::V5, "s");
        let mut publisher = server.client(Version::V311, "p");
        subscriber.subscribe("t", subscribed);
        publisher.publish("t", "x", published);
        assert_eq!(subscriber.expect("t", "x").qos, published.min(subscribed));
        subscriber.leave();
    }
}

#[test]
fn payloads_from_nothing_to_the_limit_arrive() {
    let server = Server::with(
        Settings {
            max_packet: 300_000,
            ..Settings::default()
        },
        crate::memory_log::Commit::AtOnce,
    );
    for version in BOTH {
        let mut subscriber = server.client(version, "s");
        let mut publisher = server.client(version, "p");
        subscriber.subscribe("t", 1);
        for size in [0, 1, 120, 130, 16_384, 65_535, 299_900] {
            let payload: Vec<u8> = (0..size).map(|byte| byte as u8).collect();
            let id = publisher.put("t", &payload, 1, false);
            assert!(!publisher.finish(id, 1).is_error());
            assert!(subscriber.message().payload == payload, "{size}");
        }
        subscriber.leave();
    }
}

#[test]
fn overlapping_filters_give_one_copy_with_the_highest_qos_and_all_identifiers() {
    let server = Server::start();
    for version in BOTH {
        let mut subscriber = server.client(version, "s");
        let mut publisher = server.client(version, "p");
        let id = |id| version.is_v5().then_some(id);
        subscriber.subscribe_with(&[("a/+", SubscriptionOptions::qos(0))], id(1));
        subscriber.subscribe_with(&[("a/b", SubscriptionOptions::qos(2))], id(2));
        subscriber.subscribe_with(&[("a/#", SubscriptionOptions::qos(1))], None);
        publisher.publish("a/b", "x", 2);
        let message = subscriber.expect("a/b", "x");
        assert_eq!(message.qos, 2);
        let mut ids = message.ids();
        ids.sort_unstable();
        assert_eq!(ids, if version.is_v5() { vec![1, 2] } else { vec![] });
        subscriber.expect_nothing_before(&mut publisher, "a/c");
        subscriber.leave();
    }
}

#[test]
fn a_subscription_made_again_replaces_the_first() {
    let server = Server::start();
    let mut client = server.client(Version::V5, "s");
    client.subscribe_with(&[("t", SubscriptionOptions::qos(2))], Some(1));
    client.subscribe_with(&[("t", SubscriptionOptions::qos(0))], Some(268_435_455));
    client.publish("t", "x", 2);
    let message = client.expect("t", "x");
    assert_eq!((message.qos, message.ids()), (0, vec![268_435_455]));
}

#[test]
fn no_local_and_bridges_do_not_get_their_own_messages() {
    let server = Server::start();
    let mut other = server.client(Version::V5, "other");
    let mut client = server.client(Version::V5, "c");
    let options = SubscriptionOptions {
        no_local: true,
        ..SubscriptionOptions::qos(1)
    };
    assert_eq!(client.subscribe_with(&[("t", options)], None), [1]);
    client.publish("t", "own", 1);
    client.expect_nothing_before(&mut other, "t");

    let (mut bridge, _) = Connector::new(Version::V311, "bridge/1")
        .bridge()
        .open(&server);
    bridge.subscribe("t", 1);
    bridge.publish("t", "own", 1);
    other.retain("t", "kept", 1);
    let message = bridge.expect("t", "kept");
    assert!(message.retain, "a bridge gets the retain flag as published");
}

#[test]
fn unsubscribing_ends_delivery() {
    let server = Server::start();
    for version in BOTH {
        let mut client = server.client(version, "s");
        let mut other = server.client(version, "p");
        client.subscribe("a", 1);
        client.subscribe("b", 1);
        let codes = client.unsubscribe("a");
        assert_eq!(codes, if version.is_v5() { &[0][..] } else { &[] });
        let codes = client.unsubscribe("a");
        assert_eq!(codes, if version.is_v5() { &[0x11][..] } else { &[] });
        other.publish("a", "x", 1);
        client.expect_nothing_before(&mut other, "b");
        client.leave();
    }
}

#[test]
fn a_publish_that_nobody_takes_is_counted_and_answered() {
    let server = Server::start();
    let mut client = server.client(Version::V5, "p");
    assert_eq!(
        client.publish("device/p1", "x", 1),
        ReasonCode::NoMatchingSubscribers
    );
    assert_eq!(
        client.publish("device/p2", "x", 2),
        ReasonCode::NoMatchingSubscribers
    );
    assert_eq!(client.publish("devices/p1", "x", 1), ReasonCode::Success);
    assert_eq!(client.retain("kept", "x", 1), ReasonCode::Success);
    client.publish("other\n", "x", 0);
    let mut old = server.client(Version::V311, "old");
    assert_eq!(old.publish("device/p3", "x", 1), ReasonCode::Success);
    let expect = [("device".to_owned(), 3), ("other\\n".to_owned(), 1)];
    server.wait("they are counted", |status| status.unrouted == expect);
}

#[test]
fn system_topics_are_for_those_who_ask() {
    let server = Server::start();
    let mut everything = server.client(Version::V5, "a");
    let mut system = server.client(Version::V5, "b");
    let mut publisher = server.client(Version::V5, "p");
    everything.subscribe("#", 1);
    everything.subscribe("+/x", 1);
    system.subscribe("$SYS/#", 1);
    publisher.publish("$SYS/x", "x", 1);
    system.expect("$SYS/x", "x");
    everything.expect_nothing_before(&mut publisher, "a");
}

#[test]
fn unusual_topics_arrive() {
    let server = Server::start();
    let long = "x".repeat(65_535);
    for version in BOTH {
        let mut client = server.client(version, "c");
        client.subscribe("#", 1);
        for topic in ["/", "//", "é/x", "\u{feff}", "a b", "a//b", &long] {
            client.publish(topic, "x", 1);
            client.expect(topic, "x");
        }
        client.leave();
    }
}

#[test]
fn pings_are_answered() {
    let server = Server::start();
    let mut client = server.client(Version::V311, "c");
    client.send(&Packet::PingReq);
    client.send(&Packet::PingReq);
    for _ in 0..2 {
        assert!(matches!(client.answer().packet(), Packet::PingResp));
    }
}
