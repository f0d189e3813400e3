//! The way out: subscribers, Weir's own publications, retained messages, wills.

use std::process::{Command, Stdio};
use std::sync::mpsc;

use bytes::Bytes;
use rumqttc::{AsyncClient, Event, LastWill, MqttOptions, Packet, QoS};

use super::client::{Client, connect, puback, publish};
use super::{DEADLINE, TELEMETRY, start, until};
use crate::tests::test_journal::TestJournal;
use crate::{Publication, PublishError, Publisher};

fn alert(payload: &'static str) -> Publication {
    Publication {
        topic: "alerts/critical/p1".to_owned(),
        payload: Bytes::from_static(payload.as_bytes()),
        qos: 1,
        retain: false,
    }
}

#[tokio::test]
async fn alerts_reach_subscribers_from_any_thread() {
    let journal = TestJournal::new();
    let broker = start(&journal).await;
    for version in [4, 5] {
        let mut reader = Client::connect(broker.local_addr(), version, "reader").await;
        reader.subscribe("alerts/#", 1).await;
        let outlet = broker.outlet();
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || {
            outlet
                .publish(alert("one"), Some(Box::new(move || tell.send(()).unwrap())))
                .unwrap();
            outlet.publish(alert("two"), None).unwrap();
        })
        .join()
        .unwrap();
        for payload in ["one", "two"] {
            let expect = ("alerts/critical/p1".to_owned(), payload.as_bytes().to_vec());
            assert_eq!(reader.expect_publish().await, expect);
        }
        told.try_recv().expect("delivered when the router had it");
    }
    assert_eq!(broker.status().published, 4);
    let outlet = broker.outlet();
    broker.stop().await;
    assert_eq!(
        outlet.publish(alert("late"), None),
        Err(PublishError::Closed)
    );
}

#[tokio::test]
async fn a_retained_publication_waits_for_its_subscriber() {
    let journal = TestJournal::new();
    let broker = start(&journal).await;
    let (tell, told) = tokio::sync::oneshot::channel();
    let publication = Publication {
        retain: true,
        ..alert("kept")
    };
    broker
        .publish(publication, Some(Box::new(move || tell.send(()).unwrap())))
        .unwrap();
    told.await.unwrap();
    let mut reader = Client::connect(broker.local_addr(), 4, "reader").await;
    // The retained message may precede the SUBACK or follow it.
    reader
        .send(&[
            0x82, 13, 0, 1, 0, 8, b'a', b'l', b'e', b'r', b't', b's', b'/', b'#', 1,
        ])
        .await;
    let kinds = [
        reader.packet().await.unwrap()[0],
        reader.packet().await.unwrap()[0],
    ];
    assert!(kinds.contains(&0x90) && kinds.contains(&0x33), "{kinds:x?}");
    broker.stop().await;
}

#[tokio::test]
async fn telemetry_is_routed_to_whoever_reads_along() {
    let journal = TestJournal::committing();
    let broker = start(&journal).await;
    for version in [4, 5] {
        let mut device = Client::connect(broker.local_addr(), version, "device").await;
        let mut reader = Client::connect(broker.local_addr(), version, "reader").await;
        reader.subscribe("devices/+/telemetry", 1).await;
        for (id, qos) in [(1, 0), (2, 1), (3, 2)] {
            device.publish(TELEMETRY, &[qos], qos, id).await;
            if qos == 2 {
                device.expect(&puback(2)).await;
                device.expect(&[0x50, 2, 0, 3]).await;
                device.send(&[0x62, 2, 0, 3]).await;
            }
            assert_eq!(
                reader.expect_publish().await,
                (TELEMETRY.to_owned(), vec![qos])
            );
        }
    }
    assert_eq!(journal.len(), 6);
    broker.stop().await;
}

#[tokio::test]
async fn a_retained_reading_is_fresh_for_weir_and_kept_for_others() {
    let journal = TestJournal::committing();
    let broker = start(&journal).await;
    let mut device = Client::connect(broker.local_addr(), 4, "device").await;
    for (id, payload_bytes) in [(1, 2), (2, 100_000)] {
        let mut bytes = publish(4, TELEMETRY, &vec![b'x'; payload_bytes], 1, id);
        bytes[0] |= 1;
        device.send(&bytes).await;
        device.expect(&puback(id)).await;
    }
    assert!(journal.taken().iter().all(|taken| !taken.retained));
    assert_eq!(journal.len(), 2);
    let mut options = MqttOptions::new("reader", "127.0.0.1", broker.local_addr().port());
    options.set_max_packet_size(1_000_000, 1_000_000);
    let (reader, mut events) = AsyncClient::new(options, 10);
    reader
        .subscribe("devices/#", QoS::AtMostOnce)
        .await
        .unwrap();
    let retained = async {
        loop {
            if let Event::Incoming(Packet::Publish(publish)) = events.poll().await.unwrap() {
                return publish;
            }
        }
    };
    let retained = tokio::time::timeout(DEADLINE, retained).await.unwrap();
    assert_eq!(
        (retained.retain, retained.payload.len()),
        (true, 100_000),
        "the last one is retained"
    );
    broker.stop().await;
}

#[tokio::test]
async fn a_subscriber_that_does_not_read_stalls_no_publisher() {
    let journal = TestJournal::committing();
    let broker = start(&journal).await;
    let mut stalled = Client::connect(broker.local_addr(), 4, "stalled").await;
    stalled.subscribe("devices/#", 0).await;
    let mut device = Client::connect(broker.local_addr(), 4, "device").await;
    let payload = vec![b'x'; 256 * 1024];
    for id in 1..=200 {
        device.publish(TELEMETRY, &payload, 1, id).await;
        device.expect(&puback(id)).await;
    }
    until(&broker, "it is noticed", |s| s.stalled_subscribers == 1).await;
    assert_eq!(journal.len(), 200);
    drop(stalled);
    device.send(&[0xe0, 0]).await;
    until(&broker, "it is gone", |s| {
        (s.connections, s.stalled_subscribers) == (0, 0)
    })
    .await;
    broker.stop().await;
}

#[tokio::test]
async fn a_subscriber_that_never_acknowledges_stalls_no_publisher() {
    let journal = TestJournal::committing();
    let broker = start(&journal).await;
    let mut silent = Client::connect(broker.local_addr(), 4, "silent").await;
    silent.subscribe("devices/#", 1).await;
    let mut device = Client::connect(broker.local_addr(), 4, "device").await;
    let all: Vec<u8> = (1..=20_000)
        .flat_map(|id| publish(4, TELEMETRY, b"{}", 1, id))
        .collect();
    device.send(&all).await;
    for id in 1..=20_000 {
        device.expect(&puback(id)).await;
    }
    assert_eq!(journal.len(), 20_000);
    broker.stop().await;
}

#[tokio::test]
async fn a_session_outlives_its_connection() {
    let journal = TestJournal::new();
    let broker = start(&journal).await;
    let mut persistent = connect(4, "reader");
    persistent[9] = 0; // without the clean session flag
    let mut reader = Client::open(broker.local_addr()).await;
    reader.send(&persistent).await;
    reader.expect(&[0x20, 2, 0, 0]).await;
    reader.subscribe("alerts/#", 1).await;
    drop(reader);
    until(&broker, "it is gone", |s| s.connections == 0).await;
    broker.publish(alert("meanwhile"), None).unwrap();
    let mut reader = Client::open(broker.local_addr()).await;
    reader.send(&persistent).await;
    reader.expect(&[0x20, 2, 1, 0]).await;
    assert_eq!(reader.expect_publish().await.1, b"meanwhile");
    broker.stop().await;
}

#[tokio::test]
async fn the_will_of_a_lost_device_is_taken() {
    let journal = TestJournal::committing();
    let broker = start(&journal).await;
    for (id, is_polite) in [("polite", true), ("lost", false)] {
        let mut options = MqttOptions::new(id, "127.0.0.1", broker.local_addr().port());
        options.set_last_will(LastWill::new(TELEMETRY, id, QoS::AtLeastOnce, false));
        let (device, mut events) = AsyncClient::new(options, 10);
        tokio::time::timeout(DEADLINE, events.poll())
            .await
            .unwrap()
            .unwrap();
        if is_polite {
            device.disconnect().await.unwrap();
            tokio::time::timeout(DEADLINE, events.poll())
                .await
                .unwrap()
                .unwrap();
        }
        drop(events);
        until(&broker, "it is gone", |s| s.connections == 0).await;
    }
    let taken = journal.taken();
    assert_eq!(taken.len(), 1);
    assert_eq!(
        (&*taken[0].topic, &*taken[0].payload, taken[0].qos),
        (TELEMETRY, &b"lost"[..], 1)
    );
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs mosquitto-clients"]
async fn mosquitto_clients_publish_and_subscribe() {
    let journal = TestJournal::committing();
    let broker = start(&journal).await;
    let port = broker.local_addr().port().to_string();
    for version in ["mqttv311", "mqttv5"] {
        let common = ["-h", "127.0.0.1", "-p", &port, "-V", version, "-q", "1"];
        let mut reader = Command::new("mosquitto_sub");
        reader
            .args(common)
            .args(["-t", "devices/#", "-t", "alerts/#", "-C", "2", "-v"]);
        reader.args(["-W", "30"]).stdout(Stdio::piped());
        let reader = reader.spawn().unwrap();
        until(&broker, "mosquitto_sub has subscribed", |s| {
            s.connections == 1
        })
        .await;
        until(&broker, "its subscriptions are in force", |s| {
            s.subscriptions == 2
        })
        .await;
        let before = journal.len();
        let mut device = Command::new("mosquitto_pub");
        device.args(common).args(["-t", TELEMETRY, "-m", "{}"]);
        assert!(
            tokio::task::spawn_blocking(move || device.status())
                .await
                .unwrap()
                .unwrap()
                .success()
        );
        assert_eq!(journal.len(), before + 1);
        broker.publish(alert("raised"), None).unwrap();
        let output = tokio::task::spawn_blocking(|| reader.wait_with_output())
            .await
            .unwrap();
        let lines = String::from_utf8(output.unwrap().stdout).unwrap();
        assert_eq!(
            lines,
            format!("{TELEMETRY} {{}}\nalerts/critical/p1 raised\n")
        );
        until(&broker, "they are gone", |s| s.connections == 0).await;
    }
    broker.stop().await;
}
