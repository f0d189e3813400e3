//! A changed configuration, applied while Weir runs.
//!
//! The file is read and checked first, and then applied whole or not at all: with
//! a mistake in it, or one key that only a restart can change, nothing changes,
//! and the fault is reported. A change takes effect at one position of the
//! journal, and is on disk before any message behind it is processed
//! ([`crate::configuration::config_history`]). So that messages fall on the right side of it:
//!
//! 1. the endpoints refuse what the new routes do not accept;
//! 2. the change is recorded where the journal ends: now it is decided;
//! 3. the endpoints accept what is new.
//!
//! Functions keep their memory, and buffers and queues what is in them. What was
//! raised by a function that is gone is cleared as the change comes into force.

mod status;
mod watch;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::Mutex;
use tracing::{debug, error, info, warn};
use weir_config::{LoadError, Loaded, Problem, Route};
use weir_journal::{AppendError, Journal};
use weir_model::Position;

use crate::configuration::config_history::{ConfigHistory, Extent};
use crate::configuration::current::Current;
use crate::configuration::load_config;
use crate::gateways::Gateways;

pub use status::{Refusal, RefusalProblem, ReloadStatus};
pub use watch::watch;

/// How long external brokers may take to answer a changed subscription. What
/// they deliver later of a topic that no route takes is quarantined.
const BROKER_PATIENCE: Duration = Duration::from_secs(5);

/// The outcome of a reload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// These keys are changed.
    Applied { changed: Vec<String> },
    /// The file equals the configuration in force.
    Unchanged,
    /// The file has mistakes.
    Invalid { problems: Vec<Problem> },
    /// These keys are read once, at the start; so nothing was changed.
    NeedsRestart { keys: Vec<String> },
    /// The file or the data folder could not be used.
    Failed { reason: String },
}

/// What it works on. It reads the file in the environment of the process.
#[derive(Debug)]
pub struct Reloader {
    pub file: PathBuf,
    pub variables: Vec<(String, String)>,
    pub current: Current,
    pub history: Arc<ConfigHistory>,
    pub journal: Arc<dyn Journal>,
    pub gateways: Gateways,
    pub status: Arc<ReloadStatus>,
    /// One at a time.
    pub running: Mutex<()>,
}

impl Reloader {
    /// Reads the file and applies it. `trigger` says in the log who wanted it.
    pub async fn reload(self: &Arc<Self>, trigger: &str) -> Outcome {
        let _one = self.running.lock().await;
        let outcome = match self.read().await {
            Ok(loaded) => self.apply(loaded).await,
            Err(LoadError::Invalid { problems, .. }) => Outcome::Invalid { problems },
            Err(error @ LoadError::Read { .. }) => Outcome::Failed {
                reason: error.to_string(),
            },
        };
        log_outcome(&self.file, trigger, &outcome);
        self.status.record(&self.file, &outcome);
        outcome
    }

    /// Whether the file says something else than what is in force.
    async fn differs(self: &Arc<Self>) -> bool {
        match self.read().await {
            Ok(loaded) => !self.current.get().changes(&loaded.config).is_empty(),
            Err(_) => true,
        }
    }

    async fn read(self: &Arc<Self>) -> Result<Loaded, LoadError> {
        let (file, variables) = (self.file.clone(), self.variables.clone());
        let read = move || load_config::load(&file, variables.into_iter());
        weir_blocking::blocking(read).await
    }

    async fn apply(self: &Arc<Self>, loaded: Loaded) -> Outcome {
        let old = self.current.get();
        let changes = old.changes(&loaded.config);
        if !changes.restart.is_empty() {
            let keys = changes.restart;
            return Outcome::NeedsRestart { keys };
        }
        if changes.live.is_empty() {
            return Outcome::Unchanged;
        }
        let (before, after) = (&old.routes, &loaded.config.routes);
        let kept: Vec<Route> = before
            .iter()
            .filter(|r| after.contains(r))
            .cloned()
            .collect();
        if kept.len() < before.len() {
            self.accept(&kept).await;
        }
        let position = match self.record(&loaded).await {
            Ok(position) => position,
            Err(error) => {
                self.accept(before).await;
                let reason = format!("cannot keep the configuration in the data folder: {error}");
                return Outcome::Failed { reason };
            }
        };
        let after = after.clone();
        self.current.set(loaded.config, loaded.keys);
        if kept.len() < after.len() {
            self.accept(&after).await;
        }
        debug!(position = position.0, "configuration recorded");
        Outcome::Applied {
            changed: changes.live,
        }
    }

    /// Makes the endpoints accept what these routes accept.
    async fn accept(&self, routes: &[Route]) {
        self.gateways.topics.set_routes(routes);
        let Gateways {
            sources, topics, ..
        } = &self.gateways;
        let follow = sources.iter().map(|source| source.follow(topics));
        let follow = futures::future::join_all(follow);
        if tokio::time::timeout(BROKER_PATIENCE, follow).await.is_err() {
            warn!("a broker has not confirmed the changed topics; continuing");
        }
    }

    /// Decides it: behind what is in the journal, and on disk.
    async fn record(self: &Arc<Self>, loaded: &Loaded) -> io::Result<Position> {
        let (this, config) = (self.clone(), loaded.config.clone());
        let settings = loaded.settings.clone();
        let record = move || this.history.record(&config, &settings, || this.extent());
        weir_blocking::blocking(record).await
    }

    fn extent(&self) -> io::Result<Extent> {
        // Appending nothing returns the position of the next message.
        let end = match self.journal.append(&[], None) {
            Ok(appended) => appended.end,
            Err(AppendError::Failed(failed)) => return Err(io::Error::other(failed)),
            Err(full) => return Err(io::Error::other(full)),
        };
        let start = self.journal.start();
        Ok(Extent { start, end })
    }
}

fn log_outcome(file: &Path, trigger: &str, outcome: &Outcome) {
    let file = file.display();
    match outcome {
        Outcome::Applied { changed } => {
            info!(%file, trigger, ?changed, "configuration reloaded");
        }
        Outcome::Unchanged => {
            info!(%file, trigger, "configuration unchanged");
        }
        Outcome::Invalid { problems } => {
            for problem in problems {
                let Problem { line, key, .. } = problem;
                error!(%file, line, key, %problem, "configuration problem");
            }
            let count = problems.len();
            error!(
                %file,
                trigger,
                problems = count,
                "configuration reload rejected; keeping current configuration"
            );
        }
        Outcome::NeedsRestart { keys } => error!(
            %file,
            trigger,
            ?keys,
            "configuration reload rejected: these keys need a restart; keeping current \
             configuration"
        ),
        Outcome::Failed { reason } => error!(
            %file,
            trigger,
            reason,
            "configuration reload failed; keeping current configuration"
        ),
    }
}
