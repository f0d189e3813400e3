//! `$SYS/broker/…`, the topics that other brokers publish too, and what is done
//! as rarely as they are: looking for full queues, removing retained messages
//! that have expired.

use super::{BrokerStatus, Publication, Shared};
use crate::log_text::shown;
use crate::time::Time;

/// Retained messages that are looked at per tick.
const SWEEP: usize = 1_000;
/// Milliseconds between two lines about full queues.
const QUEUE_LOG_MS: u64 = 60_000;

#[derive(Debug, Default)]
pub(crate) struct SysTopics {
    started: Option<Time>,
    due: Option<Time>,
    queues_due: Option<Time>,
    swept: Option<Box<str>>,
}

impl SysTopics {
    pub(super) fn tick(&mut self, shared: &Shared, now: Time) {
        let started = *self.started.get_or_insert(now);
        let interval = shared.settings.sys_interval_ms;
        if interval > 0 && self.due.is_none_or(|due| due <= now) {
            self.due = Some(now.plus_ms(interval));
            let uptime = now.since(started).as_secs();
            publish(shared, &shared.status(), uptime);
        }
        let after = self.swept.take();
        self.swept = shared
            .router
            .write()
            .retained
            .sweep(now, after.as_deref(), SWEEP);
        if self.queues_due.is_none_or(|due| due <= now) {
            self.queues_due = Some(now.plus_ms(QUEUE_LOG_MS));
            if let Some((client_id, dropped)) = shared.router.write().new_losses() {
                let client_id = shown(&client_id);
                tracing::warn!(client_id, dropped, "subscriber lost messages");
            }
        }
    }
}

fn publish(shared: &Shared, status: &BrokerStatus, uptime: u64) {
    let dropped: u64 = status.dropped.iter().map(|(_, count)| count).sum();
    let away = status.sessions - status.connected_sessions;
    let topics = [
        (
            "version",
            concat!("weir version ", env!("CARGO_PKG_VERSION")).to_owned(),
        ),
        ("uptime", format!("{uptime} seconds")),
        ("clients/connected", status.connected_sessions.to_string()),
        ("clients/disconnected", away.to_string()),
        ("clients/total", status.sessions.to_string()),
        ("subscriptions/count", status.subscriptions.to_string()),
        ("retained messages/count", status.retained.to_string()),
        ("messages/received", status.received.to_string()),
        ("messages/sent", status.sent.to_string()),
        ("store/messages/bytes", status.message_bytes.to_string()),
        ("publish/messages/received", status.received.to_string()),
        ("publish/messages/sent", status.sent.to_string()),
        ("publish/messages/dropped", dropped.to_string()),
        ("bytes/received", status.bytes_received.to_string()),
        ("bytes/sent", status.bytes_sent.to_string()),
    ];
    for (topic, payload) in topics {
        let publication = Publication {
            topic: format!("$SYS/broker/{topic}"),
            payload: payload.into(),
            qos: 0,
            retain: true,
        };
        shared.publish(publication, None);
    }
}
