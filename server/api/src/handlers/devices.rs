//! `GET /api/v1/devices`, `…/mosaic` and `…/{id}`: the fleet, one device.

use std::cmp::{Ordering, Reverse};

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};
use weir_pipeline::json_value;

use super::alarm_list::{split_sort, words};
use super::alarms::blocking;
use super::fleet::{self, Device, DeviceState};
use crate::api::Shared;
use crate::extract::{Path, Query};
use crate::problem::Problem;

const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 10_000;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    /// Words that the id or the location contain.
    q: Option<String>,
    state: Option<DeviceState>,
    location: Option<String>,
    sort: Option<String>,
    limit: Option<usize>,
    /// Devices before it are left out: the `next` of the page before.
    after: Option<usize>,
}

type Compare = fn(&Device, &Device) -> Ordering;

/// The order that `sort` names, and whether it is reversed.
fn order(sort: Option<&str>) -> Result<Option<(Compare, bool)>, Problem> {
    let Some(sort) = sort else { return Ok(None) };
    let (name, is_reversed) = split_sort(sort);
    let compare: Compare = match name {
        "state" => |a, b| (a.state, &a.id).cmp(&(b.state, &b.id)),
        "id" => |a, b| a.id.cmp(&b.id),
        "location" => |a, b| (a.location(), &a.id).cmp(&(b.location(), &b.id)),
        "seen" => |a, b| (a.summary.last_seen, &a.id).cmp(&(b.summary.last_seen, &b.id)),
        "sensors" => {
            |a, b| (Reverse(a.summary.series), &a.id).cmp(&(Reverse(b.summary.series), &b.id))
        }
        "readings" => {
            |a, b| (Reverse(a.summary.readings), &a.id).cmp(&(Reverse(b.summary.readings), &b.id))
        }
        "alarms" => |a, b| (Reverse(a.open_alarms), &a.id).cmp(&(Reverse(b.open_alarms), &b.id)),
        other => {
            return Err(Problem::bad_request(format!(
                "devices have no order {other:?}; there are state, id, location, seen, sensors, \
                 readings, alarms, each also with - in front"
            )));
        }
    };
    Ok(Some((compare, is_reversed)))
}

pub(crate) async fn list(
    State(api): Shared,
    Query(params): Query<Params>,
) -> Result<Json<Value>, Problem> {
    let order = order(params.sort.as_deref())?;
    let page = blocking(move || {
        let (devices, _) = fleet::devices(&api)?;
        Ok(page(&devices, &params, order))
    });
    Ok(Json(page.await?))
}

fn page(devices: &[Device], params: &Params, order: Option<(Compare, bool)>) -> Value {
    let words = words(params.q.as_deref());
    let fits = |device: &&Device| {
        let wanted = params.location.as_deref();
        if wanted.is_some_and(|wanted| wanted != device.location()) {
            return false;
        }
        if words.is_empty() {
            return true;
        }
        let text = format!("{} {}", device.id, device.location()).to_lowercase();
        words.iter().all(|word| text.contains(word.as_str()))
    };
    let mut found: Vec<&Device> = devices.iter().filter(fits).collect();
    let counts = fleet::counts(found.iter().copied());
    found.retain(|device| params.state.is_none_or(|state| state == device.state));
    if let Some((compare, is_reversed)) = order {
        found.sort_by(|a, b| {
            let order = compare(a, b);
            if is_reversed { order.reverse() } else { order }
        });
    }
    let total = found.len();
    let limit = params.limit.unwrap_or(DEFAULT_LIMIT).min(MAX_LIMIT);
    let after = params.after.unwrap_or(0).min(total);
    let end = after.saturating_add(limit).min(total);
    let page = found[after..end].iter();
    let page: Vec<Value> = page.map(|device| device.document()).collect();
    json!({
        "total": total,
        "devices": page,
        "next": (end < total && end > after).then_some(end),
        "counts": counts,
        "locations": fleet::locations(devices),
    })
}

/// `GET /api/v1/devices/mosaic`: every device in a few bytes.
pub(crate) async fn mosaic(State(api): Shared) -> Result<Json<Value>, Problem> {
    let mosaic = blocking(move || {
        let (devices, _) = fleet::devices(&api)?;
        Ok(fleet::mosaic(&devices))
    });
    Ok(Json(mosaic.await?))
}

pub(crate) async fn one(
    State(api): Shared,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let not_found = || Problem::not_found(format!("there is no device {id:?}"));
    let (shared, name) = (api.clone(), id.clone());
    let found = blocking(move || fleet::device(&shared, &name)).await?;
    let mut document = found.ok_or_else(not_found)?.document();
    let pipeline = api.pipeline.lock();
    let device = pipeline.engine().device_ix(&id).ok_or_else(not_found)?;
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
