//! A schedule: `{"weir": "tick"}`, with the planned `time` if the schedule fills it in.

use serde_json::Value;
use weir_model::Timestamp;

use super::{Call, Event, Source, text};

pub(super) fn is_one(event: &Value) -> bool {
    text(event, &["weir"]) == Some("tick")
}

pub(super) fn open(event: &Value, call: &Call<'_>) -> Event {
    let time = text(event, &["time"]).and_then(Timestamp::parse_rfc3339);
    Event {
        source: Source::Tick {
            time: time.unwrap_or(call.now),
        },
        messages: Vec::new(),
    }
}
