//! What breaks a rule ends the connection, with a reason where there is a way to
//! say it. The rules themselves are tested with the codec.

use weir_mqtt_broker::Settings;
use weir_mqtt_codec::{ReasonCode as R, Version, put_remaining_length};

use crate::memory_log::Commit;
use crate::support::{BOTH, Connector, Server};

#[test]
fn malformed_packets_are_answered_with_a_reason() {
    let server = Server::start();
    let cases: &[(&str, &[u8], R)] = &[
        (
            "packet identifier 0",
            &[0x32, 6, 0, 1, b't', 0, 0, 0],
            R::ProtocolError,
        ),
        (
            "SUBSCRIBE with identifier 0",
            &[0x82, 7, 0, 0, 0, 0, 1, b't', 0],
            R::ProtocolError,
        ),
        ("QoS 3", &[0x36, 6, 0, 1, b't', 0, 1, 0], R::MalformedPacket),
        (
            "subscription with QoS 3",
            &[0x82, 7, 0, 1, 0, 0, 1, b't', 3],
            R::MalformedPacket,
        ),
        (
            "reserved option bits",
            &[0x82, 7, 0, 1, 0, 0, 1, b't', 0x80],
            R::MalformedPacket,
        ),
        (
            "$share//x",
            b"\x82\x0f\x00\x01\x00\x00\x09$share//x\x00",
            R::TopicFilterInvalid,
        ),
        (
            "no local shared",
            b"\x82\x10\x00\x01\x00\x00\x0a$share/g/x\x04",
            R::ProtocolError,
        ),
        ("length not minimal", &[0xc0, 0x80, 0], R::MalformedPacket),
        (
            "length of five bytes",
            &[0x30, 0x80, 0x80, 0x80, 0x80, 1],
            R::MalformedPacket,
        ),
        (
            "subscription identifier 0",
            &[0x82, 9, 0, 1, 2, 11, 0, 0, 1, b't', 0],
            R::ProtocolError,
        ),
        (
            "SUBACK from a client",
            &[0x90, 4, 0, 1, 0, 0],
            R::ProtocolError,
        ),
        (
            "CONNACK from a client",
            &[0x20, 3, 0, 0, 0],
            R::ProtocolError,
        ),
        ("a wildcard", &[0x30, 4, 0, 1, b'#', 0], R::TopicNameInvalid),
        ("NUL", &[0x30, 4, 0, 1, 0, 0], R::MalformedPacket),
        (
            "a surrogate",
            &[0x30, 6, 0, 3, 0xed, 0xa0, 0x80, 0],
            R::MalformedPacket,
        ),
        (
            "alias 0",
            &[0x30, 7, 0, 1, b't', 3, 0x23, 0, 0],
            R::TopicAliasInvalid,
        ),
        (
            "too large",
            &[0x30, 0xff, 0xff, 0xff, 0x7f],
            R::PacketTooLarge,
        ),
        ("type 0", &[0, 0], R::MalformedPacket),
        ("AUTH", &[0xf0, 0], R::ProtocolError),
    ];
    for (what, bytes, reason) in cases {
        let mut client = server.client(Version::V5, what);
        client.send_raw(bytes);
        client.expect_closed(*reason);
    }
    let cases: &[&[u8]] = &[
        &[0x32, 5, 0, 1, b't', 0, 0],
        &[0x82, 6, 0, 1, 0, 1, b't', 3],
        &[0x82, 6, 0, 1, 0, 1, b't', 4],
        &[0x90, 3, 0, 1, 0],
        &[0xf0, 0],
        &[0x30, 3, 0, 1, b'+'],
    ];
    for bytes in cases {
        let mut client = server.client(Version::V311, "old");
        client.send_raw(bytes);
        assert!(client.frame().is_none(), "{bytes:?}");
    }
    server.wait("all are closed", |status| status.connections == 0);
}

#[test]
fn a_second_connect_is_a_protocol_error() {
    let server = Server::start();
    for version in BOTH {
        let connector = Connector::new(version, "c");
        let (mut client, _) = connector.open(&server);
        client.send_raw(&connector.packet());
        client.expect_closed(R::ProtocolError);
    }
}

fn connect(level: u8, rest: &[u8]) -> Vec<u8> {
    let body = [&[0, 4, b'M', b'Q', b'T', b'T', level, 2, 0, 60], rest].concat();
    let mut bytes = vec![0x10];
    put_remaining_length(body.len(), &mut bytes);
    bytes.extend(body);
    bytes
}

#[test]
fn refused_connects() {
    let server = Server::start();
    for (what, bytes, expect) in [
        (
            "level 3",
            connect(3, &[0, 1, b'c']),
            Some(&[0x20, 2, 0, 1][..]),
        ),
        (
            "level 6",
            connect(6, &[0, 0, 1, b'c']),
            Some(&[0x20, 3, 0, 0x84, 0][..]),
        ),
        (
            "bytes left over",
            connect(5, &[0, 0, 1, b'c', 9]),
            Some(&[0x20, 3, 0, 0x81, 0][..]),
        ),
        (
            "bytes left over in 3.1.1",
            connect(4, &[0, 1, b'c', 9]),
            None,
        ),
        (
            "enhanced authentication",
            connect(5, &[4, 0x15, 0, 1, b'm', 0, 1, b'c']),
            Some(&[0x20, 3, 0, 0x8c, 0][..]),
        ),
        ("another protocol", b"GET / HTTP/1.1\r\n\r\n".to_vec(), None),
        ("PINGREQ first", vec![0xc0, 0], None),
        ("PUBLISH first", vec![0x30, 3, 0, 1, b't'], None),
    ] {
        let mut client = server.socket(Version::V5);
        client.send_raw(&bytes);
        let answer = client.raw_bytes();
        assert_eq!(answer.as_deref(), expect, "{what}");
    }
    assert_eq!(server.status().sessions, 0);
}

#[test]
fn silence_before_connect_ends_the_connection() {
    let settings = Settings {
        connect_timeout_ms: 100,
        ..Settings::default()
    };
    let server = Server::with(settings, Commit::AtOnce);
    let mut client = server.socket(Version::V311);
    client.send_raw(&[0x10]);
    let _ = client.raw_bytes();
    server.wait("it is closed", |status| status.connections == 0);
}

#[test]
fn publishes_before_a_malformed_packet_count() {
    let server = Server::with(Settings::default(), Commit::ByHand);
    let mut client = server.client(Version::V5, "c");
    let mut bytes = Vec::new();
    bytes.extend_from_slice(b"\x30\x0c\x00\x09devices/x\x00");
    bytes.extend_from_slice(&[0x36, 0]);
    client.send_raw(&bytes);
    client.expect_closed(R::MalformedPacket);
    assert_eq!(server.log.published().len(), 1);
}
