//! Against a real Mosquitto: `cargo test -p weir-ingest -- --ignored mosquitto`.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use weir_config::{Config, Source};

use super::{SourceClient, SourceStatus};
use crate::tests::test_journal::TestJournal;
use crate::{LiveTopics, Publication, Publisher, SourcePublisher};

/// A broker of its own on a free port, killed when it is dropped.
struct Mosquitto {
    dir: TempDir,
    port: u16,
    child: Child,
}

impl Mosquitto {
    async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let folder = dir.path().display();
        // Started by root it would drop to a user who cannot write this folder,
        // and lose its sessions.
        let user = match std::env::var("USER").as_deref() {
            Ok("root") | Err(_) => "user root\n",
            Ok(_) => "",
        };
        let config = format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n\
             persistence true\npersistence_location {folder}/\nlog_dest none\n{user}"
        );
        std::fs::write(dir.path().join("mosquitto.conf"), config).unwrap();
        let child = spawn(&dir);
        let mosquitto = Self { dir, port, child };
        mosquitto.until_up().await;
        mosquitto
    }

    async fn until_up(&self) {
        until("mosquitto listens", async || {
            TcpStream::connect(("127.0.0.1", self.port)).await.is_ok()
        })
        .await;
    }

    /// Ends it as the system would, so that it saves its sessions, and starts
    /// it again.
    async fn restart(&mut self) {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &pid])
                .status()
                .unwrap()
                .success()
        );
        until("mosquitto ends", async || {
            self.child.try_wait().unwrap().is_some()
        })
        .await;
        self.child = spawn(&self.dir);
        self.until_up().await;
    }

    fn source(&self) -> Source {
        Source {
            port: self.port,
            ..Source::default()
        }
    }
}

fn spawn(dir: &TempDir) -> Child {
    let mut command = Command::new("/usr/sbin/mosquitto");
    command
        .arg("-c")
        .arg(dir.path().join("mosquitto.conf"))
        .stdin(Stdio::null());
    command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("mosquitto is installed")
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        // It may have ended already; nothing is left to do about it then.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !condition().await {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(60), wait)
        .await
        .unwrap_or_else(|_| panic!("in vain: {what}"));
}

async fn start(config: &Source, journal: &Arc<TestJournal>) -> SourceClient {
    let live_topics = LiveTopics::new(&Config::default());
    let stop = CancellationToken::new();
    let client = SourceClient::start(config, &live_topics, &[], journal.clone(), stop).unwrap();
    until("the source is ready", async || {
        client.status().unhealthy().is_empty()
    })
    .await;
    client
}

fn publish(publisher: &SourcePublisher, n: usize, delivered: &Arc<AtomicUsize>) {
    let publication = Publication {
        topic: format!("devices/p{}/telemetry", n % 7),
        payload: Bytes::from(n.to_string()),
        qos: 1,
        retain: false,
    };
    let delivered = delivered.clone();
    let count = Box::new(move || {
        delivered.fetch_add(1, Ordering::SeqCst);
    });
    publisher.publish(publication, Some(count)).unwrap();
}

fn payloads(journal: &TestJournal) -> BTreeSet<usize> {
    let number = |payload: Vec<u8>| String::from_utf8(payload).unwrap().parse().unwrap();
    journal
        .taken()
        .into_iter()
        .map(|taken| number(taken.payload))
        .collect()
}

fn is_settled(status: &SourceStatus) -> bool {
    status.connections.iter().all(|c| c.unacked == 0)
}

#[tokio::test]
#[ignore = "needs mosquitto"]
async fn mosquitto_is_restarted_and_nothing_is_lost_or_left_unacknowledged() {
    let mut mosquitto = Mosquitto::start().await;
    let journal = TestJournal::committing();
    let client = start(&mosquitto.source(), &journal).await;
    let publisher = SourcePublisher::start(&mosquitto.source(), CancellationToken::new()).unwrap();
    let delivered = Arc::new(AtomicUsize::new(0));
    for n in 0..500 {
        publish(&publisher, n, &delivered);
    }
    journal.until_taken(100).await;
    mosquitto.restart().await;
    for n in 500..1_000 {
        publish(&publisher, n, &delivered);
    }
    until("all are published", async || {
        delivered.load(Ordering::SeqCst) == 1_000
    })
    .await;
    until("all are taken", async || payloads(&journal).len() == 1_000).await;
    until("all are acknowledged", async || {
        is_settled(&client.status())
    })
    .await;
    assert!(client.status().connections[0].reconnects >= 1);
    client.stop().await;

    // The session is still there, and holds nothing that it would repeat.
    let later = TestJournal::committing();
    let client = start(&mosquitto.source(), &later).await;
    publish(&publisher, 1_000, &delivered);
    later.until_taken(1).await;
    assert_eq!(payloads(&later), BTreeSet::from([1_000]));
    client.stop().await;
    publisher.stop().await;
}

#[tokio::test]
#[ignore = "needs mosquitto"]
async fn mosquitto_shares_the_work_between_two_connections() {
    let mosquitto = Mosquitto::start().await;
    let journal = TestJournal::committing();
    // An earlier life without sharing has left its subscriptions in the session.
    start(&mosquitto.source(), &journal).await.stop().await;
    let config = Source {
        connections: 2,
        ..mosquitto.source()
    };
    let client = start(&config, &journal).await;
    let publisher = SourcePublisher::start(&mosquitto.source(), CancellationToken::new()).unwrap();
    let delivered = Arc::new(AtomicUsize::new(0));
    for n in 0..1_000 {
        publish(&publisher, n, &delivered);
    }
    until("all are published", async || {
        delivered.load(Ordering::SeqCst) == 1_000
    })
    .await;
    until("all are taken", async || payloads(&journal).len() == 1_000).await;
    until("all are acknowledged", async || {
        is_settled(&client.status())
    })
    .await;
    let received: Vec<u64> = client
        .status()
        .connections
        .iter()
        .map(|c| c.received)
        .collect();
    assert!(received.iter().all(|&n| n > 0), "{received:?}");
    assert_eq!(received.iter().sum::<u64>(), 1_000, "each message once");
    client.stop().await;
    publisher.stop().await;
}

#[tokio::test]
#[ignore = "needs mosquitto"]
async fn mosquitto_delivers_what_the_routes_take_now_and_not_before() {
    let mosquitto = Mosquitto::start().await;
    let journal = TestJournal::committing();
    let live_topics = LiveTopics::new(&Config::default());
    let start = |journal: &Arc<TestJournal>, former: &[String]| {
        let stop = CancellationToken::new();
        let journal = journal.clone();
        SourceClient::start(&mosquitto.source(), &live_topics, former, journal, stop).unwrap()
    };
    let client = start(&journal, &[]);
    let ready = async |client: &SourceClient| {
        until("the source is ready", async || {
            client.status().unhealthy().is_empty()
        })
        .await;
    };
    ready(&client).await;
    let publisher = SourcePublisher::start(&mosquitto.source(), CancellationToken::new()).unwrap();
    let send = async |topic: &str, n: usize| {
        let publication = Publication {
            topic: topic.to_owned(),
            payload: Bytes::from(n.to_string()),
            qos: 1,
            retain: false,
        };
        let (sender, sent) = tokio::sync::oneshot::channel();
        let reported = Box::new(move || sender.send(()).unwrap());
        publisher.publish(publication, Some(reported)).unwrap();
        sent.await.unwrap();
    };
    send("devices/p1/telemetry", 1).await;
    journal.until_taken(1).await;

    let plant = weir_config::Route {
        topic: weir_config::TopicPattern::parse("plant/{device}").unwrap(),
        ..weir_config::Route::default()
    };
    let before = live_topics.filters();
    live_topics.set_routes(&[plant]);
    client.follow(&live_topics).await;
    // One is delivered to nobody: it would come before the other.
    send("devices/p1/telemetry", 2).await;
    send("plant/p1", 3).await;
    journal.until_taken(2).await;
    assert_eq!(payloads(&journal), BTreeSet::from([1, 3]));
    client.stop().await;

    // The session is kept: what it has of an earlier life is left at the start.
    live_topics.set_routes(&Config::default().routes);
    let after = TestJournal::committing();
    let former = [before, vec!["plant/+".to_owned()]].concat();
    let client = start(&after, &former);
    ready(&client).await;
    client.follow(&live_topics).await;
    send("plant/p1", 4).await;
    send("devices/p1/telemetry", 5).await;
    after.until_taken(1).await;
    assert_eq!(payloads(&after), BTreeSet::from([5]));
    client.stop().await;
    publisher.stop().await;
}
