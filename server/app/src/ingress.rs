//! Starts the brokers that messages come in by, and the publishers to them.
//!
//! The sources (external brokers) have a thread and a runtime of their own: one
//! loop that reads, appends and acknowledges, without a second worker that is
//! woken to look for work. At 85,000 messages a second that saves a third of
//! their CPU time.

use std::sync::Arc;
use std::thread;

use anyhow::{Context, Result};
use tokio::runtime::Builder;
use tokio_util::sync::CancellationToken;
use weir_config::{Broker, Config};
use weir_ingest::{EmbeddedBroker, Guard, LiveTopics, Publisher, SourceClient, SourcePublisher};
use weir_journal::Journal;
use weir_workers::{ConfigHistory, Gateways};

/// The running brokers, sources and publishers.
#[derive(Debug)]
pub(crate) struct Ingress {
    pub(crate) gateways: Gateways,
    source_publishers: Vec<Arc<SourcePublisher>>,
    /// Cancelled once the sources have stopped, it ends their thread.
    source_runtime: CancellationToken,
}

impl Ingress {
    pub(crate) async fn start(
        config: &Config,
        history: &ConfigHistory,
        guard: Guard,
        journal: &Arc<dyn Journal>,
        shutdown: &CancellationToken,
    ) -> Result<Self> {
        let topics = LiveTopics::new(config);
        let broker = match &config.broker {
            None => None,
            Some(broker) => Some(embedded(broker, &topics, guard, journal, shutdown).await?),
        };
        let Sources {
            sources,
            publishers: source_publishers,
            runtime: source_runtime,
        } = Sources::start(config, history, &topics, journal, shutdown)?;
        let embedded = broker
            .iter()
            .map(|broker| Arc::new(broker.outlet()) as Arc<dyn Publisher>);
        let external = source_publishers
            .iter()
            .map(|publisher| publisher.clone() as Arc<dyn Publisher>);
        let publishers = embedded.chain(external).collect();
        Ok(Self {
            gateways: Gateways {
                topics,
                broker,
                sources: sources.into(),
                publishers,
            },
            source_publishers,
            source_runtime,
        })
    }

    /// Waits until the brokers no longer accept messages; `shutdown` has told them.
    pub(crate) async fn stop_receiving(&self) {
        if let Some(broker) = self.gateways.broker.clone() {
            broker.stop().await;
        }
        for source in self.gateways.sources.iter() {
            source.stop().await;
        }
    }

    /// Publishes what waits, and ends the thread of the sources.
    pub(crate) async fn stop_publishing(self) {
        for publisher in &self.source_publishers {
            publisher.stop().await;
        }
        self.source_runtime.cancel();
    }
}

/// The external brokers.
struct Sources {
    sources: Vec<SourceClient>,
    publishers: Vec<Arc<SourcePublisher>>,
    runtime: CancellationToken,
}

impl Sources {
    fn start(
        config: &Config,
        history: &ConfigHistory,
        topics: &LiveTopics,
        journal: &Arc<dyn Journal>,
        shutdown: &CancellationToken,
    ) -> Result<Self> {
        let mut started = Self {
            sources: Vec::new(),
            publishers: Vec::new(),
            runtime: CancellationToken::new(),
        };
        if config.sources.is_empty() {
            return Ok(started);
        }
        // The brokers may have kept the subscriptions of an earlier process.
        let former: Vec<String> = history
            .all()
            .into_iter()
            .flat_map(|config| LiveTopics::new(&config).filters())
            .collect();
        let runtime = Builder::new_current_thread().enable_all().build()?;
        {
            let _inside = runtime.enter();
            for source in &config.sources {
                let context = || format!("source {}", source.client_id);
                let (journal, shutdown) = (journal.clone(), shutdown.clone());
                let receiver = SourceClient::start(source, topics, &former, journal, shutdown);
                started.sources.push(receiver.with_context(context)?);
                if source.publish {
                    let publisher = SourcePublisher::start(source, CancellationToken::new());
                    let publisher = publisher.with_context(context)?;
                    started.publishers.push(Arc::new(publisher));
                }
            }
        }
        let end = started.runtime.clone();
        thread::Builder::new()
            .name("sources".to_owned())
            .spawn(move || runtime.block_on(end.cancelled()))
            .context("cannot start a thread")?;
        Ok(started)
    }
}

async fn embedded(
    config: &Broker,
    topics: &LiveTopics,
    guard: Guard,
    journal: &Arc<dyn Journal>,
    shutdown: &CancellationToken,
) -> Result<EmbeddedBroker> {
    let started = EmbeddedBroker::start(
        config,
        topics.clone(),
        guard,
        journal.clone(),
        shutdown.clone(),
    );
    started.await.with_context(|| {
        format!(
            "cannot listen on {} for MQTT; another broker may be running there: choose another \
             broker.listen (WEIR_BROKER_LISTEN)",
            config.listen
        )
    })
}
