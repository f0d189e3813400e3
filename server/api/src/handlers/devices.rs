//! `GET /api/v1/devices` and `/api/v1/devices/{id}`: the fleet, one device.

use axum::Json;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use serde_json::{Value, json};
use weir_engine::DeviceSummary;
use weir_model::{DeviceIx, Timestamp};
use weir_pipeline::{Pipeline, json_value};

use crate::api::Shared;
use crate::problem::Problem;

const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 10_000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    limit: Option<usize>,
    /// Devices before it are left out: the `next` of the page before.
    after: Option<usize>,
}

pub(crate) async fn list(
    State(api): Shared,
    Query(params): Query<Params>,
) -> Result<Json<Value>, Problem> {
    let limit = params.limit.unwrap_or(DEFAULT_LIMIT).min(MAX_LIMIT);
    let after = params.after.unwrap_or(0);
    let pipeline = api.pipeline.lock();
    let total = pipeline.engine().catalog().devices().len();
    let end = after.saturating_add(limit).min(total);
    let devices: Vec<Value> = (after..end)
        .map(|ix| summary(&pipeline, DeviceIx(ix as u32)))
        .collect();
    let next = (end < total).then_some(end);
    Ok(Json(
        json!({"total": total, "devices": devices, "next": next}),
    ))
}

pub(crate) async fn one(
    State(api): Shared,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let pipeline = api.pipeline.lock();
    let device = pipeline
        .engine()
        .device_ix(&id)
        .ok_or_else(|| Problem::not_found(format!("there is no device {id:?}")))?;
    let mut document = summary(&pipeline, device);
    let latest: serde_json::Map<String, Value> = pipeline
        .engine()
        .latest(device)
        .into_iter()
        .map(|latest| {
            let reading = json!({
                "value": json_value(&latest.value),
                "unit": latest.unit,
                "time": latest.time.to_rfc3339(),
                "flags": latest.flags.names(),
            });
            (latest.sensor.to_string(), reading)
        })
        .collect();
    let alerts: Vec<_> = pipeline.alarms().active(device).cloned().collect();
    let sequence = pipeline.engine().sequence_counts(device);
    if sequence.seen > 0 {
        document["sequence"] = json!({
            "seen": sequence.seen,
            "gaps": sequence.gaps,
            "missing": sequence.missing,
            "repeats": sequence.repeats,
            "restarts": sequence.restarts,
        });
    }
    document["latest"] = Value::Object(latest);
    document["alarms"] = json!(alerts);
    Ok(Json(document))
}

fn summary(pipeline: &Pipeline, device: DeviceIx) -> Value {
    let DeviceSummary {
        last_seen,
        last_time,
        series,
        readings,
        location,
    } = pipeline.engine().device_summary(device);
    json!({
        "id": pipeline.engine().catalog().device(device),
        "location": location,
        "lastSeen": last_seen.map(Timestamp::to_rfc3339),
        "lastTime": last_time.map(Timestamp::to_rfc3339),
        "sensors": series,
        "readings": readings,
        "openAlarms": pipeline.alarms().active(device).count(),
    })
}
