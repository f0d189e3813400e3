//! `GET /api/v1/devices/{id}/readings?points=N`: for charts. Weir picks the step, so that
//! a line has at most the points asked for, and answers a column per quantity: a fifth
//! of the bytes of a row per point. Bins begin at whole steps of the clock: of UTC, or of
//! the zone `tz`. `first` and `last` of a bin are left out where bins are made of
//! roll-ups.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use weir_model::Timestamp;

use super::{LocalZone, Step, rollup_of, statement};
use crate::api::Api;
use crate::handlers::query::{collect, rows};
use crate::problem::Problem;

/// Points of one sensor.
const MAX_POINTS: u32 = 10_000;
/// Bins in one answer.
const MAX_BINS: usize = 200_000;
/// The steps to pick from, in seconds.
const STEPS: [u64; 18] = [
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 21_600, 43_200, 86_400,
    604_800,
];

pub(super) struct Asked<'a> {
    pub(super) device: &'a str,
    pub(super) sensors: Option<&'a [&'a str]>,
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    pub(super) zone: Option<LocalZone<'a>>,
    pub(super) points: u32,
}

#[derive(Default)]
struct Columns {
    times: Vec<Value>,
    min: Vec<Value>,
    max: Vec<Value>,
    mean: Vec<Value>,
    first: Vec<Value>,
    last: Vec<Value>,
}

pub(super) async fn answer(api: &Api, asked: Asked<'_>) -> Result<Response, Problem> {
    if !(1..=MAX_POINTS).contains(&asked.points) {
        return Err(Problem::bad_request(format!(
            "points is from 1 to {MAX_POINTS}"
        )));
    }
    let step = step(asked.from, asked.to, asked.points);
    let limit = MAX_BINS.min(api.config.get().query.max_rows);
    let sql = statement(
        asked.device,
        asked.sensors,
        asked.from,
        asked.to,
        Some(Step {
            length: step,
            zone: asked.zone,
        }),
        limit,
        true,
    );
    let bins = rows(&collect(api, &sql).await?)?;
    let is_truncated = bins.len() == limit;
    let has_ends = rollup_of(Step {
        length: step,
        zone: asked.zone,
    })
    .is_none();
    let mut columns: BTreeMap<String, Columns> = BTreeMap::new();
    for sensor in asked.sensors.unwrap_or_default() {
        columns.entry((*sensor).to_owned()).or_default();
    }
    for mut bin in bins {
        let Some(sensor) = bin["sensor"].as_str().map(str::to_owned) else {
            continue;
        };
        let time = bin["time"].as_str().and_then(Timestamp::parse_rfc3339);
        let of = columns.entry(sensor).or_default();
        of.times.push(json!(time.map(Timestamp::millis)));
        of.min.push(bin["min"].take());
        of.max.push(bin["max"].take());
        of.mean.push(bin["mean"].take());
        if has_ends {
            of.first.push(bin["first"].take());
            of.last.push(bin["last"].take());
        }
    }
    let sensors = columns.into_iter().map(|(sensor, columns)| {
        let mut document = json!({
            "unit": unit(api, asked.device, &sensor),
            "t": columns.times,
            "min": columns.min,
            "max": columns.max,
            "mean": columns.mean,
        });
        if has_ends {
            document["first"] = Value::Array(columns.first);
            document["last"] = Value::Array(columns.last);
        }
        (sensor, document)
    });
    let sensors: Map<String, Value> = sensors.collect();
    Ok(Json(json!({
        "device": asked.device,
        "from": asked.from.to_rfc3339(),
        "to": asked.to.to_rfc3339(),
        "step": format!("{}s", step.as_secs()),
        "truncated": is_truncated,
        "sensors": sensors,
    }))
    .into_response())
}

/// The shortest step with which a line has at most `points` points.
fn step(from: Timestamp, to: Timestamp, points: u32) -> Duration {
    let nanos = u64::try_from(to.0.saturating_sub(from.0)).unwrap_or(0);
    let least = nanos.div_ceil(1_000_000_000).div_ceil(u64::from(points));
    let known = STEPS.into_iter().find(|step| *step >= least);
    // Beyond the list: whole weeks.
    let last = STEPS[STEPS.len() - 1];
    Duration::from_secs(known.unwrap_or_else(|| least.div_ceil(last) * last))
}

/// The unit of the sensor's latest reading.
fn unit(api: &Api, device: &str, sensor: &str) -> Option<String> {
    let pipeline = api.pipeline.lock();
    let device = pipeline.engine().device_ix(device)?;
    let latest = pipeline.engine().latest_of(device, sensor)?;
    latest.unit.as_deref().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_no_more_points_than_asked_for() {
        let hours = |hours: i64| Timestamp(hours * 3_600 * Timestamp::NANOS_PER_SECOND);
        for (range, points, expect) in [
            (1, 900, 5),
            (1, 3_600, 1),
            (1, 10_000, 1),
            (24, 900, 120),
            (24 * 365, 900, 43_200),
            (24 * 365 * 100, 100, 32_054_400),
        ] {
            let step = step(Timestamp(0), hours(range), points).as_secs();
            assert_eq!(step, expect, "{range} h, {points} points");
            assert!(range as u64 * 3_600 <= step * u64::from(points));
        }
        assert_eq!(step(hours(2), hours(1), 10).as_secs(), 1);
    }
}
