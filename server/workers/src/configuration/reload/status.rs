//! How the last reload went, for `/readyz` and `/metrics`.

use std::path::Path;

use parking_lot::Mutex;
use weir_config::Problem;
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
    refused: Option<Refusal>,
}

/// A file that is not in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub at: Timestamp,
    /// In one sentence.
    pub reason: String,
    /// At least one.
    pub problems: Vec<RefusalProblem>,
}

/// One reason of a refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusalProblem {
    /// Counted from 1; `None` when it is not about a line of the file.
    pub line: Option<usize>,
    pub key: Option<String>,
    pub message: String,
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
        state.refused = refused.map(|why| Refusal {
            at: Timestamp::now(),
            problems: problems_of(outcome, &why),
            reason: format!("keeping current configuration: {why}"),
        });
    }

    /// Why the file is not what is in force.
    pub fn refused(&self) -> Option<Refusal> {
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

fn problems_of(outcome: &Outcome, why: &str) -> Vec<RefusalProblem> {
    match outcome {
        Outcome::Invalid { problems } => problems.iter().map(problem).collect(),
        Outcome::NeedsRestart { keys } => {
            let needs_restart = |key: &String| RefusalProblem {
                line: None,
                key: Some(key.clone()),
                message: "needs a restart".to_owned(),
            };
            keys.iter().map(needs_restart).collect()
        }
        _ => vec![RefusalProblem {
            line: None,
            key: None,
            message: why.to_owned(),
        }],
    }
}

fn problem(problem: &Problem) -> RefusalProblem {
    let nearest = problem.nearest.as_ref();
    let nearest = nearest.map_or_else(String::new, |known| format!("; did you mean {known}?"));
    RefusalProblem {
        line: (problem.line > 0).then_some(problem.line),
        key: (!problem.key.is_empty()).then(|| problem.key.clone()),
        message: format!("{}{nearest}", problem.reason),
    }
}
