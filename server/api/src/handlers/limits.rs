//! `GET /api/v1/devices/{id}/limits?sensor=`: the limits that a chart draws as lines, of
//! the functions that run on the sensor, and those of readings that raised an alarm.
//! Nothing is computed from stored readings.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};
use weir_alarms::{AlarmFilter, AlarmRecord, AlarmStateFilter};
use weir_engine::{Explained, FactValue};
use weir_notify::AlarmStoreError;

use super::alarms::blocking;
use crate::api::{Api, Shared};
use crate::extract::{Path, Query};
use crate::problem::Problem;

/// The function that takes the limits of readings.
const PAYLOAD: &str = "payload";
/// Open alarms of one device that are looked at.
const MAX_ALARMS: usize = 1_000;
/// Settings that are limits: their severity (`None`: a check) and side.
const LIMITS: [(&str, Option<&str>, &str); 6] = [
    ("critical_high", Some("critical"), "high"),
    ("warning_high", Some("warning"), "high"),
    ("warning_low", Some("warning"), "low"),
    ("critical_low", Some("critical"), "low"),
    ("max", None, "high"),
    ("min", None, "low"),
];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    sensor: String,
}

pub(crate) async fn limits(
    State(api): Shared,
    Path(id): Path<String>,
    Query(params): Query<Params>,
) -> Result<Json<Value>, Problem> {
    let mut limits = configured(&api, &id, &params.sensor)?;
    let of_payload = blocking(move || of_payload(&api, &id, &params.sensor));
    limits.extend(of_payload.await?);
    Ok(Json(Value::Array(limits)))
}

/// Of the functions that run on the sensor.
fn configured(api: &Api, id: &str, sensor: &str) -> Result<Vec<Value>, Problem> {
    let pipeline = api.pipeline.lock();
    let engine = pipeline.engine();
    let device = engine.device_ix(id);
    let device = device.ok_or_else(|| Problem::not_found(format!("there is no device {id:?}")))?;
    let functions = engine.explain(device, sensor).unwrap_or_default();
    let active = functions.iter().filter(|function| function.active);
    Ok(active.flat_map(of_function).collect())
}

/// Limits that come with readings are not kept: those that were crossed are known from
/// the open alarms.
fn of_payload(api: &Api, id: &str, sensor: &str) -> Result<Vec<Value>, AlarmStoreError> {
    let alarms = api.stores.alarms.alarms(&AlarmFilter {
        state: AlarmStateFilter::Open,
        severity: None,
        device: Some(id.to_owned()),
        limit: MAX_ALARMS,
    })?;
    let alerts = alarms.iter().map(AlarmRecord::alert);
    let of_sensor = alerts.filter(|alert| alert.function == PAYLOAD && alert.sensor == sensor);
    let limits = of_sensor.filter_map(|alert| {
        let limit = alert.threshold?;
        let side = if alert.value >= limit { "high" } else { "low" };
        Some(json!({
            "function": PAYLOAD,
            "severity": alert.severity.as_str(),
            "side": side,
            "value": limit,
            "deadband": null,
        }))
    });
    Ok(limits.collect())
}

fn of_function(function: &Explained) -> Vec<Value> {
    let measure = |name: &str| {
        let fact = function.settings.iter().find(|fact| fact.name == name)?;
        match fact.value {
            FactValue::Measure(value) => Some(value),
            _ => None,
        }
    };
    let limits = LIMITS.into_iter().filter_map(|(name, severity, side)| {
        Some(json!({
            "function": function.name,
            "severity": severity,
            "side": side,
            "value": measure(name)?,
            "deadband": measure("deadband"),
        }))
    });
    limits.collect()
}
