//! `GET /metrics`: Prometheus text, collected from the counters that the
//! workers keep anyway. [`families`] lists every metric.

mod encode;
mod families;
mod functions;
mod gateways;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::registry::Registry;
use weir_config::RouteCodec;
use weir_model::{ExpiryReason, QuarantineReason};

use self::encode::{Labels, each, one};
use self::families as family;
use crate::api::{Api, Shared};
use crate::problem::Problem;

pub(crate) async fn metrics(State(api): Shared) -> Result<Response, Problem> {
    let mut registry = Registry::with_prefix("weir");
    registry.register_collector(Box::new(Collected(api)));
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).map_err(Problem::internal)?;
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, content_type)], text).into_response())
}

#[derive(Debug)]
struct Collected(Arc<Api>);

impl Collector for Collected {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let api = &self.0;
        let encoder = &mut encoder;
        readings(api, encoder)?;
        pipeline(api, encoder)?;
        journal(api, encoder)?;
        store(api, encoder)?;
        databases(api, encoder)?;
        gateways::ingress(api, encoder)?;
        gateways::reloads(api, encoder)?;
        gateways::modules(api, encoder)?;
        gateways::alarm_channels(api, encoder)?;
        functions::functions(api, encoder)?;
        health(api, encoder)
    }
}

fn readings(api: &Api, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let counts = api.signals.counters.counts();
    let readings = counts.readings();
    one(encoder, &family::READINGS_RECEIVED, readings.received)?;
    let outcome = |outcome: &str, reason: &str, n: u64| -> (Labels<'_>, u64) {
        let outcome = ("outcome", outcome.to_owned());
        (vec![outcome, ("reason", reason.to_owned())], n)
    };
    let mut outcomes = vec![
        outcome("stored", "", readings.stored),
        outcome("deduplicated", "", readings.deduplicated),
    ];
    outcomes.extend(QuarantineReason::ALL.iter().map(|reason| {
        let count = at(&readings.quarantined, reason.index());
        outcome("quarantined", reason.as_str(), count)
    }));
    outcomes.extend(ExpiryReason::ALL.iter().map(|reason| {
        let count = at(&readings.expired, reason.index());
        outcome("expired", reason.as_str(), count)
    }));
    each(encoder, &family::READINGS, outcomes)?;
    one(encoder, &family::READING_CONFLICTS, readings.conflicts)?;
    let absent = RouteCodec::ALL.iter().map(|codec| {
        let labels = vec![("codec", codec.as_str().to_owned())];
        (labels, at(&counts.pipeline.absent, codec.index()))
    });
    each(encoder, &family::READINGS_ABSENT, absent)?;
    let unused = api.signals.unused_times.messages();
    one(encoder, &family::TIMES_UNUSED, unused)?;
    let in_flight = counts.readings_in_flight as f64;
    one(encoder, &family::READINGS_IN_FLIGHT, in_flight)
}

fn pipeline(api: &Api, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let counts = api.signals.counters.counts();
    one(encoder, &family::MESSAGES_CLEARED, counts.pipeline.cleared)?;
    one(
        encoder,
        &family::MESSAGES_PROCESSED,
        counts.pipeline.messages,
    )?;
    let (open, sequences) = {
        let pipeline = api.pipeline.lock();
        (
            pipeline.alarms().active_count(),
            pipeline.engine().sequence_totals(),
        )
    };
    one(encoder, &family::ALARMS_OPEN, open as f64)?;
    one(encoder, &family::SEQUENCE_GAPS, sequences.gaps)?;
    one(encoder, &family::SEQUENCE_MISSING, sequences.missing)?;
    one(encoder, &family::SEQUENCE_REPEATS, sequences.repeats)?;
    one(encoder, &family::SEQUENCE_RESTARTS, sequences.restarts)
}

fn journal(api: &Api, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let status = api.stores.journal.status();
    one(encoder, &family::JOURNAL_APPENDED, status.appended_messages)?;
    one(
        encoder,
        &family::JOURNAL_COMMITTED,
        status.committed_messages,
    )?;
    one(encoder, &family::JOURNAL_COMMITS, status.commits)?;
    one(encoder, &family::JOURNAL_CORRUPT, status.corrupt_records)?;
    let sync_seconds = status.sync_ns as f64 / 1e9;
    one(encoder, &family::JOURNAL_SYNC_SECONDS, sync_seconds)?;
    one(encoder, &family::JOURNAL_BYTES, status.used_bytes as f64)?;
    one(
        encoder,
        &family::JOURNAL_LIMIT_BYTES,
        status.limit_bytes as f64,
    )?;
    let lag = status.consumers.iter().map(|(name, position)| {
        let behind = status.written.0.saturating_sub(position.0) as f64;
        (vec![("consumer", name.clone())], behind)
    });
    each(encoder, &family::JOURNAL_LAG_BYTES, lag)?;
    let stalled = api.watchdog.stalled_seconds().into_iter();
    let stalled = stalled.map(|(name, seconds)| (vec![("consumer", name.to_owned())], seconds));
    each(encoder, &family::CONSUMER_STALLED_SECONDS, stalled)
}

fn store(api: &Api, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let stats = api.stores.series.stats();
    one(encoder, &family::QUERIES_RUNNING, api.sql.running() as f64)?;
    one(encoder, &family::STORE_FILES, stats.files as f64)?;
    one(encoder, &family::STORE_BYTES, stats.bytes as f64)?;
    one(encoder, &family::STORE_BUFFERED, stats.buffered as f64)?;
    one(
        encoder,
        &family::STORE_DAMAGED_FILES,
        stats.damaged_files as f64,
    )?;
    let influx = &api.signals.influx;
    for (family, count) in [
        (&family::INFLUXDB_WRITTEN, &influx.written),
        (&family::INFLUXDB_REFUSED, &influx.refused),
        (&family::INFLUXDB_RETRIES, &influx.retries),
    ] {
        one(encoder, family, count.load(Ordering::Relaxed))?;
    }
    Ok(())
}

/// Without metrics of a database that cannot be read: /readyz reports it.
fn databases(api: &Api, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    if let Ok(pending) = api.stores.alarms.pending_count() {
        one(encoder, &family::ALERTS_PENDING, pending as f64)?;
    }
    let Ok(totals) = api.stores.quarantine.totals() else {
        return Ok(());
    };
    one(encoder, &family::QUARANTINE_ENTRIES, totals.entries as f64)?;
    one(encoder, &family::QUARANTINE_BYTES, totals.bytes as f64)?;
    let by = |reason: &str, count| (vec![("reason", reason.to_owned())], count);
    let expired = [
        by("size", totals.expired.by_size),
        by("age", totals.expired.by_age),
    ];
    each(encoder, &family::QUARANTINE_EXPIRED, expired)
}

fn health(api: &Api, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let uptime = api.started.elapsed().as_secs_f64();
    one(encoder, &family::UPTIME_SECONDS, uptime)?;
    let reasons = api.readiness.reasons();
    one(encoder, &family::READY, u64::from(reasons.is_empty()))?;
    let unhealthy = reasons
        .keys()
        .map(|component| (vec![("component", component.clone())], 1.0));
    each(encoder, &family::UNHEALTHY, unhealthy)
}

fn at(counts: &[u64], ix: usize) -> u64 {
    counts.get(ix).copied().unwrap_or(0)
}
