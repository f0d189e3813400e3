//! Who may connect, publish and subscribe, in MQTT 3.1.1 and 5.

use std::io;

use parking_lot::Mutex;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use weir_auth::Access;

use super::client::{Client, packet, publish};
use super::*;

/// Tokens are "token of NAME"; their hashes are made by `sha256sum`.
const FILE: &str = r#"
[[identity]]
name = "pump-1"
role = "device"
secrets = ["sha256:PUMP1"]

[[identity]]
name = "pump-2"
role = "device"
secrets = ["sha256:PUMP2"]
"#;

fn rules() -> Access {
    let hash = |name: &str| weir_auth::Secret::of_token(&format!("token of {name}")).to_string();
    let file = FILE
        .replace("sha256:PUMP1", &hash("pump-1"))
        .replace("sha256:PUMP2", &hash("pump-2"));
    Access::from_text(&Config::default(), &file).unwrap()
}

async fn start_closed(journal: &Arc<TestJournal>) -> EmbeddedBroker {
    start_with(journal, rules()).await
}

async fn start_with(journal: &Arc<TestJournal>, access: Access) -> EmbeddedBroker {
    let any = "127.0.0.1:0".parse().unwrap();
    let config = Broker {
        listen: any,
        ..Broker::default()
    };
    let guard = Guard { access, tls: None };
    let intake = LiveTopics::new(&Config::default());
    let shutdown = CancellationToken::new();
    EmbeddedBroker::start(&config, intake, guard, journal.clone(), shutdown)
        .await
        .unwrap()
}

/// CONNECT; the flags say clean session unless `keeps`.
fn login(
    version: u8,
    id: &str,
    name: Option<&str>,
    password: Option<&str>,
    keeps: bool,
) -> Vec<u8> {
    let flags =
        u8::from(!keeps) << 1 | u8::from(name.is_some()) << 7 | u8::from(password.is_some()) << 6;
    let text = |text: &str| {
        let length = u16::try_from(text.len()).unwrap().to_be_bytes();
        [&length, text.as_bytes()].concat()
    };
    let mut body = text("MQTT");
    body.extend([version, flags, 0, 60]);
    match (version, keeps) {
        (5, true) => body.extend([5, 0x11, 0, 0, 0, 60]),
        (5, false) => body.push(0),
        _ => {}
    }
    body.extend(text(id));
    for part in [name, password].into_iter().flatten() {
        body.extend(text(part));
    }
    packet(0x10, &body)
}

/// The return or reason code of the CONNACK.
async fn try_login(client: &mut Client, connect: &[u8]) -> u8 {
    client.send(connect).await;
    client.packet().await.expect("CONNACK")[3]
}

async fn enter(broker: &EmbeddedBroker, version: u8, id: &str, name: &str, keeps: bool) -> Client {
    let mut client = Client::open(broker.local_addr()).await.speaking(version);
    let token = format!("token of {name}");
    let connect = login(version, id, Some(name), Some(&token), keeps);
    assert_eq!(try_login(&mut client, &connect).await, 0, "{name}");
    client
}

#[tokio::test]
async fn only_the_right_credentials_connect() {
    let broker = start_closed(&TestJournal::committing()).await;
    let mut refused = 0;
    for (version, missing, wrong) in [(4, 5, 4), (5, 0x87, 0x86)] {
        for (name, password, expect) in [
            (Some("pump-1"), Some("token of pump-1"), 0),
            (None, None, missing),
            (Some("pump-1"), None, wrong),
            (Some("pump-1"), Some("token of pump-2"), wrong),
            (Some("pump-1"), Some(""), wrong),
            (Some("nobody"), Some("token of pump-1"), wrong),
            (Some(""), Some("token of pump-1"), 0),
        ] {
            let mut client = Client::open(broker.local_addr()).await;
            let connect = login(version, "c", name, password, false);
            let code = try_login(&mut client, &connect).await;
            assert_eq!(code, expect, "MQTT {version}: {name:?} {password:?}");
            refused += u64::from(expect != 0);
        }
    }
    assert_eq!(broker.status().refused_logins, refused);
    broker.stop().await;
}

#[tokio::test]
async fn a_device_publishes_for_itself_and_is_named_in_the_journal() {
    for version in [4, 5] {
        let journal = TestJournal::committing();
        let broker = start_closed(&journal).await;
        let mut client = enter(&broker, version, "c", "pump-1", false).await;
        client.publish("devices/pump-1/telemetry", b"1", 1, 1).await;
        let puback = client.packet().await.expect("PUBACK");
        assert_eq!(puback[..4], [0x40, puback[1], 0, 1]);
        let refused = [
            "devices/pump-2/telemetry",
            "devices/../telemetry",
            "devices/$SYS/telemetry",
            "devices//telemetry",
            "devices/pump-1\u{202e}/telemetry",
            "$aws/things/pump-2/shadow/update",
            "$aws/things/pump-1/shadow/update/accepted",
            "alerts/critical/pump-1",
            "$SYS/broker/uptime",
            "plain/topic",
        ];
        for (index, topic) in refused.iter().enumerate() {
            let id = index as u16 + 2;
            client.publish(topic, b"2", 1, id).await;
            let puback = client.packet().await.expect("PUBACK");
            // MQTT 3.1.1 has no word for it.
            let reason = puback.get(4).copied();
            let expect = (version == 5).then_some(0x87);
            assert_eq!((puback[0], reason), (0x40, expect), "{topic}");
        }
        let appended = journal.taken();
        assert_eq!(appended.len(), 1, "{appended:?}");
        assert_eq!(appended[0].client, "pump-1");
        assert_eq!(broker.status().refused_publishes, refused.len() as u64);
        broker.stop().await;
    }
}

#[tokio::test]
async fn ids_that_are_no_topic_end_the_connection() {
    let journal = TestJournal::committing();
    let broker = start_closed(&journal).await;
    for id in ["+", "#", "a\0b"] {
        let mut client = enter(&broker, 4, "c", "pump-1", false).await;
        let topic = format!("devices/{id}/telemetry");
        client.send(&publish(4, &topic, b"1", 1, 1)).await;
        client.expect_closed().await;
    }
    // A 64 KiB id is a topic beyond MQTT's length; the longest that it can
    // carry, and a line break, are names of nobody.
    let mut client = enter(&broker, 4, "c", "pump-1", false).await;
    for id in [&"x".repeat(65_000)[..], "a\nb"] {
        client
            .publish(&format!("devices/{id}/telemetry"), b"1", 1, 1)
            .await;
        assert_eq!(client.packet().await.expect("PUBACK")[0], 0x40);
    }
    assert!(journal.taken().is_empty());
    broker.stop().await;
}

#[tokio::test]
async fn a_device_subscribes_to_its_own() {
    let broker = start_closed(&TestJournal::committing()).await;
    for (version, refusal) in [(4, 0x80), (5, 0x87)] {
        let mut client = enter(&broker, version, "c", "pump-1", false).await;
        for (filter, expect) in [
            ("$aws/things/pump-1/shadow/#", 1),
            ("alerts/critical/pump-1", 1),
            ("$aws/things/pump-2/shadow/#", refusal),
            ("$aws/things/+/shadow/#", refusal),
            ("$share/g/$aws/things/pump-2/shadow/#", refusal),
            ("alerts/#", refusal),
            ("devices/+/telemetry", refusal),
            ("#", refusal),
        ] {
            assert_eq!(client.try_subscribe(filter, 1).await, expect, "{filter}");
        }
    }
    assert_eq!(broker.status().refused_subscribes, 12);
    broker.stop().await;
}

#[tokio::test]
async fn a_client_id_is_taken_over_by_its_own_identity_only() {
    let broker = start_closed(&TestJournal::committing()).await;
    for (version, refusal) in [(4, 5), (5, 0x87)] {
        let id = format!("shared-{version}");
        let token = "token of pump-2";
        for keeps in [false, true] {
            let first = enter(&broker, version, &id, "pump-1", true).await;
            let mut thief = Client::open(broker.local_addr()).await;
            let connect = login(version, &id, Some("pump-2"), Some(token), keeps);
            assert_eq!(try_login(&mut thief, &connect).await, refusal);
            // It is still there, and may be replaced by itself.
            let mut first = first;
            first.expect_silence().await;
            let second = enter(&broker, version, &id, "pump-1", true).await;
            drop(second);
        }
        // The session that is kept is pump-1's too.
        until(&broker, "all have left", |status| status.connections == 0).await;
        let mut thief = Client::open(broker.local_addr()).await;
        let connect = login(version, &id, Some("pump-2"), Some(token), false);
        assert_eq!(try_login(&mut thief, &connect).await, refusal);
    }
    broker.stop().await;
}

#[tokio::test]
async fn a_will_is_held_against_the_rules_too() {
    let journal = TestJournal::committing();
    let broker = start_closed(&journal).await;
    for (topic, expect) in [
        ("devices/pump-2/telemetry", 0),
        ("devices/pump-1/telemetry", 1),
    ] {
        let mut body = b"\x00\x04MQTT\x04\xc6\x00\x3c\x00\x01w".to_vec();
        for part in [topic, "gone", "pump-1", "token of pump-1"] {
            body.extend(u16::try_from(part.len()).unwrap().to_be_bytes());
            body.extend(part.as_bytes());
        }
        let mut client = Client::open(broker.local_addr()).await;
        assert_eq!(try_login(&mut client, &packet(0x10, &body)).await, 0);
        drop(client);
        until(&broker, "it has left", |status| status.connections == 0).await;
        assert_eq!(journal.taken().len(), expect, "{topic}");
    }
    broker.stop().await;
}

#[tokio::test]
async fn a_connection_ends_with_the_rights_of_its_identity() {
    let access = rules();
    let broker = start_with(&TestJournal::committing(), access.clone()).await;
    let mut gone = [
        enter(&broker, 4, "a", "pump-1", false).await,
        enter(&broker, 5, "b", "pump-1", false).await,
    ];
    let mut stays = enter(&broker, 4, "c", "pump-2", false).await;
    for client in &mut gone {
        assert_eq!(client.try_subscribe("alerts/critical/pump-1", 1).await, 1);
    }
    let hash = weir_auth::Secret::of_token("token of pump-2");
    let rest =
        format!("[[identity]]\nname = \"pump-2\"\nrole = \"device\"\nsecrets = [\"{hash}\"]");
    access.replace(&Access::from_text(&Config::default(), &rest).unwrap());
    let [old, new] = &mut gone;
    old.expect_closed().await;
    assert_eq!(new.packet().await.expect("DISCONNECT"), [0xe0, 1, 0x87]);
    new.expect_closed().await;
    stays.expect_silence().await;
    broker.stop().await;
}

/// What ingest has logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().clone()).unwrap()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_client_cannot_forge_a_line_in_the_log_or_fill_it() {
    let log = Log::default();
    let writer = log.clone();
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .without_time()
        .with_writer(move || writer.clone())
        .with_filter(filter_fn(|line| {
            line.target().starts_with("weir_ingest") || line.target().starts_with("weir_mqtt")
        }));
    let _in_this_thread = tracing_subscriber::registry().with(lines).set_default();
    let forged = "a/\n2026-11-30T00:00:00Z  WARN the journal is damaged\u{1b}[2J";
    // The name of the protocol is read before anybody has authenticated.
    let endless = "x\n".repeat(30_000);
    let length = u16::try_from(endless.len()).unwrap().to_be_bytes();
    let protocol = [&length, endless.as_bytes(), &[4, 2, 0, 60, 0, 0]].concat();
    for hostile in [
        login(4, forged, None, None, false),
        login(5, "c", Some(forged), Some("x"), false),
        login(4, &"c".repeat(60_000), Some("pump-1"), Some("x"), false),
        packet(0x10, &protocol),
    ] {
        // Each has a broker of its own: one line a second is written.
        let broker = start_closed(&TestJournal::committing()).await;
        let mut client = Client::open(broker.local_addr()).await;
        client.send(&hostile).await;
        while client.packet().await.is_some() {}
        until(&broker, "it has left", |status| status.connections == 0).await;
        broker.stop().await;
    }
    let text = log.text();
    assert!(text.contains("the journal is damaged"), "{text}");
    for line in text.lines() {
        assert!(!line.starts_with("2026-11-30"), "{line}");
        assert!(!line.contains('\u{1b}'), "{line}");
        assert!(line.len() < 1_000, "{} bytes: {line}", line.len());
    }
}
