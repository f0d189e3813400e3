//! `GET /api/v1/devices/{id}/explain?sensor&at&warmup`: of one reading, which
//! functions ran, what they remembered, what they concluded, and which alarms
//! were open after it.
//!
//! What a function remembered before a reading is gone once it has been taken,
//! so it is computed again from what is stored ([`crate::explain`]). For the last
//! reading of a series the memory that Weir has now is shown, and each function
//! whose memory comes out the same to the bit is marked `exact`.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use weir_backtest::explain::{Concluded, Past, recompute, sentence};
use weir_backtest::readings::{Content, Reading, Readings};
use weir_backtest::stored;
use weir_config::parse_duration;
use weir_engine::{Explained, Fact, FactValue, LatestValue};
use weir_model::{Alert, Flags, Severity, Timestamp};

use super::query::{collect, literal, rows};
use super::readings::instant;
use crate::api::{Api, Shared};
use crate::extract::{Path, Query};
use crate::problem::Problem;

/// Readings from which memory is computed, unless the request says otherwise.
const WARMUP: Duration = Duration::from_secs(7 * 24 * 3_600);
/// And no more than so many of the device.
const MAX_READINGS: usize = 200_000;
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

/// The newest stored reading of the series that is not after `at`.
async fn stored_reading(
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
struct History {
    readings: Readings,
    truncated: bool,
}

impl History {
    fn describe(&self, asked: &Asked, warmup: Duration) -> Value {
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
async fn history(
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

const DERIVED: &str = "derived";

/// One function, as it is now (`function`) and as it was at the reading.
fn described(
    function: &Explained,
    past: &Past,
    asked: &Asked,
    sensor: &str,
    unit: Option<&str>,
) -> Value {
    let (before, after) = (
        past.before.get(&function.name),
        past.after.get(&function.name),
    );
    let unseen = unseen(function, asked);
    let concluded = past.conclusions.get(&function.name);
    let concluded = concluded.filter(|_| unseen.is_none());
    let mut document = json!({
        "function": function.name,
        "kind": function.kind,
        "stage": function.stage,
        "settings": facts(&function.settings, unit),
        "ran": concluded.is_some(),
    });
    if concluded.is_some() {
        document["remembered"] = before.map_or(Value::Null, |before| facts(&before.memory, unit));
    }
    if asked.last {
        document["remembers"] = facts(&function.memory, unit);
        let exact = after.is_some_and(|after| after.exact == function.exact);
        document["exact"] = json!(exact && concluded.is_some());
    } else if let Some(after) = after.filter(|_| concluded.is_some()) {
        document["remembers"] = facts(&after.memory, unit);
    }
    match concluded {
        Some(concluded) => document["concluded"] = conclusion(concluded, asked, sensor, unit),
        None => {
            let why = unseen.unwrap_or("it does not look at such a reading");
            document["note"] = json!(why);
        }
    }
    document
}

/// Why the conclusion of the function is missing.
fn unseen(function: &Explained, asked: &Asked) -> Option<&'static str> {
    let has = |flag: Flags| asked.flags.contains(&flag.names());
    match function.kind {
        "absence" => Some("it watches the time that passes, and is not asked about readings"),
        "clock" => Some("it compares with when the reading came, which is not stored"),
        _ if &*function.name == "payload" => {
            Some("the limits that came with the reading are not stored")
        }
        _ if has(Flags::LATE) => {
            Some("the reading came late: only checks that remember nothing looked at it")
        }
        _ if has(Flags::RETAINED) => {
            Some("the message was retained: only checks that remember nothing looked at it")
        }
        _ => None,
    }
}

fn conclusion(concluded: &Concluded, asked: &Asked, sensor: &str, unit: Option<&str>) -> Value {
    let verdict = &concluded.verdict;
    let value = match (&asked.content, unit) {
        (Content::Number(number), Some(unit)) => format!("{number} {unit}"),
        (Content::Number(number), None) => number.to_string(),
        (Content::Text(text), _) => format!("{text:?}"),
        (Content::None, _) => "without a value".to_owned(),
    };
    let mut document = json!({
        "level": verdict.level.map(Severity::as_str),
        "sentence": sentence(sensor, &value, unit, concluded),
        "numbers": verdict.why,
    });
    if let Some(quality) = concluded.quality {
        document["quality"] = json!(quality);
    }
    if !verdict.score.is_nan() {
        document["score"] = json!(verdict.score);
    }
    if !verdict.threshold.is_nan() {
        document["threshold"] = json!({"value": verdict.threshold, "unit": unit});
        document["side"] = json!(verdict.side);
    }
    document
}

fn facts(facts: &[Fact], unit: Option<&str>) -> Value {
    let documents = facts.iter().map(|fact| {
        let value = match &fact.value {
            FactValue::Measure(value) => json!({"value": value, "unit": unit}),
            FactValue::Number(number) => json!(number),
            FactValue::Count(count) => json!(count),
            FactValue::Seconds(seconds) => json!({"value": seconds, "unit": "s"}),
            FactValue::Time(time) => json!(time.to_rfc3339()),
            FactValue::Text(text) => json!(text),
        };
        (fact.name.to_owned(), value)
    });
    Value::Object(documents.collect::<Map<String, Value>>())
}

fn as_json(content: &Content) -> Value {
    match content {
        Content::Number(number) => json!(number),
        Content::Text(text) => json!(text),
        Content::None => Value::Null,
    }
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
