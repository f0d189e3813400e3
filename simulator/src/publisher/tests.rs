use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;

use bytes::BytesMut;
use rumqttc::{ConnAck, Packet, PubAck, PubComp, PubRec};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

/// A broker that accepts publishes and nothing else.
struct Broker {
    url: String,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    connections: usize,
    /// (topic, payload) with how often it came without DUP, and with it.
    messages: BTreeMap<(String, Vec<u8>), (usize, usize)>,
    /// By topic, in order of arrival, without DUP.
    order: BTreeMap<String, Vec<Vec<u8>>>,
}

/// How often the broker fails its publishers.
#[derive(Clone, Copy)]
struct Manners {
    code: ConnectReturnCode,
    /// Closes a connection after so many publishes, of which the last ten are
    /// not acknowledged.
    hangs_up_after: Option<usize>,
    acknowledges: bool,
}

const POLITE: Manners = Manners {
    code: ConnectReturnCode::Success,
    hangs_up_after: None,
    acknowledges: true,
};

impl Broker {
    async fn start(manners: Manners) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("mqtt://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Seen::default()));
        let shared = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, manners, Arc::clone(&shared)));
            }
        });
        Self { url, seen }
    }

    fn args(&self) -> SimulateArgs {
        SimulateArgs {
            broker_url: self.url.clone(),
            devices: 24,
            rate: 2_000.0,
            scenario: Scenario::Steady,
            anomaly: None,
            seed: 7,
            duration: Some(Duration::from_millis(500)),
            qos: 1,
            connections: 3,
            progress: false,
        }
    }
}

/// Ends when the connection does, in whatever way.
async fn serve(mut stream: TcpStream, manners: Manners, seen: Arc<Mutex<Seen>>) -> Option<()> {
    seen.lock().unwrap().connections += 1;
    let (mut inbound, mut outbound) = (BytesMut::new(), BytesMut::new());
    let mut publishes = 0;
    loop {
        if stream.read_buf(&mut inbound).await.ok()? == 0 {
            return None;
        }
        while let Ok(packet) = Packet::read(&mut inbound, 1 << 20) {
            match packet {
                Packet::Connect(_) => {
                    ConnAck::new(manners.code, false)
                        .write(&mut outbound)
                        .unwrap();
                }
                Packet::PingReq => outbound.extend_from_slice(&[0xd0, 0]),
                Packet::PubRel(release) => {
                    PubComp::new(release.pkid).write(&mut outbound).unwrap();
                }
                Packet::Publish(publish) => {
                    publishes += 1;
                    let limit = manners.hangs_up_after.unwrap_or(usize::MAX);
                    let lost = publishes > limit.saturating_sub(10) || !manners.acknowledges;
                    match publish.qos {
                        QoS::AtLeastOnce if !lost => {
                            PubAck::new(publish.pkid).write(&mut outbound).unwrap();
                        }
                        QoS::ExactlyOnce if !lost => {
                            PubRec::new(publish.pkid).write(&mut outbound).unwrap();
                        }
                        _ => {}
                    }
                    seen.lock().unwrap().note(publish);
                    if publishes >= limit {
                        stream.write_all(&outbound).await.ok()?;
                        return None;
                    }
                }
                _ => return None,
            }
        }
        stream.write_all_buf(&mut outbound).await.ok()?;
    }
}

impl Seen {
    fn note(&mut self, publish: rumqttc::Publish) {
        let payload = publish.payload.to_vec();
        let key = (publish.topic.clone(), payload.clone());
        let (first, again) = self.messages.entry(key).or_default();
        if publish.dup {
            *again += 1;
        } else {
            *first += 1;
            self.order.entry(publish.topic).or_default().push(payload);
        }
    }

    fn first(&self) -> u64 {
        self.messages.values().map(|(first, _)| *first as u64).sum()
    }
}

#[tokio::test]
async fn everything_sent_is_acknowledged_and_counted_at_every_qos() {
    for qos in 0..=2 {
        let broker = Broker::start(POLITE).await;
        let summary = simulate_until(
            SimulateArgs {
                qos,
                ..broker.args()
            },
            CancellationToken::new(),
        )
        .await
        .unwrap();
        // At most what was due; under load a debt of over a second is let go.
        assert!(summary.sent > 0 && summary.sent <= 1_002, "{summary:?}");
        assert_eq!(
            summary.acknowledged,
            if qos == 0 { 0 } else { summary.sent }
        );
        assert_eq!(summary.unacknowledged(), 0);
        if qos > 0 {
            let seen = broker.seen.lock().unwrap();
            assert_eq!(seen.first(), summary.sent);
            assert_eq!(seen.connections, 3);
        }
    }
}

#[tokio::test]
async fn a_devices_messages_keep_their_order() {
    let broker = Broker::start(POLITE).await;
    simulate_until(broker.args(), CancellationToken::new())
        .await
        .unwrap();
    let seen = broker.seen.lock().unwrap();
    for (topic, payloads) in &seen.order {
        let time = |payload: &Vec<u8>| -> i64 {
            let event: serde_json::Value = serde_json::from_slice(payload).unwrap();
            event["timestamp"].as_i64().unwrap()
        };
        assert!(payloads.is_sorted_by(|a, b| time(a) < time(b)), "{topic}");
    }
}

#[tokio::test]
async fn a_broker_that_hangs_up_gets_the_unacknowledged_again() {
    let manners = Manners {
        hangs_up_after: Some(100),
        ..POLITE
    };
    let broker = Broker::start(manners).await;
    let args = SimulateArgs {
        duration: None,
        ..broker.args()
    };
    let stop = CancellationToken::new();
    let run = tokio::spawn(simulate_until(args, stop.clone()));
    let hung_up_often = || broker.seen.lock().unwrap().connections > 6;
    while !hung_up_often() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    stop.cancel();
    let summary = run.await.unwrap().unwrap();
    assert!(summary.reconnects >= 3 && summary.resent > 0, "{summary:?}");
    let seen = broker.seen.lock().unwrap();
    let again: usize = seen.messages.values().map(|(_, again)| *again).sum();
    assert!(again > 0);
    // What was written into a connection that was closing arrives with DUP only.
    assert!(seen.messages.values().all(|(first, _)| *first <= 1));
    assert!(seen.messages.len() as u64 >= summary.acknowledged);
    assert!(seen.messages.len() as u64 <= summary.sent);
}

#[tokio::test]
async fn stopping_ends_it_with_a_summary_of_what_was_done() {
    let broker = Broker::start(POLITE).await;
    let args = SimulateArgs {
        duration: None,
        ..broker.args()
    };
    let stop = CancellationToken::new();
    let run = tokio::spawn(simulate_until(args, stop.clone()));
    while broker.seen.lock().unwrap().first() < 100 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stop.cancel();
    let summary = run.await.unwrap().unwrap();
    assert!(summary.sent >= 100);
    assert_eq!(summary.acknowledged, summary.sent);
    assert_eq!(broker.seen.lock().unwrap().first(), summary.sent);
}

#[tokio::test]
async fn a_broker_that_never_acknowledges_is_given_up_and_fills_no_memory() {
    let broker = Broker::start(Manners {
        acknowledges: false,
        ..POLITE
    })
    .await;
    let args = SimulateArgs {
        rate: 1e6,
        connections: 1,
        ..broker.args()
    };
    let summary = simulate_until(args, CancellationToken::new())
        .await
        .unwrap();
    let window = outbox::WINDOW as u64;
    assert!((window - 1..=window).contains(&summary.sent), "{summary:?}");
    assert_eq!(summary.unacknowledged(), summary.sent);
}

#[tokio::test]
async fn who_cannot_connect_learns_why() {
    let refusing = Broker::start(Manners {
        code: ConnectReturnCode::NotAuthorized,
        ..POLITE
    })
    .await;
    let refused = simulate_until(refusing.args(), CancellationToken::new()).await;
    assert!(
        matches!(refused, Err(SimulateError::Refused { .. })),
        "{refused:?}"
    );

    let unused = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let broker_url = format!("mqtt://{}", unused.local_addr().unwrap());
    drop(unused);
    let args = SimulateArgs {
        broker_url,
        ..refusing.args()
    };
    let nobody = simulate_until(args, CancellationToken::new()).await;
    assert!(
        matches!(nobody, Err(SimulateError::Connect { .. })),
        "{nobody:?}"
    );
}

#[tokio::test]
async fn arguments_are_checked() {
    let broker = Broker::start(POLITE).await;
    let good = broker.args();
    for bad in [
        SimulateArgs {
            devices: 0,
            ..good.clone()
        },
        SimulateArgs {
            rate: 0.0,
            ..good.clone()
        },
        SimulateArgs {
            rate: f64::NAN,
            ..good.clone()
        },
        SimulateArgs {
            qos: 3,
            ..good.clone()
        },
        SimulateArgs {
            connections: 0,
            ..good.clone()
        },
        SimulateArgs {
            broker_url: "http://x".to_owned(),
            ..good.clone()
        },
        SimulateArgs {
            broker_url: "mqtts://x".to_owned(),
            ..good.clone()
        },
    ] {
        assert!(simulate_until(bad, CancellationToken::new()).await.is_err());
    }
    assert_eq!(broker.seen.lock().unwrap().connections, 0);
}

#[test]
fn the_summary_is_a_sentence() {
    let summary = Summary {
        sent: 1_000,
        acknowledged: 990,
        resent: 20,
        reconnects: 2,
        payload_bytes: 400_000,
        elapsed: Duration::from_secs(10),
        qos: 1,
    };
    assert_eq!(
        summary.to_string(),
        "sent 1000 messages in 10.0 s (100 per second, 0.4 MB); acknowledged 990, \
         unacknowledged 10; 2 reconnects, 20 sent again"
    );
}

/// A real broker on a free port, killed with the test.
struct Mosquitto {
    child: Child,
    url: String,
}

impl Mosquitto {
    async fn start() -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let child = Command::new("mosquitto")
            .args(["-p", &port.to_string()])
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let deadline = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            assert!(Instant::now() < deadline, "mosquitto does not start");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Self {
            child,
            url: format!("mqtt://127.0.0.1:{port}"),
        }
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
#[ignore = "needs mosquitto"]
async fn mosquitto_acknowledges_everything_at_every_qos() {
    let broker = Mosquitto::start().await;
    for qos in 0..=2 {
        let args = SimulateArgs {
            broker_url: broker.url.clone(),
            devices: 120,
            rate: 5_000.0,
            scenario: Scenario::Demo,
            anomaly: Some(Anomaly::Spike),
            seed: 1,
            duration: Some(Duration::from_secs(2)),
            qos,
            connections: 4,
            progress: false,
        };
        let summary = simulate_until(args, CancellationToken::new())
            .await
            .unwrap();
        println!("{summary}");
        assert!(summary.sent > 0);
        assert_eq!(summary.unacknowledged(), 0);
        assert_eq!(summary.reconnects, 0);
    }
}

/// `cargo test --release -p weir-simulator -- --ignored --nocapture how_fast`
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement, needs mosquitto"]
async fn how_fast() {
    let broker = Mosquitto::start().await;
    let args = SimulateArgs {
        broker_url: broker.url.clone(),
        devices: 1_000,
        rate: 1e9,
        scenario: Scenario::Steady,
        anomaly: None,
        seed: 1,
        duration: Some(Duration::from_secs(5)),
        qos: 1,
        connections: 4,
        progress: false,
    };
    println!(
        "{}",
        simulate_until(args, CancellationToken::new())
            .await
            .unwrap()
    );
}
