//! Valid packets with bytes changed, cut, repeated and put together, to a running
//! broker. Whatever they do to their own connection, they leave nothing behind.
//!
//! `cargo xtask faults` runs the long form.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use weir_mqtt_broker::{Origin, Settings};
use weir_mqtt_codec::*;

use crate::memory_log::Commit;
use crate::support::{Connector, Server};

const SHORT: u64 = 20_000;
const LONG: u64 = 200_000;
/// How long a connection may take to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// xorshift64: the same packets in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }
}

/// What a client may send, of each kind.
fn samples(version: Version) -> Vec<Vec<u8>> {
    let mut properties = PropertyBuffer::new();
    if version.is_v5() {
        for property in [
            Property::TopicAlias(3),
            Property::MessageExpiryInterval(60),
            Property::UserProperty(("name", "value")),
        ] {
            properties.push(property).unwrap();
        }
    }
    let publish = |qos, retain, topic, payload| {
        Packet::Publish(Publish {
            dup: false,
            qos,
            retain,
            topic,
            packet_id: u16::from(qos > 0) * 7,
            properties: properties.as_properties(),
            payload,
        })
    };
    let mut packets = vec![
        publish(0, false, "devices/x", b"{\"a\":1}"),
        publish(1, false, "devices/x", b"{\"a\":1}"),
        publish(2, false, "t/u", b"payload"),
        publish(1, true, "t/retained", b"payload"),
        Packet::PingReq,
        Packet::Disconnect(Disconnect::new(ReasonCode::Success)),
    ];
    for kind in [
        AckKind::PubAck,
        AckKind::PubRec,
        AckKind::PubRel,
        AckKind::PubComp,
    ] {
        packets.push(Packet::Ack(Ack {
            kind,
            packet_id: 7,
            reason: ReasonCode::Success,
            properties: Properties::EMPTY,
        }));
    }
    let mut encoded: Vec<Vec<u8>> = packets
        .iter()
        .map(|packet| {
            let mut bytes = Vec::new();
            packet.encode(version, &mut bytes).unwrap();
            bytes
        })
        .collect();
    // SUBSCRIBE and UNSUBSCRIBE of `t/#` and `+/x`.
    let none: &[u8] = if version.is_v5() { &[0] } else { &[] };
    let subscribe = [b"\x00\x09", none, b"\x00\x03t/#\x01\x00\x03+/x\x00"].concat();
    let unsubscribe = [b"\x00\x0a", none, b"\x00\x03t/#\x00\x03+/x"].concat();
    for (header, body) in [(0x82, subscribe), (0xa2, unsubscribe)] {
        encoded.push([&[header, body.len() as u8], &body[..]].concat());
    }
    let connector = Connector::new(version, "again").will("t/will", "gone", 1, true);
    encoded.push(connector.packet());
    encoded
}

fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..1 + random.below(4) {
        let at = random.below(bytes.len());
        match random.below(8) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, random.next() as u8),
            2 => bytes.extend_from_within(at..),
            3 if !bytes.is_empty() => bytes[at] ^= 1 << random.below(8),
            4 if !bytes.is_empty() => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][random.below(5)],
            _ if !bytes.is_empty() => bytes[at] = random.next() as u8,
            _ => {}
        }
    }
}

#[test]
fn mutated_packets_leave_nothing_behind() {
    let is_long = std::env::var_os("WEIR_FAULTS_LONG").is_some();
    let count = if is_long { LONG } else { SHORT };
    let settings = Settings {
        max_packet: 100_000,
        max_sessions: 10,
        ..Settings::default()
    };
    let server = Server::with(settings, Commit::AtOnce);
    let mut witness = server.client(Version::V5, "witness");
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let versions = [Version::V31, Version::V311, Version::V5];
    let all: Vec<_> = versions.iter().map(|version| samples(*version)).collect();
    for number in 0..count {
        let which = random.below(versions.len());
        let samples = &all[which];
        let mut bytes = Vec::new();
        if random.below(8) > 0 {
            bytes = Connector::new(versions[which], "mutant").packet();
        }
        let start = bytes.len();
        for _ in 0..1 + random.below(3) {
            bytes.extend_from_slice(&samples[random.below(samples.len())]);
        }
        let mut mutated = bytes.split_off(start);
        mutate(&mut mutated, &mut random);
        bytes.extend_from_slice(&mutated);
        let ended = server.block_on(converse(&server, &bytes));
        assert!(
            ended,
            "packets {number} hold their connection: {bytes:02x?}"
        );
    }
    server.wait("nothing is left", |status| {
        let held = (status.unread_bytes, status.held_bytes, status.uncommitted);
        (status.connections, held) == (1, (0, 0, 0))
    });
    assert_eq!(witness.publish("devices/x", "x", 1), ReasonCode::Success);
    witness.ping();
}

/// Sends all, reads all. Whether the broker has ended the connection then.
async fn converse(server: &Server, bytes: &[u8]) -> bool {
    let (mut client, stream) = duplex(1 << 20);
    let origin = Origin {
        address: ([127, 0, 0, 1], 1).into(),
        certificate_name: None,
    };
    let broker = server.broker.clone();
    let served = tokio::spawn(async move { broker.serve(stream, origin).await });
    // The broker may close before it has read everything.
    let _ = client.write_all(bytes).await;
    let _ = client.shutdown().await;
    let ended = tokio::time::timeout(PATIENCE, async {
        let _ = client.read_to_end(&mut Vec::new()).await;
        drop(client);
        served.await.expect("the broker does not panic");
    });
    ended.await.is_ok()
}
