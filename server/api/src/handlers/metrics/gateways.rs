//! The part of `/metrics` about what connects Weir to others: the broker, HTTP,
//! sources, the configuration file, modules and notification channels.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::encoding::DescriptorEncoder;
use weir_ingest::BrokerStatus;
use weir_workers::ChannelStatus;

use super::encode::{Labels, each, one};
use super::families as family;
use crate::api::Api;

pub(super) fn ingress(api: &Api, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    if let Some(broker) = &api.gateways.broker {
        self::broker(broker.status(), encoder)?;
    }
    one(
        encoder,
        &family::HTTP_REFUSED,
        api.admission.refusals.count(),
    )?;
    let sources = api.gateways.sources.iter();
    let connections: Vec<_> = sources
        .flat_map(|source| source.status().connections)
        .collect();
    let labels = |name: &String| vec![("connection", name.clone())];
    let connected = connections.iter().map(|connection| {
        (
            labels(&connection.client_id),
            u64::from(connection.connected),
        )
    });
    each(encoder, &family::SOURCE_CONNECTED, connected)?;
    let received = connections
        .iter()
        .map(|connection| (labels(&connection.client_id), connection.received));
    each(encoder, &family::SOURCE_RECEIVED, received)?;
    let acknowledged = connections
        .iter()
        .map(|connection| (labels(&connection.client_id), connection.acknowledged));
    each(encoder, &family::SOURCE_ACKNOWLEDGED, acknowledged)
}

fn broker(status: BrokerStatus, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    one(encoder, &family::BROKER_RECEIVED, status.received)?;
    for (family, count) in [
        (&family::BROKER_REFUSED_PUBLISHES, status.refused_publishes),
        (&family::BROKER_REFUSED_LOGINS, status.refused_logins),
        (
            &family::BROKER_REFUSED_SUBSCRIBES,
            status.refused_subscribes,
        ),
        (&family::BROKER_NOT_RETAINED, status.not_retained),
    ] {
        one(encoder, family, count)?;
    }
    for (family, size) in [
        (&family::BROKER_CONNECTIONS, status.connections),
        (&family::BROKER_SESSIONS, status.sessions),
        (&family::BROKER_SUBSCRIPTIONS, status.subscriptions),
        (&family::BROKER_RETAINED, status.retained),
        (&family::BROKER_MESSAGE_BYTES, status.message_bytes),
        (&family::BROKER_STALLED, status.stalled_subscribers),
        (&family::BROKER_FULL_QUEUES, status.full_queues),
    ] {
        one(encoder, family, size as f64)?;
    }
    let by = |label: &'static str| move |(name, count)| (vec![(label, name)], count);
    let dropped = status.dropped.into_iter();
    let dropped = dropped.map(|(reason, count)| (reason.to_owned(), count));
    each(encoder, &family::BROKER_DROPPED, dropped.map(by("reason")))?;
    let closed = status.closed.into_iter();
    each(encoder, &family::BROKER_CLOSED, closed.map(by("reason")))?;
    let unrouted = status.unrouted.into_iter();
    each(encoder, &family::BROKER_UNROUTED, unrouted.map(by("level")))
}

pub(super) fn reloads(api: &Api, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let counts = api.reloads.counts();
    let counts = counts.map(|(outcome, n)| (vec![("outcome", outcome.to_owned())], n));
    each(encoder, &family::CONFIG_RELOADS, counts)?;
    let in_force = api.reloads.refused().is_none();
    one(encoder, &family::CONFIG_IN_FORCE, u64::from(in_force))?;
    let seconds = api.reloads.last_success().millis() as f64 / 1e3;
    one(encoder, &family::CONFIG_LAST_SUCCESS, seconds)
}

/// Functions that are modules of WebAssembly.
pub(super) fn modules(api: &Api, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let (mut calls, mut failures, mut tripped) = (Vec::new(), Vec::new(), Vec::new());
    for report in api.pipeline.lock().engine().modules() {
        let labels = || vec![("function", report.function.to_owned())];
        calls.push((labels(), report.calls));
        tripped.push((labels(), u64::from(report.tripped.is_some())));
        for (reason, count) in report.failures {
            let mut labels = labels();
            labels.push(("reason", (*reason).to_owned()));
            failures.push((labels, *count));
        }
    }
    each(encoder, &family::WASM_CALLS, calls)?;
    each(encoder, &family::WASM_FAILURES, failures)?;
    each(encoder, &family::WASM_TRIPPED, tripped)
}

pub(super) fn alarm_channels(api: &Api, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let labels = |name: &str| -> Labels<'_> { vec![("channel", name.to_owned())] };
    let counted = |count: fn(&ChannelStatus) -> &AtomicU64| {
        let channels = api.notifications.channels.iter();
        channels.map(move |channel| {
            let count = count(channel).load(Ordering::Relaxed);
            (labels(&channel.name), count)
        })
    };
    each(
        encoder,
        &family::NOTIFICATIONS_DELIVERED,
        counted(|channel| &channel.delivered),
    )?;
    each(
        encoder,
        &family::DELIVERY_FAILURES,
        counted(|channel| &channel.failed_attempts),
    )?;
    each(
        encoder,
        &family::DEAD_LETTERS,
        counted(|channel| &channel.dead),
    )?;
    // A database that cannot be read is reported elsewhere.
    let queued = api.stores.alarms.queue_lengths().unwrap_or_default();
    let queued = queued
        .iter()
        .map(|(name, count)| (labels(name), *count as f64));
    each(encoder, &family::NOTIFICATIONS_QUEUED, queued)
}
