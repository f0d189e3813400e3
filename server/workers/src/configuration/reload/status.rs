//! How the last reload went, for `/readyz` and `/metrics`.

use std::path::Path;

use parking_lot::Mutex;
use weir_model::Timestamp;

use super::Outcome;

/// The values of the label `outcome`.
const OUTCOMES: [&str; 5] = ["applied", "unchanged", "invalid", "needs_restart", "failed"];

#[derive(Debug)]
pub struct ReloadStatus(Mutex<State>);

#[derive(Debug)]
struct State {
    counts: [u64; OUTCOMES.len()],
    /// When the configuration in force was last found to be what the file says.
    last_success: Timestamp,
    /// Why the file is not what is in force.
    refused: Option<String>,
}

impl Default for ReloadStatus {
    /// The start has read the file.
    fn default() -> Self {
        Self(Mutex::new(State {
            counts: [0; OUTCOMES.len()],
            last_success: Timestamp::now(),
            refused: None,
        }))
    }
}

impl ReloadStatus {
    pub(super) fn record(&self, file: &Path, outcome: &Outcome) {
        let mut state = self.0.lock();
        let file = file.display();
        let (nth, refused) = match outcome {
            Outcome::Applied { .. } => (0, None),
            Outcome::Unchanged => (1, None),
            Outcome::Invalid { problems } => {
                let first = problems.first();
                let first = first.map_or_else(String::new, |problem| match problem.line {
                    0 => format!("environment: {problem}"),
                    line => format!("{file}:{line}: {problem}"),
                });
                let more = match problems.len() {
                    0 | 1 => String::new(),
                    more => format!(" (and {} more)", more - 1),
                };
                (2, Some(format!("{first}{more}")))
            }
            Outcome::NeedsRestart { keys } => {
                let keys = keys.join(", ");
                (
                    3,
                    Some(format!("{file} changes what needs a restart: {keys}")),
                )
            }
            Outcome::Failed { reason } => (4, Some(reason.clone())),
        };
        state.counts[nth] += 1;
        if refused.is_none() {
            state.last_success = Timestamp::now();
        }
        let keeping = |why| format!("keeping current configuration: {why}");
        state.refused = refused.map(keeping);
    }

    /// Why the file is not what is in force.
    pub fn refused(&self) -> Option<String> {
        self.0.lock().refused.clone()
    }

    /// When what is in force was last what the file says.
    pub fn last_success(&self) -> Timestamp {
        self.0.lock().last_success
    }

    /// Reloads since the start of the process, by outcome.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> + use<> {
        OUTCOMES.into_iter().zip(self.0.lock().counts)
    }
}
