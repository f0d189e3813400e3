//! What happens right now, for `/api/v1/stream`, `weir tap` and the demo's screen.
//! It costs one comparison per chunk while nobody watches.

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::broadcast;
use weir_engine::{Batch, Engine};
use weir_model::{Alert, Value as Reading};

/// Events that wait for a slow watcher, which gets the number of those it missed.
const CAPACITY: usize = 4_096;

/// One event of the stream, already as text.
#[derive(Clone, Debug)]
pub struct LiveEvent {
    /// `reading` or `alert`.
    pub kind: &'static str,
    pub device: Arc<str>,
    pub sensor: Arc<str>,
    pub data: Arc<str>,
}

#[derive(Debug)]
pub struct EventStream(broadcast::Sender<LiveEvent>);

impl Default for EventStream {
    fn default() -> Self {
        Self(broadcast::Sender::new(CAPACITY))
    }
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
        self.0.subscribe()
    }

    pub(crate) fn publish(&self, engine: &Engine, batch: &Batch, alerts: &[Alert]) {
        if self.0.receiver_count() == 0 {
            return;
        }
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
                self.send("reading", device.clone(), column.sensor.clone(), &reading);
            }
        }
        for alert in alerts {
            self.send(
                "alert",
                (*alert.device_id).into(),
                (*alert.sensor).into(),
                alert,
            );
        }
    }

    fn send(&self, kind: &'static str, device: Arc<str>, sensor: Arc<str>, data: &impl Serialize) {
        let data = serde_json::to_string(data)
            .expect("an event is plain data")
            .into();
        // The last watcher may have gone meanwhile.
        let _ = self.0.send(LiveEvent {
            kind,
            device,
            sensor,
            data,
        });
    }
}
