//! Clients of external brokers, through rumqttc.
//!
//! Each connection of a `[[source]]` is one task with a persistent session and a
//! stable client id. It appends what the broker delivers to the journal and
//! acknowledges after the commit, in the order of receipt ([`connection`]). Several
//! connections share the work in a share group. A separate connection publishes to
//! the same broker ([`publisher`]).
//!
//! When the number of `connections` is reduced, sessions remain at the broker,
//! which may queue messages for them until it expires them. Remove those sessions
//! at the broker.

mod acks;
mod backoff;
mod batch;
mod connection;
mod link;
mod options;
mod publisher;
mod status;
mod subscription;

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::error;
use weir_config::Source;
use weir_journal::Appender;

use crate::LiveTopics;
use connection::{Connection, Parts};
use link::Link;
use options::Identity;
use status::Gauge;
use subscription::{Filters, Subscription};

pub use options::SourceError;
pub use publisher::{SourcePublisher, SourcePublisherStatus};
pub use status::{ConnectionStatus, SourceStatus};

/// The running connections of one `[[source]]`.
#[derive(Debug)]
pub struct SourceClient {
    name: String,
    config: Arc<Source>,
    filters: watch::Sender<Filters>,
    silent_after: Duration,
    gauges: Vec<Arc<Gauge>>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
    stop: CancellationToken,
}

impl SourceClient {
    /// Starts the connections' tasks on the current tokio runtime. An unreachable
    /// broker is no error: they retry. `former` are topic filters that a session may
    /// still have and that are no longer wanted.
    ///
    /// # Errors
    /// A file or certificate that the configuration names cannot be used.
    pub fn start(
        config: &Source,
        topics: &LiveTopics,
        former: &[String],
        journal: Arc<dyn Appender>,
        shutdown: CancellationToken,
    ) -> Result<Self, SourceError> {
        let config = Arc::new(config.clone());
        let (filters, wanted) = watch::channel(filters(&config, &topics.subscriptions(), former));
        let stop = shutdown.child_token();
        let mut connections = Vec::new();
        let mut gauges = Vec::new();
        for client_id in client_ids(&config) {
            let gauge = Arc::new(Gauge::new(client_id.clone()));
            let identity = Identity {
                client_id,
                clean_session: false,
            };
            connections.push(Connection::new(Parts {
                link: Link::new(config.clone(), identity)?,
                subscription: Subscription::new(wanted.borrow().clone()),
                filters: wanted.clone(),
                journal: journal.clone(),
                gauge: gauge.clone(),
                shutdown: stop.clone(),
                max_packet: config.max_packet,
                max_inflight: usize::from(config.max_inflight).max(1),
            }));
            gauges.push(gauge);
        }
        let tasks: Vec<_> = connections
            .into_iter()
            .map(|c| tokio::spawn(c.run()))
            .collect();
        let (name, silent_after) = (config.client_id.clone(), config.silent_after);
        Ok(Self {
            name,
            config,
            filters,
            silent_after,
            gauges,
            tasks: Mutex::new(tasks),
            stop,
        })
    }

    /// Subscribes to the topics that are accepted now and were not before, and
    /// unsubscribes from those that were. Returns once the broker has answered on all
    /// open connections; later ones subscribe when they connect. The caller bounds
    /// the time.
    pub async fn follow(&self, topics: &LiveTopics) {
        let plain = topics.subscriptions();
        self.filters.send_modify(|filters| {
            let former = std::mem::take(&mut filters.plain);
            let revision = filters.revision + 1;
            *filters = Filters {
                revision,
                ..self::filters(&self.config, &plain, &former)
            };
        });
        let revision = self.filters.borrow().revision;
        for gauge in &self.gauges {
            gauge.wait_settled(revision).await;
        }
    }

    /// The current state of the connections.
    pub fn status(&self) -> SourceStatus {
        status::source_status(&self.name, &self.gauges, self.silent_after)
    }

    /// Stops receiving, waits up to 5 s until appended messages are committed and
    /// acknowledged, and disconnects. The broker delivers unacknowledged messages
    /// again at the next start.
    pub async fn stop(&self) {
        self.stop.cancel();
        let tasks = std::mem::take(&mut *self.tasks.lock());
        for task in tasks {
            if let Err(error) = task.await {
                error!(source = self.name, %error, "the task of a connection ended early");
            }
        }
    }
}

/// `weir`, `weir-2`, `weir-3`, …: stable, so that each finds its session again.
fn client_ids(config: &Source) -> impl Iterator<Item = String> {
    let first = config.client_id.clone();
    (1..=config.connections.max(1)).map(move |n| {
        if n == 1 {
            first.clone()
        } else {
            format!("{first}-{n}")
        }
    })
}

/// `former`: earlier filters; those in `plain` are ignored.
fn filters(config: &Source, plain: &[String], former: &[String]) -> Filters {
    let share = |filter: &String| format!("$share/{}/{filter}", config.share_group);
    let shared: Vec<String> = plain.iter().map(share).collect();
    let gone: Vec<&String> = former.iter().filter(|old| !plain.contains(old)).collect();
    let gone_shared = gone.iter().map(|filter| share(filter));
    let gone_plain = gone.iter().map(|filter| (*filter).clone());
    let (wanted, mut outdated) = if config.connections > 1 {
        (shared, plain.to_vec())
    } else {
        (plain.to_vec(), shared)
    };
    outdated.extend(gone_plain.chain(gone_shared));
    Filters {
        revision: 0,
        plain: plain.to_vec(),
        wanted,
        outdated,
    }
}

#[cfg(test)]
mod mosquitto_tests;
#[cfg(test)]
mod secure_tests;
#[cfg(test)]
mod tests;
