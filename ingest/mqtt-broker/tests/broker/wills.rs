//! Wills.

use weir_mqtt_codec::{Property, ReasonCode, Version};

use crate::support::{BOTH, Connector, Server};

fn with_will(version: Version, id: &str) -> Connector {
    Connector::new(version, id).will("will/w", "gone", 1, false)
}

#[test]
fn a_lost_connection_publishes_its_will() {
    let server = Server::start();
    for version in BOTH {
        let mut watcher = server.client(version, "watcher");
        watcher.subscribe("will/#", 1);
        let (client, _) = with_will(version, "c").open(&server);
        client.cut(&server);
        assert_eq!(watcher.expect("will/w", "gone").qos, 1);
        watcher.leave();
    }
}

#[test]
fn a_goodbye_discards_the_will_and_0x04_does_not() {
    let server = Server::start();
    let mut watcher = server.client(Version::V5, "watcher");
    let mut other = server.client(Version::V5, "other");
    watcher.subscribe("will/#", 1);
    for version in BOTH {
        with_will(version, "c").open(&server).0.leave();
        watcher.expect_nothing_before(&mut other, "will/x");
    }
    let (client, _) = with_will(Version::V5, "c").open(&server);
    client.disconnect(ReasonCode::DisconnectWithWill);
    watcher.expect("will/w", "gone");
}

#[test]
fn a_silent_client_is_disconnected_and_its_will_published() {
    let server = Server::start();
    for version in BOTH {
        let mut watcher = server.client(version, "watcher");
        watcher.subscribe("will/#", 1);
        let (mut client, _) = with_will(version, "c").keep_alive(1).open(&server);
        client.expect_closed(ReasonCode::KeepAliveTimeout);
        watcher.expect("will/w", "gone");
        watcher.leave();
    }
}

#[test]
fn a_takeover_publishes_the_will_of_the_old_connection() {
    let server = Server::start();
    for version in BOTH {
        let mut watcher = server.client(version, "watcher");
        watcher.subscribe("will/#", 1);
        let (mut old, _) = with_will(version, "c").open(&server);
        let new = server.client(version, "c");
        old.expect_closed(ReasonCode::SessionTakenOver);
        watcher.expect("will/w", "gone");
        new.leave();
        watcher.leave();
    }
}

#[test]
fn a_malformed_packet_publishes_the_will() {
    let server = Server::start();
    let mut watcher = server.client(Version::V5, "watcher");
    watcher.subscribe("will/#", 1);
    let (mut client, _) = with_will(Version::V5, "c").open(&server);
    client.send_raw(&[0x36, 0]);
    watcher.expect("will/w", "gone");
    client.expect_closed(ReasonCode::MalformedPacket);
}

#[test]
fn a_delayed_will_waits_for_its_client() {
    let server = Server::start();
    let mut watcher = server.client(Version::V5, "watcher");
    let mut other = server.client(Version::V5, "other");
    watcher.subscribe("will/#", 1);
    let connector = with_will(Version::V5, "c")
        .keep(100)
        .will_property(Property::WillDelayInterval(1));
    connector.open(&server).0.cut(&server);
    watcher.expect_nothing_before(&mut other, "will/early");
    // It comes back in time: the will of the first connection is forgotten.
    let (client, answer) = connector.open(&server);
    assert!(answer.present);
    client.cut(&server);
    watcher.expect("will/w", "gone");
    watcher.expect_nothing_before(&mut other, "will/late");
}

#[test]
fn the_end_of_the_session_ends_the_delay() {
    let server = Server::start();
    let mut watcher = server.client(Version::V5, "watcher");
    watcher.subscribe("will/#", 1);
    let delayed =
        |id: &str| with_will(Version::V5, id).will_property(Property::WillDelayInterval(1_000));
    // A session that ends with its connection.
    delayed("a").open(&server).0.cut(&server);
    watcher.expect("will/w", "gone");
    // A session that expires before.
    delayed("b").keep(1).open(&server).0.cut(&server);
    watcher.expect("will/w", "gone");
    // A session that a clean start ends.
    delayed("c").keep(1_000).open(&server).0.cut(&server);
    server.client(Version::V5, "c").leave();
    watcher.expect("will/w", "gone");
}

#[test]
fn a_will_is_retained_and_has_properties() {
    let server = Server::start();
    let connector = Connector::new(Version::V5, "c")
        .will("will/kept", "gone", 2, true)
        .will_property(Property::UserProperty(("b", "2")))
        .will_property(Property::ContentType("text"))
        .will_property(Property::UserProperty(("a", "1")));
    connector.open(&server).0.cut(&server);
    server.wait("it is retained", |status| status.retained == 1);
    let mut watcher = server.client(Version::V5, "watcher");
    watcher.subscribe("will/#", 2);
    let message = watcher.expect("will/kept", "gone");
    let properties: Vec<_> = message.properties().collect();
    let expect = [
        Property::UserProperty(("b", "2")),
        Property::ContentType("text"),
        Property::UserProperty(("a", "1")),
    ];
    assert_eq!(
        (message.qos, message.retain, &properties[..]),
        (2, true, &expect[..])
    );
}

#[test]
fn a_will_that_its_client_may_not_publish_is_not_published() {
    let server = Server::start();
    server.rules.refused_publish.lock().push("will/w".into());
    let mut watcher = server.client(Version::V5, "watcher");
    let mut other = server.client(Version::V5, "other");
    watcher.subscribe("will/#", 1);
    with_will(Version::V311, "c").open(&server).0.cut(&server);
    watcher.expect_nothing_before(&mut other, "will/x");
    assert_eq!(server.status().refused_publishes, 1);
}
