//! QoS 2, cut at each of its four packets, both ways.

use weir_mqtt_codec::{AckKind, Packet, Properties, Publish, ReasonCode};

use crate::memory_log::Commit;
use crate::support::{BOTH, Client, Connector, Server};
use weir_mqtt_broker::Settings;

fn put(client: &mut Client, id: u16, payload: &[u8], dup: bool) {
    client.send(&Packet::Publish(Publish {
        dup,
        qos: 2,
        retain: false,
        topic: "t",
        packet_id: id,
        properties: Properties::EMPTY,
        payload,
    }));
}

#[test]
fn a_publish_cut_anywhere_arrives_once() {
    let server = Server::with(Settings::default(), Commit::ByHand);
    server.log.commit_all();
    for version in BOTH {
        for cut in 0..4 {
            let connector = Connector::new(version, &format!("{version:?}{cut}")).keep(100);
            let mut subscriber = server.client(version, "s");
            subscriber.subscribe("t", 2);
            let (mut client, _) = connector.open(&server);
            put(&mut client, 7, b"once", false);
            client.ping();
            server.log.commit_all();
            if cut > 0 {
                assert_eq!(client.ack(AckKind::PubRec, 7), ReasonCode::Success);
            }
            if cut > 1 {
                client.put_ack(AckKind::PubRel, 7);
                client.ping();
                server.log.commit_all();
            }
            if cut > 2 {
                assert_eq!(client.ack(AckKind::PubComp, 7), ReasonCode::Success);
            }
            client.cut(&server);
            let (mut client, answer) = connector.open(&server);
            assert!(answer.present);
            if cut == 0 {
                put(&mut client, 7, b"once", true);
                assert_eq!(client.ack(AckKind::PubRec, 7), ReasonCode::Success);
            }
            if cut < 3 {
                client.put_ack(AckKind::PubRel, 7);
                client.ping();
                server.log.commit_all();
                let reason = client.ack(AckKind::PubComp, 7);
                let is_known = cut < 2 || !version.is_v5();
                let unknown = ReasonCode::PacketIdentifierNotFound;
                assert_eq!(
                    reason,
                    if is_known {
                        ReasonCode::Success
                    } else {
                        unknown
                    }
                );
            }
            // The identifier is used again at once.
            put(&mut client, 7, b"next", false);
            client.ping();
            server.log.commit_all();
            for payload in ["once", "next"] {
                let message = subscriber.raw_message();
                assert_eq!(message.text(), payload, "cut at {cut} in {version:?}");
            }
            subscriber.leave();
            client.cut(&server);
        }
    }
    let published = server.log.published();
    assert_eq!(published.len(), 16, "{published:?}");
}

#[test]
fn a_delivery_cut_anywhere_arrives_once() {
    let server = Server::start();
    for version in BOTH {
        for cut in 0..4 {
            let connector = Connector::new(version, &format!("{version:?}{cut}")).keep(100);
            let (mut client, _) = connector.open(&server);
            client.subscribe("t", 2);
            let mut publisher = server.client(version, "p");
            publisher.publish("t", "once", 2);
            publisher.publish("t", "next", 2);
            let id = client.raw_message().packet_id;
            let next = client.raw_message().packet_id;
            if cut > 0 {
                client.put_ack(AckKind::PubRec, id);
                client.ping_or_rel();
            }
            if cut > 1 {
                client.put_ack(AckKind::PubComp, id);
                client.ping();
            }
            client.cut(&server);
            let (mut client, _) = connector.open(&server);
            if cut == 0 {
                let message = client.raw_message();
                assert_eq!(
                    (message.text(), message.dup, message.packet_id),
                    ("once", true, id)
                );
                client.put_ack(AckKind::PubRec, id);
            }
            let message = client.raw_message_after_rel(if cut < 2 { Some(id) } else { None });
            assert_eq!(
                (message.text(), message.dup, message.packet_id),
                ("next", true, next)
            );
            if cut < 2 {
                client.put_ack(AckKind::PubComp, id);
            }
            client.put_ack(AckKind::PubRec, next);
            assert_eq!(client.ack(AckKind::PubRel, next), ReasonCode::Success);
            client.put_ack(AckKind::PubComp, next);
            publisher.publish("t", "last", 2);
            client.expect("t", "last");
            client.leave();
            server.client(version, &format!("{version:?}{cut}")).leave();
        }
    }
}

impl Client {
    /// PUBREL is the answer to PUBREC.
    fn ping_or_rel(&mut self) {
        match self.answer().packet() {
            Packet::Ack(ack) => assert_eq!(ack.kind, AckKind::PubRel),
            other => panic!("not PUBREL: {other:?}"),
        }
    }

    /// The next message; PUBREL of `released` comes before it or after it.
    fn raw_message_after_rel(&mut self, released: Option<u16>) -> crate::support::Message {
        if let Some(id) = released {
            assert_eq!(self.ack(AckKind::PubRel, id), ReasonCode::Success);
        }
        self.raw_message()
    }
}
