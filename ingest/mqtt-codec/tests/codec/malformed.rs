//! Every rule that a packet can break, and the reason code that answers it.

use weir_mqtt_codec::ReasonCode as R;
use weir_mqtt_codec::Version::{V5, V31, V311};
use weir_mqtt_codec::*;

fn decode(bytes: &[u8], version: Version, from: Peer) -> Result<Packet<'_>, DecodeError> {
    match split(bytes, 1 << 20)? {
        Split::Packet(frame, len) => {
            assert_eq!(len, bytes.len(), "the test has a wrong length");
            Packet::decode(frame, version, from)
        }
        Split::Incomplete { needed } => panic!("the test lacks bytes: {needed}"),
    }
}

#[track_caller]
fn check(what: &str, version: Version, bytes: &[u8], expect: R) {
    match decode(bytes, version, Peer::Client) {
        Err(error) => assert_eq!(error.reason, expect, "{what} in {version:?}: {error}"),
        Ok(packet) => panic!("{what} in {version:?} is accepted: {packet:?}"),
    }
}

#[track_caller]
fn accepts(what: &str, version: Version, bytes: &[u8]) {
    if let Err(error) = decode(bytes, version, Peer::Client) {
        panic!("{what} in {version:?}: {error}");
    }
}

/// A packet from its header and its body.
fn packet(header: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![header];
    put_remaining_length(body.len(), &mut bytes);
    bytes.extend_from_slice(body);
    bytes
}

fn connect(level: u8, flags: u8, rest: &[u8]) -> Vec<u8> {
    packet(
        0x10,
        &[&[0, 4, b'M', b'Q', b'T', b'T', level, flags, 0, 60], rest].concat(),
    )
}

#[test]
fn packet_identifier_0() {
    check(
        "PUBLISH",
        V311,
        &[0x32, 5, 0, 1, b't', 0, 0],
        R::ProtocolError,
    );
    check(
        "PUBLISH",
        V5,
        &[0x32, 6, 0, 1, b't', 0, 0, 0],
        R::ProtocolError,
    );
    check(
        "SUBSCRIBE",
        V311,
        &[0x82, 6, 0, 0, 0, 1, b't', 0],
        R::ProtocolError,
    );
    check(
        "SUBSCRIBE",
        V5,
        &[0x82, 7, 0, 0, 0, 0, 1, b't', 0],
        R::ProtocolError,
    );
    check(
        "UNSUBSCRIBE",
        V311,
        &[0xa2, 5, 0, 0, 0, 1, b't'],
        R::ProtocolError,
    );
    check(
        "UNSUBSCRIBE",
        V5,
        &[0xa2, 6, 0, 0, 0, 0, 1, b't'],
        R::ProtocolError,
    );
    for header in [0x40, 0x50, 0x62, 0x70] {
        check(
            "acknowledgement",
            V311,
            &[header, 2, 0, 0],
            R::ProtocolError,
        );
        check("acknowledgement", V5, &[header, 2, 0, 0], R::ProtocolError);
    }
}

#[test]
fn connect_packets() {
    accepts("3.1.1", V5, &connect(4, 2, &[0, 0]));
    accepts("5", V311, &connect(5, 2, &[0, 0, 0]));
    accepts("a bridge", V311, &connect(0x84, 2, &[0, 1, b'c']));
    check(
        "level 3 of MQTT",
        V311,
        &connect(3, 2, &[0, 0]),
        R::UnsupportedProtocolVersion,
    );
    check(
        "level 6",
        V311,
        &connect(6, 2, &[0, 0, 0]),
        R::UnsupportedProtocolVersion,
    );
    check(
        "a bridge of MQTT 5",
        V311,
        &connect(0x85, 2, &[0, 0, 0]),
        R::UnsupportedProtocolVersion,
    );
    check(
        "bytes left over",
        V311,
        &connect(4, 2, &[0, 0, 1]),
        R::MalformedPacket,
    );
    check(
        "bytes left over",
        V5,
        &connect(5, 2, &[0, 0, 0, 1]),
        R::MalformedPacket,
    );
    check(
        "reserved flag",
        V311,
        &connect(4, 3, &[0, 0]),
        R::MalformedPacket,
    );
    check(
        "will QoS without a will",
        V311,
        &connect(4, 0x0a, &[0, 0]),
        R::MalformedPacket,
    );
    check(
        "will retain without a will",
        V311,
        &connect(4, 0x22, &[0, 0]),
        R::MalformedPacket,
    );
    check(
        "will QoS 3",
        V311,
        &connect(4, 0x1e, &[0, 0, 0, 1, b't', 0, 0]),
        R::MalformedPacket,
    );
    check(
        "will to a wildcard",
        V311,
        &connect(4, 6, &[0, 0, 0, 1, b'#', 0, 0]),
        R::TopicNameInvalid,
    );
    check(
        "password alone",
        V311,
        &connect(4, 0x42, &[0, 0, 0, 1, b'p']),
        R::MalformedPacket,
    );
    accepts(
        "password alone",
        V5,
        &connect(5, 0x42, &[0, 0, 0, 0, 1, b'p']),
    );
    check(
        "receive maximum 0",
        V5,
        &connect(5, 2, &[3, 0x21, 0, 0, 0, 0]),
        R::ProtocolError,
    );
    check(
        "maximum packet size 0",
        V5,
        &connect(5, 2, &[5, 0x27, 0, 0, 0, 0, 0, 0]),
        R::ProtocolError,
    );
    check(
        "a property twice",
        V5,
        &connect(5, 2, &[6, 0x22, 0, 1, 0x22, 0, 1, 0, 0]),
        R::ProtocolError,
    );
    check(
        "a property of PUBLISH",
        V5,
        &connect(5, 2, &[3, 0x23, 0, 1, 0, 0]),
        R::ProtocolError,
    );
    check(
        "an unknown property",
        V5,
        &connect(5, 2, &[2, 0x7f, 0, 0, 0]),
        R::MalformedPacket,
    );
    check(
        "data without a method",
        V5,
        &connect(5, 2, &[3, 0x16, 0, 0, 0, 0]),
        R::ProtocolError,
    );
    check(
        "problem information 2",
        V5,
        &connect(5, 2, &[2, 0x17, 2, 0, 0]),
        R::ProtocolError,
    );
    check(
        "a NUL in the identifier",
        V311,
        &connect(4, 2, &[0, 1, 0]),
        R::MalformedPacket,
    );
    check(
        "a surrogate",
        V311,
        &connect(4, 2, &[0, 3, 0xed, 0xa0, 0x80]),
        R::MalformedPacket,
    );
    let name = packet(0x10, &[0, 4, b'M', b'Q', b'T', b'X', 4, 2, 0, 0, 0, 0]);
    check("another protocol", V311, &name, R::MalformedPacket);
    check("reserved header bits", V311, &[0x11, 0], R::MalformedPacket);
}

#[test]
fn mqtt_3_1() {
    let body = |level| [&[0, 6][..], b"MQIsdp", &[level, 2, 0, 60, 0, 1, b'c']].concat();
    for (level, is_bridge) in [(3, false), (0x83, true)] {
        let bytes = packet(0x10, &body(level));
        let Ok(Packet::Connect(connect)) = decode(&bytes, V311, Peer::Client) else {
            panic!("level {level}");
        };
        assert_eq!((connect.version, connect.is_bridge), (V31, is_bridge));
    }
    check(
        "MQIsdp 4",
        V311,
        &packet(0x10, &body(4)),
        R::UnsupportedProtocolVersion,
    );
}

#[test]
fn lengths_that_are_not_minimal() {
    check("PINGREQ", V5, &[0xc0, 0x80, 0], R::MalformedPacket);
    accepts("PINGREQ", V311, &[0xc0, 0x80, 0]);
    let padded = |level, rest: &[u8]| {
        let whole = connect(level, 2, rest);
        [&[0x10, whole[1] | 0x80, 0], &whole[2..]].concat()
    };
    check("CONNECT", V311, &padded(5, &[0, 0, 0]), R::MalformedPacket);
    accepts("CONNECT", V311, &padded(4, &[0, 0]));
    check(
        "properties",
        V5,
        &[0x30, 5, 0, 1, b't', 0x80, 0],
        R::MalformedPacket,
    );
    assert_eq!(
        decode(&[0x30, 0x80, 0x80, 0x80, 0x80, 1], V5, Peer::Client)
            .unwrap_err()
            .reason,
        R::MalformedPacket
    );
}

#[test]
fn publish_packets() {
    for version in [V31, V311, V5] {
        let publish = |header, topic: &[u8], rest: &[u8]| {
            let length = (topic.len() as u16).to_be_bytes();
            let properties: &[u8] = if version.is_v5() { &[0] } else { &[] };
            packet(header, &[&length[..], topic, rest, properties].concat())
        };
        check(
            "QoS 3",
            version,
            &publish(0x36, b"t", &[0, 1]),
            R::MalformedPacket,
        );
        check(
            "DUP with QoS 0",
            version,
            &publish(0x38, b"t", &[]),
            R::MalformedPacket,
        );
        check(
            "wildcard",
            version,
            &publish(0x30, b"a/#", &[]),
            R::TopicNameInvalid,
        );
        check(
            "wildcard",
            version,
            &publish(0x30, b"a+", &[]),
            R::TopicNameInvalid,
        );
        check(
            "no topic",
            version,
            &publish(0x30, b"", &[]),
            R::TopicNameInvalid,
        );
        check(
            "NUL",
            version,
            &publish(0x30, b"a\0b", &[]),
            R::MalformedPacket,
        );
        check(
            "surrogate",
            version,
            &publish(0x30, b"\xed\xa0\x80", &[]),
            R::MalformedPacket,
        );
        check(
            "cut UTF-8",
            version,
            &publish(0x30, b"\xc3", &[]),
            R::MalformedPacket,
        );
        check(
            "overlong UTF-8",
            version,
            &publish(0x30, b"\xc0\x80", &[]),
            R::MalformedPacket,
        );
        accepts(
            "128 levels",
            version,
            &publish(0x30, "/".repeat(127).as_bytes(), &[]),
        );
        check(
            "129 levels",
            version,
            &publish(0x30, &[b'/'; 128], &[]),
            R::TopicNameInvalid,
        );
        accepts(
            "65,535 bytes",
            version,
            &publish(0x30, &[b'x'; 65_535], &[]),
        );
        accepts("BOM", version, &publish(0x30, b"\xef\xbb\xbfa", &[]));
        accepts("empty levels", version, &publish(0x30, b"//", &[]));
    }
    let publish = |properties: &[u8]| {
        packet(
            0x30,
            &[&[0, 1, b't', properties.len() as u8], properties].concat(),
        )
    };
    check("alias 0", V5, &publish(&[0x23, 0, 0]), R::TopicAliasInvalid);
    check(
        "subscription identifier",
        V5,
        &publish(&[0x0b, 1]),
        R::ProtocolError,
    );
    check("payload format 2", V5, &publish(&[1, 2]), R::ProtocolError);
    check(
        "response to a wildcard",
        V5,
        &publish(&[8, 0, 1, b'#']),
        R::ProtocolError,
    );
    check(
        "will delay",
        V5,
        &publish(&[0x18, 0, 0, 0, 1]),
        R::ProtocolError,
    );
    check(
        "expiry twice",
        V5,
        &publish(&[2, 0, 0, 0, 1, 2, 0, 0, 0, 1]),
        R::ProtocolError,
    );
    check(
        "properties that end early",
        V5,
        &publish(&[2, 0, 0]),
        R::MalformedPacket,
    );
    accepts(
        "user properties twice",
        V5,
        &publish(&[0x26, 0, 0, 0, 0, 0x26, 0, 0, 0, 0]),
    );
    accepts(
        "no topic with an alias",
        V5,
        &[0x30, 6, 0, 0, 3, 0x23, 0, 1],
    );
}

#[test]
fn subscribe_packets() {
    for version in [V311, V5] {
        let subscribe = |filter: &[u8], options: u8| {
            let properties: &[u8] = if version.is_v5() { &[0] } else { &[] };
            let length = (filter.len() as u16).to_be_bytes();
            packet(
                0x82,
                &[&[0, 1], properties, &length, filter, &[options]].concat(),
            )
        };
        check("QoS 3", version, &subscribe(b"t", 3), R::MalformedPacket);
        check(
            "reserved bits",
            version,
            &subscribe(b"t", 0x40),
            R::MalformedPacket,
        );
        check(
            "reserved bits",
            version,
            &subscribe(b"t", 0x80),
            R::MalformedPacket,
        );
        for filter in [
            "",
            "a#",
            "#/a",
            "a+/b",
            "$share",
            "$share//x",
            "$share/g",
            "$share/g/",
            "$share/+/x",
        ] {
            check(
                filter,
                version,
                &subscribe(filter.as_bytes(), 0),
                R::TopicFilterInvalid,
            );
        }
        check(
            "129 levels",
            version,
            &subscribe(&[b'/'; 128], 0),
            R::TopicFilterInvalid,
        );
        let properties: &[u8] = if version.is_v5() { &[0] } else { &[] };
        check(
            "no filter",
            version,
            &packet(0x82, &[&[0, 1], properties].concat()),
            R::ProtocolError,
        );
        check(
            "no filter",
            version,
            &packet(0xa2, &[&[0, 1], properties].concat()),
            R::ProtocolError,
        );
        check(
            "header bits",
            version,
            &packet(0x80, &[0, 1]),
            R::MalformedPacket,
        );
        check(
            "header bits",
            version,
            &packet(0xa0, &[0, 1]),
            R::MalformedPacket,
        );
    }
    check(
        "no local",
        V311,
        &[0x82, 6, 0, 1, 0, 1, b't', 4],
        R::MalformedPacket,
    );
    accepts("no local", V5, &[0x82, 7, 0, 1, 0, 0, 1, b't', 4]);
    check(
        "retain handling 3",
        V5,
        &[0x82, 7, 0, 1, 0, 0, 1, b't', 0x30],
        R::ProtocolError,
    );
    let shared = packet(
        0x82,
        &[&[0, 1, 0, 0, 10], &b"$share/g/x"[..], &[4]].concat(),
    );
    check("no local shared", V5, &shared, R::ProtocolError);
    check(
        "identifier 0",
        V5,
        &[0x82, 9, 0, 1, 2, 0x0b, 0, 0, 1, b't', 0],
        R::ProtocolError,
    );
    let twice = packet(0x82, &[0, 1, 4, 0x0b, 1, 0x0b, 2, 0, 1, b't', 0]);
    check("identifier twice", V5, &twice, R::ProtocolError);
}

#[test]
fn packets_of_the_wrong_direction() {
    for bytes in [
        &[0x20, 3, 0, 0, 0][..],
        &[0x90, 4, 0, 1, 0, 0],
        &[0xb0, 4, 0, 1, 0, 0],
        &[0xd0, 0],
    ] {
        check("from a client", V5, bytes, R::ProtocolError);
    }
    check("CONNACK", V311, &[0x20, 2, 0, 0], R::ProtocolError);
    let server = |bytes| decode(bytes, V5, Peer::Server).unwrap_err().reason;
    assert_eq!(server(&[0xc0, 0]), R::ProtocolError);
    assert_eq!(server(&[0x82, 7, 0, 1, 0, 0, 1, b't', 0]), R::ProtocolError);
    assert_eq!(
        decode(&[0xe0, 0], V311, Peer::Server).unwrap_err().reason,
        R::ProtocolError
    );
}

#[test]
fn everything_else() {
    check("type 0", V311, &[0x00, 0], R::MalformedPacket);
    check(
        "type 15 before MQTT 5",
        V311,
        &[0xf0, 0],
        R::MalformedPacket,
    );
    check(
        "PINGREQ with a body",
        V311,
        &[0xc0, 1, 0],
        R::MalformedPacket,
    );
    check(
        "PUBREL without its bit",
        V311,
        &[0x60, 2, 0, 1],
        R::MalformedPacket,
    );
    check(
        "PUBACK with a bit",
        V311,
        &[0x41, 2, 0, 1],
        R::MalformedPacket,
    );
    check(
        "PUBACK that is too long",
        V311,
        &[0x40, 3, 0, 1, 0],
        R::MalformedPacket,
    );
    check(
        "PUBACK with an unknown reason",
        V5,
        &[0x40, 3, 0, 1, 1],
        R::MalformedPacket,
    );
    check(
        "PUBREL with a reason of PUBACK",
        V5,
        &[0x62, 3, 0, 1, 0x87],
        R::MalformedPacket,
    );
    check(
        "PUBACK with bytes left over",
        V5,
        &[0x40, 5, 0, 1, 0, 0, 0],
        R::MalformedPacket,
    );
    check(
        "DISCONNECT with a body",
        V311,
        &[0xe0, 1, 0],
        R::MalformedPacket,
    );
    check(
        "DISCONNECT of a server",
        V5,
        &[0xe0, 1, 0x8e],
        R::MalformedPacket,
    );
    check("DISCONNECT with bits", V311, &[0xe1, 0], R::MalformedPacket);
    check(
        "AUTH with another reason",
        V5,
        &[0xf0, 1, 0x80],
        R::MalformedPacket,
    );
    accepts("DISCONNECT with will", V5, &[0xe0, 1, 4]);
}

#[test]
fn refusals_before_mqtt_5_have_return_codes() {
    for (reason, code) in [
        (R::Success, 0),
        (R::UnsupportedProtocolVersion, 1),
        (R::ClientIdentifierNotValid, 2),
        (R::ServerBusy, 3),
        (R::BadUserNameOrPassword, 4),
        (R::NotAuthorized, 5),
    ] {
        let connack = ConnAck {
            session_present: false,
            reason,
            properties: Properties::EMPTY,
        };
        let mut bytes = Vec::new();
        Packet::ConnAck(connack).encode(V311, &mut bytes).unwrap();
        assert_eq!(bytes, [0x20, 2, 0, code]);
    }
    for code in 0..=u8::MAX {
        assert_eq!(
            R::from_u8(code).map(|reason| reason as u8).unwrap_or(code),
            code
        );
    }
}
