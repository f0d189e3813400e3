//! Nothing is acknowledged before its commit, and nothing else waits for it.

use weir_mqtt_broker::{Publication, Settings};
use weir_mqtt_codec::{AckKind, Packet, ReasonCode, SubscriptionOptions, Version};

use crate::memory_log::Commit;
use crate::support::{BOTH, Client, Connector, Server};

fn by_hand() -> Server {
    Server::with(Settings::default(), Commit::ByHand)
}

#[test]
fn acknowledgements_wait_for_the_commit_and_keep_their_order() {
    for version in BOTH {
        let server = by_hand();
        let mut client = server.client(version, "c");
        let publish_50 = |client: &mut Client| -> Vec<_> {
            let publish = |number| {
                let qos = 1 + u8::from(number % 3 == 0);
                (client.put("devices/x", b"x", qos, false), qos)
            };
            let ids = (0..50).map(publish).collect();
            // PINGRESP does not wait, and no acknowledgement comes before it.
            client.ping();
            ids
        };
        let first = publish_50(&mut client);
        let end = server.log.end();
        let second = publish_50(&mut client);
        server.log.commit_to(end);
        for (ids, end) in [(first, end), (second, server.log.end())] {
            server.log.commit_to(end);
            for (id, qos) in ids {
                client.ack(
                    if qos == 1 {
                        AckKind::PubAck
                    } else {
                        AckKind::PubRec
                    },
                    id,
                );
            }
            client.ping();
        }
    }
}

#[test]
fn subscribers_get_a_message_after_its_commit() {
    let server = by_hand();
    let mut subscriber = server.client(Version::V5, "s");
    subscriber.subscribe("devices/#", 1);
    let mut publisher = server.client(Version::V5, "p");
    publisher.put("devices/x", b"x", 1, false);
    publisher.ping();
    subscriber.ping();
    server.log.commit_all();
    subscriber.expect("devices/x", "x");
}

#[test]
fn a_kept_session_learns_of_its_subscription_after_the_commit() {
    for version in BOTH {
        let server = by_hand();
        let (mut client, _) = Connector::new(version, "c").keep(100).open(&server);
        let mut other = server.client(version, "other");
        // It waits; a clean session does not.
        let mut buffer = Vec::new();
        let filters = [("t", SubscriptionOptions::qos(1))];
        let filters = weir_mqtt_codec::SubscribeFilters::build(filters, version, &mut buffer);
        client.send(&Packet::Subscribe(weir_mqtt_codec::Subscribe {
            packet_id: 1,
            properties: weir_mqtt_codec::Properties::EMPTY,
            filters: filters.unwrap(),
        }));
        client.ping();
        other.subscribe("t", 1);
        assert_eq!(server.status().subscriptions, 1);
        server.log.commit_all();
        assert!(matches!(client.answer().packet(), Packet::SubAck(_)));
        assert_eq!(server.status().subscriptions, 2);
    }
}

#[test]
fn a_log_without_room_stops_the_reading_of_a_publisher() {
    for version in BOTH {
        let server = by_hand();
        let mut client = server.client(version, "c");
        server.log.set_room(false);
        for _ in 0..3 {
            client.put("devices/x", b"x", 1, false);
        }
        let mut other = server.client(version, "other");
        other.subscribe("t", 1);
        other.ping();
        assert_eq!(server.log.published().len(), 0);
        server.log.set_room(true);
        server.wait("all are appended", |status| status.uncommitted == 3);
        server.log.commit_all();
        for id in 1..=3 {
            client.ack(AckKind::PubAck, id);
        }
    }
}

#[test]
fn what_has_no_other_copy_waits_for_room_after_its_connection() {
    let server = by_hand();
    server.log.set_room(false);
    let mut client = server.client(Version::V311, "c");
    client.put("devices/1", b"kept", 0, false);
    client.put("devices/2", b"sent again", 1, false);
    client.put("devices/3", b"kept", 0, false);
    client.send(&Packet::Disconnect(weir_mqtt_codec::Disconnect::new(
        ReasonCode::Success,
    )));
    client.shutdown_write();
    server.wait("the client is away", |status| {
        status.connected_sessions <= 1
    });
    server.log.set_room(true);
    while client.frame().is_some() {}
    server.wait("the connection ends", |status| status.connections == 0);
    let published = server.log.published();
    assert!(
        published
            .iter()
            .filter(|(_, payload)| payload == b"kept")
            .count()
            == 2,
        "{published:?}"
    );
}

#[test]
fn a_failed_log_ends_every_connection_without_an_acknowledgement() {
    for version in BOTH {
        let server = by_hand();
        let mut client = server.client(version, "c");
        client.put("devices/x", b"x", 1, false);
        client.ping();
        server.log.fail();
        while let Some(frame) = client.frame() {
            assert!(
                matches!(frame.packet(), Packet::Disconnect(_)),
                "{:?}",
                frame.packet()
            );
        }
    }
}

#[test]
fn half_a_connection_gets_its_acknowledgements() {
    for version in BOTH {
        let server = by_hand();
        let mut client = server.client(version, "c");
        let id = client.put("devices/x", b"x", 1, false);
        client.shutdown_write();
        server.wait("it is appended", |status| status.uncommitted == 1);
        server.log.commit_all();
        client.ack(AckKind::PubAck, id);
        assert!(client.frame().is_none());
    }
}

#[test]
fn uncommitted_publishes_of_a_connection_that_was_taken_over_count() {
    for version in BOTH {
        let server = by_hand();
        let mut subscriber = server.client(version, "s");
        subscriber.subscribe("t", 1);
        let mut old = server.client(version, "c");
        let id = old.put("t", b"x", 1, false);
        old.ping();
        let _new = server.client(version, "c");
        server.log.commit_all();
        // What was received is acknowledged before the broker says goodbye.
        old.ack(AckKind::PubAck, id);
        old.expect_closed(ReasonCode::SessionTakenOver);
        subscriber.expect("t", "x");
    }
}

#[test]
fn weirs_own_messages_are_routed_and_reported() {
    let server = Server::start();
    let mut client = server.client(Version::V5, "c");
    client.subscribe("alerts/#", 1);
    let (sender, delivered) = std::sync::mpsc::channel();
    let publication = Publication {
        topic: "alerts/p1".into(),
        payload: "hot".into(),
        qos: 1,
        retain: true,
    };
    let report = Box::new(move || sender.send(()).unwrap());
    server.broker.publish(publication, Some(report));
    delivered
        .recv_timeout(std::time::Duration::from_secs(20))
        .unwrap();
    assert_eq!(client.expect("alerts/p1", "hot").qos, 1);
    assert_eq!(server.status().published, 1);
    assert_eq!(server.broker.waiting_publications(), 0);
}

#[test]
fn closing_says_goodbye_after_the_acknowledgements() {
    for version in BOTH {
        let server = by_hand();
        let mut client = server.client(version, "c");
        let id = client.put("devices/x", b"x", 1, false);
        client.ping();
        server.broker.close();
        server.log.commit_all();
        let mut acknowledged = false;
        while let Some(frame) = client.frame() {
            match frame.packet() {
                Packet::Ack(ack) => acknowledged |= ack.packet_id == id,
                Packet::Disconnect(disconnect) => {
                    assert_eq!(disconnect.reason, ReasonCode::ServerShuttingDown);
                }
                other => panic!("{other:?}"),
            }
        }
        assert!(acknowledged, "{version:?}");
    }
}
