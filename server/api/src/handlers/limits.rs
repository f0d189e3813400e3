//! `GET /api/v1/devices/{id}/limits?sensor=`: the limits that a chart draws as lines, of
//! the functions that run on the sensor. Nothing is computed from stored readings.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};
use weir_engine::{Explained, FactValue};

use crate::api::Shared;
use crate::extract::{Path, Query};
use crate::problem::Problem;

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
    let pipeline = api.pipeline.lock();
    let engine = pipeline.engine();
    let device = engine.device_ix(&id);
    let device = device.ok_or_else(|| Problem::not_found(format!("there is no device {id:?}")))?;
    let functions = engine.explain(device, &params.sensor).unwrap_or_default();
    let active = functions.iter().filter(|function| function.active);
    let limits: Vec<Value> = active.flat_map(of_function).collect();
    Ok(Json(Value::Array(limits)))
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
