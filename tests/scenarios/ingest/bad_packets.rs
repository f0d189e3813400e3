//! MQTT that no library would send: the connection may end, the broker goes
//! on, and nothing of it becomes a reading.

use std::time::Duration;

use weir_tests::mqtt::{Connection, connect_packet, publish_packet};
use weir_tests::{Weir, WeirSpec};

/// Sends `packets` on a connection of its own and, unless that ends it, a PING.
fn send(weir: &Weir, packets: &[Vec<u8>]) {
    let mut connection = Connection::open(weir.mqtt().get()).expect("the broker listens");
    for packet in packets {
        if connection.send(packet).is_err() {
            return;
        }
    }
    // Either the broker ends the connection, or it answers: both are fine here.
    let _ = connection.send(&[0xc0, 0]);
    let _ = connection.receive(Duration::from_millis(300));
}

#[test]
fn malformed_mqtt_harms_nobody_else() {
    let spec = WeirSpec::embedded().allow("security").allow("broker");
    let weir = Weir::start(spec);
    let mut other = Connection::connect(weir.mqtt().get(), "other").expect("the broker accepts");
    let cases = cases();
    for (count, (name, packets)) in cases.iter().enumerate() {
        send(&weir, packets);
        let payload = format!(
            "{{\"timestamp\":{},\"a\":1}}",
            1 + weir_tests::now_ms() - 3_600_000
        );
        let result = other.publish(b"devices/other/telemetry", payload.as_bytes(), 1);
        assert!(result.is_ok(), "after {name}: {result:?}");
        let flow = weir.wait_received(count as u64 + 1);
        assert_eq!(
            flow.readings.received,
            count as u64 + 1,
            "after {name}: {flow:#?}"
        );
    }
}

/// Each with its name: the packets of one connection.
fn cases() -> Vec<(&'static str, Vec<Vec<u8>>)> {
    let connect = || connect_packet("bad");
    let publish = |topic: &[u8], qos| publish_packet(topic, b"{\"a\":1}", qos, 1, false);
    let telemetry = b"devices/bad/telemetry";
    vec![
        ("PUBLISH before CONNECT", vec![publish(telemetry, 1)]),
        (
            "not MQTT",
            vec![b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec()],
        ),
        ("CONNECT twice", vec![connect(), connect()]),
        (
            "another protocol's name",
            vec![b"\x10\x0c\x00\x04MQQT\x04\x02\x00\x00\x00\x00".to_vec()],
        ),
        ("zero-length topic", vec![connect(), publish(b"", 1)]),
        (
            "wildcard in PUBLISH",
            vec![connect(), publish(b"devices/+/telemetry", 1)],
        ),
        ("# in PUBLISH", vec![connect(), publish(b"devices/#", 1)]),
        (
            "NUL in a topic",
            vec![connect(), publish(b"devices/a\0/telemetry", 1)],
        ),
        (
            "a topic that is not UTF-8",
            vec![connect(), publish(b"devices/\xff/telemetry", 1)],
        ),
        (
            "QoS 3",
            vec![
                connect(),
                vec![0x36, 12, 0, 5, b'a', b'/', b'b', b'/', b'c', 0, 1, 1, 1, 1],
            ],
        ),
        (
            "a length of five bytes",
            vec![connect(), vec![0x30, 0xff, 0xff, 0xff, 0xff, 0x7f]],
        ),
        (
            "a wrong length",
            vec![connect(), vec![0x30, 4, 0, 200, b'a', b'b']],
        ),
        (
            "a packet above the limit",
            vec![connect(), vec![0x30, 0xff, 0xff, 0xff, 0x7f]],
        ),
        ("a reserved type", vec![connect(), vec![0x00, 0]]),
        ("PUBACK of nothing", vec![connect(), vec![0x40, 2, 0, 9]]),
        ("SUBSCRIBE to nothing", vec![connect(), vec![0x82, 2, 0, 1]]),
        ("é/x", vec![connect(), publish("é/x".as_bytes(), 1)]),
        (
            "a topic of 65,535 bytes",
            vec![connect(), publish(&[b'x'; 65_535], 1)],
        ),
    ]
}
