//! What `/readyz` reports, as alarms of the device `$weir`: a silent source, a
//! stalled consumer, a full journal, a failing disk, a dead sink.
//!
//! They are handled as all alerts: published at once, recorded with an outbox,
//! listed by `/api/v1/alarms`. When the alarm database is what fails, they are
//! published all the same, and recorded once it works again.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio_util::sync::CancellationToken;
use tracing::debug;
use weir_alarms::{AlarmFilter, AlarmStateFilter, OPERATIONAL_DEVICE, OperationalAlarms};
use weir_model::{Alert, Severity, Timestamp, glob_matches};
use weir_notify::AlarmStore;

use crate::configuration::current::Current;
use crate::notifications::notifier::Notifier;
use crate::readiness::Readiness;
use crate::recorder_command::RecorderCommand;

/// How often it looks.
const LOOK: Duration = Duration::from_millis(500);
/// Alerts that wait for the recorder; there is one per component and change.
const MAX_UNRECORDED: usize = 1_000;

pub(crate) struct OperationalAlerts {
    pub(crate) config: Current,
    pub(crate) readiness: Readiness,
    pub(crate) alarms: Arc<AlarmStore>,
    pub(crate) notifier: Notifier,
    pub(crate) recorder: SyncSender<RecorderCommand>,
}

impl OperationalAlerts {
    /// Continues with the alarms of an earlier process, and looks until `shutdown`.
    /// If it is turned off, it only clears open alarms.
    pub(crate) fn start(self, shutdown: CancellationToken) -> Result<()> {
        let open = AlarmFilter {
            state: AlarmStateFilter::Open,
            device: Some(OPERATIONAL_DEVICE.to_owned()),
            limit: usize::MAX,
            ..AlarmFilter::default()
        };
        let open = self.alarms.alarms(&open);
        let open = open.context("cannot read the open alarms of Weir itself")?;
        let config = &self.config.get().watchdog;
        if config.alerts || !open.is_empty() {
            let alarms = OperationalAlarms::new(config.alert_after, open);
            tokio::spawn(self.run(alarms, shutdown));
        }
        Ok(())
    }

    async fn run(self, mut alarms: OperationalAlarms, shutdown: CancellationToken) {
        let begun = Instant::now();
        let mut unrecorded = VecDeque::new();
        while shutdown
            .run_until_cancelled(tokio::time::sleep(LOOK))
            .await
            .is_some()
        {
            let reasons = if self.config.get().watchdog.alerts {
                self.readiness.reasons()
            } else {
                Default::default()
            };
            let severity = |component: &str| self.severity(component);
            for alert in alarms.look(&reasons, severity, begun.elapsed(), Timestamp::now()) {
                self.notifier.publish_unless_withheld(&alert);
                if unrecorded.len() == MAX_UNRECORDED {
                    unrecorded.pop_front();
                }
                unrecorded.push_back(alert);
            }
            self.record(&mut unrecorded);
        }
    }

    fn severity(&self, component: &str) -> Severity {
        let config = self.config.get();
        let mut critical = config.watchdog.critical.iter();
        if critical.any(|glob| glob_matches(glob, component)) {
            Severity::Critical
        } else {
            Severity::Warning
        }
    }

    /// Hands over as much as the recorder has room for: it may be waiting for the
    /// disk that the alert is about.
    fn record(&self, unrecorded: &mut VecDeque<Alert>) {
        while let Some(alert) = unrecorded.pop_front() {
            let command = RecorderCommand::Operational(Box::new(alert));
            match self.recorder.try_send(command) {
                Ok(()) => {}
                Err(TrySendError::Full(RecorderCommand::Operational(alert))) => {
                    unrecorded.push_front(*alert);
                    return;
                }
                Err(_) => {
                    debug!("stopping: an alert of Weir itself is not recorded");
                    return;
                }
            }
        }
    }
}
