//! `GET /api/v1/stream`: server-sent events `reading`, `alert`, `action` and, each
//! second, `flow`. A watcher that is too slow gets `missed` with a number; one
//! whose rights have ended, the end of the stream.
//!
//! `events` selects the kinds; then `device` narrows readings only. An alert has an id:
//! with `Last-Event-ID` a client gets the alerts since that one first, or `missed` with
//! 0 when they are no longer kept.

use std::convert::Infallible;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::{Stream, StreamExt};
use serde::Deserialize;
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::wrappers::IntervalStream;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;

use weir_auth::Identity;
use weir_model::Timestamp;
use weir_workers::{LiveEvent, Resumed};

use super::flow::flow_document;
use crate::api::Shared;
use crate::extract::Query;
use crate::problem::Problem;

/// How often it is looked whether the watcher may still watch.
const REVIEW_INTERVAL: Duration = Duration::from_secs(1);

const KINDS: [&str; 4] = ["flow", "alert", "action", "reading"];

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    /// Kinds of events, separated by commas.
    events: Option<String>,
    /// Devices, separated by commas.
    device: Option<String>,
    /// Sensors, separated by commas.
    sensor: Option<String>,
}

/// Which events a watcher gets.
#[derive(Debug)]
struct Wanted {
    kinds: Vec<String>,
    devices: Option<Vec<String>>,
    sensors: Option<Vec<String>>,
    /// Without `events`, devices and sensors narrow alerts too.
    narrows_alerts: bool,
}

impl Wanted {
    fn new(params: Params) -> Result<Self, Problem> {
        let list = |text: String| -> Vec<String> { text.split(',').map(str::to_owned).collect() };
        let narrows_alerts = params.events.is_none();
        let kinds = params.events.map_or_else(
            || ["flow", "alert", "reading"].map(str::to_owned).to_vec(),
            list,
        );
        if let Some(unknown) = kinds.iter().find(|kind| !KINDS.contains(&kind.as_str())) {
            return Err(Problem::bad_request(format!(
                "the stream has no event {unknown:?}; there are {}",
                KINDS.join(", ")
            )));
        }
        Ok(Self {
            kinds,
            devices: params.device.map(list),
            sensors: params.sensor.map(list),
            narrows_alerts,
        })
    }

    fn has(&self, kind: &str) -> bool {
        self.kinds.iter().any(|wanted| wanted == kind)
    }

    fn takes(&self, event: &LiveEvent) -> bool {
        let among = |wanted: &Option<Vec<String>>, name: &str| {
            wanted
                .as_ref()
                .is_none_or(|wanted| wanted.iter().any(|wanted| wanted == name))
        };
        let is_narrowed = event.kind == "reading" || self.narrows_alerts;
        self.has(event.kind)
            && (!is_narrowed
                || among(&self.devices, &event.device) && among(&self.sensors, &event.sensor))
    }
}

fn sent(event: &LiveEvent) -> Event {
    let sent = Event::default().event(event.kind).data(&*event.data);
    match &event.id {
        Some(id) => sent.id(&**id),
        None => sent,
    }
}

pub(crate) async fn stream(
    State(api): Shared,
    Extension(identity): Extension<Identity>,
    Query(params): Query<Params>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let wanted = Wanted::new(params)?;
    let last = headers.get("last-event-id");
    let last = last.and_then(|id| id.to_str().ok());
    let events = &api.signals.events;
    let Resumed { alerts, events } = match last {
        Some(last) => events.resume(last),
        None => Resumed {
            alerts: Some(Vec::new()),
            events: events.subscribe(),
        },
    };
    let missed = || vec![Event::default().event("missed").data("0")];
    let earlier = alerts.map_or_else(missed, |alerts| {
        let alerts = alerts.iter().filter(|alert| wanted.takes(alert));
        alerts.map(sent).collect()
    });
    let has_flow = wanted.has("flow");
    let live = BroadcastStream::new(events).filter_map(move |event| {
        let event = match event {
            Ok(event) if wanted.takes(&event) => Some(sent(&event)),
            Ok(_) => None,
            Err(BroadcastStreamRecvError::Lagged(missed)) => {
                Some(Event::default().event("missed").data(missed.to_string()))
            }
        };
        std::future::ready(event)
    });
    let shutdown = api.shutdown.clone();
    let access = api.access.clone();
    let flow = IntervalStream::new(tokio::time::interval(Duration::from_secs(1)))
        .filter(move |_| std::future::ready(has_flow))
        .map(move |_| {
            Event::default()
                .event("flow")
                .data(flow_document(&api).to_string())
        });
    let ended = async move {
        let mut interval = tokio::time::interval(REVIEW_INTERVAL);
        while access.still_holds(&identity, Timestamp::now()) {
            interval.tick().await;
        }
    };
    let events = futures::stream::iter(earlier)
        .chain(futures::stream::select(live, flow))
        .take_until(ended)
        .take_until(async move { shutdown.cancelled().await })
        .map(Ok);
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: &'static str, device: &str) -> LiveEvent {
        LiveEvent {
            kind,
            id: None,
            device: device.into(),
            sensor: "temperature".into(),
            data: "{}".into(),
        }
    }

    fn wanted(events: Option<&str>, device: Option<&str>) -> Wanted {
        let params = Params {
            events: events.map(str::to_owned),
            device: device.map(str::to_owned),
            sensor: None,
        };
        Wanted::new(params).unwrap()
    }

    #[test]
    fn with_events_a_device_narrows_readings_only() {
        let all = wanted(Some("alert,action,reading"), Some("a,b"));
        assert!(all.takes(&event("reading", "b")));
        assert!(!all.takes(&event("reading", "c")));
        assert!(all.takes(&event("alert", "c")));
        assert!(all.takes(&event("action", "c")));
        assert!(!all.has("flow"));
    }

    #[test]
    fn without_events_it_is_as_it_was() {
        let plain = wanted(None, Some("a"));
        assert!(plain.has("flow"));
        assert!(plain.takes(&event("alert", "a")));
        assert!(!plain.takes(&event("alert", "c")));
        assert!(!plain.takes(&event("action", "a")));
    }

    #[test]
    fn an_event_that_does_not_exist_is_refused() {
        let params = Params {
            events: Some("alerts".to_owned()),
            ..Params::default()
        };
        assert!(Wanted::new(params).is_err());
    }
}
