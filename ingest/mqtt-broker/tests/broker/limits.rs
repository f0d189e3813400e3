//! Receive maximum, maximum packet size and topic aliases, in both directions.

use weir_mqtt_broker::{DropReason, Settings};
use weir_mqtt_codec::{
    AckKind, Packet, Properties, Property, PropertyBuffer, Publish, ReasonCode, Version,
};

use crate::memory_log::Commit;
use crate::support::{BOTH, Client, Connector, Server};

fn with_window(window: u16) -> Settings {
    Settings {
        receive_maximum: window,
        ..Settings::default()
    }
}

#[test]
fn a_client_that_exceeds_the_receive_maximum_is_disconnected() {
    for qos in [1, 2] {
        let server = Server::with(with_window(3), Commit::ByHand);
        let (mut client, answer) = Connector::new(Version::V5, "c").open(&server);
        assert!(
            answer
                .properties()
                .any(|p| p == Property::ReceiveMaximum(3))
        );
        for _ in 0..3 {
            client.put("devices/x", b"x", qos, false);
        }
        client.ping();
        client.put("devices/x", b"too much", qos, false);
        client.expect_closed(ReasonCode::ReceiveMaximumExceeded);
        assert_eq!(server.log.published().len(), 3);
    }
}

#[test]
fn acknowledgements_open_the_window_again() {
    let server = Server::with(with_window(3), Commit::AtOnce);
    let mut client = server.client(Version::V5, "c");
    for _ in 0..10 {
        let ids = [1, 2, 2].map(|qos| (client.put("devices/x", b"x", qos, false), qos));
        for (id, qos) in ids {
            let kind = if qos == 1 {
                AckKind::PubAck
            } else {
                AckKind::PubRec
            };
            client.ack(kind, id);
        }
        for (id, _) in ids.iter().filter(|(_, qos)| *qos == 2) {
            client.put_ack(AckKind::PubRel, *id);
            client.ack(AckKind::PubComp, *id);
        }
    }
}

#[test]
fn older_clients_wait_instead() {
    let server = Server::with(with_window(3), Commit::ByHand);
    let mut client = server.client(Version::V311, "c");
    for _ in 0..5 {
        client.put("devices/x", b"x", 1, false);
    }
    server.wait("three are appended", |status| status.uncommitted == 3);
    server.log.commit_all();
    for id in 1..=3 {
        client.ack(AckKind::PubAck, id);
    }
    server.wait("two are appended", |status| status.uncommitted == 2);
    assert_eq!(server.log.published().len(), 5);
    server.log.commit_all();
    client.ack(AckKind::PubAck, 4);
    client.ack(AckKind::PubAck, 5);
}

#[test]
fn older_clients_may_receive_many_pubrecs_before_they_release() {
    let server = Server::with(with_window(3), Commit::AtOnce);
    let mut client = server.client(Version::V311, "c");
    let ids: Vec<_> = (0..20)
        .map(|_| client.put("devices/x", b"x", 2, false))
        .collect();
    for id in &ids {
        client.ack(AckKind::PubRec, *id);
    }
    for id in &ids {
        client.put_ack(AckKind::PubRel, *id);
    }
    for id in &ids {
        client.ack(AckKind::PubComp, *id);
    }
}

#[test]
fn the_receive_maximum_of_a_subscriber_is_respected() {
    let server = Server::start();
    let connector = Connector::new(Version::V5, "c").property(Property::ReceiveMaximum(2));
    let (mut client, _) = connector.open(&server);
    client.subscribe("t/#", 2);
    let mut publisher = server.client(Version::V5, "p");
    for number in 0..6 {
        publisher.publish(&format!("t/{number}"), "x", 1 + number % 2);
    }
    let first = client.raw_message();
    let second = client.raw_message();
    // Nothing more, however often it is asked.
    client.ping();
    client.put_ack(AckKind::PubAck, first.packet_id);
    let third = client.raw_message();
    assert_eq!(third.topic, "t/2");
    client.put_ack(AckKind::PubRec, second.packet_id);
    assert_eq!(
        client.ack(AckKind::PubRel, second.packet_id),
        ReasonCode::Success
    );
    client.ping();
    client.put_ack(AckKind::PubComp, second.packet_id);
    assert_eq!(client.raw_message().topic, "t/3");
}

#[test]
fn a_packet_over_the_limit_is_answered_with_0x95() {
    let settings = Settings {
        max_packet: 1_000,
        ..Settings::default()
    };
    let server = Server::with(settings, Commit::AtOnce);
    for version in BOTH {
        let (mut client, answer) = Connector::new(version, "c").open(&server);
        if version.is_v5() {
            assert!(
                answer
                    .properties()
                    .any(|p| p == Property::MaximumPacketSize(1_000))
            );
        }
        // 3 bytes of header, 2 and 1 of topic, 2 of identifier, properties.
        let payload = vec![0; 1_000 - 8 - usize::from(version.is_v5())];
        let id = client.put("t", &payload, 1, false);
        client.finish(id, 1);
        client.put("t", &[&payload[..], &[0]].concat(), 1, false);
        client.expect_closed(ReasonCode::PacketTooLarge);
    }
    assert_eq!(server.status().closed, [(ReasonCode::PacketTooLarge, 2)]);
}

#[test]
fn the_maximum_packet_size_of_a_subscriber_is_exact() {
    let server = Server::start();
    let mut publisher = server.client(Version::V5, "p");
    // 2 + 2 + 1 + 2 + 1 bytes before the payload.
    for (payload, arrives) in [(92, true), (93, false)] {
        let connector = Connector::new(Version::V5, "c").property(Property::MaximumPacketSize(100));
        let (mut client, _) = connector.open(&server);
        client.subscribe("t", 1);
        let id = publisher.put("t", &vec![b'x'; payload], 1, false);
        publisher.finish(id, 1);
        if arrives {
            assert_eq!(client.message().payload.len(), payload);
        }
        client.expect_nothing_before(&mut publisher, "t");
        client.leave();
    }
    assert!(
        server
            .status()
            .dropped
            .contains(&(DropReason::PacketTooLarge, 1))
    );
}

fn put_alias(client: &mut Client, topic: &str, alias: u16) {
    let mut properties = PropertyBuffer::new();
    // 0 is not a value that the codec writes for others.
    properties.push(Property::TopicAlias(alias)).unwrap();
    client.send(&Packet::Publish(Publish {
        dup: false,
        qos: 0,
        retain: false,
        topic,
        packet_id: 0,
        properties: properties.as_properties(),
        payload: topic.as_bytes(),
    }));
}

#[test]
fn topic_aliases_of_a_publisher() {
    let server = Server::start();
    let mut subscriber = server.client(Version::V5, "s");
    subscriber.subscribe("#", 0);
    let (mut client, answer) = Connector::new(Version::V5, "c").open(&server);
    assert!(
        answer
            .properties()
            .any(|p| p == Property::TopicAliasMaximum(16))
    );
    for (topic, alias, expect) in [
        ("a", 1, "a"),
        ("", 1, "a"),
        ("b", 16, "b"),
        ("", 16, "b"),
        ("c", 1, "c"),
        ("", 1, "c"),
    ] {
        put_alias(&mut client, topic, alias);
        let message = subscriber.message();
        assert_eq!(message.topic, expect);
        assert_eq!(message.properties().count(), 0, "an alias is not forwarded");
    }
    for (topic, alias) in [("a", 0), ("a", 17), ("", 2)] {
        let mut client = server.client(Version::V5, "other");
        put_alias(&mut client, topic, alias);
        client.expect_closed(ReasonCode::TopicAliasInvalid);
    }
    // Another connection knows none of them.
    let mut client = server.client(Version::V5, "c");
    put_alias(&mut client, "", 1);
    client.expect_closed(ReasonCode::TopicAliasInvalid);
}

#[test]
fn topic_aliases_towards_a_subscriber() {
    let server = Server::start();
    let connector = Connector::new(Version::V5, "c").property(Property::TopicAliasMaximum(1));
    let (mut client, _) = connector.open(&server);
    client.subscribe("t/#", 0);
    let mut publisher = server.client(Version::V5, "p");
    let mut alias_of = |topic: &str| {
        publisher.publish(topic, "x", 0);
        let message = client.message();
        let alias = message.properties().find_map(|property| match property {
            Property::TopicAlias(alias) => Some(alias),
            _ => None,
        });
        (message.topic, alias)
    };
    assert_eq!(alias_of("t/a"), ("t/a".to_owned(), Some(1)));
    assert_eq!(alias_of("t/a"), (String::new(), Some(1)));
    assert_eq!(alias_of("t/b"), ("t/b".to_owned(), None));
    assert_eq!(alias_of("t/a"), (String::new(), Some(1)));
}

#[test]
fn the_task_of_a_connection_is_small() {
    let server = Server::start();
    let origin = weir_mqtt_broker::Origin {
        address: ([127, 0, 0, 1], 1).into(),
        certificate_name: None,
    };
    let (_client, stream) = tokio::io::duplex(64);
    let task = server.broker.serve(stream, origin);
    let size = size_of_val(&task);
    assert!(size <= 128, "{size} bytes");
}

#[test]
fn a_subscriber_that_does_not_read_costs_nobody_else() {
    let settings = Settings {
        queue: weir_mqtt_broker::QueueLimits {
            messages: 1_000,
            bytes: usize::MAX,
        },
        ..Settings::default()
    };
    let server = Server::with(settings, Commit::AtOnce);
    let mut lazy = server.client(Version::V5, "lazy");
    lazy.subscribe("t", 0);
    let mut publisher = server.client(Version::V5, "p");
    let payload = vec![0; 10_000];
    let mut ids = Vec::new();
    for _ in 0..5_000 {
        ids.push(publisher.put("t", &payload, 1, false));
        if ids.len() == 500 {
            for id in ids.drain(..) {
                publisher.ack(AckKind::PubAck, id);
            }
        }
    }
    let status = server.status();
    assert!(
        status.message_bytes < 12_000_000,
        "{}",
        status.message_bytes
    );
    let dropped: u64 = status.dropped.iter().map(|(_, count)| count).sum();
    lazy.ping();
    let mut received = 0;
    publisher.publish("t", "last", 1);
    while lazy.message().text() != "last" {
        received += 1;
    }
    let after: u64 = server.status().dropped.iter().map(|(_, count)| count).sum();
    assert_eq!((received + after, after >= dropped), (5_000, true));
    let _ = Properties::EMPTY;
}
