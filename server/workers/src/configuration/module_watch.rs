//! Reports the state of WebAssembly functions: failures in the log, at most one
//! line a minute for each, and disabled functions as a reason of `/readyz`, which
//! raises an alarm of Weir itself.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};
use weir_engine::ModuleReport;

use crate::health::Health;
use crate::pipeline_worker::SharedPipeline;

/// How often it looks.
const LOOK: Duration = Duration::from_millis(500);
/// Between two lines about one function's failures.
const BETWEEN_WARNINGS: Duration = Duration::from_secs(60);

/// What was reported of one function.
#[derive(Debug, Default)]
struct Reported {
    failures: u64,
    warned: Option<Instant>,
    tripped: bool,
}

/// Looks until `shutdown`.
pub(crate) async fn run(
    pipeline: SharedPipeline,
    health: Arc<Health>,
    shutdown: CancellationToken,
) {
    let mut reported = BTreeMap::new();
    while shutdown
        .run_until_cancelled(tokio::time::sleep(LOOK))
        .await
        .is_some()
    {
        let pipeline = pipeline.lock();
        look(
            pipeline.engine().modules(),
            &mut reported,
            &health,
            Instant::now(),
        );
    }
}

fn component(function: &str) -> String {
    format!("function {function}")
}

fn look<'a>(
    reports: impl Iterator<Item = ModuleReport<'a>>,
    reported: &mut BTreeMap<String, Reported>,
    health: &Health,
    now: Instant,
) {
    let mut before = std::mem::take(reported);
    for report in reports {
        let function = report.function;
        let mut known = before.remove(function).unwrap_or_default();
        known.report(&report, health, now);
        reported.insert(function.to_owned(), known);
    }
    // The remaining ones were removed.
    for (function, known) in before {
        if known.tripped {
            health.clear(&component(&function));
        }
    }
}

impl Reported {
    fn report(&mut self, report: &ModuleReport<'_>, health: &Health, now: Instant) {
        let function = report.function;
        let failures: u64 = report.failures.iter().map(|(_, count)| count).sum();
        let may_warn = self
            .warned
            .is_none_or(|warned| now.duration_since(warned) >= BETWEEN_WARNINGS);
        if failures > self.failures && may_warn {
            if let Some(last) = report.last {
                let (reason, position) = (&last.reason, last.position.0);
                let new = failures - self.failures;
                warn!(
                    function,
                    reason,
                    position,
                    failures = new,
                    "a WebAssembly function failed: its readings are stored without its verdict"
                );
            }
            (self.failures, self.warned) = (failures, Some(now));
        }
        match report.tripped {
            Some(reason) if !self.tripped => {
                error!(
                    function,
                    reason, "a WebAssembly function is disabled: change its module or its settings"
                );
                health.set(
                    &component(function),
                    format!("disabled after too many failures, until it is changed: {reason}"),
                );
            }
            None if self.tripped => {
                info!(function, "a WebAssembly function is called again");
                health.clear(&component(function));
            }
            _ => {}
        }
        self.tripped = report.tripped.is_some();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report<'a>(
        failures: &'a [(&'static str, u64)],
        tripped: Option<&'a str>,
    ) -> ModuleReport<'a> {
        ModuleReport {
            function: "own",
            calls: 9,
            readings: 9,
            failures,
            last: None,
            failing: 0,
            tripped,
        }
    }

    #[test]
    fn a_function_that_is_called_no_more_is_a_reason_until_it_is_changed_or_gone() {
        let (health, now) = (Health::default(), Instant::now());
        let mut reported = BTreeMap::new();
        let mut look = |reports: Vec<ModuleReport<'_>>| {
            look(reports.into_iter(), &mut reported, &health, now);
            health.reasons().into_keys().collect::<Vec<_>>()
        };
        assert!(look(vec![report(&[("trap", 1)], None)]).is_empty());
        let tripped = || report(&[("trap", 3)], Some("it trapped: unreachable"));
        assert_eq!(look(vec![tripped()]), ["function own"]);
        assert!(look(vec![report(&[("trap", 3)], None)]).is_empty());
        assert_eq!(look(vec![tripped()]), ["function own"]);
        assert!(look(Vec::new()).is_empty());
    }
}
