//! Retained messages.

use std::collections::BTreeSet;

use weir_mqtt_broker::{RetainedLimits, Settings};
use weir_mqtt_codec::{
    Property, PropertyBuffer, ReasonCode, RetainHandling, SubscriptionOptions, Version,
};

use crate::memory_log::Commit;
use crate::support::{BOTH, Connector, Server};

#[test]
fn set_replaced_and_cleared() {
    let server = Server::start();
    for version in BOTH {
        let mut publisher = server.client(version, "p");
        publisher.retain("r/1", "old", 1);
        publisher.retain("r/1", "new", 1);
        publisher.retain("r/2", "x", 1);
        publisher.retain("r/2", "", 1);
        let mut client = server.client(version, "c");
        client.subscribe("r/#", 1);
        let message = client.expect("r/1", "new");
        assert!(message.retain);
        publisher.retain("r/1", "live", 1);
        let message = client.expect("r/1", "live");
        assert!(!message.retain, "a live message is not marked");
        publisher.retain("r/1", "", 1);
        assert!(!client.expect("r/1", "").retain);
        client.subscribe("r/+", 1);
        client.expect_nothing_before(&mut publisher, "r/3");
        client.leave();
    }
}

#[test]
fn retain_as_published_keeps_the_flag() {
    let server = Server::start();
    let mut client = server.client(Version::V5, "c");
    let options = SubscriptionOptions {
        retain_as_published: true,
        ..SubscriptionOptions::qos(1)
    };
    client.subscribe_with(&[("t", options)], None);
    client.retain("t", "kept", 1);
    assert!(client.expect("t", "kept").retain);
    client.publish("t", "x", 1);
    assert!(!client.expect("t", "x").retain);
}

#[test]
fn retain_handling() {
    let server = Server::start();
    let mut publisher = server.client(Version::V5, "p");
    publisher.retain("t", "kept", 1);
    for (handling, first, second) in [
        (RetainHandling::Send, true, true),
        (RetainHandling::SendIfNew, true, false),
        (RetainHandling::DoNotSend, false, false),
    ] {
        let mut client = server.client(Version::V5, "c");
        let options = SubscriptionOptions {
            retain_handling: handling,
            ..SubscriptionOptions::qos(1)
        };
        for expect in [first, second] {
            client.subscribe_with(&[("t", options)], None);
            if expect {
                client.expect("t", "kept");
            }
            client.expect_nothing_before(&mut publisher, "t");
        }
        client.leave();
    }
}

#[test]
fn a_resumed_session_gets_no_retained_messages_again() {
    let server = Server::start();
    let mut publisher = server.client(Version::V5, "p");
    publisher.retain("t", "kept", 1);
    for version in BOTH {
        let connector = Connector::new(version, &format!("{version:?}")).keep(100);
        let (mut client, _) = connector.open(&server);
        client.subscribe("t", 1);
        client.expect("t", "kept");
        client.ping();
        client.leave();
        let (mut client, answer) = connector.open(&server);
        assert!(answer.present);
        client.expect_nothing_before(&mut publisher, "t");
    }
}

#[test]
fn expiry_is_counted_down_and_ends_a_retained_message() {
    let server = Server::start();
    let mut publisher = server.client(Version::V5, "p");
    for (topic, seconds) in [("e/long", 100), ("e/none", 0)] {
        let mut properties = PropertyBuffer::new();
        properties
            .push(Property::MessageExpiryInterval(seconds))
            .unwrap();
        let id = publisher.put_with(topic, b"x", 1, true, properties.as_properties());
        publisher.finish(id, 1);
    }
    let mut client = server.client(Version::V5, "c");
    client.subscribe("e/#", 1);
    let message = client.expect("e/long", "x");
    let expiry = message.properties().next();
    assert!(
        matches!(expiry, Some(Property::MessageExpiryInterval(90..=100))),
        "{expiry:?}"
    );
    client.expect_nothing_before(&mut publisher, "e/x");
}

#[test]
fn a_hundred_thousand_retained_messages_all_arrive() {
    const COUNT: usize = 100_000;
    let server = Server::start();
    let mut publisher = server.client(Version::V311, "p");
    for number in 0..COUNT {
        publisher.put(&format!("many/{number}"), b"x", 0, true);
    }
    publisher.ping();
    server.wait("all are retained", |status| status.retained == COUNT);
    for (version, qos) in [(Version::V311, 0), (Version::V5, 1)] {
        let mut client = server.client(version, "c");
        client.subscribe("many/#", qos);
        let mut topics = BTreeSet::new();
        for _ in 0..COUNT {
            let message = client.message();
            assert!(message.retain && topics.insert(message.topic));
        }
        client.expect_nothing_before(&mut publisher, "many/x");
        client.leave();
    }
    assert!(server.status().dropped.iter().all(|(_, count)| *count == 0));
}

#[test]
fn a_full_store_is_never_silent() {
    let server = Server::with(
        Settings {
            retained: RetainedLimits {
                messages: 1,
                bytes: usize::MAX,
            },
            ..Settings::default()
        },
        Commit::AtOnce,
    );
    let mut client = server.client(Version::V5, "c");
    let mut old = server.client(Version::V311, "old");
    client.subscribe("#", 1);
    assert_eq!(client.retain("a", "x", 1), ReasonCode::Success);
    client.expect("a", "x");
    assert_eq!(client.retain("b", "x", 1), ReasonCode::QuotaExceeded);
    assert_eq!(old.retain("b", "old", 1), ReasonCode::Success);
    client.expect("b", "old");
    assert_eq!(client.retain("a", "y", 1), ReasonCode::Success);
    client.expect("a", "y");
    assert_eq!(
        (server.status().retained, server.status().not_retained),
        (1, 2)
    );
}
