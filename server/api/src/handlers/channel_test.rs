//! `POST /api/v1/alarms/channels/{name}/test`: the test button. It goes past the
//! outbox, so that the answer says how it went. `mqtt` is the way that alerts
//! take without any configuration: the brokers.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use weir_alarms::Notification;
use weir_ingest::Publisher;
use weir_model::{Alert, Timestamp};
use weir_workers::publication;

use crate::api::Shared;
use crate::extract::Path;
use crate::problem::Problem;

const MQTT: &str = "mqtt";
/// How long a broker may take to acknowledge the test.
const PUBACK_TIMEOUT: Duration = Duration::from_secs(10);

/// Sends a test, and says how it went.
pub(crate) async fn test(
    State(api): Shared,
    Path(name): Path<String>,
) -> Result<Json<Value>, Problem> {
    let Some(channel) = api.notifications.tester(&name) else {
        if name == MQTT {
            return publish(&api.gateways.publishers).await;
        }
        let names = api.notifications.channels.iter().map(|c| c.name.as_str());
        let names: Vec<&str> = names.chain([MQTT]).collect();
        return Err(Problem::not_found(format!(
            "there is no channel {name:?}; there are: {}",
            names.join(", ")
        )));
    };
    let sent = tokio::task::spawn_blocking(move || {
        let now = Timestamp::now();
        let notification = Notification::test(&channel.name, now);
        channel.send(&notification, now).map(|()| notification.id)
    });
    match sent.await.map_err(Problem::internal)? {
        Ok(id) => Ok(Json(json!({"delivered": true, "id": id}))),
        Err(error) => Err(Problem::bad_gateway(format!(
            "the channel {name} did not take the test: {error}"
        ))),
    }
}

/// Publishes a test alert where alerts go, and waits for every broker's PUBACK.
async fn publish(publishers: &Arc<[Arc<dyn Publisher>]>) -> Result<Json<Value>, Problem> {
    let test = Notification::test(MQTT, Timestamp::now());
    let alert: &Alert = &test.alerts[0].alert;
    let publication = publication(alert);
    let (delivered, mut deliveries) = mpsc::channel(publishers.len().max(1));
    for publisher in publishers.iter() {
        let delivered = delivered.clone();
        let confirmed = move || {
            // Whoever asked may have given up.
            let _ = delivered.try_send(());
        };
        publisher
            .publish(publication.clone(), Some(Box::new(confirmed)))
            .map_err(|error| {
                Problem::bad_gateway(format!("MQTT did not take the test: {error}"))
            })?;
    }
    drop(delivered);
    let all = async {
        for _ in publishers.iter() {
            deliveries.recv().await?;
        }
        Some(())
    };
    match tokio::time::timeout(PUBACK_TIMEOUT, all).await {
        Ok(Some(())) => Ok(Json(
            json!({"delivered": true, "id": alert.id, "topic": alert.topic()}),
        )),
        Ok(None) | Err(_) => Err(Problem::bad_gateway(format!(
            "no PUBACK for the test on {} within {} s: is the broker reachable?",
            alert.topic(),
            PUBACK_TIMEOUT.as_secs()
        ))),
    }
}
