//! `GET /api/v1/overview`: what the first view of the page shows, in one answer.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::State;
use axum::{Extension, Json};
use serde_json::{Value, json};
use weir_auth::Identity;
use weir_model::{AlertState, Severity, Timestamp};
use weir_notify::{AlarmStoreError, Transition};

use super::alarm_list::Listed;
use super::alarms::blocking;
use super::flow::{flow_document, ready_document};
use super::{fleet, whoami};
use crate::api::{Api, Shared};
use crate::problem::Problem;

/// The most urgent alarms, and the latest transitions.
const SHOWN: usize = 20;
/// From so many open alarms on they are grouped by function too.
const FLOOD: usize = 30;
/// Up to so many devices the mosaic is part of the answer.
const SMALL_FLEET: usize = 800;
const MINUTE_MS: i64 = 60_000;
const MINUTES: usize = 60;
/// Transitions of the last hour that are looked at.
const MAX_TRANSITIONS: usize = 50_000;

pub(crate) async fn overview(
    State(api): Shared,
    Extension(identity): Extension<Identity>,
) -> Result<Json<Value>, Problem> {
    let answer = blocking(move || {
        let mut document = document(&api, Timestamp::now().millis())?;
        document["whoami"] = whoami::document(&api, &identity);
        Ok(document)
    });
    Ok(Json(answer.await?))
}

fn document(api: &Api, now: i64) -> Result<Value, AlarmStoreError> {
    let (devices, listed) = fleet::devices(api)?;
    let mut fleet = json!({
        "total": devices.len(),
        "silent": devices.iter().filter(|device| device.is_silent).count(),
        "states": fleet::counts(devices.iter()),
    });
    if devices.len() <= SMALL_FLEET {
        fleet["mosaic"] = fleet::mosaic(&devices);
    }
    let begin = (now.div_euclid(MINUTE_MS) - MINUTES as i64 + 1) * MINUTE_MS;
    let mut seen = 0;
    let latest = api.stores.alarms.latest_transitions(|transition| {
        seen += 1;
        seen <= SHOWN || (transition.time() >= begin && seen <= MAX_TRANSITIONS)
    })?;
    Ok(json!({
        "flow": flow_document(api),
        "alarms": summary(api, &listed),
        "devices": fleet,
        "ready": ready_document(api),
        "hour": hour(&latest, begin),
        "recent": latest.iter().take(SHOWN).collect::<Vec<_>>(),
    }))
}

/// `listed` by need.
fn summary(api: &Api, listed: &[Listed]) -> Value {
    let open: Vec<&Listed> = listed.iter().filter(|alarm| alarm.is_open()).collect();
    let active: Vec<&Listed> = open
        .iter()
        .copied()
        .filter(|alarm| !alarm.is_suppressed())
        .collect();
    let critical = active.iter().filter(|alarm| alarm.is_critical()).count();
    let asking = active
        .iter()
        .filter(|alarm| alarm.needs_acknowledgement())
        .count();
    let worst = active.iter().take(SHOWN);
    let worst: Vec<Value> = worst.map(|alarm| alarm.document(api)).collect();
    let mut summary = json!({
        "critical": critical,
        "warning": active.len() - critical,
        "unacknowledged": asking,
        "held": open.len() - active.len(),
        "worst": worst,
    });
    if active.len() >= FLOOD {
        summary["byFunction"] = json!(by_function(&active));
    }
    summary
}

/// Which functions raised the alarms, in the order of their most urgent one.
fn by_function(active: &[&Listed]) -> Vec<Value> {
    let mut groups: BTreeMap<(&str, Severity), Vec<&Listed>> = BTreeMap::new();
    for alarm in active {
        let key = (alarm.record.function.as_str(), alarm.record.severity);
        groups.entry(key).or_default().push(alarm);
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by(|(_, a), (_, b)| a[0].by_need(b[0]));
    let documents = groups.into_iter().map(|((function, severity), alarms)| {
        let locations: BTreeSet<_> = alarms.iter().map(|alarm| &alarm.record.location).collect();
        let newest = alarms.iter().map(|alarm| alarm.record.raised_at).max();
        let asking = alarms.iter().filter(|alarm| alarm.needs_acknowledgement());
        let example = &alarms[0].record;
        json!({
            "function": function,
            "severity": severity,
            "open": alarms.len(),
            "unacknowledged": asking.count(),
            "locations": locations.len(),
            "newest": newest,
            "example": {
                "alarmId": example.alarm_id,
                "deviceId": example.device_id,
                "reason": example.reason,
            },
        })
    });
    documents.collect()
}

/// Alarms raised per minute, the oldest minute first.
fn hour(latest: &[Transition], begin: i64) -> Vec<Value> {
    let mut minutes = [(0u32, 0u32); MINUTES];
    let raised = latest
        .iter()
        .filter(|transition| transition.alert.state == AlertState::Raised);
    for transition in raised {
        let minute = (transition.time() - begin).div_euclid(MINUTE_MS);
        let minute = usize::try_from(minute).ok();
        let Some(count) = minute.and_then(|minute| minutes.get_mut(minute)) else {
            continue;
        };
        match transition.alert.severity {
            Severity::Critical => count.0 += 1,
            Severity::Warning => count.1 += 1,
        }
    }
    let minutes = minutes.iter().enumerate();
    minutes
        .map(|(n, (critical, warning))| {
            let minute = begin + n as i64 * MINUTE_MS;
            json!({"minute": minute, "critical": critical, "warning": warning})
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use weir_alarms::Lifecycle;
    use weir_model::{Alert, AlertKind};

    use super::super::alarm_list::tests::listed;
    use super::*;

    fn raised(recorded_at: i64, severity: Severity) -> Transition {
        let record = listed("a/1", severity, Lifecycle::Unacknowledged).record;
        let alert = Alert {
            kind: AlertKind::Alert,
            // The device's clock is wrong.
            timestamp: i64::MAX,
            ..record.alert()
        };
        Transition {
            alert,
            recorded_at: Some(recorded_at),
        }
    }

    #[test]
    fn alarms_are_counted_in_the_minute_in_which_weir_recorded_them() {
        let begin = 120 * MINUTE_MS;
        let minutes = hour(
            &[
                raised(begin - 1, Severity::Critical),
                raised(begin, Severity::Critical),
                raised(begin + MINUTE_MS - 1, Severity::Warning),
                raised(begin + 59 * MINUTE_MS, Severity::Warning),
                raised(begin + 60 * MINUTE_MS, Severity::Warning),
            ],
            begin,
        );
        assert_eq!(minutes.len(), 60);
        assert_eq!(
            minutes[0],
            json!({"minute": begin, "critical": 1, "warning": 1})
        );
        assert_eq!(minutes[59]["warning"], 1);
        let all: u64 = minutes.iter().filter_map(|m| m["warning"].as_u64()).sum();
        assert_eq!(all, 2);
    }

    #[test]
    fn a_flood_is_grouped_by_function() {
        let alarms = [
            listed("a/1", Severity::Warning, Lifecycle::Unacknowledged),
            listed("b/2", Severity::Critical, Lifecycle::Acknowledged),
            listed("c/3", Severity::Warning, Lifecycle::Acknowledged),
        ];
        let mut active: Vec<&Listed> = alarms.iter().collect();
        active.sort_by(|a, b| a.by_need(b));
        let groups = by_function(&active);
        assert_eq!(groups[0]["severity"], "WARNING");
        assert_eq!(
            (&groups[0]["open"], &groups[0]["unacknowledged"]),
            (&json!(2), &json!(1))
        );
        assert_eq!(groups[1]["example"]["alarmId"], "b/2");
    }
}
