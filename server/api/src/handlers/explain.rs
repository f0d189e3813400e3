//! `GET /api/v1/devices/{id}/explain?sensor&at&warmup`: of one reading, which
//! functions ran, what they remembered, what they concluded, and which alarms
//! were open after it.
//!
//! What a function remembered before a reading is gone once it has been taken,
//! so it is computed again from what is stored ([`crate::explain`]). For the last
//! reading of a series the memory that Weir has now is shown, and each function
//! whose memory comes out the same to the bit is marked `exact`.

mod described;
mod history;

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};
use weir_backtest::explain::recompute;
use weir_backtest::readings::Content;
use weir_config::parse_duration;
use weir_engine::{Explained, LatestValue};
use weir_model::{Alert, Timestamp};

use self::described::{as_json, described, facts};
use self::history::{history, stored_reading};
use super::readings::instant;
use crate::api::{Api, Shared};
use crate::extract::{Path, Query};
use crate::problem::Problem;

/// Readings from which memory is computed, unless the request says otherwise.
const WARMUP: Duration = Duration::from_secs(7 * 24 * 3_600);
/// The sensor of alarms about a device as a whole.
const DEVICE_SENSOR: &str = "presence";
/// Sensors that an error names.
const NAMED: usize = 20;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    sensor: Option<String>,
    at: Option<String>,
    warmup: Option<String>,
}

/// The reading that is asked about.
struct Asked {
    time: Timestamp,
    content: Content,
    unit: String,
    location: String,
    flags: String,
    quality: String,
    /// It is the last of its series that functions have seen.
    last: bool,
}

/// What the pipeline knows of the series now.
struct Known {
    asked: Asked,
    functions: Vec<Explained>,
    open: Vec<Alert>,
}

pub(crate) async fn explain(
    State(api): Shared,
    Path(device): Path<String>,
    Query(params): Query<Params>,
) -> Result<Json<Value>, Problem> {
    let at = whole_millisecond(params.at.as_deref())?;
    let warmup = warmup(params.warmup.as_deref())?;
    if let Some(sensor) = params.sensor.as_deref()
        && let Some(made_up) = of_the_device(&api, &device, sensor)
    {
        return Ok(Json(made_up));
    }
    let Known {
        asked: latest,
        functions,
        open,
    } = known(&api, &device, params.sensor.as_deref())?;
    let sensor = params.sensor.unwrap_or_default();
    let asked = match at {
        Some(at) if at < latest.time => stored_reading(&api, &device, &sensor, at).await?,
        _ => latest,
    };
    let place = api.admission.explanations.acquire().await;
    let _place = place.map_err(Problem::internal)?;
    let history = history(&api, &device, &sensor, &asked, warmup).await?;
    let basis = history.describe(&asked, warmup);
    let (config, id, name, time) = (api.config.get(), device.clone(), sensor.clone(), asked.time);
    let work = tokio::task::spawn_blocking(move || {
        recompute(&config, &id, &history.readings, &name, time)
    });
    let past = work.await.map_err(Problem::internal)?;

    let unit = Some(asked.unit.as_str()).filter(|unit| !unit.is_empty());
    let functions = functions.iter().filter(|function| function.active);
    let functions: Vec<Value> = functions
        .map(|function| described(function, &past, &asked, &sensor, unit))
        .collect();
    let alarms = if asked.last { &open } else { &past.open };
    let alarms: Vec<&Alert> = alarms
        .iter()
        .filter(|alert| alert.sensor == sensor)
        .collect();
    Ok(Json(json!({
        "device": device,
        "sensor": sensor,
        "reading": {
            "time": asked.time.to_rfc3339(),
            "value": as_json(&asked.content),
            "unit": unit,
            "location": Some(&asked.location).filter(|text| !text.is_empty()),
            "quality": asked.quality,
            "flags": asked.flags,
        },
        "basis": if asked.last { "live" } else { "recomputed" },
        "warmup": basis,
        "functions": functions,
        "alarms": alarms,
    })))
}

/// Alerts have times in milliseconds, and readings in nanoseconds: a time without more
/// digits than milliseconds stands for all of its millisecond.
fn whole_millisecond(text: Option<&str>) -> Result<Option<Timestamp>, Problem> {
    const REST: i64 = 999_999;
    let at = instant("at", text)?;
    Ok(at.map(|at| match at.0.rem_euclid(REST + 1) {
        0 => at.saturating_add_nanos(REST),
        _ => at,
    }))
}

/// The sensor of functions that watch a device as a whole, such as `absence`: it has no
/// readings. `None`: the sensor is another one.
fn of_the_device(api: &Api, device: &str, sensor: &str) -> Option<Value> {
    if sensor != DEVICE_SENSOR {
        return None;
    }
    let pipeline = api.pipeline.lock();
    let engine = pipeline.engine();
    let ix = engine.device_ix(device)?;
    if engine.latest_of(ix, sensor).is_some() {
        return None;
    }
    let functions = engine.explain(ix, "")?;
    let functions = functions.iter().filter(|function| function.active);
    let functions: Vec<Value> = functions
        .map(|function| {
            json!({
                "function": function.name,
                "kind": function.kind,
                "stage": function.stage,
                "settings": facts(&function.settings, None),
                "remembers": facts(&function.memory, None),
                "ran": false,
                "note": "it watches the time that passes, and is not asked about readings",
            })
        })
        .collect();
    let alarms: Vec<&Alert> = pipeline
        .alarms()
        .active(ix)
        .filter(|alert| alert.sensor == sensor)
        .collect();
    Some(json!({
        "device": device,
        "sensor": sensor,
        "reading": null,
        "lastSeen": engine.last_seen(ix).map(Timestamp::to_rfc3339),
        "basis": "live",
        "warmup": {
            "window": "0s",
            "from": null,
            "readings": 0,
            "truncated": false,
            "note": "settings and remembers are what Weir has now",
        },
        "functions": functions,
        "alarms": alarms,
    }))
}

fn warmup(text: Option<&str>) -> Result<Duration, Problem> {
    let Some(text) = text else { return Ok(WARMUP) };
    parse_duration(text).ok_or_else(|| {
        Problem::bad_request(format!(
            "warmup={text:?} is not a duration, such as 6h or 30d"
        ))
    })
}

/// The last reading, and what is remembered after it.
fn known(api: &Api, device: &str, sensor: Option<&str>) -> Result<Known, Problem> {
    let pipeline = api.pipeline.lock();
    let ix = pipeline.engine().device_ix(device);
    let ix = ix.ok_or_else(|| Problem::not_found(format!("there is no device {device:?}")))?;
    let sensors = || {
        let names = pipeline.engine().sensors(ix);
        let more = if names.len() > NAMED { ", …" } else { "" };
        let names: Vec<&str> = names.iter().take(NAMED).map(|name| &**name).collect();
        format!("it has: {}{more}", names.join(", "))
    };
    let Some(sensor) = sensor else {
        let detail = format!("say which sensor of {device:?}, ?sensor=…; {}", sensors());
        return Err(Problem::bad_request(detail));
    };
    let unknown = || {
        let detail = format!("{device:?} has no readings of {sensor:?}; {}", sensors());
        Problem::not_found(detail)
    };
    let latest = pipeline.engine().latest(ix).into_iter();
    let latest = latest.into_iter().find(|latest| *latest.sensor == *sensor);
    let latest = latest.ok_or_else(unknown)?;
    let functions = pipeline.engine().explain(ix, sensor).ok_or_else(unknown)?;
    let location = pipeline.engine().device_summary(ix).location;
    let suspect = latest.flags.is_suspect();
    Ok(Known {
        asked: Asked {
            time: latest.time,
            content: match latest.value {
                LatestValue::Number(number) => Content::Number(number),
                LatestValue::Text(text) => Content::Text((*text).into()),
            },
            unit: latest.unit.as_deref().unwrap_or_default().to_owned(),
            location: location.as_deref().unwrap_or_default().to_owned(),
            flags: latest.flags.names(),
            quality: if suspect { "suspect" } else { "good" }.to_owned(),
            last: true,
        },
        functions,
        open: pipeline.alarms().active(ix).cloned().collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_in_milliseconds_stands_for_the_whole_millisecond() {
        let at = |text: &str| whole_millisecond(Some(text)).unwrap().unwrap().0;
        assert_eq!(at("1700000000123"), 1_700_000_000_123_999_999);
        assert_eq!(at("2023-11-14T22:13:20.123Z"), 1_700_000_000_123_999_999);
        assert_eq!(at("2023-11-14T22:13:20.1234Z"), 1_700_000_000_123_400_000);
        assert!(whole_millisecond(None).unwrap().is_none());
        assert!(whole_millisecond(Some("yesterday")).is_err());
    }
}
