//! The publisher against a scripted broker.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use rumqttc::Packet;
use tokio::time::{sleep, timeout};

use super::sender::WINDOW;
use super::*;
use crate::tests::scripted_broker::{Peer, ScriptedBroker};

fn start(broker: &ScriptedBroker) -> SourcePublisher {
    SourcePublisher::start(&broker.source(), CancellationToken::new()).unwrap()
}

fn publication(topic: &str, qos: u8) -> Publication {
    Publication {
        topic: topic.to_owned(),
        payload: Bytes::from_static(b"{}"),
        qos,
        retain: false,
    }
}

/// Counts deliveries.
#[derive(Clone, Default)]
struct Deliveries(Arc<AtomicUsize>);

impl Deliveries {
    fn one(&self) -> Delivered {
        let count = self.0.clone();
        Some(Box::new(move || {
            count.fetch_add(1, Ordering::SeqCst);
        }))
    }

    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    async fn until(&self, count: usize) {
        let wait = async {
            while self.count() < count {
                sleep(Duration::from_millis(2)).await;
            }
        };
        timeout(Duration::from_secs(30), wait)
            .await
            .expect("so many are delivered in the end");
    }
}

async fn topics(peer: &mut Peer, count: usize) -> Vec<(u16, String)> {
    let mut topics = Vec::new();
    for _ in 0..count {
        let publish = peer.published().await;
        topics.push((publish.pkid, publish.topic));
    }
    topics
}

#[tokio::test]
async fn a_publication_is_delivered_when_its_puback_is_here() {
    let broker = ScriptedBroker::start().await;
    let (publisher, deliveries) = (start(&broker), Deliveries::default());
    let retained = Publication {
        topic: "alerts/critical/p1".to_owned(),
        payload: Bytes::from(vec![b'x'; 200_000]),
        qos: 1,
        retain: true,
    };
    publisher
        .publish(retained.clone(), deliveries.one())
        .unwrap();
    let mut peer = broker.accept_with(false).await;
    let connect = peer.connect();
    assert_eq!(
        (connect.client_id.as_str(), connect.clean_session),
        ("weir-out", true)
    );
    let publish = peer.published().await;
    assert_eq!(
        (publish.topic, publish.payload),
        (retained.topic, retained.payload)
    );
    assert!(publish.retain && !publish.dup);
    assert_eq!((deliveries.count(), publisher.status().queued), (0, 1));
    peer.puback(publish.pkid).await;
    deliveries.until(1).await;
    assert_eq!(
        (publisher.status().queued, publisher.status().delivered),
        (0, 1)
    );
}

#[tokio::test]
async fn what_was_under_way_is_sent_again_in_order_and_before_anything_newer() {
    let broker = ScriptedBroker::start().await;
    let (publisher, deliveries) = (start(&broker), Deliveries::default());
    for topic in ["a", "b", "c"] {
        publisher
            .publish(publication(topic, 1), deliveries.one())
            .unwrap();
    }
    let mut peer = broker.accept_with(false).await;
    let sent = topics(&mut peer, 3).await;
    peer.puback(sent[0].0).await;
    deliveries.until(1).await;
    drop(peer);
    publisher
        .publish(publication("d", 1), deliveries.one())
        .unwrap();

    let mut peer = broker.accept_with(false).await;
    for expected in ["b", "c", "d"] {
        let publish = peer.published().await;
        assert_eq!(
            (publish.topic.as_str(), publish.dup),
            (expected, false),
            "a new session"
        );
        peer.puback(publish.pkid).await;
    }
    deliveries.until(4).await;
}

/// A PUBACK that the dead connection owed means nothing on the next one.
#[tokio::test]
async fn packet_ids_do_not_cross_a_reconnect() {
    let broker = ScriptedBroker::start().await;
    let (publisher, deliveries) = (start(&broker), Deliveries::default());
    publisher
        .publish(publication("a", 1), deliveries.one())
        .unwrap();
    let mut peer = broker.accept_with(false).await;
    let old = peer.published().await.pkid;
    drop(peer);
    let mut peer = broker.accept_with(false).await;
    let new = peer.published().await.pkid;
    assert_ne!(old, new);
    peer.puback(old).await;
    peer.until_closed().await;
    assert_eq!(
        deliveries.count(),
        0,
        "an acknowledgement of nothing delivers nothing"
    );
    let mut peer = broker.accept_with(false).await;
    let pkid = peer.published().await.pkid;
    peer.puback(pkid).await;
    deliveries.until(1).await;
}

#[tokio::test]
async fn qos_0_is_delivered_when_it_is_sent() {
    let broker = ScriptedBroker::start().await;
    let (publisher, deliveries) = (start(&broker), Deliveries::default());
    publisher
        .publish(publication("a", 1), deliveries.one())
        .unwrap();
    publisher
        .publish(publication("b", 0), deliveries.one())
        .unwrap();
    let mut peer = broker.accept_with(false).await;
    let sent = topics(&mut peer, 2).await;
    assert_eq!(sent[1], (0, "b".to_owned()));
    deliveries.until(1).await;
    peer.puback(sent[0].0).await;
    deliveries.until(2).await;
}

#[tokio::test]
async fn the_queue_is_bounded_and_empties_through_a_window() {
    let broker = ScriptedBroker::start().await;
    let (publisher, deliveries) = (start(&broker), Deliveries::default());
    for _ in 0..CAPACITY {
        publisher
            .publish(publication("a", 1), deliveries.one())
            .unwrap();
    }
    let full = publisher.publish(publication("b", 1), None);
    assert_eq!(full, Err(PublishError::Full { capacity: CAPACITY }));
    let mut peer = broker.accept_with(false).await;
    for _ in 0..CAPACITY {
        let pkid = peer.published().await.pkid;
        peer.puback(pkid).await;
    }
    deliveries.until(CAPACITY).await;
    publisher
        .publish(publication("b", 1), deliveries.one())
        .unwrap();
    let publish = peer.published().await;
    assert_eq!(publish.topic, "b");
}

#[tokio::test(start_paused = true)]
async fn a_publication_that_the_broker_hangs_up_on_does_not_hold_up_the_others() {
    let broker = ScriptedBroker::start().await;
    let (publisher, deliveries) = (start(&broker), Deliveries::default());
    for topic in ["poison", "a", "b"] {
        publisher
            .publish(publication(topic, 1), deliveries.one())
            .unwrap();
    }
    let mut hung_up = 0;
    let mut seen = Vec::new();
    let mut peer = broker.accept_with(false).await;
    while seen.len() < 2 {
        let publish = peer.published().await;
        if publish.topic == "poison" {
            hung_up += 1;
            assert!(hung_up < 20, "the others never had their turn");
            drop(peer);
            peer = broker.accept_with(false).await;
        } else {
            seen.push(publish.topic);
            peer.puback(publish.pkid).await;
        }
    }
    assert_eq!(seen, ["a", "b"]);
    deliveries.until(2).await;
    assert_eq!(peer.published().await.topic, "poison", "it is kept");
}

#[tokio::test]
async fn a_topic_that_mqtt_forbids_is_not_sent_at_all() {
    let broker = ScriptedBroker::start().await;
    let (publisher, deliveries) = (start(&broker), Deliveries::default());
    let long = "x".repeat(65_536);
    for topic in ["", "a/+/b", "a/#", "a\0b", &long] {
        publisher
            .publish(publication(topic, 1), deliveries.one())
            .unwrap();
    }
    publisher
        .publish(publication("é/x", 1), deliveries.one())
        .unwrap();
    let mut peer = broker.accept_with(false).await;
    let publish = peer.published().await;
    assert_eq!(publish.topic, "é/x");
    peer.puback(publish.pkid).await;
    deliveries.until(6).await;
}

#[tokio::test]
async fn stop_delivers_what_was_taken_and_says_goodbye() {
    let broker = ScriptedBroker::start().await;
    let (publisher, deliveries) = (Arc::new(start(&broker)), Deliveries::default());
    for _ in 0..WINDOW + 10 {
        publisher
            .publish(publication("a", 1), deliveries.one())
            .unwrap();
    }
    let mut peer = broker.accept_with(false).await;
    let first = peer.published().await.pkid;
    let stopping = tokio::spawn({
        let publisher = publisher.clone();
        async move { publisher.stop().await }
    });
    peer.puback(first).await;
    for _ in 1..WINDOW + 10 {
        let pkid = peer.published().await.pkid;
        peer.puback(pkid).await;
    }
    assert_eq!(peer.expect().await, Packet::Disconnect);
    drop(peer);
    stopping.await.unwrap();
    assert_eq!(deliveries.count(), WINDOW + 10);
    assert_eq!(
        publisher.publish(publication("a", 1), None),
        Err(PublishError::Closed)
    );
}

#[tokio::test]
async fn stop_returns_when_no_broker_answers() {
    let broker = ScriptedBroker::start().await;
    let publisher = start(&broker);
    publisher.publish(publication("a", 1), None).unwrap();
    let _unanswered = broker.accept().await;
    publisher.stop().await;
    assert!(!publisher.status().connected);
}
