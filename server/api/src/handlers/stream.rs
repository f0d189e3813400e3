//! `GET /api/v1/stream`: server-sent events `reading`, `alert` and, each
//! second, `flow`. A watcher that is too slow gets `missed` with a number; one
//! whose rights have ended, the end of the stream.

use std::convert::Infallible;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Query, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::{Stream, StreamExt};
use serde::Deserialize;
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::wrappers::IntervalStream;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;

use weir_auth::Identity;
use weir_clock::now;

use super::flow::flow_document;
use crate::api::Shared;

/// How often it is looked whether the watcher may still watch.
const REVIEW_INTERVAL: Duration = Duration::from_secs(1);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    device: Option<String>,
    sensor: Option<String>,
}

pub(crate) async fn stream(
    State(api): Shared,
    Extension(identity): Extension<Identity>,
    Query(params): Query<Params>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let wanted = move |device: &str, sensor: &str| {
        params
            .device
            .as_deref()
            .is_none_or(|wanted| wanted == device)
            && params
                .sensor
                .as_deref()
                .is_none_or(|wanted| wanted == sensor)
    };
    let live = BroadcastStream::new(api.signals.events.subscribe()).filter_map(move |event| {
        let event = match event {
            Ok(event) if wanted(&event.device, &event.sensor) => {
                Some(Event::default().event(event.kind).data(&*event.data))
            }
            Ok(_) => None,
            Err(BroadcastStreamRecvError::Lagged(missed)) => {
                Some(Event::default().event("missed").data(missed.to_string()))
            }
        };
        std::future::ready(event)
    });
    let shutdown = api.shutdown.clone();
    let access = api.access.clone();
    let flow = IntervalStream::new(tokio::time::interval(Duration::from_secs(1))).map(move |_| {
        Event::default()
            .event("flow")
            .data(flow_document(&api).to_string())
    });
    let ended = async move {
        let mut interval = tokio::time::interval(REVIEW_INTERVAL);
        while access.still_holds(&identity, now()) {
            interval.tick().await;
        }
    };
    let events = futures::stream::select(live, flow)
        .take_until(ended)
        .take_until(async move { shutdown.cancelled().await })
        .map(Ok);
    Sse::new(events).keep_alive(KeepAlive::default())
}
