//! Who may do what, and what happens when that changes.

use weir_mqtt_broker::{DropReason, Settings};
use weir_mqtt_codec::{ReasonCode, SubscriptionOptions, Version};

use crate::memory_log::Commit;
use crate::support::{BOTH, Connector, Server};

#[test]
fn a_refused_login() {
    let server = Server::start();
    server.rules.refused_identity.lock().push("mallory".into());
    for version in BOTH {
        let (mut client, answer) = Connector::new(version, "c").user("mallory").answer(&server);
        assert_eq!(answer.reason, ReasonCode::BadUserNameOrPassword);
        assert!(client.frame().is_none());
    }
    assert_eq!(server.status().refused_logins, 2);
}

#[test]
fn a_refused_publish() {
    let server = Server::start();
    server.rules.refused_publish.lock().push("secret".into());
    let mut client = server.client(Version::V5, "c");
    client.subscribe("#", 1);
    assert_eq!(
        client.publish("secret/x", "x", 1),
        ReasonCode::NotAuthorized
    );
    assert_eq!(
        client.publish("secret/x", "x", 2),
        ReasonCode::NotAuthorized
    );
    client.publish("secret/x", "x", 0);
    client.publish("open", "x", 1);
    client.expect("open", "x");
    let mut old = server.client(Version::V311, "old");
    old.put("secret/x", b"x", 0, false);
    old.ping();
    old.put("secret/x", b"x", 1, false);
    assert!(old.frame().is_none());
    assert_eq!(server.status().refused_publishes, 5);
}

#[test]
fn a_bridge_stays_connected_when_its_state_is_refused() {
    let server = Server::start();
    server.rules.refused_publish.lock().push("$SYS/".into());
    let state = "$SYS/broker/connection/c/state";
    let connector = Connector::new(Version::V311, "c")
        .bridge()
        .will(state, "0", 1, true);
    let (mut bridge, _) = connector.open(&server);
    assert_eq!(bridge.retain(state, "1", 1), ReasonCode::Success);
    bridge.ping();
    bridge.cut(&server);
    let status = server.status();
    assert_eq!((status.refused_publishes, status.retained), (2, 0));
}

#[test]
fn a_refused_publish_is_acknowledged_if_so_configured() {
    let settings = Settings {
        close_on_refused_publish: false,
        ..Settings::default()
    };
    let server = Server::with(settings, Commit::ByHand);
    server.rules.refused_publish.lock().push("secret".into());
    let mut old = server.client(Version::V311, "old");
    assert_eq!(old.publish("secret/x", "x", 1), ReasonCode::Success);
    assert_eq!(server.log.published().len(), 0);
}

#[test]
fn a_refused_subscription() {
    let server = Server::start();
    server.rules.refused_subscribe.lock().push("secret".into());
    for (version, refusal) in [(Version::V311, 0x80), (Version::V5, 0x87)] {
        let mut client = server.client(version, "c");
        let options = SubscriptionOptions::qos(1);
        let codes = client.subscribe_with(&[("secret/#", options), ("t", options)], None);
        assert_eq!(codes, [refusal, 1]);
    }
    assert_eq!(server.status().refused_subscribes, 2);
}

#[test]
fn a_session_belongs_to_its_identity() {
    let server = Server::start();
    for version in BOTH {
        let id = format!("{version:?}");
        let (mut owner, _) = Connector::new(version, &id)
            .user("owner")
            .keep(100)
            .open(&server);
        for connector in [
            Connector::new(version, &id).user("other"),
            Connector::new(version, &id).user("other").keep(100),
        ] {
            let (_, answer) = connector.answer(&server);
            assert_eq!(answer.reason, ReasonCode::NotAuthorized);
        }
        owner.ping();
        owner.leave();
        let (_, answer) = Connector::new(version, &id).user("other").answer(&server);
        assert_eq!(answer.reason, ReasonCode::NotAuthorized);
    }
}

#[test]
fn changed_rules_end_connections_subscriptions_and_queued_messages() {
    let server = Server::start();
    for version in BOTH {
        let id = format!("{version:?}");
        let kept = Connector::new(version, &id).user("reader").keep(100);
        let (mut away, _) = kept.open(&server);
        away.subscribe("secret/#", 1);
        away.subscribe("open/#", 1);
        away.leave();
        let (mut gone, _) = Connector::new(version, "gone")
            .user("mallory")
            .open(&server);
        let mut publisher = server.client(version, "p");
        publisher.publish("secret/x", "x", 1);
        publisher.publish("open/x", "x", 1);
        server.rules.refused_identity.lock().push("mallory".into());
        server.rules.refused_subscribe.lock().push("secret".into());
        assert_eq!(server.broker.access_changed(), (1, 1));
        gone.expect_closed(ReasonCode::NotAuthorized);
        let (mut away, answer) = kept.open(&server);
        assert!(answer.present);
        away.expect("open/x", "x");
        publisher.publish("secret/x", "x", 1);
        away.expect_nothing_before(&mut publisher, "open/y");
        let refused = &server.rules.refused_identity;
        refused.lock().clear();
        server.rules.refused_subscribe.lock().clear();
        away.leave();
        kept.clone().clean().open(&server).0.cut(&server);
    }
    let not_permitted = (DropReason::NotPermitted, 2);
    assert!(server.status().dropped.contains(&not_permitted));
}
