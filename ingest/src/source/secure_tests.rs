//! Passwords and TLS against a scripted broker: what files say is read again
//! for each connection.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rcgen::{CertifiedKey, KeyPair};
use rumqttc::Login;
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use weir_config::{Config, Source, SourceTls};

use super::SourceClient;
use crate::LiveTopics;
use crate::tests::scripted_broker::ScriptedBroker;
use crate::tests::test_journal::TestJournal;

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

/// Waits until the status gives this as the reason.
async fn until_reported(client: &SourceClient, reason: &str) {
    let wait = async {
        while !format!("{:?}", client.status()).contains(reason) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(30), wait).await;
    waited.unwrap_or_else(|_| panic!("{reason}: {:?}", client.status()));
}

#[tokio::test]
async fn a_rotated_password_is_taken_up_by_the_next_attempt() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("password");
    fs::write(&file, "old\n").unwrap();
    let broker = ScriptedBroker::start().await;
    let config = Source {
        username: Some("weir".to_owned()),
        password_file: Some(file.clone()),
        ..broker.source()
    };
    let client = start(&config, &TestJournal::committing());
    let mut peer = broker.accept().await;
    assert_eq!(peer.connect().login, Some(Login::new("weir", "old")));
    fs::write(&file, "new\n").unwrap();
    peer.connack(false, 4).await;
    let mut peer = broker.accept().await;
    assert_eq!(peer.connect().login, Some(Login::new("weir", "new")));
    // Gone for a moment: an attempt in vain, and the reason names the file.
    fs::remove_file(&file).unwrap();
    peer.connack(false, 4).await;
    drop(peer);
    until_reported(&client, "cannot read password_file").await;
    fs::write(&file, "newer").unwrap();
    let peer = broker.accept().await;
    assert_eq!(peer.connect().login, Some(Login::new("weir", "newer")));
}

type Certified = CertifiedKey<KeyPair>;

fn certify(name: &str) -> Certified {
    rcgen::generate_simple_self_signed([name.to_owned()]).unwrap()
}

fn write(dir: &Path, name: &str, content: &str) -> Option<PathBuf> {
    let path = dir.join(name);
    fs::write(&path, content).unwrap();
    Some(path)
}

/// Shows `server` and asks for `client`.
fn acceptor(server: &Certified, client: &Certified) -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(client.cert.der().clone()).unwrap();
    let builder = WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone());
    let key = PrivateKeyDer::try_from(server.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(builder.build().unwrap())
        .with_single_cert(vec![server.cert.der().clone()], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

#[tokio::test]
async fn tls_shows_the_client_certificate_and_trusts_only_the_ca_file() {
    let dir = tempfile::tempdir().unwrap();
    let (server, client, other) = (certify("localhost"), certify("weir"), certify("localhost"));
    let acceptor = acceptor(&server, &client);
    let broker = ScriptedBroker::start().await;
    let config = Source {
        host: "localhost".to_owned(),
        tls: Some(SourceTls {
            ca_file: write(dir.path(), "ca.pem", &other.cert.pem()),
            cert_file: write(dir.path(), "client.pem", &client.cert.pem()),
            key_file: write(
                dir.path(),
                "client.key",
                &client.signing_key.serialize_pem(),
            ),
        }),
        ..broker.source()
    };
    let journal = TestJournal::committing();
    let client = start(&config, &journal);
    assert!(
        broker.accept_tls(&acceptor).await.is_err(),
        "the client trusts another root"
    );
    until_reported(&client, "invalid peer certificate").await;

    write(dir.path(), "ca.pem", &server.cert.pem());
    // Attempts that began before the file was mended may still fail.
    let mut peer = loop {
        if let Ok(peer) = broker.accept_tls(&acceptor).await {
            break peer;
        }
    };
    peer.connack(false, 0).await;
    peer.grant().await;
    peer.publish(1, "devices/p1/telemetry", &[b'x'; 100_000])
        .await;
    assert_eq!(peer.pubacks(1).await, [1]);
    assert_eq!(journal.taken()[0].payload.len(), 100_000);
}
