//! Runs the broker on loopback with a log in memory, to try real clients.
//!
//! ```text
//! cargo run --release -p weir-mqtt-broker --example loopback -- [port] [commit in ms]
//! ```

#[path = "../tests/broker/memory_log.rs"]
mod memory_log;

use std::sync::Arc;
use std::time::Duration;

use memory_log::{Commit, Log, MemoryLog};
use tokio::net::TcpListener;
use weir_mqtt_broker::{Access, BoxFuture, Broker, Login, Origin, Permissions, Routes, Settings};
use weir_mqtt_codec::ReasonCode;

#[derive(Debug)]
struct Everybody;

impl Access for Everybody {
    fn connect(&self, _: Login) -> BoxFuture<'_, Result<Arc<dyn Permissions>, ReasonCode>> {
        let everybody: Arc<dyn Permissions> = Arc::new(Everybody);
        Box::pin(std::future::ready(Ok(everybody)))
    }
}

impl Permissions for Everybody {
    fn identity(&self) -> &str {
        ""
    }

    fn is_valid(&self) -> bool {
        true
    }

    fn may_publish(&self, topic: &str) -> bool {
        !topic.starts_with("$SYS/")
    }

    fn may_subscribe(&self, _: &str) -> bool {
        true
    }

    fn may_receive(&self, _: &str) -> bool {
        true
    }
}

impl Routes for Everybody {
    fn accepts(&self, topic: &str) -> bool {
        topic.starts_with("devices/")
    }
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    let mut arguments = std::env::args().skip(1);
    let port = arguments
        .next()
        .and_then(|port| port.parse().ok())
        .unwrap_or(1883_u16);
    let delay = arguments
        .next()
        .and_then(|ms| ms.parse().ok())
        .unwrap_or(0_u64);
    let log = MemoryLog::new(match delay {
        0 => Commit::AtOnce,
        ms => Commit::After(Duration::from_millis(ms)),
    });
    let everybody = Arc::new(Everybody);
    let settings = Settings {
        receive_maximum: u16::MAX,
        ..Settings::default()
    };
    let broker = Broker::new(settings, Arc::new(Log(log)), everybody.clone(), everybody);
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let running = broker.clone();
    tokio::spawn(async move { running.run().await });
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, address) = accepted?;
                stream.set_nodelay(true)?;
                let broker = broker.clone();
                let origin = Origin { address, certificate_name: None };
                tokio::spawn(async move { broker.serve(stream, origin).await });
            }
            _ = tokio::signal::ctrl_c() => break,
        }
    }
    broker.close();
    Ok(())
}
