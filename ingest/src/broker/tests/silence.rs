//! Connections that say nothing, or too slowly: each listener ends them, and their
//! places are free again.

use rcgen::{CertifiedKey, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;

use super::client::Client;
use super::*;

/// TLS with a certificate of its own.
fn encrypted() -> Guard {
    let certified: CertifiedKey<KeyPair> =
        rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key)
        .unwrap();
    Guard {
        tls: Some(Arc::new(tls)),
        ..open()
    }
}

#[tokio::test]
async fn silent_connections_give_their_places_back_at_every_listener() {
    let journal = TestJournal::committing();
    for guard in [open(), encrypted()] {
        let is_encrypted = guard.tls.is_some();
        let any = "127.0.0.1:0".parse().unwrap();
        let config = Broker {
            listen: any,
            websocket_listen: Some(any),
            // Half of them are for clients that have logged in.
            max_connections: 8,
            ..Broker::default()
        };
        let topics = LiveTopics::new(&Config::default());
        let stop = CancellationToken::new();
        let broker = EmbeddedBroker::start(&config, topics, guard, journal.clone(), stop)
            .await
            .unwrap();
        let (tcp, websocket) = (broker.local_addr(), broker.websocket_addr().unwrap());
        let mut silent = Vec::new();
        for address in [tcp, websocket] {
            silent.push(Client::open(address).await);
            // The first byte of a TLS record, of a request, of CONNECT.
            let mut begun = Client::open(address).await;
            let first = match (is_encrypted, address == tcp) {
                (true, _) => 0x16,
                (false, true) => 0x10,
                (false, false) => b'G',
            };
            begun.send(&[first]).await;
            silent.push(begun);
        }
        until(&broker, "all places are taken", |s| s.connections == 4).await;
        Client::open(tcp).await.expect_closed().await;
        assert_eq!(broker.status().refused_connections, 1);
        for client in &mut silent {
            client.expect_closed().await;
        }
        until(&broker, "all places are free", |s| s.connections == 0).await;
        if !is_encrypted {
            let mut device = Client::connect(tcp, 4, "device").await;
            device.expect_silence().await;
        }
        broker.stop().await;
    }
}
