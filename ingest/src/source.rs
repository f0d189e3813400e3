//! The door to an external broker, through rumqttc.
//!
//! Each connection of a `[[source]]` is one task with a persistent session and
//! a stable client id. It appends what the broker delivers to the journal and
//! acknowledges after the commit, in the order of receipt ([`connection`]).
//! More than one connection share the work in a share group.
//!
//! A source whose `connections` are made fewer leaves sessions behind: the
//! broker may go on to queue messages for the members that do not return,
//! until it expires them. Remove those sessions at the broker.

mod acks;
pub(crate) mod backoff;
mod batch;
mod connection;
pub(crate) mod link;
pub(crate) mod options;
#[cfg(test)]
pub(crate) mod scripted_broker;
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

use crate::Intake;
use connection::{Connection, Parts};
use link::Link;
use options::Identity;
use status::Gauge;
use subscription::{Filters, Subscription};

pub use options::SourceError;
pub use status::{ConnectionStatus, SourceStatus};

/// The running connections of one `[[source]]`.
#[derive(Debug)]
pub struct SourceDoor {
    name: String,
    config: Arc<Source>,
    filters: watch::Sender<Filters>,
    silent_after: Duration,
    gauges: Vec<Arc<Gauge>>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
    stop: CancellationToken,
}

impl SourceDoor {
    /// Starts the connections' tasks on the current tokio runtime. That the
    /// broker cannot be reached is no error: they try until it can. `former` are
    /// topic filters that a session may still have and that are not wanted any
    /// more.
    ///
    /// # Errors
    /// What the configuration names cannot be used: a file, a certificate.
    pub fn start(
        config: &Source,
        intake: &Intake,
        former: &[String],
        journal: Arc<dyn Appender>,
        shutdown: CancellationToken,
    ) -> Result<Self, SourceError> {
        let config = Arc::new(config.clone());
        let (filters, wanted) = watch::channel(filters(&config, &intake.filters(), former));
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

    /// Subscribes to what the intake takes now and not before, and unsubscribes
    /// from what it took before and does not now. Returns once the brokers have
    /// answered on all connections that there are; others do it when they are
    /// made. The caller bounds the time.
    pub async fn follow(&self, intake: &Intake) {
        let plain = intake.filters();
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

    /// How the connections stand now.
    pub fn status(&self) -> SourceStatus {
        status::source_status(&self.name, &self.gauges, self.silent_after)
    }

    /// Receives nothing more, waits up to 5 s until what was appended is
    /// committed and acknowledged, and disconnects. What is not acknowledged by
    /// then the broker delivers again at the next start.
    pub async fn stop(&self) {
        self.stop.cancel();
        let tasks = std::mem::take(&mut *self.tasks.lock());
        for task in tasks {
            if let Err(error) = task.await {
                error!(source = self.name, %error, "a connection's task had ended early");
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

/// `former` are filters from before, of which those count that are not in `plain`.
fn filters(config: &Source, plain: &[String], former: &[String]) -> Filters {
    let share = |filter: &String| format!("$share/{}/{filter}", config.share_group);
    let shared: Vec<String> = plain.iter().map(share).collect();
    let gone: Vec<&String> = former.iter().filter(|old| !plain.contains(old)).collect();
    let gone_shared = gone.iter().map(|filter| share(filter));
    let gone_plain = gone.iter().map(|filter| (*filter).clone());
    let (wanted, mut outdated) = match config.connections > 1 {
        true => (shared, plain.to_vec()),
        false => (plain.to_vec(), shared),
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
