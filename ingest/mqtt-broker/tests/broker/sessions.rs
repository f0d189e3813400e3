//! Sessions that outlive their connection, and those that do not.

use weir_mqtt_broker::{DropReason, QueueLimits, Settings};
use weir_mqtt_codec::{
    Disconnect, Packet, Property, PropertyBuffer, ReasonCode, SubscriptionOptions, Version,
};

use crate::memory_log::Commit;
use crate::support::{BOTH, Connector, Server};

#[test]
fn an_absent_client_gets_its_messages_in_order() {
    let server = Server::start();
    for version in BOTH {
        let connector = Connector::new(version, &format!("{version:?}")).keep(100);
        let (mut client, answer) = connector.open(&server);
        assert!(!answer.present);
        client.subscribe("t/#", 2);
        client.leave();
        let mut publisher = server.client(version, "p");
        for number in 0..100 {
            let qos = number % 3;
            publisher.publish(&format!("t/{number}"), "x", qos as u8);
        }
        let (mut client, answer) = connector.open(&server);
        assert!(answer.present);
        for number in (0..100).filter(|number| number % 3 > 0) {
            let message = client.expect(&format!("t/{number}"), "x");
            assert!(!message.dup && i32::from(message.qos) == number % 3);
        }
        client.expect_nothing_before(&mut publisher, "t/x");
    }
}

#[test]
fn unacknowledged_messages_come_again_first() {
    let server = Server::start();
    for version in BOTH {
        let connector = Connector::new(version, &format!("{version:?}")).keep(100);
        let (mut client, _) = connector.open(&server);
        client.subscribe("t/#", 1);
        let mut publisher = server.client(version, "p");
        for topic in ["t/1", "t/2", "t/3"] {
            publisher.publish(topic, "x", 1);
        }
        client.expect("t/1", "x");
        let second = client.raw_message();
        assert_eq!(second.topic, "t/2");
        client.ping();
        client.cut(&server);
        publisher.publish("t/4", "x", 1);
        let (mut client, _) = connector.open(&server);
        let again = client.expect("t/2", "x");
        assert_eq!((again.dup, again.packet_id), (true, second.packet_id));
        assert!(client.expect("t/3", "x").dup);
        assert!(!client.expect("t/4", "x").dup);
    }
}

#[test]
fn a_clean_start_ends_the_session() {
    let server = Server::start();
    for version in BOTH {
        let connector = Connector::new(version, "c").keep(100);
        let (mut client, _) = connector.open(&server);
        client.subscribe("t", 1);
        client.leave();
        let mut publisher = server.client(version, "p");
        publisher.publish("t", "lost", 1);
        let (client, answer) = connector.clone().clean().open(&server);
        assert!(!answer.present);
        client.leave();
        server.wait("its subscription is gone", |status| {
            status.subscriptions == 0
        });
        let lost = |status: &weir_mqtt_broker::BrokerStatus| {
            let ended = |(reason, _): &&(DropReason, u64)| *reason == DropReason::SessionEnded;
            status
                .dropped
                .iter()
                .find(ended)
                .map_or(0, |(_, count)| *count)
        };
        assert!(lost(&server.status()) > 0);
        // In MQTT 5 the clean session above has an expiry: end it.
        server.client(version, "c").leave();
    }
}

#[test]
fn session_expiry() {
    let server = Server::start();
    let present = |id: &str| {
        let (client, answer) = Connector::new(Version::V5, id).keep(100).open(&server);
        client.cut(&server);
        answer.present
    };
    // None: it ends with the connection.
    let mut connector = Connector::new(Version::V5, "none");
    connector = connector.property(Property::SessionExpiryInterval(0));
    connector.open(&server).0.leave();
    assert!(!present("none"));
    // A second.
    let (mut client, _) = Connector::new(Version::V5, "second").keep(1).open(&server);
    client.subscribe("t", 1);
    client.leave();
    server.wait("it expires", |status| status.subscriptions == 0);
    assert!(!present("second"));
    // For ever, which the broker bounds and says so.
    let (client, answer) = Connector::new(Version::V5, "ever")
        .keep(u32::MAX)
        .open(&server);
    let week = 7 * 24 * 3_600;
    assert!(
        answer
            .properties()
            .any(|p| p == Property::SessionExpiryInterval(week))
    );
    client.leave();
    assert!(present("ever"));
}

#[test]
fn disconnect_changes_the_expiry_but_not_from_0() {
    let server = Server::start();
    let leave_with = |connector: Connector, expiry| {
        let (mut client, _) = connector.open(&server);
        let mut properties = PropertyBuffer::new();
        properties
            .push(Property::SessionExpiryInterval(expiry))
            .unwrap();
        client.send(&Packet::Disconnect(Disconnect {
            reason: ReasonCode::Success,
            properties: properties.as_properties(),
        }));
        client
    };
    let mut client = leave_with(Connector::new(Version::V5, "c").keep(100), 0);
    assert!(client.frame().is_none());
    let (client, answer) = Connector::new(Version::V5, "c").keep(100).open(&server);
    assert!(!answer.present);
    client.leave();
    let mut client = leave_with(Connector::new(Version::V5, "d"), 100);
    client.expect_closed(ReasonCode::ProtocolError);
}

#[test]
fn another_connection_takes_the_session_over() {
    let server = Server::start();
    for version in BOTH {
        let connector = Connector::new(version, &format!("{version:?}")).keep(100);
        let (mut old, _) = connector.open(&server);
        old.subscribe("t", 1);
        let (mut new, answer) = connector.open(&server);
        assert!(answer.present);
        old.expect_closed(ReasonCode::SessionTakenOver);
        let mut publisher = server.client(version, "p");
        publisher.publish("t", "x", 1);
        new.expect("t", "x");
        assert_eq!(server.status().connected_sessions, 2);
        new.leave();
        publisher.leave();
        server.wait("both are gone", |status| status.connections == 0);
    }
}

#[test]
fn a_full_queue_drops_its_oldest_and_counts_them() {
    let server = Server::with(
        Settings {
            queue: QueueLimits {
                messages: 10,
                bytes: usize::MAX,
            },
            ..Settings::default()
        },
        Commit::AtOnce,
    );
    let connector = Connector::new(Version::V5, "c").keep(100);
    let (mut client, _) = connector.open(&server);
    client.subscribe("t/#", 1);
    client.leave();
    let mut publisher = server.client(Version::V5, "p");
    for number in 0..25 {
        publisher.publish(&format!("t/{number}"), "x", 1);
    }
    assert_eq!(server.status().full_queues, 1);
    let (mut client, _) = connector.open(&server);
    for number in 15..25 {
        client.expect(&format!("t/{number}"), "x");
    }
    assert!(
        server
            .status()
            .dropped
            .contains(&(DropReason::QueueFull, 15))
    );
}

#[test]
fn messages_of_absent_clients_expire() {
    let server = Server::start();
    let connector = Connector::new(Version::V5, "c").keep(100);
    let (mut client, _) = connector.open(&server);
    client.subscribe("t/#", 1);
    client.leave();
    let mut publisher = server.client(Version::V5, "p");
    for (topic, seconds) in [("t/gone", 0), ("t/here", 50)] {
        let mut properties = PropertyBuffer::new();
        properties
            .push(Property::MessageExpiryInterval(seconds))
            .unwrap();
        let id = publisher.put_with(topic, b"x", 1, false, properties.as_properties());
        publisher.finish(id, 1);
    }
    let (mut client, _) = connector.open(&server);
    client.expect("t/here", "x");
    assert!(server.status().dropped.contains(&(DropReason::Expired, 1)));
}

#[test]
fn subscriptions_are_bounded() {
    let server = Server::with(
        Settings {
            max_subscriptions: 2,
            ..Settings::default()
        },
        Commit::AtOnce,
    );
    for (version, refusal) in [(Version::V311, 0x80), (Version::V5, 0x97)] {
        for connector in [
            Connector::new(version, "clean"),
            Connector::new(version, &format!("{version:?}")).keep(100),
        ] {
            let (mut client, _) = connector.open(&server);
            let options = SubscriptionOptions::qos(1);
            let filters = [
                ("a", options),
                ("b", options),
                ("c", options),
                ("a", options),
            ];
            assert_eq!(client.subscribe_with(&filters, None), [1, 1, refusal, 1]);
            client.leave();
        }
    }
}

#[test]
fn sessions_are_bounded() {
    let server = Server::with(
        Settings {
            max_sessions: 1,
            ..Settings::default()
        },
        Commit::AtOnce,
    );
    let first = server.client(Version::V5, "a");
    let (mut client, answer) = Connector::new(Version::V5, "b").answer(&server);
    assert_eq!(answer.reason, ReasonCode::QuotaExceeded);
    assert!(client.frame().is_none());
    first.leave();
    server.client(Version::V5, "b").leave();
}

#[test]
fn identifiers() {
    let server = Server::start();
    let long = "é".repeat(512);
    for version in BOTH {
        for id in ["a/b", "é", "with space", &long] {
            server.client(version, id).leave();
        }
        let (mut client, answer) = Connector::new(version, &"x".repeat(1_025)).answer(&server);
        assert_eq!(answer.reason, ReasonCode::ClientIdentifierNotValid);
        assert!(client.frame().is_none());
    }
    let (client, answer) = Connector::new(Version::V5, "").open(&server);
    let assigned = answer
        .properties()
        .any(|p| matches!(p, Property::AssignedClientIdentifier(id) if !id.is_empty()));
    assert!(assigned);
    client.leave();
    server.client(Version::V311, "").leave();
    for connector in [
        Connector::new(Version::V311, "").keep(1),
        Connector::new(Version::V31, ""),
    ] {
        let (mut client, answer) = connector.answer(&server);
        assert_eq!(answer.reason, ReasonCode::ClientIdentifierNotValid);
        assert!(client.frame().is_none());
    }
    server.client(Version::V31, "old").leave();
}
