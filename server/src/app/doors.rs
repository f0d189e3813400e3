//! Starts what messages come in by: the embedded broker and the sources.
//!
//! The sources have a thread and a runtime of their own: one loop that reads,
//! appends and acknowledges, without a second worker that is woken to look for
//! work that is not there. At 85,000 messages a second that is a third of their
//! CPU time.

use std::sync::Arc;
use std::thread;

use anyhow::{Context, Result};
use tokio::runtime::Builder;
use tokio_util::sync::CancellationToken;
use weir_config::{Broker, Config};
use weir_ingest::{EmbeddedBroker, Guard, Intake, SourceDoor, SourceOutlet};
use weir_journal::Journal;

use crate::config_history::ConfigHistory;

pub(super) struct Doors {
    pub(super) broker: Option<EmbeddedBroker>,
    pub(super) sources: Vec<SourceDoor>,
    pub(super) source_outlets: Vec<Arc<SourceOutlet>>,
    /// Cancelled once the sources have stopped, it ends their thread.
    pub(super) source_runtime: CancellationToken,
}

impl Doors {
    pub(super) async fn start(
        config: &Config,
        history: &ConfigHistory,
        intake: &Intake,
        guard: &Guard,
        journal: &Arc<dyn Journal>,
        shutdown: &CancellationToken,
    ) -> Result<Self> {
        let broker = match &config.broker {
            None => None,
            Some(broker) => Some(embedded(broker, intake, guard, journal, shutdown).await?),
        };
        let mut doors = Self {
            broker,
            sources: Vec::new(),
            source_outlets: Vec::new(),
            source_runtime: CancellationToken::new(),
        };
        if config.sources.is_empty() {
            return Ok(doors);
        }
        // The brokers may have kept the subscriptions of an earlier life.
        let former = history.all().into_iter();
        let former: Vec<String> = former
            .flat_map(|config| Intake::new(&config).filters())
            .collect();
        let runtime = Builder::new_current_thread().enable_all().build()?;
        {
            let _inside = runtime.enter();
            for source in &config.sources {
                let context = || format!("source {}", source.client_id);
                let door =
                    SourceDoor::start(source, intake, &former, journal.clone(), shutdown.clone());
                doors.sources.push(door.with_context(context)?);
                if source.publish {
                    let outlet = SourceOutlet::start(source, CancellationToken::new());
                    doors
                        .source_outlets
                        .push(Arc::new(outlet.with_context(context)?));
                }
            }
        }
        let end = doors.source_runtime.clone();
        thread::Builder::new()
            .name("sources".to_owned())
            .spawn(move || runtime.block_on(end.cancelled()))
            .context("cannot start a thread")?;
        Ok(doors)
    }
}

async fn embedded(
    config: &Broker,
    intake: &Intake,
    guard: &Guard,
    journal: &Arc<dyn Journal>,
    shutdown: &CancellationToken,
) -> Result<EmbeddedBroker> {
    let started = EmbeddedBroker::start(
        config,
        intake.clone(),
        guard.clone(),
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
