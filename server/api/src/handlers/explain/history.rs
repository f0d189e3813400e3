//! The stored readings behind an explanation: the one that is asked about, and those
//! before it.

use std::time::Duration;

use serde_json::{Value, json};
use weir_backtest::readings::{Content, Reading, Readings};
use weir_backtest::stored;
use weir_model::Timestamp;

use super::Asked;
use crate::api::Api;
use crate::handlers::query::{collect, literal, rows};
use crate::problem::Problem;

/// Readings of the device that are read at most.
const MAX_READINGS: usize = 200_000;
const DERIVED: &str = "derived";

/// The newest stored reading of the series that is not after `at`.
pub(super) async fn stored_reading(
    api: &Api,
    device: &str,
    sensor: &str,
    at: Timestamp,
) -> Result<Asked, Problem> {
    let of = |condition: String, order: &str| {
        format!(
            "SELECT time, value, text, unit, location, quality, flags FROM readings \
             WHERE device = {} AND sensor = {}{condition} ORDER BY time{order} LIMIT 1",
            literal(device),
            literal(sensor)
        )
    };
    let until = format!(" AND time <= '{}'", at.to_rfc3339());
    let found = rows(&collect(api, &of(until, " DESC")).await?)?;
    let Some(row) = found.first() else {
        let first = rows(&collect(api, &of(String::new(), "")).await?)?;
        let first = first.first().and_then(|row| row["time"].as_str());
        return Err(Problem::not_found(format!(
            "{device:?} has no reading of {sensor:?} at {at} or before; {}",
            first.map_or_else(
                || "none is stored now".to_owned(),
                |first| format!("the first that is stored is of {first}")
            )
        )));
    };
    let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
    let time = row["time"].as_str().and_then(Timestamp::parse_rfc3339);
    Ok(Asked {
        time: time.ok_or_else(|| Problem::internal("a stored reading has no time"))?,
        content: match (row["value"].as_f64(), row["text"].as_str()) {
            (Some(number), _) => Content::Number(number),
            (None, Some(text)) => Content::Text(text.into()),
            (None, None) => Content::None,
        },
        unit: text("unit"),
        location: text("location"),
        flags: text("flags"),
        quality: text("quality"),
        last: false,
    })
}

/// The device's readings up to the one that is asked about, by time.
pub(super) struct History {
    pub(super) readings: Readings,
    truncated: bool,
}

impl History {
    pub(super) fn describe(&self, asked: &Asked, warmup: Duration) -> Value {
        let from = self.readings.rows.first().map(|reading| reading.time);
        let note = if asked.last {
            "settings and remembers are what Weir has now; remembered and concluded are computed \
             again from so many stored readings, and are what happened where exact is true"
        } else {
            "computed from so many stored readings under the functions of now: what a function \
             had learnt before them is not in it"
        };
        json!({
            "window": format!("{}s", warmup.as_secs()),
            "from": from.map(Timestamp::to_rfc3339),
            "readings": self.readings.rows.len(),
            "truncated": self.truncated,
            "note": note,
        })
    }
}

/// What functions learnt from: not what came late, or was retained, or was
/// computed by functions, which happens again.
pub(super) async fn history(
    api: &Api,
    device: &str,
    sensor: &str,
    asked: &Asked,
    warmup: Duration,
) -> Result<History, Problem> {
    let warmup_ns = i64::try_from(warmup.as_nanos()).unwrap_or(i64::MAX);
    let from = asked.time.saturating_add_nanos(-warmup_ns);
    let limit = MAX_READINGS.min(api.config.get().query.max_rows);
    let sql = format!(
        "SELECT time, device, sensor, value, text, unit, location FROM readings \
         WHERE device = {} AND time >= '{}' AND time <= '{}' AND flags NOT LIKE '%late%' \
         AND flags NOT LIKE '%retained%' AND flags NOT LIKE '%derived%' \
         ORDER BY time DESC LIMIT {limit}",
        literal(device),
        from.to_rfc3339(),
        asked.time.to_rfc3339(),
    );
    let mut readings = Readings::default();
    stored::take(&collect(api, &sql).await?, &mut readings).map_err(Problem::internal)?;
    let truncated = readings.rows.len() == limit;
    readings.rows.sort_by_key(|reading| reading.time);
    if asked.last && !asked.flags.contains(DERIVED) {
        // The store may be a moment behind.
        let [device, sensor, unit, location] =
            [device, sensor, asked.unit.as_str(), asked.location.as_str()]
                .map(|name| readings.intern(name));
        let stored = readings.rows.iter().rev();
        let mut stored = stored.take_while(|reading| reading.time == asked.time);
        if !stored.any(|reading| reading.sensor == sensor) {
            readings.rows.push(Reading {
                time: asked.time,
                device,
                sensor,
                unit,
                location,
                content: asked.content.clone(),
            });
        }
    }
    Ok(History {
        readings,
        truncated,
    })
}
