//! `weir decode`: what messages become and why, one after the other, through the engine
//! of a configuration. Nothing is stored.

use serde_json::{Map, Value, json};
use weir_config::{Config, Route, RouteCodec, TopicPattern};
use weir_engine::{Batch, Engine};
use weir_model::{Message, Position, Value as Cell};

/// Decodes messages in their order, with the memory of the engine.
#[derive(Debug)]
pub struct Decoding {
    engine: Engine,
    batch: Batch,
    position: u64,
}

impl Decoding {
    pub fn new(config: &Config) -> Self {
        Self {
            engine: Engine::new(config),
            batch: Batch::default(),
            position: 0,
        }
    }

    /// What one message becomes: `device`, `readings`, `quarantined` and `other`.
    pub fn decode(&mut self, message: &Message<'_>) -> Value {
        self.batch.clear();
        let position = Position(self.position);
        self.position += 1;
        self.engine.on_message(position, message, &mut self.batch);
        let is_refused = self.batch.quarantined.iter().any(|q| q.reading.is_none());
        let decoded = if is_refused {
            weir_engine::DecodedMessage::default()
        } else {
            self.engine.last_decoded(message)
        };
        let device = decoded.device;
        let quarantined: Vec<Value> = self
            .batch
            .quarantined
            .iter()
            .map(|entry| {
                json!({
                    "reason": entry.reason.as_str(),
                    "reading": entry.reading,
                    "detail": entry.detail,
                })
            })
            .collect();
        let mut other = Map::new();
        if let Some(kind) = decoded.kind {
            other.insert("kind".to_owned(), json!(kind));
        }
        if !decoded.attributes.is_empty() {
            let attributes = decoded.attributes.iter();
            let attributes: Map<String, Value> = attributes
                .map(|(name, value)| ((*name).to_owned(), json!(value)))
                .collect();
            other.insert("attributes".to_owned(), Value::Object(attributes));
        }
        if let Some(sequence) = decoded.sequence {
            other.insert("sequence".to_owned(), json!(sequence));
        }
        if decoded.absent > 0 {
            other.insert("absent".to_owned(), json!(decoded.absent));
        }
        if decoded.is_simulated {
            other.insert("flags".to_owned(), json!(["simulated"]));
        }
        json!({
            "device": device,
            "readings": self.readings(message, device),
            "quarantined": quarantined,
            "other": other,
        })
    }

    fn readings(&self, message: &Message<'_>, device: Option<&str>) -> Vec<Value> {
        let catalog = self.engine.catalog();
        let rows = &self.batch.rows;
        let mut readings = Vec::new();
        for row in &rows.rows {
            let of = catalog.device(row.device);
            let location = catalog.location(row.location);
            for cell in rows.cells_of(row) {
                let column = catalog.column(cell.column);
                let mut reading = Map::new();
                reading.insert("sensor".to_owned(), json!(&*column.sensor));
                match cell.value {
                    Cell::Number(value) => reading.insert("value".to_owned(), json!(value)),
                    Cell::Text(at) => {
                        reading.insert("text".to_owned(), json!(rows.texts[at as usize]))
                    }
                };
                if let Some(unit) = column.unit.as_deref() {
                    reading.insert("unit".to_owned(), json!(unit));
                }
                if row.time != message.received {
                    reading.insert("time_ms".to_owned(), json!(row.time.millis()));
                    if row.time.0 % 1_000_000 != 0 {
                        let nanos = row.time.0.to_string();
                        reading.insert("time_ns".to_owned(), json!(nanos));
                    }
                }
                if !location.is_empty() {
                    reading.insert("location".to_owned(), json!(&*location));
                }
                if device != Some(&*of) {
                    reading.insert("device".to_owned(), json!(&*of));
                }
                if row.flags.is_suspect() {
                    reading.insert("quality".to_owned(), json!("suspect"));
                }
                readings.push(Value::Object(reading));
            }
        }
        readings
    }
}

/// A configuration that decodes this topic by this codec.
pub fn with_codec(mut config: Config, codec: RouteCodec, topic: Option<&str>) -> Config {
    config.routes = Route::of_codec(codec).collect();
    let is_usual = |topic: &str| config.routes.iter().any(|route| route.topic.matches(topic));
    if let Some(topic) = topic
        && !is_usual(topic)
        && let Ok(topic) = TopicPattern::parse(&pattern(topic, codec))
    {
        config.routes = vec![Route {
            topic,
            codec,
            ..Route::default()
        }];
    }
    config
}

/// A pattern for one topic: the codecs that need names get them of its levels.
fn pattern(topic: &str, codec: RouteCodec) -> String {
    if codec.names_devices() {
        // The format has its names behind a base.
        let base = topic.split('/').next().unwrap_or(topic);
        return format!("{base}/#");
    }
    let mut levels: Vec<&str> = topic.split('/').collect();
    let last = levels.len() - 1;
    match codec {
        RouteCodec::Value if last > 0 => {
            levels[last] = "{sensor}";
            levels[last - 1] = "{device}";
        }
        RouteCodec::Json if topic.starts_with("devices/") && last > 0 => levels[1] = "{device}",
        _ => levels[last] = "{device}",
    }
    levels.join("/")
}

#[cfg(test)]
mod tests;
