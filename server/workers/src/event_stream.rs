//! What happens right now, for `/api/v1/stream`, `weir tap` and the demo's screen.
//! Readings cost one comparison per chunk while nobody watches. The last alerts are
//! kept, so that a client that was cut off continues after the last one it received.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::broadcast;
use weir_engine::{Batch, Engine};
use weir_model::{Alert, Timestamp, Value as Reading};

/// Events that wait for a slow watcher, which gets the number of those it missed.
const CAPACITY: usize = 4_096;
/// Alerts that are kept for clients that connect again.
const KEPT_ALERTS: usize = 1_000;

/// One event of the stream, already as text.
#[derive(Clone, Debug)]
pub struct LiveEvent {
    /// `reading`, `alert` or `action`.
    pub kind: &'static str,
    /// Of an alert: its id. Clients that connect again send the last one.
    pub id: Option<Arc<str>>,
    pub device: Arc<str>,
    pub sensor: Arc<str>,
    pub data: Arc<str>,
}

#[derive(Debug)]
pub struct EventStream {
    events: broadcast::Sender<LiveEvent>,
    /// The last alerts, the oldest first. Locked while an alert is sent, so that a new
    /// subscriber gets each alert once.
    alerts: Mutex<VecDeque<LiveEvent>>,
}

impl Default for EventStream {
    fn default() -> Self {
        Self {
            events: broadcast::Sender::new(CAPACITY),
            alerts: Mutex::default(),
        }
    }
}

/// A subscription that continues an earlier one.
#[derive(Debug)]
pub struct Resumed {
    /// The alerts after the last one that the client has; `None` if that is not kept.
    pub alerts: Option<Vec<LiveEvent>>,
    pub events: broadcast::Receiver<LiveEvent>,
}

/// An alert, and when Weir decided it, in milliseconds by its own clock.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LiveAlert<'a> {
    #[serde(flatten)]
    alert: &'a Alert,
    recorded_at: i64,
}

#[derive(Serialize)]
struct LiveReading<'a> {
    time: String,
    device: &'a str,
    sensor: &'a str,
    value: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<&'a str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    location: &'a str,
    #[serde(skip_serializing_if = "String::is_empty")]
    flags: String,
}

impl EventStream {
    pub fn subscribe(&self) -> broadcast::Receiver<LiveEvent> {
        self.events.subscribe()
    }

    /// Subscribes, with the alerts since the one with the id `last`.
    pub fn resume(&self, last: &str) -> Resumed {
        let kept = self.alerts.lock();
        let found = kept
            .iter()
            .position(|event| event.id.as_deref() == Some(last));
        Resumed {
            alerts: found.map(|at| kept.iter().skip(at + 1).cloned().collect()),
            events: self.events.subscribe(),
        }
    }

    /// What an operator did to an alarm: `record` is the alarm afterwards.
    pub fn publish_action(&self, device: &str, sensor: &str, record: &Value) {
        if self.events.receiver_count() > 0 {
            self.send(event("action", device.into(), sensor.into(), record));
        }
    }

    pub(crate) fn publish(&self, engine: &Engine, batch: &Batch, alerts: &[Alert]) {
        if self.events.receiver_count() > 0 {
            self.publish_readings(engine, batch);
        }
        self.publish_alerts(alerts);
    }

    fn publish_readings(&self, engine: &Engine, batch: &Batch) {
        let catalog = engine.catalog();
        for row in &batch.rows.rows {
            let (device, location) = (catalog.device(row.device), catalog.location(row.location));
            for cell in batch.rows.cells_of(row) {
                let column = catalog.column(cell.column);
                let value = match cell.value {
                    Reading::Number(number) => json!(number),
                    Reading::Text(ix) => json!(batch.rows.texts[ix as usize]),
                };
                let reading = LiveReading {
                    time: row.time.to_rfc3339(),
                    device: &device,
                    sensor: &column.sensor,
                    value,
                    unit: column.unit.as_deref(),
                    location: &location,
                    flags: row.flags.names(),
                };
                self.send(event(
                    "reading",
                    device.clone(),
                    column.sensor.clone(),
                    &reading,
                ));
            }
        }
    }

    fn publish_alerts(&self, alerts: &[Alert]) {
        if alerts.is_empty() {
            return;
        }
        let recorded_at = Timestamp::now().millis();
        let mut kept = self.alerts.lock();
        for alert in alerts {
            let live = LiveAlert { alert, recorded_at };
            let live = LiveEvent {
                id: Some(alert.id.as_str().into()),
                ..event(
                    "alert",
                    alert.device_id.as_str().into(),
                    alert.sensor.as_str().into(),
                    &live,
                )
            };
            if kept.len() == KEPT_ALERTS {
                kept.pop_front();
            }
            kept.push_back(live.clone());
            self.send(live);
        }
    }

    fn send(&self, event: LiveEvent) {
        // The last watcher may have gone meanwhile.
        let _ = self.events.send(event);
    }
}

fn event(
    kind: &'static str,
    device: Arc<str>,
    sensor: Arc<str>,
    data: &impl Serialize,
) -> LiveEvent {
    let data = serde_json::to_string(data).expect("an event is plain data");
    LiveEvent {
        kind,
        id: None,
        device,
        sensor,
        data: data.into(),
    }
}

#[cfg(test)]
mod tests {
    use weir_model::{AlertKind, AlertState, Severity};

    use super::*;

    fn alert(id: &str) -> Alert {
        Alert {
            id: id.to_owned(),
            alarm_id: "alarm".to_owned(),
            kind: AlertKind::Alert,
            severity: Severity::Warning,
            state: AlertState::Raised,
            device_id: "pump-1".to_owned(),
            sensor: "temperature".to_owned(),
            value: 91.0,
            threshold: None,
            function: "overheat".to_owned(),
            location: None,
            unit: None,
            timestamp: 1,
            raised_at: 1,
            reason: "hot".to_owned(),
            text: None,
            recorded_at: None,
        }
    }

    #[test]
    fn a_client_continues_after_the_last_alert_that_it_has() {
        let stream = EventStream::default();
        stream.publish_alerts(&[alert("a"), alert("b"), alert("c")]);
        let mut resumed = stream.resume("a");
        let ids = |events: &[LiveEvent]| -> Vec<String> {
            let ids = events.iter().filter_map(|event| event.id.as_deref());
            ids.map(str::to_owned).collect()
        };
        assert_eq!(ids(&resumed.alerts.unwrap()), ["b", "c"]);
        stream.publish_alerts(&[alert("d")]);
        assert_eq!(ids(&[resumed.events.try_recv().unwrap()]), ["d"]);
        assert!(stream.resume("of another process").alerts.is_none());
    }
}
