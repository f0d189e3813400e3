//! Clients that want to cost more than they may: memory, connections, time of
//! others. Each bound is a setting, small here.

use weir_mqtt_broker::{QueueLimits, Settings};
use weir_mqtt_codec::{AckKind, ReasonCode, Version};

use crate::memory_log::Commit;
use crate::support::{BOTH, Connector, Server};

#[test]
fn bytes_that_trickle_do_not_extend_the_time_for_connect() {
    let settings = Settings {
        connect_timeout_ms: 300,
        ..Settings::default()
    };
    let server = Server::with(settings, Commit::AtOnce);
    let mut client = server.socket(Version::V5);
    // A CONNECT of a megabyte.
    client.send_raw(&[0x10, 0xff, 0xff, 0x3f]);
    let client = parking_lot::Mutex::new(client);
    server.wait("it is closed", |status| {
        client.lock().send_raw(&[0]);
        !status.closed.is_empty()
    });
    assert_eq!(server.status().closed, [(ReasonCode::KeepAliveTimeout, 1)]);
}

#[test]
fn unfinished_packets_of_all_connections_share_a_limit() {
    let settings = Settings {
        max_unread_bytes: 1_000_000,
        ..Settings::default()
    };
    let server = Server::with(settings, Commit::AtOnce);
    let mut witness = server.client(Version::V5, "witness");
    let mut hoarders: Vec<_> = (0..8)
        .map(|number| server.client(Version::V5, &format!("hoarder-{number}")))
        .collect();
    for hoarder in &mut hoarders {
        // A PUBLISH of a megabyte, of which this is a part.
        hoarder.send_raw(&[0x30, 0xff, 0xff, 0x3f, 0, 1, b't', 0]);
        hoarder.send_raw(&[0; 400_000]);
    }
    server.wait("some are closed", |status| {
        status.unread_bytes < 1_000_000 && !status.closed.is_empty()
    });
    let status = server.status();
    assert_eq!(status.closed.len(), 1, "{status:?}");
    assert_eq!(status.closed[0].0, ReasonCode::QuotaExceeded);
    assert!(status.connections > 1, "small ones stay: {status:?}");
    assert_eq!(witness.publish("devices/x", "x", 1), ReasonCode::Success);
    drop(hoarders);
    server.wait("nothing is held", |status| status.unread_bytes == 0);
}

#[test]
fn publishes_that_wait_for_their_commit_share_a_limit() {
    const MESSAGES: usize = 100;
    let settings = Settings {
        max_pending_bytes: 100_000,
        ..Settings::default()
    };
    let server = Server::with(settings, Commit::ByHand);
    let mut reader = server.client(Version::V5, "reader");
    reader.subscribe("devices/#", 1);
    let mut publisher = server.client(Version::V5, "publisher");
    let payload = [b'x'; 10_000];
    let ids: Vec<_> = (0..MESSAGES)
        .map(|_| publisher.put("devices/x", &payload, 1, false))
        .collect();
    server.wait("the limit is reached", |status| status.uncommitted >= 10);
    // The last batch goes beyond it: at most what one read brings.
    assert!(server.status().uncommitted < 30, "{:?}", server.status());
    server.wait("all are appended", |_| {
        server.log.commit_all();
        server.log.published().len() == MESSAGES
    });
    server.log.commit_all();
    for id in ids {
        publisher.ack(AckKind::PubAck, id);
        assert_eq!(reader.message().payload.len(), payload.len());
    }
}

#[test]
fn qos_2_without_a_release_holds_no_message() {
    const MESSAGES: usize = 100;
    let server = Server::start();
    let mut client = server.client(Version::V311, "c");
    let payload = vec![b'x'; 200_000];
    for _ in 0..MESSAGES {
        let id = client.put("nobody/reads", &payload, 2, false);
        assert_eq!(client.ack(AckKind::PubRec, id), ReasonCode::Success);
    }
    server.wait("nothing is held", |status| {
        (status.messages, status.unread_bytes, status.uncommitted) == (0, 0, 0)
    });
    assert_eq!(server.status().message_bytes, 0);
}

#[test]
fn sessions_that_are_away_share_their_messages() {
    const SESSIONS: usize = 50;
    const MESSAGES: usize = 16;
    let server = Server::start();
    for number in 0..SESSIONS {
        let connector = Connector::new(Version::V5, &format!("away-{number}")).keep(100);
        let (mut client, _) = connector.open(&server);
        client.subscribe("t/#", 1);
        client.cut(&server);
    }
    let mut publisher = server.client(Version::V5, "publisher");
    let payload = vec![b'x'; 100_000];
    for _ in 0..MESSAGES {
        let id = publisher.put("t/a", &payload, 1, false);
        publisher.finish(id, 1);
    }
    let status = server.status();
    assert_eq!(status.messages, MESSAGES);
    assert!(
        status.message_bytes < MESSAGES * (payload.len() + 200),
        "{}",
        status.message_bytes
    );
    for number in 0..SESSIONS {
        let connector = Connector::new(Version::V5, &format!("away-{number}")).keep(0);
        let (mut client, answer) = connector.open(&server);
        assert!(answer.present);
        for _ in 0..MESSAGES {
            assert_eq!(client.message().payload.len(), payload.len());
        }
        client.leave();
    }
    server.wait("all are delivered", |status| status.messages == 0);
    assert_eq!(server.status().dropped_messages(), 0);
}

#[test]
fn the_queue_of_a_session_that_is_away_is_bounded_in_bytes() {
    let settings = Settings {
        queue: QueueLimits {
            messages: 1_000,
            bytes: 250_000,
        },
        ..Settings::default()
    };
    let server = Server::with(settings, Commit::AtOnce);
    let connector = Connector::new(Version::V5, "away").keep(100);
    let (mut client, _) = connector.open(&server);
    client.subscribe("t", 1);
    client.cut(&server);
    let mut publisher = server.client(Version::V5, "publisher");
    for number in 0..10_u8 {
        let id = publisher.put("t", &vec![number; 100_000], 1, false);
        publisher.finish(id, 1);
    }
    let status = server.status();
    assert_eq!((status.messages, status.dropped_messages()), (2, 8));
    let (mut client, _) = connector.open(&server);
    for number in [8, 9] {
        assert_eq!(client.message().payload[0], number, "the newest are kept");
    }
}

#[test]
fn one_identity_cannot_keep_all_sessions() {
    let settings = Settings {
        max_kept_sessions: 2,
        ..Settings::default()
    };
    let server = Server::with(settings, Commit::AtOnce);
    let connector = |user: &str, number: usize| {
        Connector::new(Version::V5, &format!("{user}-{number}"))
            .user(user)
            .keep(100)
    };
    for number in 0..2 {
        connector("a", number).open(&server).0.cut(&server);
    }
    let refused = connector("a", 2).answer(&server).1;
    assert_eq!(refused.reason, ReasonCode::QuotaExceeded);
    // What does not outlive its connection, what is back, and others may be here.
    let brief = Connector::new(Version::V5, "a-brief").user("a");
    brief.open(&server).0.leave();
    connector("b", 0).open(&server).0.cut(&server);
    let (client, answer) = connector("a", 0).open(&server);
    assert!(answer.present);
    let refused = connector("a", 2).answer(&server).1;
    assert_eq!(refused.reason, ReasonCode::QuotaExceeded);
    client.cut(&server);
    // One ends: there is room for another.
    let last = Connector::new(Version::V5, "a-0").user("a").keep(0);
    last.open(&server).0.leave();
    server.wait("it has ended", |status| status.sessions == 2);
    connector("a", 2).open(&server).0.cut(&server);
    let status = server.status();
    assert!(status.closed.contains(&(ReasonCode::QuotaExceeded, 2)));
    assert_eq!(status.refused_logins, 0);
}

#[test]
fn deep_filters_and_topics_cost_nobody_else() {
    let server = Server::start();
    let mut witness = server.client(Version::V5, "witness");
    for version in BOTH {
        let mut reader = server.client(version, &format!("deep-{version:?}"));
        for number in 0..500 {
            let filter = format!("{number}/{}#", "+/".repeat(60));
            reader.subscribe(&filter, 0);
        }
        let mut publisher = server.client(version, &format!("deeper-{version:?}"));
        let topic = format!("7/{}x", "/".repeat(126));
        assert_eq!(publisher.publish(&topic, "x", 1), ReasonCode::Success);
        assert_eq!(reader.message().topic, topic);
        assert_eq!(witness.publish("devices/x", "x", 1), ReasonCode::Success);
        publisher.put(&format!("{topic}/x"), b"x", 1, false);
        publisher.expect_closed(ReasonCode::TopicNameInvalid);
        assert_eq!(witness.publish("devices/x", "x", 1), ReasonCode::Success);
    }
}
