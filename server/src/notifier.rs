//! Sends alerts to every outlet at once. It writes to no disk: an alert leaves
//! while the journal still syncs. What was delivered is told to the effects
//! worker, which takes it out of the outbox.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::SyncSender;

use tracing::{debug, warn};
use weir_alerts::AlarmStore;
use weir_ingest::{Outlet, OutletError, Publication};
use weir_model::Alert;

use crate::effects_worker::EffectsCommand;

#[derive(Clone, Debug)]
pub(crate) struct Notifier {
    outlets: Arc<[Arc<dyn Outlet>]>,
    alarms: Arc<AlarmStore>,
    effects: SyncSender<EffectsCommand>,
}

impl Notifier {
    pub(crate) fn new(
        outlets: Arc<[Arc<dyn Outlet>]>,
        alarms: Arc<AlarmStore>,
        effects: SyncSender<EffectsCommand>,
    ) -> Self {
        Self {
            outlets,
            alarms,
            effects,
        }
    }

    /// As [`Self::publish`], unless somebody has shelved it, or it is the clear of an
    /// alarm that may latch: then the alarm store decides.
    pub(crate) fn publish_unless_withheld(&self, alert: &Alert) {
        if !self.alarms.is_withheld(alert) {
            self.publish(alert);
        }
    }

    /// Hands the alert to every outlet. When all have delivered it, the effects
    /// worker hears its id; an outlet that is full leaves it in the outbox,
    /// from where it is sent again.
    pub(crate) fn publish(&self, alert: &Alert) {
        let publication = publication(alert);
        let missing = Arc::new(AtomicUsize::new(self.outlets.len()));
        for outlet in self.outlets.iter() {
            let (missing, effects, id) = (missing.clone(), self.effects.clone(), alert.id.clone());
            let delivered = move || {
                if missing.fetch_sub(1, Ordering::AcqRel) == 1 {
                    // A full queue only means that the outbox sends it once more.
                    let _ = effects.try_send(EffectsCommand::Delivered(id));
                }
            };
            match outlet.publish(publication.clone(), Some(Box::new(delivered))) {
                Ok(()) => {}
                Err(error @ OutletError::Closed) => {
                    debug!(alert_id = alert.id, %error, "alert stays in the outbox");
                }
                Err(error) => warn!(alert_id = alert.id, %error, "alert stays in the outbox"),
            }
        }
    }
}

/// An alert as subscribers get it.
pub(crate) fn publication(alert: &Alert) -> Publication {
    Publication {
        topic: alert.topic(),
        payload: serde_json::to_vec(alert)
            .expect("an alert is plain data")
            .into(),
        qos: 1,
        retain: false,
    }
}
