//! `GET /api/v1/devices/{id}/readings?sensor&from&to&step&tz&format`: one device's
//! series for a chart, raw or as minimum, maximum and mean per step; as JSON or CSV.
//! With `tz` steps begin by the clock of that time zone. With `points` Weir picks the
//! step, and answers in columns: `readings/columns.rs`.

mod columns;

use std::fmt::Write as _;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;
use weir_config::parse_duration;
use weir_model::{Timestamp, check_device};
use weir_sql::{Parameters, Zone};

use super::query::{collect, literal, rows, run};
use crate::api::Shared;
use crate::encode::Format;
use crate::extract::{Path, Query};
use crate::problem::Problem;

/// Points in one answer.
const MAX_POINTS: usize = 10_000;
/// The tables of roll-ups and their steps, the longest first.
const ROLLUPS: [(&str, i64); 2] = [
    ("readings_1h", 3_600 * Timestamp::NANOS_PER_SECOND),
    ("readings_1m", 60 * Timestamp::NANOS_PER_SECOND),
];
/// What `from` defaults to: this long before `to`.
const DEFAULT_RANGE_NS: i64 = 3_600 * Timestamp::NANOS_PER_SECOND;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    sensor: Option<String>,
    from: Option<String>,
    to: Option<String>,
    step: Option<String>,
    /// The time zone whose days the steps divide.
    tz: Option<String>,
    /// Points per sensor: Weir picks the step.
    points: Option<u32>,
    format: Option<String>,
}

pub(crate) async fn readings(
    State(api): Shared,
    Path(device): Path<String>,
    Query(params): Query<Params>,
) -> Result<Response, Problem> {
    if check_device(&device).is_err() || api.pipeline.lock().engine().device_ix(&device).is_none() {
        return Err(Problem::not_found(format!("there is no device {device:?}")));
    }
    let to = instant("to", params.to.as_deref())?
        .unwrap_or_else(|| Timestamp::now().saturating_add_nanos(1));
    let from = instant("from", params.from.as_deref())?
        .unwrap_or_else(|| to.saturating_add_nanos(-DEFAULT_RANGE_NS));
    let sensors = params.sensor.as_deref();
    let sensors = sensors.map(|text| text.split(',').collect::<Vec<_>>());
    let zone = params.tz.as_deref().map(|name| zone(name, from, to));
    let zone = zone.transpose()?;
    if zone.is_some() && params.step.is_none() && params.points.is_none() {
        return Err(Problem::bad_request("tz goes with step or points"));
    }
    if let Some(points) = params.points {
        if params.step.is_some() || params.format.is_some() {
            return Err(Problem::bad_request(
                "points goes without step and without format",
            ));
        }
        let asked = columns::Asked {
            device: &device,
            sensors: sensors.as_deref(),
            from,
            to,
            zone,
            points,
        };
        return columns::answer(&api, asked).await;
    }
    let step = params.step.as_deref().map(step).transpose()?;
    let step = step.map(|length| Step { length, zone });
    let sql = statement(
        &device,
        sensors.as_deref(),
        from,
        to,
        step,
        MAX_POINTS,
        false,
    );
    match params.format.as_deref() {
        None | Some("json") => {}
        Some("csv") => return run(&api, &sql, &Parameters::None, Format::Csv).await,
        Some(other) => {
            return Err(Problem::bad_request(format!(
                "format={other:?} is neither json nor csv"
            )));
        }
    }
    let points = rows(&collect(&api, &sql).await?)?;
    let answer = Json(json!({
        "device": device,
        "sensor": params.sensor,
        "from": from.to_rfc3339(),
        "to": to.to_rfc3339(),
        "step": params.step,
        "tz": params.tz,
        "truncated": points.len() == MAX_POINTS,
        "readings": points,
    }));
    Ok(answer.into_response())
}

/// Steps of a chart.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step<'a> {
    pub(super) length: Duration,
    pub(super) zone: Option<LocalZone<'a>>,
}

/// The zone by whose clock steps begin.
#[derive(Clone, Copy, Debug)]
pub(super) struct LocalZone<'a> {
    name: &'a str,
    /// Whether hours there begin with hours of UTC.
    whole_hours: bool,
}

pub(super) fn statement(
    device: &str,
    sensors: Option<&[&str]>,
    from: Timestamp,
    to: Timestamp,
    step: Option<Step<'_>>,
    limit: usize,
    with_ends: bool,
) -> String {
    let mut filter = format!(
        "device = {} AND time >= '{}' AND time < '{}'",
        literal(device),
        from.to_rfc3339(),
        to.to_rfc3339()
    );
    match sensors {
        None => {}
        Some([sensor]) => {
            let _ = write!(filter, " AND sensor = {}", literal(sensor));
        }
        Some(sensors) => {
            let sensors: Vec<_> = sensors.iter().map(|sensor| literal(sensor)).collect();
            let _ = write!(filter, " AND sensor IN ({})", sensors.join(", "));
        }
    }
    let Some(step) = step else {
        return format!(
            "SELECT time, sensor, value, text, unit, quality FROM readings WHERE {filter} \
             ORDER BY time, sensor LIMIT {limit}"
        );
    };
    // Roll-ups have no first and no last value.
    let ends = if with_ends && rollup_of(step).is_none() {
        "first_value(low ORDER BY time) AS first, last_value(low ORDER BY time) AS last, "
    } else {
        ""
    };
    let time = match step.zone {
        None => "time".to_owned(),
        Some(zone) => format!("time AT TIME ZONE {}", literal(zone.name)),
    };
    format!(
        "SELECT date_bin(INTERVAL '{} milliseconds', {time}) AS time, sensor, \
         min(low) AS min, max(high) AS max, sum(total) / sum(readings) AS mean, {ends}\
         CAST(sum(readings) AS bigint) AS count FROM ({}) \
         GROUP BY 1, 2 ORDER BY 1, 2 LIMIT {limit}",
        step.length.as_millis(),
        summed(&filter, from, to, step)
    )
}

/// What the points of a chart are made of: the roll-ups where the step is whole
/// hours or minutes, and readings at the ends, where the range cuts one.
fn summed(filter: &str, from: Timestamp, to: Timestamp, step: Step<'_>) -> String {
    let of_readings = |condition: &str| {
        format!(
            "SELECT time, sensor, value AS low, value AS high, value AS total, \
             CAST(1 AS double) AS readings \
             FROM readings WHERE {filter}{condition} AND value IS NOT NULL"
        )
    };
    let Some((table, nanos)) = rollup_of(step) else {
        return of_readings("");
    };
    let begin = Timestamp(from.0.div_euclid(nanos) + i64::from(from.0.rem_euclid(nanos) > 0));
    let (begin, end) = (
        Timestamp(begin.0.saturating_mul(nanos)),
        Timestamp(to.0.div_euclid(nanos).saturating_mul(nanos)),
    );
    if begin >= end {
        return of_readings("");
    }
    let (begin, end) = (begin.to_rfc3339(), end.to_rfc3339());
    format!(
        "{} UNION ALL {} UNION ALL \
         SELECT time, sensor, min AS low, max AS high, mean * count AS total, \
         CAST(count AS double) AS readings \
         FROM {table} WHERE {filter} AND time >= '{begin}' AND time < '{end}'",
        of_readings(&format!(" AND time < '{begin}'")),
        of_readings(&format!(" AND time >= '{end}'")),
    )
}

/// The roll-up that a step is made of: a table, and its step in nanoseconds.
fn rollup_of(step: Step<'_>) -> Option<(&'static str, i64)> {
    let whole_hours = step.zone.is_none_or(|zone| zone.whole_hours);
    let whole = |(table, nanos): &(&str, i64)| {
        (whole_hours || *table != ROLLUPS[0].0)
            && step.length.as_nanos().is_multiple_of(*nanos as u128)
    };
    ROLLUPS.into_iter().find(whole)
}

fn zone(name: &str, from: Timestamp, to: Timestamp) -> Result<LocalZone<'_>, Problem> {
    let Some(zone) = Zone::parse(name) else {
        return Err(Problem::bad_request(format!(
            "tz={name:?} is not a time zone such as Europe/Brussels"
        )));
    };
    let whole_hours = zone.has_whole_hours(from.0, to.0);
    Ok(LocalZone { name, whole_hours })
}

/// RFC 3339 or milliseconds since the epoch.
pub(crate) fn instant(name: &str, text: Option<&str>) -> Result<Option<Timestamp>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let millis = || text.parse().ok().and_then(Timestamp::from_millis);
    Timestamp::parse_rfc3339(text)
        .or_else(millis)
        .map(Some)
        .ok_or_else(|| {
            Problem::bad_request(format!(
                "{name}={text:?} is neither an RFC 3339 time nor milliseconds since 1970"
            ))
        })
}

fn step(text: &str) -> Result<Duration, Problem> {
    match parse_duration(text) {
        Some(step) if step >= Duration::from_millis(1) => Ok(step),
        _ => Err(Problem::bad_request(format!(
            "step={text:?} is not a duration of at least 1ms, such as 10s, 5m or 1h"
        ))),
    }
}
