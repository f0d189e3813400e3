//! `GET /metrics`: Prometheus text, collected from the counters that the
//! workers keep anyway.

mod functions;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use weir_config::RouteCodec;
use weir_model::{ExpiryReason, QuarantineReason};
use weir_workers::ChannelStatus;

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

type Labels<'a> = Vec<(&'a str, String)>;

impl Collector for Collected {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let api = &self.0;
        flow(api, &mut encoder)?;
        journal(api, &mut encoder)?;
        store(api, &mut encoder)?;
        databases(api, &mut encoder)?;
        ingress(api, &mut encoder)?;
        reloads(api, &mut encoder)?;
        modules(api, &mut encoder)?;
        alarm_channels(api, &mut encoder)?;
        functions::functions(api, &mut encoder)?;
        let uptime = api.started.elapsed().as_secs_f64();
        gauge(
            &mut encoder,
            "uptime_seconds",
            "Since the start of the process",
            uptime,
        )?;
        let reasons = api.readiness.reasons();
        gauge(
            &mut encoder,
            "ready",
            "1 when nothing is wrong",
            f64::from(reasons.is_empty()),
        )?;
        let unhealthy = reasons
            .keys()
            .map(|component| (vec![("component", component.clone())], 1.0));
        gauges(
            &mut encoder,
            "unhealthy",
            "Components that /readyz reports as unhealthy",
            unhealthy,
        )
    }
}

fn flow(api: &Api, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let counts = api.signals.counters.counts();
    let readings = counts.readings();
    let mut outcomes: Vec<(Labels<'_>, u64)> = Vec::new();
    let mut add = |outcome: &str, reason: &str, n: u64| {
        outcomes.push((
            vec![
                ("outcome", outcome.to_owned()),
                ("reason", reason.to_owned()),
            ],
            n,
        ));
    };
    add("stored", "", readings.stored);
    add("deduplicated", "", readings.deduplicated);
    for reason in QuarantineReason::ALL {
        add(
            "quarantined",
            reason.as_str(),
            at(&readings.quarantined, reason.index()),
        );
    }
    for reason in ExpiryReason::ALL {
        add(
            "expired",
            reason.as_str(),
            at(&readings.expired, reason.index()),
        );
    }
    counter(
        encoder,
        "readings_received",
        "Readings decoded",
        readings.received,
    )?;
    counters(encoder, "readings", "Readings by outcome", outcomes)?;
    counter(
        encoder,
        "reading_conflicts",
        "Values replaced at the same key",
        readings.conflicts,
    )?;
    let absent = RouteCodec::ALL.iter().map(|codec| {
        let labels = vec![("codec", codec.as_str().to_owned())];
        (labels, at(&counts.pipeline.absent, codec.index()))
    });
    counters(
        encoder,
        "readings_absent",
        "Values that said nothing, such as null",
        absent.collect(),
    )?;
    counter(
        encoder,
        "messages_cleared",
        "Empty messages that delete a retained message",
        counts.pipeline.cleared,
    )?;
    counter(
        encoder,
        "times_unused",
        "Messages since the start with a member that looks like their time and is not used",
        api.signals.unused_times.messages(),
    )?;
    let in_flight = counts.readings_in_flight as f64;
    gauge(
        encoder,
        "readings_in_flight",
        "Readings on the way to the store",
        in_flight,
    )?;
    counter(
        encoder,
        "messages_processed",
        "Messages processed",
        counts.pipeline.messages,
    )?;
    let (open, sequences) = {
        let pipeline = api.pipeline.lock();
        (
            pipeline.alarms().active_count(),
            pipeline.engine().sequence_totals(),
        )
    };
    gauge(
        encoder,
        "alarms_open",
        "Alarms that are raised and not cleared",
        open as f64,
    )?;
    for (name, help, value) in [
        (
            "sequence_gaps",
            "Gaps detected in device sequence numbers",
            sequences.gaps,
        ),
        (
            "sequence_missing",
            "Sequence numbers missing in the gaps",
            sequences.missing,
        ),
        (
            "sequence_repeats",
            "Sequence numbers received again or late",
            sequences.repeats,
        ),
        (
            "sequence_restarts",
            "Device sequence counters that were reset",
            sequences.restarts,
        ),
    ] {
        counter(encoder, name, help, value)?;
    }
    Ok(())
}

fn journal(api: &Api, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let status = api.stores.journal.status();
    counter(
        encoder,
        "journal_appended_messages",
        "Messages appended",
        status.appended_messages,
    )?;
    counter(
        encoder,
        "journal_committed_messages",
        "Messages durable",
        status.committed_messages,
    )?;
    counter(
        encoder,
        "journal_commits",
        "Groups committed",
        status.commits,
    )?;
    counter(
        encoder,
        "journal_corrupt_records",
        "Damaged records found",
        status.corrupt_records,
    )?;
    let seconds = status.sync_ns as f64 / 1e9;
    let sync = ConstCounter::new(seconds);
    let help = "Time spent in fdatasync";
    let descriptor =
        encoder.encode_descriptor("journal_sync_seconds", help, None, sync.metric_type())?;
    sync.encode(descriptor)?;
    gauge(
        encoder,
        "journal_bytes",
        "Bytes of all segments",
        status.used_bytes as f64,
    )?;
    gauge(
        encoder,
        "journal_limit_bytes",
        "Size limit of the journal",
        status.limit_bytes as f64,
    )?;
    let lag = status.consumers.iter().map(|(name, position)| {
        let behind = status.written.0.saturating_sub(position.0) as f64;
        (vec![("consumer", name.clone())], behind)
    });
    gauges(
        encoder,
        "journal_consumer_lag_bytes",
        "Bytes that a consumer has not released",
        lag,
    )?;
    let stalled = api.watchdog.stalled_seconds().into_iter();
    gauges(
        encoder,
        "consumer_stalled_seconds",
        "How long a consumer with records to read has not advanced; 0 unless stalled",
        stalled.map(|(name, seconds)| (vec![("consumer", name.to_owned())], seconds)),
    )
}

fn store(api: &Api, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let stats = api.stores.series.stats();
    gauge(
        encoder,
        "queries_running",
        "Queries in progress",
        api.sql.running() as f64,
    )?;
    gauge(encoder, "store_files", "Parquet files", stats.files as f64)?;
    gauge(
        encoder,
        "store_bytes",
        "Bytes of the Parquet files",
        stats.bytes as f64,
    )?;
    gauge(
        encoder,
        "store_buffered_readings",
        "Readings in memory",
        stats.buffered as f64,
    )?;
    gauge(
        encoder,
        "store_damaged_files",
        "Damaged files, quarantined",
        stats.damaged_files as f64,
    )?;
    let influx = &api.signals.influx;
    for (name, help, count) in [
        (
            "influxdb_written_readings",
            "Readings written to InfluxDB",
            &influx.written,
        ),
        (
            "influxdb_refused_readings",
            "Readings rejected by InfluxDB, quarantined",
            &influx.refused,
        ),
        (
            "influxdb_retries",
            "Batches that had to be written to InfluxDB again",
            &influx.retries,
        ),
    ] {
        counter(encoder, name, help, count.load(Ordering::Relaxed))?;
    }
    Ok(())
}

/// Without metrics of a database that cannot be read: /readyz reports it.
fn databases(api: &Api, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    if let Ok(pending) = api.stores.alarms.pending_count() {
        gauge(
            encoder,
            "alerts_pending",
            "Alerts that a publisher has not confirmed",
            pending as f64,
        )?;
    }
    let Ok(totals) = api.stores.quarantine.totals() else {
        return Ok(());
    };
    gauge(
        encoder,
        "quarantine_entries",
        "Entries in the quarantine",
        totals.entries as f64,
    )?;
    gauge(
        encoder,
        "quarantine_bytes",
        "Bytes of the entries in the quarantine",
        totals.bytes as f64,
    )?;
    let by = |reason: &str, count| (vec![("reason", reason.to_owned())], count);
    let expired = vec![
        by("size", totals.expired.by_size),
        by("age", totals.expired.by_age),
    ];
    counters(
        encoder,
        "quarantine_expired_entries",
        "Entries removed because of their number, size or age",
        expired,
    )
}

fn ingress(api: &Api, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    if let Some(broker) = &api.gateways.broker {
        let status = broker.status();
        gauge(
            encoder,
            "broker_connections",
            "MQTT connections",
            status.connections as f64,
        )?;
        counter(
            encoder,
            "broker_received_messages",
            "Messages journaled",
            status.received,
        )?;
        counter(
            encoder,
            "broker_refused_publishes",
            "Publishes refused",
            status.refused_publishes,
        )?;
        counter(
            encoder,
            "broker_refused_logins",
            "Connections refused for their credentials or client id",
            status.refused_logins,
        )?;
        counter(
            encoder,
            "broker_refused_subscribes",
            "Subscriptions refused",
            status.refused_subscribes,
        )?;
    }
    counter(
        encoder,
        "http_refused_requests",
        "HTTP requests refused for their credentials or rights",
        api.admission.refusals.count(),
    )?;
    let connections: Vec<_> = api
        .gateways
        .sources
        .iter()
        .flat_map(|source| source.status().connections)
        .collect();
    let labels = |name: &String| vec![("connection", name.clone())];
    let up = connections
        .iter()
        .map(|c| (labels(&c.client_id), f64::from(c.connected)));
    gauges(
        encoder,
        "source_connected",
        "1 while connected to the broker",
        up,
    )?;
    let received = connections
        .iter()
        .map(|c| (labels(&c.client_id), c.received))
        .collect();
    counters(
        encoder,
        "source_received_messages",
        "Messages received",
        received,
    )?;
    let acknowledged = connections
        .iter()
        .map(|c| (labels(&c.client_id), c.acknowledged))
        .collect();
    counters(
        encoder,
        "source_acknowledged_messages",
        "Messages acknowledged",
        acknowledged,
    )
}

fn reloads(api: &Api, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let counts = api.reloads.counts();
    let counts = counts.map(|(outcome, n)| (vec![("outcome", outcome.to_owned())], n));
    counters(
        encoder,
        "config_reloads",
        "Configuration reloads by outcome",
        counts.collect(),
    )?;
    let in_force = api.reloads.refused().is_none();
    gauge(
        encoder,
        "config_in_force",
        "1 when the configuration file is in force, 0 when its reload was rejected",
        f64::from(in_force),
    )?;
    let seconds = api.reloads.last_success().millis() as f64 / 1e3;
    gauge(
        encoder,
        "config_last_success_timestamp_seconds",
        "When the configuration file was last found to be in force",
        seconds,
    )
}

/// Functions that are modules of WebAssembly.
fn modules(api: &Api, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let (mut calls, mut failures, mut tripped) = (Vec::new(), Vec::new(), Vec::new());
    for report in api.pipeline.lock().engine().modules() {
        let labels = || vec![("function", report.function.to_owned())];
        calls.push((labels(), report.calls));
        tripped.push((labels(), f64::from(report.tripped.is_some())));
        for (reason, count) in report.failures {
            let mut labels = labels();
            labels.push(("reason", (*reason).to_owned()));
            failures.push((labels, *count));
        }
    }
    counters(
        encoder,
        "wasm_calls",
        "Calls of WebAssembly functions",
        calls,
    )?;
    counters(
        encoder,
        "wasm_failures",
        "Calls of WebAssembly functions that failed, by reason",
        failures,
    )?;
    gauges(
        encoder,
        "wasm_tripped",
        "1 when the function is disabled after too many failures",
        tripped.into_iter(),
    )
}

fn alarm_channels(api: &Api, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let channels = &api.notifications.channels;
    let labels = |name: &str| vec![("channel", name.to_owned())];
    let counted = |count: fn(&ChannelStatus) -> &AtomicU64| {
        let counts = channels.iter();
        counts
            .map(|channel| {
                (
                    labels(&channel.name),
                    count(channel).load(Ordering::Relaxed),
                )
            })
            .collect()
    };
    for (name, help, values) in [
        (
            "alarm_notifications_delivered",
            "Notifications delivered by the channel",
            counted(|channel| &channel.delivered),
        ),
        (
            "alarm_delivery_failures",
            "Attempts that failed",
            counted(|channel| &channel.failed_attempts),
        ),
        (
            "alarm_dead_letters",
            "Notifications moved to the dead letters",
            counted(|channel| &channel.dead),
        ),
    ] {
        counters(encoder, name, help, values)?;
    }
    // A database that cannot be read is reported elsewhere.
    let queued = api.stores.alarms.queue_lengths().unwrap_or_default();
    gauges(
        encoder,
        "alarm_notifications_queued",
        "Notifications queued for the channel",
        queued
            .iter()
            .map(|(name, count)| (labels(name), *count as f64)),
    )
}

fn at(counts: &[u64], ix: usize) -> u64 {
    counts.get(ix).copied().unwrap_or(0)
}

fn counter(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: u64) -> fmt::Result {
    let metric = ConstCounter::new(value);
    metric.encode(encoder.encode_descriptor(name, help, None, metric.metric_type())?)
}

fn gauge(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: f64) -> fmt::Result {
    let metric = ConstGauge::new(value);
    metric.encode(encoder.encode_descriptor(name, help, None, metric.metric_type())?)
}

fn counters(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    values: Vec<(Labels<'_>, u64)>,
) -> fmt::Result {
    let kind = ConstCounter::new(0_u64).metric_type();
    let mut family = encoder.encode_descriptor(name, help, None, kind)?;
    for (labels, value) in values {
        ConstCounter::new(value).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}

fn gauges<'a>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    values: impl Iterator<Item = (Labels<'a>, f64)>,
) -> fmt::Result {
    let kind = ConstGauge::new(0.0).metric_type();
    let mut family = encoder.encode_descriptor(name, help, None, kind)?;
    for (labels, value) in values {
        ConstGauge::new(value).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}
