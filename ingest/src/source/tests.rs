//! The receiving side against a scripted broker.

use std::sync::Arc;
use std::time::Duration;

use rumqttc::{Packet, PubComp, QoS};
use tokio_util::sync::CancellationToken;
use weir_config::{Config, Source};
use weir_journal::{AppendError, ReportStatus};
use weir_model::{Ingress, parse_oversized_notice};

use super::*;
use crate::tests::scripted_broker::{Peer, ScriptedBroker};
use crate::tests::test_journal::TestJournal;

const TOPIC: &str = "devices/p1/telemetry";

fn start(config: &Source, journal: &Arc<TestJournal>) -> SourceClient {
    let live_topics = LiveTopics::new(&Config::default());
    SourceClient::start(
        config,
        &live_topics,
        &[],
        journal.clone(),
        CancellationToken::new(),
    )
    .unwrap()
}

/// Waits until the client's status is as wanted.
async fn until(client: &SourceClient, what: &str, predicate: impl Fn(&SourceStatus) -> bool) {
    let wait = async {
        while !predicate(&client.status()) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), wait)
        .await
        .unwrap_or_else(|_| panic!("waited in vain until {what}: {:?}", client.status()));
}

async fn publish_each(peer: &mut Peer, pkids: impl Iterator<Item = u16>) {
    for pkid in pkids {
        peer.publish(pkid, TOPIC, &pkid.to_be_bytes()).await;
    }
}

#[tokio::test]
async fn a_message_arrives_verbatim_and_is_acknowledged_only_after_its_commit() {
    let (broker, journal) = (ScriptedBroker::start().await, TestJournal::new());
    let client = start(&broker.source(), &journal);
    let mut peer = broker.accept_and_grant().await;

    peer.publish(11, "é/x", b"\xff\0payload").await;
    journal.until_taken(1).await;
    let taken = &journal.taken()[0];
    assert_eq!(
        (taken.topic.as_str(), taken.payload.as_slice()),
        ("é/x", &b"\xff\0payload"[..])
    );
    assert_eq!(
        (taken.ingress, taken.client.as_str(), taken.qos),
        (Ingress::Source, "", 1)
    );
    assert!(!taken.retained && !taken.duplicate && taken.received.millis() > 1_600_000_000_000);

    assert_eq!(
        peer.until_now().await,
        [],
        "an acknowledgement before the commit"
    );
    journal.commit(1);
    assert_eq!(peer.pubacks(1).await, [11]);
    until(&client, "the status counts it", |status| {
        let connection = &status.connections[0];
        (
            connection.received,
            connection.acknowledged,
            connection.unacked,
        ) == (1, 1, 0)
    })
    .await;
    assert_eq!(client.status().unhealthy(), []);
}

#[tokio::test]
async fn acknowledgements_leave_in_the_order_of_receipt_as_far_as_the_commit_reaches() {
    let (broker, journal) = (ScriptedBroker::start().await, TestJournal::new());
    let _door = start(&broker.source(), &journal);
    let mut peer = broker.accept_and_grant().await;

    // Each is awaited, so that they are appends of their own.
    for (n, pkid) in [5, 3, 65_535, 4].into_iter().enumerate() {
        peer.publish(pkid, TOPIC, b"{}").await;
        journal.until_taken(n + 1).await;
    }
    journal.commit(2);
    assert_eq!(peer.pubacks(2).await, [5, 3]);
    assert_eq!(
        peer.until_now().await,
        [],
        "an acknowledgement beyond the commit"
    );
    journal.commit(4);
    assert_eq!(peer.pubacks(2).await, [65_535, 4]);
}

#[tokio::test]
async fn what_has_arrived_already_is_one_append() {
    let (broker, journal) = (ScriptedBroker::start().await, TestJournal::committing());
    journal.refuse(AppendError::Busy { pending: 1 });
    let _door = start(&broker.source(), &journal);
    let mut peer = broker.accept_and_grant().await;

    publish_each(&mut peer, 1..=1).await;
    journal
        .until("the first append is refused", |j| j.refused() >= 1)
        .await;
    publish_each(&mut peer, 2..=2_500).await;
    journal.make_room();
    let expected: Vec<u16> = (1..=2_500).collect();
    assert_eq!(peer.pubacks(2_500).await, expected);
    assert!(
        journal.appends() < 500,
        "{} appends for 2,500 messages",
        journal.appends()
    );
}

#[tokio::test]
async fn a_full_journal_stops_the_taking_but_not_the_acknowledging() {
    let (broker, journal) = (ScriptedBroker::start().await, TestJournal::new());
    let client = start(&broker.source(), &journal);
    let mut peer = broker.accept_and_grant().await;
    publish_each(&mut peer, 1..=1).await;
    journal.until_taken(1).await;

    journal.refuse(AppendError::Full { used: 9, limit: 9 });
    publish_each(&mut peer, 2..=2).await;
    until(&client, "it says that it waits", |status| {
        status.connections[0].waiting.is_some()
    })
    .await;
    assert!(
        client.status().unhealthy()[0]
            .1
            .contains("the journal is full: 9 of 9 bytes")
    );
    publish_each(&mut peer, 3..=4).await;
    journal.commit(1);
    assert_eq!(peer.pubacks(1).await, [1]);
    assert_eq!(journal.len(), 1);

    journal.make_room();
    journal.until_taken(4).await;
    journal.commit(4);
    assert_eq!(peer.pubacks(3).await, [2, 3, 4]);
    assert_eq!(client.status().unhealthy(), []);
}

/// The trap: a broker reuses packet ids, and an acknowledgement that was
/// owed for the old one would acknowledge another message.
#[tokio::test]
async fn no_acknowledgement_crosses_a_reconnect() {
    let (broker, journal) = (ScriptedBroker::start().await, TestJournal::new());
    let client = start(&broker.source(), &journal);
    let mut peer = broker.accept_and_grant().await;
    publish_each(&mut peer, 1..=3).await;
    journal.until_taken(3).await;
    drop(peer);

    let mut peer = broker.accept_with(true).await;
    journal.commit(3);
    peer.publish(1, TOPIC, b"another message").await;
    journal.until_taken(4).await;
    assert_eq!(
        peer.until_now().await,
        [],
        "an acknowledgement of the old connection"
    );
    journal.commit(4);
    assert_eq!(peer.pubacks(1).await, [1]);
    let status = client.status();
    assert_eq!(
        (
            status.connections[0].reconnects,
            status.connections[0].unacked
        ),
        (1, 0)
    );
}

/// What waits for room when the connection is lost comes again at QoS 1; at
/// QoS 0 nobody would send it again.
#[tokio::test(start_paused = true)]
async fn a_refused_batch_does_not_survive_its_connection_except_qos_0() {
    let (broker, journal) = (ScriptedBroker::start().await, TestJournal::committing());
    journal.refuse(AppendError::Full { used: 9, limit: 9 });
    let config = Source {
        keep_alive: Duration::from_secs(20),
        ..broker.source()
    };
    let _door = start(&config, &journal);
    let mut peer = broker.accept_and_grant().await;
    let mut bytes = bytes::BytesMut::new();
    for (qos, pkid, payload) in [
        (QoS::AtLeastOnce, 7, "at least once"),
        (QoS::AtMostOnce, 0, "at most once"),
    ] {
        let mut publish = rumqttc::Publish::new(TOPIC, qos, payload);
        publish.pkid = pkid;
        Packet::Publish(publish)
            .write(&mut bytes, usize::MAX)
            .unwrap();
    }
    peer.send(&bytes).await;
    journal
        .until("the append is refused", |j| j.refused() >= 1)
        .await;
    // Nothing is read while there is no room: the pings find out.
    drop(peer);
    let mut peer = broker.accept_with(true).await;
    journal.make_room();
    peer.publish(7, TOPIC, b"at least once").await;
    assert_eq!(peer.pubacks(1).await, [7]);
    let mut payloads: Vec<_> = journal
        .taken()
        .into_iter()
        .map(|taken| taken.payload)
        .collect();
    payloads.sort();
    assert_eq!(payloads, [&b"at least once"[..], b"at most once"]);
}

#[tokio::test]
async fn qos_0_is_appended_and_qos_2_is_received_after_the_commit_and_completed() {
    let (broker, journal) = (ScriptedBroker::start().await, TestJournal::new());
    let _door = start(&broker.source(), &journal);
    let mut peer = broker.accept_and_grant().await;
    peer.publish_at(QoS::AtMostOnce, 0, TOPIC, b"0").await;
    peer.publish_at(QoS::ExactlyOnce, 21, TOPIC, b"2").await;
    journal.until_taken(2).await;
    assert_eq!(peer.until_now().await, []);
    journal.commit(2);
    assert!(matches!(peer.expect().await, Packet::PubRec(pubrec) if pubrec.pkid == 21));
    peer.packet(Packet::PubRel(rumqttc::PubRel::new(21))).await;
    assert_eq!(peer.expect().await, Packet::PubComp(PubComp::new(21)));
    assert_eq!(
        journal
            .taken()
            .iter()
            .map(|taken| taken.qos)
            .collect::<Vec<_>>(),
        [0, 2]
    );
}

#[tokio::test]
async fn the_session_is_kept_and_subscribed_to_only_when_it_must_be() {
    let (broker, journal) = (ScriptedBroker::start().await, TestJournal::committing());
    let _door = start(&broker.source(), &journal);

    // At the process's first connection even a kept session is subscribed:
    // the routes may have changed since.
    let mut peer = broker.accept_with(true).await;
    assert_eq!(
        (
            peer.connect().client_id.as_str(),
            peer.connect().clean_session
        ),
        ("weir", false)
    );
    let Packet::Unsubscribe(unsubscribe) = peer.expect().await else {
        panic!("UNSUBSCRIBE")
    };
    assert!(
        unsubscribe
            .topics
            .iter()
            .all(|topic| topic.starts_with("$share/weir/"))
    );
    peer.unsuback(unsubscribe.pkid).await;
    let subscribe = peer.grant().await;
    assert!(
        subscribe
            .filters
            .iter()
            .all(|filter| filter.qos == QoS::AtLeastOnce)
    );
    let paths: Vec<_> = subscribe
        .filters
        .into_iter()
        .map(|filter| filter.path)
        .collect();
    assert_eq!(paths, LiveTopics::new(&Config::default()).filters());
    peer.until_now().await;
    drop(peer);

    let mut peer = broker.accept_with(true).await;
    assert_eq!(peer.until_now().await, [], "the session was present");
    drop(peer);

    let mut peer = broker.accept_with(false).await;
    peer.grant().await;
    peer.publish(1, TOPIC, b"{}").await;
    assert_eq!(peer.pubacks(1).await, [1]);
}

#[tokio::test]
async fn more_connections_join_the_share_group_under_stable_names() {
    let (broker, journal) = (ScriptedBroker::start().await, TestJournal::committing());
    let config = Source {
        connections: 3,
        share_group: "g".to_owned(),
        ..broker.source()
    };
    let client = start(&config, &journal);
    let mut names = Vec::new();
    for _ in 0..3 {
        let mut peer = broker.accept_with(false).await;
        let subscribe = peer.grant().await;
        assert!(
            subscribe
                .filters
                .iter()
                .all(|filter| filter.path.starts_with("$share/g/"))
        );
        names.push(peer.connect().client_id.clone());
    }
    names.sort();
    assert_eq!(names, ["weir", "weir-2", "weir-3"]);
    assert_eq!(client.status().connections.len(), 3);
}

#[tokio::test]
async fn a_refused_subscription_is_reported_and_asked_again_at_the_next_connection() {
    let (broker, journal) = (ScriptedBroker::start().await, TestJournal::committing());
    let client = start(&broker.source(), &journal);
    let mut peer = broker.accept_with(false).await;
    let subscribe = peer.subscribe().await;
    // 0x80 is a refusal; a grant of QoS 0 would lose messages.
    let mut codes = vec![1; subscribe.filters.len()];
    codes[0] = 0x80;
    codes[1] = 0;
    peer.suback(subscribe.pkid, &codes).await;
    until(&client, "the refusal shows", |s| {
        !s.connections[0].refused_filters.is_empty()
    })
    .await;
    let expected: Vec<_> = subscribe.filters[..2]
        .iter()
        .map(|f| f.path.clone())
        .collect();
    let status = client.status();
    assert_eq!(status.connections[0].refused_filters, expected);
    assert!(
        status.unhealthy()[0].1.contains(&expected[0]),
        "{:?}",
        status.unhealthy()
    );
    drop(peer);

    let mut peer = broker.accept_with(true).await;
    peer.grant().await;
    until(&client, "all is granted", |status| {
        status.unhealthy().is_empty()
    })
    .await;
}

#[tokio::test]
async fn a_message_beyond_max_packet_leaves_a_notice_and_the_connection_alone() {
    let (broker, journal) = (ScriptedBroker::start().await, TestJournal::committing());
    let config = Source {
        max_packet: 64 * 1024,
        ..broker.source()
    };
    let client = start(&config, &journal);
    let mut peer = broker.accept_and_grant().await;
    let largest = vec![b'x'; 64 * 1024 - TOPIC.len()];
    peer.publish(1, TOPIC, &largest).await;
    peer.publish(2, TOPIC, &vec![b'x'; 12 * 1024 * 1024]).await;
    peer.publish(3, TOPIC, &[&largest[..], b"x"].concat()).await;
    peer.publish(4, TOPIC, b"{}").await;
    assert_eq!(peer.pubacks(4).await, [1, 2, 3, 4]);
    let taken = journal.taken();
    assert_eq!(taken[0].payload, largest);
    let notice = parse_oversized_notice(&taken[1].payload);
    assert_eq!(
        (notice, taken[1].topic.as_str()),
        (Some("12582932 bytes, limit 65536"), TOPIC)
    );
    assert_eq!(
        parse_oversized_notice(&taken[2].payload),
        Some("65537 bytes, limit 65536")
    );
    assert_eq!(taken[3].payload, b"{}");
    assert_eq!(client.status().connections[0].oversized, 2);
}

#[tokio::test]
async fn an_empty_topic_is_taken_as_it_is() {
    let (broker, journal) = (ScriptedBroker::start().await, TestJournal::committing());
    let _door = start(&broker.source(), &journal);
    let mut peer = broker.accept_and_grant().await;
    peer.publish(1, "", b"{}").await;
    peer.publish(2, "a\0/+/#", b"{}").await;
    assert_eq!(peer.pubacks(2).await, [1, 2]);
    let topics: Vec<_> = journal
        .taken()
        .into_iter()
        .map(|taken| taken.topic)
        .collect();
    assert_eq!(topics, ["", "a\0/+/#"]);
}

#[tokio::test]
async fn a_failed_journal_acknowledges_nothing_more_and_leaves_the_broker() {
    let (broker, journal) = (ScriptedBroker::start().await, TestJournal::new());
    let client = start(&broker.source(), &journal);
    let mut peer = broker.accept_and_grant().await;
    publish_each(&mut peer, 1..=2).await;
    journal.until_taken(2).await;
    journal.fail();
    assert_eq!(peer.until_closed().await, []);
    until(&client, "the failure shows", |status| {
        status.connections[0].failed
    })
    .await;
    assert!(
        client.status().unhealthy()[0]
            .1
            .contains("closed until a restart")
    );
    client.stop().await;
}

#[tokio::test]
async fn stop_waits_for_the_commit_acknowledges_and_says_goodbye() {
    let (broker, journal) = (ScriptedBroker::start().await, TestJournal::new());
    let client = start(&broker.source(), &journal);
    let mut peer = broker.accept_and_grant().await;
    publish_each(&mut peer, 1..=2).await;
    journal.until_taken(2).await;
    let stopping = tokio::spawn(async move { client.stop().await });
    tokio::task::yield_now().await;
    journal.commit(2);
    assert_eq!(peer.pubacks(2).await, [1, 2]);
    assert_eq!(peer.expect().await, Packet::Disconnect);
    drop(peer);
    stopping.await.unwrap();
}

#[tokio::test]
async fn stop_returns_when_no_broker_answers() {
    let broker = ScriptedBroker::start().await;
    let client = start(&broker.source(), &TestJournal::new());
    let _unanswered = broker.accept().await;
    client.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_refuses_is_not_asked_in_a_hot_loop() {
    let (broker, journal) = (ScriptedBroker::start().await, TestJournal::new());
    let client = start(&broker.source(), &journal);
    let began = tokio::time::Instant::now();
    for _ in 0..14 {
        broker.accept().await.connack(false, 5).await;
    }
    // 100 ms doubled up to 30 s, and at least half of each.
    assert!(
        began.elapsed() >= Duration::from_secs(80),
        "{:?}",
        began.elapsed()
    );
    let status = client.status();
    assert!(
        status.unhealthy()[0].1.contains("NotAuthorized"),
        "{:?}",
        status.unhealthy()
    );
    assert!(status.connections[0].failures >= 13);
}

/// Each of these ends the connection, and each would come again at once.
#[tokio::test(start_paused = true)]
async fn malformed_packets_end_the_connection_without_a_hot_loop() {
    const MALFORMED: &[&[u8]] = &[
        b"\x32\x07\0\x03a\xffb\0\x01", // a topic that is not UTF-8
        b"\x36\x06\0\x02ab\0\x01",     // QoS 3
        b"\x32\x05\0\x01a\0\0",        // packet id 0
        b"\x32\x03\0\xffa",            // a topic longer than the packet
        b"\x30\xff\xff\xff\xff\x01",   // a length of five bytes
        b"\xf0\x00",                   // packet type 15
        b"\x10\x02\0\0",               // what only clients send
        b"\x40\x02\0\x01",             // an acknowledgement of nothing
        b"\x90\x03\0\x63\x01",         // a SUBACK to nothing
    ];
    let (broker, journal) = (ScriptedBroker::start().await, TestJournal::committing());
    let client = start(&broker.source(), &journal);
    let began = tokio::time::Instant::now();
    broker.accept_and_grant().await.until_now().await;
    for bytes in MALFORMED {
        let mut peer = broker.accept_with(true).await;
        peer.publish(9, TOPIC, b"before").await;
        peer.send(bytes).await;
        peer.until_closed().await;
    }
    assert!(
        began.elapsed() >= Duration::from_secs(20),
        "{:?}",
        began.elapsed()
    );
    let mut peer = broker.accept_with(true).await;
    peer.publish(1, TOPIC, b"after").await;
    assert_eq!(peer.pubacks(1).await, [1]);
    assert!(client.status().connections[0].last_error.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_half_open_connection_is_noticed_within_one_and_a_half_keep_alives() {
    let (broker, journal) = (ScriptedBroker::start().await, TestJournal::committing());
    let config = Source {
        keep_alive: Duration::from_secs(20),
        ..broker.source()
    };
    let client = start(&config, &journal);
    let mut peer = broker.accept_and_grant().await;
    // Pings are answered for a while, so the connection holds.
    let began = tokio::time::Instant::now();
    while began.elapsed() < Duration::from_secs(120) {
        assert_eq!(peer.next().await, Some(Packet::PingReq));
        peer.send(&[0xd0, 0]).await;
    }
    peer.until_now().await;
    let silent_since = tokio::time::Instant::now();
    assert!(peer.until_closed().await.contains(&Packet::PingReq));
    assert!(
        silent_since.elapsed() <= Duration::from_secs(31),
        "{:?}",
        silent_since.elapsed()
    );
    until(&client, "the reason shows", |status| {
        let error = status.connections[0].last_error.as_deref();
        error.is_some_and(|error| error.contains("silent for longer than the keep-alive"))
    })
    .await;
}

/// Without room nothing is read, so no answer to a ping either; the pings that
/// go out keep the broker from hanging up.
#[tokio::test(start_paused = true)]
async fn waiting_for_room_keeps_the_connection() {
    let (broker, journal) = (ScriptedBroker::start().await, TestJournal::committing());
    let config = Source {
        keep_alive: Duration::from_secs(20),
        ..broker.source()
    };
    let client = start(&config, &journal);
    let mut peer = broker.accept_and_grant().await;
    journal.refuse(AppendError::Full { used: 9, limit: 9 });
    publish_each(&mut peer, 1..=1).await;
    journal
        .until("the append is refused", |j| j.refused() >= 1)
        .await;
    let began = tokio::time::Instant::now();
    while began.elapsed() < Duration::from_secs(300) {
        assert_eq!(peer.next().await, Some(Packet::PingReq));
    }
    journal.make_room();
    peer.send(&[0xd0, 0]).await;
    assert_eq!(peer.pubacks(1).await, [1]);
    assert_eq!(client.status().connections[0].failures, 0);
}

#[tokio::test(start_paused = true)]
async fn connected_but_silent_is_reported() {
    let (broker, journal) = (ScriptedBroker::start().await, TestJournal::committing());
    let config = Source {
        silent_after: Duration::from_secs(60),
        ..broker.source()
    };
    let client = start(&config, &journal);
    let mut peer = broker.accept_and_grant().await;
    peer.publish(1, TOPIC, b"{}").await;
    assert_eq!(peer.pubacks(1).await, [1]);
    tokio::time::sleep(Duration::from_secs(59)).await;
    assert_eq!(client.status().silent_for, None);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(
        client.status().unhealthy()[0]
            .1
            .contains("connected but silent for 6")
    );
    peer.publish(2, TOPIC, b"{}").await;
    assert_eq!(peer.pubacks(1).await, [2]);
    assert_eq!(client.status().silent_for, None);
}

/// Taking pauses at `max_inflight`, and goes on once acknowledgements went out.
#[tokio::test]
async fn what_is_unacknowledged_is_bounded() {
    let (broker, journal) = (ScriptedBroker::start().await, TestJournal::new());
    let config = Source {
        max_inflight: 2,
        ..broker.source()
    };
    let client = start(&config, &journal);
    let mut peer = broker.accept_and_grant().await;
    publish_each(&mut peer, 1..=1).await;
    journal.until_taken(1).await;
    publish_each(&mut peer, 2..=2).await;
    journal.until_taken(2).await;
    publish_each(&mut peer, 3..=3).await;
    assert_eq!(client.status().connections[0].unacked, 2);
    journal.commit(1);
    assert_eq!(peer.pubacks(1).await, [1]);
    journal.until_taken(3).await;
    assert_eq!(journal.status().committed, weir_model::Position(100));
}
