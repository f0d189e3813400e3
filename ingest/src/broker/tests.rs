//! The embedded broker against real sockets and a journal that commits when
//! told to.

mod access;
mod client;
mod commits;
mod field;
mod hostile;
mod routing;
mod silence;

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use weir_auth::Access;
use weir_config::{Broker, Config};

use super::{BrokerError, BrokerStatus, EmbeddedBroker};
use crate::tests::test_journal::TestJournal;
use crate::{Guard, LiveTopics};

/// How long anything may take: long enough for a machine under load.
const DEADLINE: Duration = Duration::from_secs(30);
const TELEMETRY: &str = "devices/p1/telemetry";

/// Everybody may everything.
fn open() -> Guard {
    Guard {
        access: Access::open(&Config::default()),
        tls: None,
    }
}

async fn start(journal: &Arc<TestJournal>) -> EmbeddedBroker {
    start_with(journal, |_| {}).await
}

async fn start_with(
    journal: &Arc<TestJournal>,
    change: impl FnOnce(&mut Broker),
) -> EmbeddedBroker {
    let any = "127.0.0.1:0".parse().unwrap();
    let mut config = Broker {
        listen: any,
        websocket_listen: Some(any),
        ..Broker::default()
    };
    change(&mut config);
    let intake = LiveTopics::new(&Config::default());
    EmbeddedBroker::start(
        &config,
        intake,
        open(),
        journal.clone(),
        CancellationToken::new(),
    )
    .await
    .unwrap()
}

async fn until(broker: &EmbeddedBroker, what: &str, holds: impl Fn(&BrokerStatus) -> bool) {
    let wait = async {
        while !holds(&broker.status()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    if tokio::time::timeout(DEADLINE, wait).await.is_err() {
        panic!("waited in vain until {what}: {:?}", broker.status());
    }
}

#[tokio::test]
async fn a_listener_beyond_loopback_is_refused() {
    let journal = TestJournal::new();
    for listen in ["0.0.0.0:0", "192.0.2.1:1883", "[::]:0"] {
        let config = Broker {
            listen: listen.parse().unwrap(),
            ..Broker::default()
        };
        let intake = LiveTopics::new(&Config::default());
        let error = EmbeddedBroker::start(
            &config,
            intake,
            open(),
            journal.clone(),
            CancellationToken::new(),
        )
        .await
        .unwrap_err();
        assert!(
            matches!(error, BrokerError::Unguarded { .. }),
            "{listen}: {error}"
        );
        assert!(error.to_string().contains("127.0.0.1"), "{error}");
    }
}

#[tokio::test]
async fn a_port_that_is_taken_is_told() {
    let journal = TestJournal::new();
    let broker = start(&journal).await;
    let config = Broker {
        listen: broker.local_addr(),
        ..Broker::default()
    };
    let intake = LiveTopics::new(&Config::default());
    let error = EmbeddedBroker::start(&config, intake, open(), journal, CancellationToken::new())
        .await
        .unwrap_err();
    assert!(matches!(error, BrokerError::Bind { .. }), "{error}");
    broker.stop().await;
}
