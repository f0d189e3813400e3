//! `$share` groups.

use weir_mqtt_codec::{AckKind, ReasonCode, SubscriptionOptions, Version};

use crate::support::{BOTH, Connector, Server};

#[test]
fn members_take_turns() {
    let server = Server::start();
    for version in BOTH {
        let mut members = ["a", "b", "c"].map(|id| server.client(version, id));
        for member in &mut members {
            member.subscribe("$share/g/t/#", 1);
        }
        let mut publisher = server.client(version, "p");
        for number in 0..30 {
            publisher.publish(&format!("t/{number}"), "x", 1);
        }
        for member in &mut members {
            for _ in 0..10 {
                member.message();
            }
        }
        for member in members {
            member.leave();
        }
    }
}

#[test]
fn groups_and_ordinary_subscribers_each_get_a_copy() {
    let server = Server::start();
    let mut client = server.client(Version::V5, "c");
    let options = SubscriptionOptions::qos(1);
    client.subscribe_with(&[("$share/g/t", options)], Some(1));
    client.subscribe_with(&[("$share/h/t", options)], Some(2));
    client.subscribe_with(&[("t", options)], Some(3));
    client.publish("t", "x", 1);
    let mut ids: Vec<_> = (0..3).flat_map(|_| client.expect("t", "x").ids()).collect();
    ids.sort_unstable();
    assert_eq!(ids, [1, 2, 3]);
}

#[test]
fn retained_messages_are_not_for_groups() {
    let server = Server::start();
    let mut publisher = server.client(Version::V5, "p");
    publisher.retain("t", "kept", 1);
    let mut client = server.client(Version::V5, "c");
    client.subscribe("$share/g/t", 1);
    client.expect_nothing_before(&mut publisher, "t");
}

#[test]
fn what_a_member_leaves_behind_goes_to_another() {
    let server = Server::start();
    let mut leaving = server.client(Version::V5, "a");
    leaving.subscribe("$share/g/t/#", 1);
    let mut publisher = server.client(Version::V5, "p");
    for number in 0..5 {
        publisher.publish(&format!("t/{number}"), "x", 1);
    }
    let acknowledged = leaving.message();
    assert_eq!(acknowledged.topic, "t/0");
    leaving.ping();
    let mut staying = server.client(Version::V5, "b");
    staying.subscribe("$share/g/t/#", 1);
    leaving.cut(&server);
    for number in 1..5 {
        staying.expect(&format!("t/{number}"), "x");
    }
    staying.expect_nothing_before(&mut publisher, "t/x");
}

#[test]
fn an_absent_member_gets_what_nobody_else_can_have() {
    let server = Server::start();
    let connector = Connector::new(Version::V5, "a").keep(100);
    let (mut absent, _) = connector.open(&server);
    absent.subscribe("$share/g/t", 1);
    let mut present = server.client(Version::V5, "b");
    present.subscribe("$share/g/t", 1);
    absent.leave();
    let mut publisher = server.client(Version::V5, "p");
    for number in 0..4 {
        publisher.publish("t", &number.to_string(), 1);
        present.expect("t", &number.to_string());
    }
    present.leave();
    server.wait("one is left", |status| status.subscriptions == 1);
    publisher.publish("t", "alone", 1);
    let (mut absent, _) = connector.open(&server);
    absent.expect("t", "alone");
}

#[test]
fn a_message_that_a_member_refuses_is_not_given_to_another() {
    let server = Server::start();
    let mut first = server.client(Version::V5, "a");
    let mut second = server.client(Version::V5, "b");
    first.subscribe("$share/g/t", 1);
    let mut publisher = server.client(Version::V5, "p");
    publisher.publish("t", "refused", 1);
    let id = first.raw_message().packet_id;
    second.subscribe("$share/g/t", 1);
    let refusal = weir_mqtt_codec::Ack::new(AckKind::PubAck, id, ReasonCode::UnspecifiedError);
    first.send(&weir_mqtt_codec::Packet::Ack(refusal));
    first.ping();
    first.leave();
    second.expect_nothing_before(&mut publisher, "t");
}
