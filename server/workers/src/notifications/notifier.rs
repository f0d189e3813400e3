//! Sends alerts to every publisher at once. It writes to no disk: an alert leaves
//! while the journal still syncs. Deliveries are reported to the recorder, which
//! removes them from the outbox.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::SyncSender;

use tracing::{debug, warn};
use weir_ingest::{Publication, PublishError, Publisher};
use weir_model::Alert;
use weir_notify::AlarmStore;

use crate::recorder_command::RecorderCommand;

#[derive(Clone, Debug)]
pub(crate) struct Notifier {
    publishers: Arc<[Arc<dyn Publisher>]>,
    alarms: Arc<AlarmStore>,
    recorder: SyncSender<RecorderCommand>,
}

impl Notifier {
    pub(crate) fn new(
        publishers: Arc<[Arc<dyn Publisher>]>,
        alarms: Arc<AlarmStore>,
        recorder: SyncSender<RecorderCommand>,
    ) -> Self {
        Self {
            publishers,
            alarms,
            recorder,
        }
    }

    /// As [`Self::publish`], unless somebody has shelved it, or it is the clear of an
    /// alarm that may latch: then the alarm store decides.
    pub(crate) fn publish_unless_withheld(&self, alert: &Alert) {
        if !self.alarms.is_withheld(alert) {
            self.publish(alert);
        }
    }

    /// Hands the alert to every publisher. When all have delivered it, the recorder
    /// gets its id; a publisher that is full leaves it in the outbox, from where it
    /// is sent again.
    pub(crate) fn publish(&self, alert: &Alert) {
        let publication = publication(alert);
        let missing = Arc::new(AtomicUsize::new(self.publishers.len()));
        for publisher in self.publishers.iter() {
            let (missing, recorder, id) =
                (missing.clone(), self.recorder.clone(), alert.id.clone());
            let delivered = move || {
                if missing.fetch_sub(1, Ordering::AcqRel) == 1 {
                    // A full queue only means that the outbox sends it once more.
                    let _ = recorder.try_send(RecorderCommand::Delivered(id));
                }
            };
            match publisher.publish(publication.clone(), Some(Box::new(delivered))) {
                Ok(()) => {}
                Err(error @ PublishError::Closed) => {
                    debug!(alert_id = alert.id, %error, "alert stays in the outbox");
                }
                Err(error) => warn!(alert_id = alert.id, %error, "alert stays in the outbox"),
            }
        }
    }
}

/// An alert as subscribers get it.
pub fn publication(alert: &Alert) -> Publication {
    Publication {
        topic: alert.topic(),
        payload: serde_json::to_vec(alert)
            .expect("an alert is plain data")
            .into(),
        qos: 1,
        retain: false,
    }
}
