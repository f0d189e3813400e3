//! `GET /api/v1/devices/{id}/readings?sensor&from&to&step&format`: one device's
//! series for a chart, raw or as minimum, maximum and mean per step; as JSON or CSV.

use std::fmt::Write as _;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;
use weir_config::parse_duration;
use weir_model::{Timestamp, check_device};
use weir_store::Parameters;

use super::encode::Format;
use super::query::{collect, literal, rows, run};
use super::{Problem, Shared};
use crate::store_worker::now;

/// Points in one answer.
const MAX_POINTS: usize = 10_000;
/// What `from` defaults to: this long before `to`.
const DEFAULT_RANGE_NS: i64 = 3_600 * Timestamp::NANOS_PER_SECOND;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    sensor: Option<String>,
    from: Option<String>,
    to: Option<String>,
    step: Option<String>,
    format: Option<String>,
}

pub(super) async fn readings(
    State(api): Shared,
    Path(device): Path<String>,
    Query(params): Query<Params>,
) -> Result<Response, Problem> {
    if check_device(&device).is_err() || api.core.lock().engine.device_ix(&device).is_none() {
        return Err(Problem::not_found(format!("there is no device {device:?}")));
    }
    let to = instant("to", params.to.as_deref())?.unwrap_or_else(|| now().saturating_add_nanos(1));
    let from = instant("from", params.from.as_deref())?
        .unwrap_or_else(|| to.saturating_add_nanos(-DEFAULT_RANGE_NS));
    let step = params.step.as_deref().map(step).transpose()?;
    let sql = statement(&device, params.sensor.as_deref(), from, to, step);
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
        "truncated": points.len() == MAX_POINTS,
        "readings": points,
    }));
    Ok(answer.into_response())
}

fn statement(
    device: &str,
    sensor: Option<&str>,
    from: Timestamp,
    to: Timestamp,
    step: Option<Duration>,
) -> String {
    let mut filter = format!(
        "device = {} AND time >= '{}' AND time < '{}'",
        literal(device),
        from.to_rfc3339(),
        to.to_rfc3339()
    );
    if let Some(sensor) = sensor {
        let _ = write!(filter, " AND sensor = {}", literal(sensor));
    }
    match step {
        None => format!(
            "SELECT time, sensor, value, text, unit, quality FROM readings WHERE {filter} \
             ORDER BY time, sensor LIMIT {MAX_POINTS}"
        ),
        Some(step) => format!(
            "SELECT date_bin(INTERVAL '{} milliseconds', time) AS time, sensor, \
             min(value) AS min, max(value) AS max, avg(value) AS mean, count(value) AS count \
             FROM readings WHERE {filter} AND value IS NOT NULL \
             GROUP BY 1, 2 ORDER BY 1, 2 LIMIT {MAX_POINTS}",
            step.as_millis()
        ),
    }
}

/// RFC 3339 or milliseconds since the epoch.
fn instant(name: &str, text: Option<&str>) -> Result<Option<Timestamp>, Problem> {
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
