//! What `/readyz` complains of, as alarms of the device `$weir`: a silent source,
//! a consumer that stands still, a full journal, a failing disk, a dead sink.
//!
//! They take the way of all alerts: published at once, recorded with an outbox,
//! listed by `/api/v1/alarms`. When the alarm database is what fails, they are
//! published all the same, and recorded once it works again.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tracing::debug;
use weir_alerts::{AlarmFilter, AlarmStateFilter, OPERATIONAL_DEVICE, OperationalAlarms};
use weir_model::{Alert, Severity, glob_matches};

use crate::effects_worker::EffectsCommand;
use crate::http::{Api, reasons};
use crate::notifier::Notifier;
use crate::store_worker::now;

/// How often it looks.
const LOOK: Duration = Duration::from_millis(500);
/// Alerts that wait for the effects worker; there is one per component and change.
const MAX_UNRECORDED: usize = 1_000;

pub(crate) struct OperationalAlerts {
    pub(crate) api: Arc<Api>,
    pub(crate) notifier: Notifier,
    pub(crate) effects: SyncSender<EffectsCommand>,
}

impl OperationalAlerts {
    /// Goes on with what an earlier process raised, and looks until Weir stops.
    /// Without effect when it is turned off, except that what is open is cleared.
    pub(crate) fn start(self) -> Result<()> {
        let open = AlarmFilter {
            state: AlarmStateFilter::Open,
            device: Some(OPERATIONAL_DEVICE.to_owned()),
            limit: usize::MAX,
            ..AlarmFilter::default()
        };
        let open = self.api.alarms.alarms(&open);
        let open = open.context("cannot read the open alarms of Weir itself")?;
        let config = &self.api.config.get().watchdog;
        if config.alerts || !open.is_empty() {
            let alarms = OperationalAlarms::new(config.alert_after, open);
            tokio::spawn(self.run(alarms));
        }
        Ok(())
    }

    async fn run(self, mut alarms: OperationalAlarms) {
        let begun = Instant::now();
        let mut unrecorded = VecDeque::new();
        let shutdown = self.api.shutdown.clone();
        while shutdown
            .run_until_cancelled(tokio::time::sleep(LOOK))
            .await
            .is_some()
        {
            let told = match self.api.config.get().watchdog.alerts {
                true => reasons(&self.api),
                false => Default::default(),
            };
            let severity = |component: &str| self.severity(component);
            for alert in alarms.look(&told, severity, begun.elapsed(), now()) {
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
        let config = self.api.config.get();
        let mut critical = config.watchdog.critical.iter();
        match critical.any(|glob| glob_matches(glob, component)) {
            true => Severity::Critical,
            false => Severity::Warning,
        }
    }

    /// Hands over as much as the effects worker has room for: it may be waiting
    /// for the very disk that is told of.
    fn record(&self, unrecorded: &mut VecDeque<Alert>) {
        while let Some(alert) = unrecorded.pop_front() {
            let command = EffectsCommand::Operational(alert);
            match self.effects.try_send(command) {
                Ok(()) => {}
                Err(TrySendError::Full(EffectsCommand::Operational(alert))) => {
                    unrecorded.push_front(alert);
                    return;
                }
                Err(_) => {
                    debug!("Weir stops: an alert of its own is not recorded");
                    return;
                }
            }
        }
    }
}
