//! Acknowledgements and the commits they wait for.

use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};
use weir_journal::AppendError;
use weir_model::Ingress;

use super::client::{Client, puback, publish};
use super::{DEADLINE, TELEMETRY, start, start_with, until};
use crate::tests::test_journal::TestJournal;

#[tokio::test]
async fn no_acknowledgement_precedes_the_commit() {
    for version in [4, 5] {
        let journal = TestJournal::new();
        let broker = start(&journal).await;
        let mut client = Client::connect(broker.local_addr(), version, "c").await;
        client.publish(TELEMETRY, b"{}", 1, 7).await;
        journal.until_taken(1).await;
        client.expect_silence().await;
        assert_eq!(
            (broker.status().uncommitted, broker.status().received),
            (1, 1)
        );
        journal.commit_all();
        client.expect(&puback(7)).await;
        until(&broker, "nothing waits", |s| {
            (s.uncommitted, s.held_bytes) == (0, 0)
        })
        .await;
        broker.stop().await;
    }
}

#[tokio::test]
async fn a_message_is_taken_verbatim() {
    let journal = TestJournal::committing();
    let broker = start(&journal).await;
    let mut client = Client::connect(broker.local_addr(), 4, "c").await;
    let mut bytes = publish(4, TELEMETRY, b"\xff\x00 not JSON", 1, 7);
    bytes[0] |= 1; // the retain flag
    client.send(&bytes).await;
    client.expect(&puback(7)).await;
    let taken = journal.taken().remove(0);
    assert_eq!(
        (&*taken.topic, &*taken.payload),
        (TELEMETRY, &b"\xff\x00 not JSON"[..])
    );
    assert_eq!(
        (taken.ingress, taken.qos, &*taken.client),
        (Ingress::Broker, 1, "")
    );
    assert!(!taken.retained, "a device's own publish is fresh");
    assert!(taken.received.0 > 1_700_000_000_000_000_000);
    broker.stop().await;
}

#[tokio::test]
async fn many_publishes_wait_for_one_commit_and_are_acknowledged_in_order() {
    let journal = TestJournal::new();
    let broker = start(&journal).await;
    let mut client = Client::connect(broker.local_addr(), 4, "c").await;
    let all: Vec<u8> = (1..=100)
        .flat_map(|id| publish(4, TELEMETRY, &[b'x'; 200], 1, id))
        .collect();
    client.send(&all).await;
    journal.until_taken(100).await;
    assert!(
        journal.appends() <= 50,
        "{} appends for 100 messages",
        journal.appends()
    );
    client.expect_silence().await;
    journal.commit_all();
    for id in 1..=100 {
        client.expect(&puback(id)).await;
    }
    broker.stop().await;
}

#[tokio::test]
async fn a_commit_releases_what_it_covers_and_no_more() {
    let journal = TestJournal::new();
    let broker = start(&journal).await;
    let mut client = Client::connect(broker.local_addr(), 4, "c").await;
    for id in 1..=3 {
        client.publish(TELEMETRY, b"{}", 1, id).await;
        journal.until_taken(usize::from(id)).await;
    }
    journal.commit(2);
    client.expect(&puback(1)).await;
    client.expect(&puback(2)).await;
    client.expect_silence().await;
    journal.commit(3);
    client.expect(&puback(3)).await;
    broker.stop().await;
}

#[tokio::test]
async fn acknowledgements_of_other_topics_keep_their_place() {
    let journal = TestJournal::new();
    let broker = start(&journal).await;
    let mut client = Client::connect(broker.local_addr(), 4, "c").await;
    client.publish("other", b"", 1, 1).await;
    client.expect(&puback(1)).await;
    client.publish(TELEMETRY, b"{}", 1, 2).await;
    client.publish("other", b"", 1, 3).await;
    journal.until_taken(1).await;
    client.expect_silence().await;
    journal.commit_all();
    client.expect(&puback(2)).await;
    client.expect(&puback(3)).await;
    broker.stop().await;
}

#[tokio::test]
async fn qos_2_is_received_once_committed_and_completed() {
    for version in [4, 5] {
        let journal = TestJournal::new();
        let broker = start(&journal).await;
        let mut client = Client::connect(broker.local_addr(), version, "c").await;
        client.publish(TELEMETRY, b"{}", 2, 7).await;
        journal.until_taken(1).await;
        client.expect_silence().await;
        journal.commit_all();
        client.expect(&[0x50, 2, 0, 7]).await;
        client.send(&[0x62, 2, 0, 7]).await;
        client.expect(&[0x70, 2, 0, 7]).await;
        assert_eq!(journal.len(), 1);
        broker.stop().await;
    }
}

#[tokio::test]
async fn an_early_pubrel_does_not_outrun_the_commit() {
    let journal = TestJournal::new();
    let broker = start(&journal).await;
    let mut client = Client::connect(broker.local_addr(), 4, "c").await;
    client.publish(TELEMETRY, b"{}", 2, 7).await;
    client.send(&[0x62, 2, 0, 7]).await;
    journal.until_taken(1).await;
    client.expect_silence().await;
    journal.commit_all();
    client.expect(&[0x50, 2, 0, 7]).await;
    client.expect(&[0x70, 2, 0, 7]).await;
    broker.stop().await;
}

#[tokio::test]
async fn qos_0_is_journaled_even_when_its_sender_leaves_at_once() {
    let journal = TestJournal::committing();
    let broker = start(&journal).await;
    let mut client = Client::connect(broker.local_addr(), 4, "c").await;
    let mut bytes: Vec<u8> = publish(4, TELEMETRY, b"{}", 0, 0).repeat(3);
    bytes.extend([0xe0, 0]);
    client.send(&bytes).await;
    drop(client);
    journal.until_taken(3).await;
    broker.stop().await;
}

#[tokio::test]
async fn a_failed_commit_closes_without_an_acknowledgement() {
    let journal = TestJournal::new();
    let broker = start(&journal).await;
    let mut waiting = Client::connect(broker.local_addr(), 4, "waiting").await;
    waiting.publish(TELEMETRY, b"{}", 1, 7).await;
    journal.until_taken(1).await;
    let mut late = Client::connect(broker.local_addr(), 4, "late").await;
    journal.fail();
    waiting.expect_closed().await;
    late.publish(TELEMETRY, b"{}", 1, 7).await;
    late.expect_closed().await;
    until(&broker, "all are gone", |s| {
        s.connections == 0 && s.held_bytes == 0
    })
    .await;
    assert_eq!(journal.len(), 1);
    broker.stop().await;
}

#[tokio::test]
async fn a_full_journal_stops_the_reading_and_drops_nothing() {
    let refusals = [
        AppendError::Full { used: 1, limit: 1 },
        AppendError::Busy { pending: 1 },
    ];
    for refusal in refusals {
        let journal = TestJournal::committing();
        let broker = start(&journal).await;
        journal.refuse(refusal);
        let mut client = Client::connect(broker.local_addr(), 4, "c").await;
        client.publish(TELEMETRY, b"{}", 1, 1).await;
        journal
            .until("an append is refused", |j| j.refused() >= 1)
            .await;
        let rest: Vec<u8> = (2..=1000)
            .flat_map(|id| publish(4, TELEMETRY, &[b'x'; 100], 1, id))
            .collect();
        client.send(&rest).await;
        assert_eq!((journal.len(), broker.status().received), (0, 0));
        journal.make_room();
        for id in 1..=1000 {
            client.expect(&puback(id)).await;
        }
        assert_eq!(journal.len(), 1000);
        broker.stop().await;
    }
}

#[tokio::test]
async fn a_full_journal_keeps_what_its_sender_cannot_send_again() {
    let journal = TestJournal::committing();
    let broker = start(&journal).await;
    journal.refuse(AppendError::Full { used: 1, limit: 1 });
    let mut careful = Client::connect(broker.local_addr(), 4, "careful").await;
    let mut careless = Client::connect(broker.local_addr(), 4, "careless").await;
    careful.publish(TELEMETRY, b"1", 1, 1).await;
    careless.publish(TELEMETRY, b"0", 0, 0).await;
    journal
        .until("both are refused", |j| j.refused() >= 2)
        .await;
    drop((careful, careless));
    // A newcomer with their names ends their connections: nobody reads them.
    let mut careful = Client::connect(broker.local_addr(), 4, "careful").await;
    let mut careless = Client::connect(broker.local_addr(), 4, "careless").await;
    careful.send(&[0xe0, 0]).await;
    careless.send(&[0xe0, 0]).await;
    until(&broker, "one waits for room", |s| s.connections == 1).await;
    journal.make_room();
    until(&broker, "it is gone", |s| s.connections == 0).await;
    let payloads: Vec<_> = journal
        .taken()
        .into_iter()
        .map(|taken| taken.payload)
        .collect();
    assert_eq!(payloads, [b"0"]);
    broker.stop().await;
}

#[tokio::test]
async fn what_waits_for_a_commit_is_bounded_per_connection() {
    let journal = TestJournal::new();
    let broker = start_with(&journal, |config| config.max_inflight = 10).await;
    let mut client = Client::connect(broker.local_addr(), 4, "c").await;
    let all: Vec<u8> = (1..=100)
        .flat_map(|id| publish(4, TELEMETRY, b"{}", 1, id))
        .collect();
    client.send(&all).await;
    for end in (10..=100).step_by(10) {
        journal.until_taken(end).await;
        until(&broker, "ten wait", |s| s.uncommitted == 10).await;
        // The broker has something else to do and does not take the eleventh.
        let mut other = Client::connect(broker.local_addr(), 4, "other").await;
        other.expect_silence().await;
        assert_eq!(journal.len(), end);
        journal.commit_all();
    }
    for id in 1..=100 {
        client.expect(&puback(id)).await;
    }
    broker.stop().await;
}

#[tokio::test]
async fn a_websocket_is_gated_too() {
    let journal = TestJournal::new();
    let broker = start(&journal).await;
    let client = Client::open_websocket(broker.websocket_addr().unwrap()).await;
    let mut client = client.handshake(4, "c").await;
    client.publish(TELEMETRY, b"{}", 1, 7).await;
    journal.until_taken(1).await;
    client.expect_silence().await;
    journal.commit_all();
    client.expect(&puback(7)).await;
    broker.stop().await;
}

#[tokio::test]
async fn stopping_writes_the_acknowledgements_that_are_due() {
    for version in [4, 5] {
        let journal = TestJournal::new();
        let broker = start(&journal).await;
        let address = broker.local_addr();
        let mut client = Client::connect(address, version, "c").await;
        let mut idle = Client::connect(address, version, "idle").await;
        client.publish(TELEMETRY, b"{}", 1, 7).await;
        journal.until_taken(1).await;
        let stopping = tokio::spawn(broker.clone().stop());
        if version == 5 {
            assert_eq!(idle.packet().await.unwrap()[0], 0xe0);
        }
        idle.expect_closed().await;
        assert!(
            tokio::net::TcpStream::connect(address).await.is_err(),
            "it accepts no more"
        );
        journal.commit_all();
        client.expect(&puback(7)).await;
        if version == 5 {
            assert_eq!(client.packet().await.unwrap()[0], 0xe0);
        }
        client.expect_closed().await;
        drop((client, idle));
        tokio::time::timeout(DEADLINE, stopping)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(broker.status().connections, 0);
    }
}

#[tokio::test]
async fn a_real_client_gets_its_acknowledgements() {
    let journal = TestJournal::committing();
    let broker = start(&journal).await;
    let options = MqttOptions::new("device", "127.0.0.1", broker.local_addr().port());
    let (client, mut events) = AsyncClient::new(options, 500);
    for number in 0..300 {
        let qos = [QoS::AtLeastOnce, QoS::ExactlyOnce][number % 2];
        client
            .try_publish(TELEMETRY, qos, false, number.to_string())
            .unwrap();
    }
    let poll = async {
        let mut acknowledged = 0;
        while acknowledged < 300 {
            let event = events.poll().await.unwrap();
            acknowledged += usize::from(matches!(
                event,
                Event::Incoming(Packet::PubAck(_) | Packet::PubComp(_))
            ));
        }
    };
    tokio::time::timeout(DEADLINE, poll).await.unwrap();
    let payloads: Vec<_> = journal
        .taken()
        .into_iter()
        .map(|taken| taken.payload)
        .collect();
    let expect: Vec<_> = (0..300)
        .map(|number| number.to_string().into_bytes())
        .collect();
    assert_eq!(payloads, expect);
    broker.stop().await;
}
