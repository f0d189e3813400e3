//! `GET /api/v1/system`: Weir itself, for the page: what `/metrics` has of the journal,
//! consumers, stores, listeners and reloads, as JSON.

use std::sync::atomic::Ordering;

use axum::Json;
use axum::extract::State;
use serde_json::{Map, Value, json};
use weir_workers::RefusalProblem;

use super::alarms::blocking;
use super::flow::ready_document;
use crate::api::{Api, Shared};
use crate::problem::Problem;

pub(crate) async fn system(State(api): Shared) -> Result<Json<Value>, Problem> {
    let document = blocking(move || {
        Ok(json!({
            "version": env!("CARGO_PKG_VERSION"),
            // Set where the release is built.
            "commit": option_env!("WEIR_COMMIT"),
            "uptimeSeconds": api.started.elapsed().as_secs_f64(),
            "dataDir": api.process.data_dir,
            "addresses": api.process.addresses,
            "ready": ready_document(&api),
            "journal": journal(&api),
            "consumers": consumers(&api),
            "store": store(&api),
            "influxdb": influxdb(&api),
            "quarantine": quarantine(&api),
            "broker": broker(&api),
            "sources": sources(&api),
            "http": {"refusedRequests": api.admission.refusals.count()},
            "sequence": sequence(&api),
            "alertsPending": api.stores.alarms.pending_count().ok(),
            "reloads": reloads(&api),
        }))
    });
    Ok(Json(document.await?))
}

fn journal(api: &Api) -> Value {
    let status = api.stores.journal.status();
    json!({
        "bytes": status.used_bytes,
        "limitBytes": status.limit_bytes,
        "appendedMessages": status.appended_messages,
        "committedMessages": status.committed_messages,
        "commits": status.commits,
        "syncSeconds": status.sync_ns as f64 / 1e9,
        "corruptRecords": status.corrupt_records,
    })
}

fn consumers(api: &Api) -> Vec<Value> {
    let status = api.stores.journal.status();
    let stalled: Vec<(String, f64)> = api
        .watchdog
        .stalled_seconds()
        .into_iter()
        .map(|(name, seconds)| (name.to_string(), seconds))
        .collect();
    let consumers = status.consumers.iter().map(|(name, position)| {
        let seconds = stalled.iter().find(|(stalled, _)| stalled == name);
        json!({
            "name": name,
            "lagBytes": status.written.0.saturating_sub(position.0),
            "stalledSeconds": seconds.map_or(0.0, |(_, seconds)| *seconds),
        })
    });
    consumers.collect()
}

fn store(api: &Api) -> Value {
    let stats = api.stores.series.stats();
    json!({
        "files": stats.files,
        "bytes": stats.bytes,
        "bufferedReadings": stats.buffered,
        "damagedFiles": stats.damaged_files,
        "queriesRunning": api.sql.running(),
    })
}

/// `null` without `[influxdb]`.
fn influxdb(api: &Api) -> Value {
    let stats = &api.signals.influx;
    if api.config.get().influxdb.is_none() {
        return Value::Null;
    }
    json!({
        "writtenReadings": stats.written.load(Ordering::Relaxed),
        "refusedReadings": stats.refused.load(Ordering::Relaxed),
        "retries": stats.retries.load(Ordering::Relaxed),
    })
}

/// `null` where the database cannot be read: `ready` has the reason.
fn quarantine(api: &Api) -> Value {
    let totals = api.stores.quarantine.totals().ok();
    totals.map_or(
        Value::Null,
        |totals| json!({"entries": totals.entries, "bytes": totals.bytes}),
    )
}

fn broker(api: &Api) -> Value {
    api.gateways.broker.as_ref().map_or(Value::Null, |broker| {
        let status = broker.status();
        json!({
            "connections": status.connections,
            "receivedMessages": status.received,
            "refusedLogins": status.refused_logins,
            "refusedPublishes": status.refused_publishes,
            "refusedSubscribes": status.refused_subscribes,
        })
    })
}

fn sources(api: &Api) -> Vec<Value> {
    let connections = api.gateways.sources.iter();
    let connections = connections.flat_map(|source| source.status().connections);
    let documents = connections.map(|connection| {
        json!({
            "connection": connection.client_id,
            "connected": connection.connected,
            "receivedMessages": connection.received,
            "acknowledgedMessages": connection.acknowledged,
        })
    });
    documents.collect()
}

fn sequence(api: &Api) -> Value {
    let totals = api.pipeline.lock().engine().sequence_totals();
    json!({
        "gaps": totals.gaps,
        "missing": totals.missing,
        "repeats": totals.repeats,
        "restarts": totals.restarts,
    })
}

fn reloads(api: &Api) -> Value {
    let counts = api.reloads.counts();
    let mut document: Map<String, Value> = counts
        .map(|(outcome, count)| {
            let name = if outcome == "needs_restart" {
                "needsRestart"
            } else {
                outcome
            };
            (name.to_owned(), json!(count))
        })
        .collect();
    let since = api.reloads.last_success();
    document.insert("inForceSince".to_owned(), json!(since.millis()));
    let refused = api.reloads.refused();
    let refused = refused.map(|refusal| {
        let problems = refusal.problems.iter();
        let problem = |problem: &RefusalProblem| json!({"line": problem.line, "key": problem.key, "message": problem.message});
        json!({
            "at": refusal.at.to_rfc3339(),
            "problems": problems.map(problem).collect::<Vec<_>>(),
        })
    });
    document.insert("refused".to_owned(), json!(refused));
    Value::Object(document)
}
