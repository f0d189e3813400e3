//! Clients that break the rules: their connection ends, or their publish is
//! refused, and nobody else notices.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::client::{Client, connect, packet, puback, publish};
use super::{DEADLINE, TELEMETRY, start, start_with, until};
use crate::tests::test_journal::TestJournal;

#[tokio::test]
async fn whoever_breaks_the_protocol_is_closed_and_nobody_else() {
    let journal = TestJournal::committing();
    let broker = start_with(&journal, |config| config.max_packet = 10_000).await;
    let mut witness = Client::connect(broker.local_addr(), 4, "witness").await;
    let zero_length = publish(4, "", b"{}", 1, 1);
    let mut invalid_utf8 = publish(4, "devices/p1/telemetry", b"{}", 1, 1);
    invalid_utf8[4] = 0xff;
    let too_deep = publish(4, &"/".repeat(128), b"{}", 1, 1);
    let cases: [(&str, Vec<u8>); 13] = [
        ("a wildcard", publish(4, "devices/+/telemetry", b"{}", 1, 1)),
        ("a hash", publish(4, "devices/#", b"{}", 1, 1)),
        ("no topic", zero_length),
        ("a topic of 129 levels", too_deep),
        (
            "NUL in a topic",
            publish(4, "devices/\0/telemetry", b"{}", 1, 1),
        ),
        ("a topic that is not UTF-8", invalid_utf8),
        ("QoS 3", publish(4, TELEMETRY, b"{}", 3, 1)),
        (
            "five bytes of remaining length",
            vec![0x30, 0xff, 0xff, 0xff, 0xff, 0x7f],
        ),
        ("more than max_packet", vec![0x32, 0x91, 0x4e]),
        (
            "a topic longer than its packet",
            packet(0x32, &[0x01, 0x00, b'x']),
        ),
        ("an empty PUBLISH", packet(0x30, &[])),
        ("a second CONNECT", connect(4, "again")),
        ("the reserved packet type 0", vec![0x00, 0x00]),
    ];
    for (what, bytes) in cases {
        let mut client = Client::connect(broker.local_addr(), 4, "breaker").await;
        client.send(&bytes).await;
        assert_eq!(client.packet().await, None, "{what}");
        witness.expect_silence().await;
    }
    let first_packets = [
        publish(4, TELEMETRY, b"{}", 1, 1),
        [b"GET / HTTP/1.1\r\n", &[b'x'; 80][..]].concat(),
    ];
    for bytes in first_packets {
        let mut client = Client::open(broker.local_addr()).await;
        client.send(&bytes).await;
        client.expect_closed().await;
    }
    witness.publish(TELEMETRY, b"{}", 1, 1).await;
    witness.expect(&puback(1)).await;
    assert_eq!(journal.len(), 1);
    until(&broker, "only the witness is left", |s| s.connections == 1).await;
    broker.stop().await;
}

#[tokio::test]
async fn unusual_topics_are_topics() {
    let journal = TestJournal::committing();
    let broker = start(&journal).await;
    let mut client = Client::connect(broker.local_addr(), 4, "c").await;
    let long = "x".repeat(65_535);
    let deep = "/".repeat(127);
    for (id, topic) in [
        (1, "é/x"),
        (2, &*long),
        (3, &*deep),
        (4, "devices/é/telemetry"),
    ] {
        client.publish(topic, b"{}", 1, id).await;
        client.expect(&puback(id)).await;
    }
    let taken: Vec<_> = journal
        .taken()
        .into_iter()
        .map(|taken| taken.topic)
        .collect();
    assert_eq!(taken, ["devices/é/telemetry"]);
    broker.stop().await;
}

#[tokio::test]
async fn topic_aliases_are_resolved() {
    let journal = TestJournal::committing();
    let broker = start(&journal).await;
    let mut client = Client::connect(broker.local_addr(), 5, "c").await;
    for (id, topic) in [(1, TELEMETRY), (2, "")] {
        let mut body = u16::try_from(topic.len()).unwrap().to_be_bytes().to_vec();
        body.extend(topic.as_bytes());
        body.extend([0, id, 3, 0x23, 0, 1]);
        client.send(&packet(0x32, &body)).await;
        client.expect(&puback(id.into())).await;
    }
    assert!(journal.taken().iter().all(|taken| taken.topic == TELEMETRY));
    assert_eq!(journal.len(), 2);
    broker.stop().await;
}

#[tokio::test]
async fn devices_write_neither_alerts_nor_the_answers_of_shadows() {
    let forbidden = [
        "$aws/things/x/shadow/update/accepted",
        "alerts/critical/p1",
        "$SYS/x",
    ];
    for version in [4, 5] {
        let journal = TestJournal::committing();
        let broker = start(&journal).await;
        let mut reader = Client::connect(broker.local_addr(), 4, "reader").await;
        for filter in ["$aws/#", "alerts/#", "$SYS/x", "ordinary"] {
            reader.subscribe(filter, 1).await;
        }
        let mut client = Client::connect(broker.local_addr(), version, "c").await;
        for topic in forbidden {
            for qos in [1, 2] {
                client.publish(topic, b"{}", qos, 7).await;
                let answer = client.packet().await.unwrap();
                let kind = if qos == 1 { 0x40 } else { 0x50 };
                assert_eq!((answer[0], &answer[2..4]), (kind, &[0, 7][..]));
                match version {
                    5 => assert_eq!(answer[4], 0x87, "not authorized: {answer:?}"),
                    _ => assert_eq!(answer.len(), 4, "MQTT 3.1.1 knows no reasons: {answer:?}"),
                }
            }
            client.publish(topic, b"{}", 0, 0).await;
        }
        client
            .publish("$aws/things/x/shadow/update", b"{}", 1, 8)
            .await;
        client.expect(&puback(8)).await;
        client.publish("ordinary", b"", 1, 9).await;
        client.expect(&puback(9)).await;
        assert_eq!(
            reader.expect_publish().await.0,
            "$aws/things/x/shadow/update"
        );
        assert_eq!(reader.expect_publish().await.0, "ordinary");
        let taken: Vec<_> = journal
            .taken()
            .into_iter()
            .map(|taken| taken.topic)
            .collect();
        assert_eq!(taken, ["$aws/things/x/shadow/update"]);
        assert_eq!(broker.status().refused_publishes, 9);
        broker.stop().await;
    }
}

#[tokio::test]
async fn connections_beyond_the_limit_are_closed_and_others_stay() {
    let journal = TestJournal::committing();
    let broker = start_with(&journal, |config| config.max_connections = 2).await;
    let mut first = Client::connect(broker.local_addr(), 4, "first").await;
    let second = Client::connect(broker.local_addr(), 4, "second").await;
    Client::open(broker.local_addr())
        .await
        .expect_closed()
        .await;
    assert_eq!(broker.status().refused_connections, 1);
    first.expect_silence().await;
    drop(second);
    until(&broker, "a place is free", |s| s.connections == 1).await;
    Client::connect(broker.local_addr(), 4, "third")
        .await
        .expect_silence()
        .await;
    broker.stop().await;
}

#[tokio::test]
async fn two_hundred_short_connections_leave_nothing_behind() {
    let journal = TestJournal::committing();
    let broker = start(&journal).await;
    for round in 0..50 {
        let address = broker.local_addr();
        let mut polite = Client::connect(address, 4, &format!("polite-{round}")).await;
        polite.publish(TELEMETRY, b"{}", 1, 1).await;
        polite.expect(&puback(1)).await;
        polite.send(&[0xe0, 0]).await;
        drop(Client::connect(address, 5, &format!("rude-{round}")).await);
        drop(Client::open(address).await);
        let mut halfway = Client::open(address).await;
        halfway.send(&connect(4, "halfway")[..9]).await;
    }
    until(&broker, "all are gone", |s| s.connections == 0).await;
    let status = broker.status();
    assert_eq!(
        (
            status.uncommitted,
            status.held_bytes,
            status.stalled_subscribers
        ),
        (0, 0, 0)
    );
    assert_eq!(journal.len(), 50);
    broker.stop().await;
}

#[tokio::test]
async fn a_client_id_that_is_taken_over_ends_the_older_connection() {
    for version in [4, 5] {
        let journal = TestJournal::new();
        let broker = start(&journal).await;
        let mut older = Client::connect(broker.local_addr(), version, "c").await;
        older.publish(TELEMETRY, b"{}", 1, 7).await;
        journal.until_taken(1).await;
        let mut newer = Client::connect(broker.local_addr(), version, "c").await;
        newer.expect_silence().await;
        journal.commit_all();
        older.expect(&puback(7)).await;
        if version == 5 {
            older.expect(&[0xe0, 1, 0x8e]).await;
        }
        older.expect_closed().await;
        newer.expect_silence().await;
        broker.stop().await;
    }
}

#[tokio::test]
async fn a_page_from_elsewhere_does_not_get_a_websocket() {
    let journal = TestJournal::new();
    let broker = start(&journal).await;
    let cases = [
        ("/mqtt", "http://example.org", "403"),
        ("/other", "http://127.0.0.1:8080", "404"),
        ("/mqtt", "http://127.0.0.1:8080", "101"),
    ];
    for (path, origin, expect) in cases {
        let mut stream = TcpStream::connect(broker.websocket_addr().unwrap())
            .await
            .unwrap();
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\nOrigin: {origin}\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut status = [0; 12];
        tokio::time::timeout(DEADLINE, stream.read_exact(&mut status))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(&status[9..], expect.as_bytes(), "{path} from {origin}");
    }
    broker.stop().await;
}
