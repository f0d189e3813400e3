//! Cases from the field: what clients of other brokers rely on.

use super::client::{Client, packet, puback, publish};
use super::*;

#[tokio::test]
async fn a_packet_beyond_the_limit_is_answered_with_its_reason() {
    let journal = TestJournal::committing();
    let broker = start_with(&journal, |config| config.max_packet = 10_000).await;
    let mut new = Client::connect(broker.local_addr(), 5, "new").await;
    new.send(&publish(5, TELEMETRY, &[b'x'; 10_001], 1, 1))
        .await;
    new.expect(&[0xe0, 1, 0x95]).await;
    new.expect_closed().await;
    let mut old = Client::connect(broker.local_addr(), 4, "old").await;
    old.send(&publish(4, TELEMETRY, &[b'x'; 10_001], 1, 1))
        .await;
    old.expect_closed().await;
    assert_eq!(broker.status().closed, [("packet_too_large".to_owned(), 2)]);
    assert_eq!(journal.len(), 0);
    broker.stop().await;
}

#[tokio::test]
async fn clearing_a_retained_reading_is_no_reading() {
    let journal = TestJournal::committing();
    let broker = start(&journal).await;
    let mut device = Client::connect(broker.local_addr(), 4, "device").await;
    for (id, payload) in [(1, &b"{}"[..]), (2, b"")] {
        let mut bytes = publish(4, TELEMETRY, payload, 1, id);
        bytes[0] |= 1;
        device.send(&bytes).await;
        device.expect(&puback(id)).await;
    }
    // An empty reading that clears nothing is still a bad reading.
    device.publish(TELEMETRY, b"", 1, 3).await;
    device.expect(&puback(3)).await;
    // The pipeline counts an empty message with the flag as a clear.
    let taken: Vec<_> = journal
        .taken()
        .into_iter()
        .map(|taken| (taken.payload, taken.retained))
        .collect();
    assert_eq!(
        taken,
        [
            (b"{}".to_vec(), false),
            (Vec::new(), true),
            (Vec::new(), false)
        ]
    );
    let mut reader = Client::connect(broker.local_addr(), 4, "reader").await;
    reader.subscribe("devices/#", 1).await;
    reader.expect_silence().await;
    broker.stop().await;
}

#[tokio::test]
async fn every_retained_message_reaches_a_subscriber_of_qos_0() {
    const MESSAGES: usize = 1_100;
    let journal = TestJournal::committing();
    let broker = start(&journal).await;
    let mut device = Client::connect(broker.local_addr(), 4, "device").await;
    for number in 0..MESSAGES {
        let mut bytes = publish(4, &format!("many/{number}"), b"x", 0, 0);
        bytes[0] |= 1;
        device.send(&bytes).await;
    }
    until(&broker, "all are retained", |s| s.retained >= MESSAGES).await;
    let mut reader = Client::connect(broker.local_addr(), 4, "reader").await;
    reader.subscribe("many/#", 0).await;
    let mut topics = std::collections::BTreeSet::new();
    for _ in 0..MESSAGES {
        topics.insert(reader.expect_publish().await.0);
    }
    assert_eq!(topics.len(), MESSAGES);
    broker.stop().await;
}

#[tokio::test]
async fn properties_are_forwarded_unaltered_and_name_nobody() {
    let journal = TestJournal::committing();
    let broker = start(&journal).await;
    let mut reader = Client::connect(broker.local_addr(), 5, "reader").await;
    reader.subscribe("plain", 0).await;
    let mut sender = Client::connect(broker.local_addr(), 5, "sender").await;
    // Response topic, correlation data, and user properties, one of them twice.
    let mut properties = b"\x08\x00\x01r\x09\x00\x02cd".to_vec();
    for value in [&b"1"[..], b"2"] {
        properties.extend(b"\x26\x00\x10x-mqtt-client-id\x00\x01");
        properties.extend(value);
    }
    let mut body = b"\x00\x05plain".to_vec();
    body.push(u8::try_from(properties.len()).unwrap());
    body.extend(&properties);
    body.extend(b"payload");
    let sent = packet(0x30, &body);
    sender.send(&sent).await;
    reader.expect(&sent).await;
    broker.stop().await;
}

#[tokio::test]
async fn the_usual_system_topics_are_published() {
    let journal = TestJournal::committing();
    let broker = start(&journal).await;
    let mut reader = Client::connect(broker.local_addr(), 4, "reader").await;
    reader.subscribe("$SYS/#", 0).await;
    let mut wanted = std::collections::BTreeSet::from([
        "$SYS/broker/version",
        "$SYS/broker/clients/maximum",
        "$SYS/broker/clients/disconnected",
        "$SYS/broker/subscriptions/count",
        "$SYS/broker/retained messages/count",
        "$SYS/broker/messages/sent",
        "$SYS/broker/store/messages/bytes",
        "$SYS/broker/bytes/received",
        "$SYS/broker/load/messages/received/1min",
        "$SYS/broker/load/connections/15min",
        "$SYS/broker/uptime",
        "$SYS/broker/clients/connected",
        "$SYS/broker/messages/received",
        "$SYS/broker/publish/messages/dropped",
    ]);
    while !wanted.is_empty() {
        let (topic, payload) = reader.expect_publish().await;
        assert!(topic.starts_with("$SYS/broker/"), "{topic}");
        assert!(!payload.is_empty(), "{topic}");
        wanted.remove(&*topic);
    }
    assert_eq!(broker.status().published, 0);
    broker.stop().await;
}

#[tokio::test]
async fn a_typing_error_in_a_topic_shows() {
    let journal = TestJournal::committing();
    let broker = start(&journal).await;
    let mut new = Client::connect(broker.local_addr(), 5, "new").await;
    new.publish("device/p1/telemetry", b"{}", 1, 1).await;
    new.expect(&[0x40, 3, 0, 1, 0x10]).await;
    let mut old = Client::connect(broker.local_addr(), 4, "old").await;
    old.publish("devices/p1/telemetry/", b"{}", 1, 1).await;
    old.expect(&puback(1)).await;
    until(&broker, "both are counted", |s| {
        s.unrouted == [("device".to_owned(), 1), ("devices".to_owned(), 1)]
    })
    .await;
    assert_eq!(journal.len(), 0);
    broker.stop().await;
}
