//! `$SYS/broker/…`, the topics that Mosquitto publishes too, and what is done
//! as rarely as they are: looking for full queues, removing retained messages
//! that have expired.

mod load;

use self::load::Loads;
use super::{BrokerStatus, Publication, Shared};
use crate::log_text::shown;
use crate::time::Time;

/// Retained messages that are looked at per tick.
const SWEEP: usize = 1_000;
/// Milliseconds between two lines about full queues.
const QUEUE_LOG_MS: u64 = 60_000;
/// While so many of Weir's own publications wait, no topic is published.
const MAX_WAITING: usize = 1_000;

#[derive(Debug, Default)]
pub(crate) struct SysTopics {
    started: Option<Time>,
    due: Option<Time>,
    queues_due: Option<Time>,
    swept: Option<Box<str>>,
    loads: Loads,
}

impl SysTopics {
    pub(super) fn tick(&mut self, shared: &Shared, now: Time) {
        let started = *self.started.get_or_insert(now);
        let interval = shared.settings.sys_interval_ms;
        if interval > 0 && self.due.is_none_or(|due| due <= now) {
            self.due = Some(now.plus_ms(interval));
            let status = shared.status();
            self.loads.note(now, &status);
            if shared.own_waiting() < MAX_WAITING {
                publish(shared, &status, now.since(started).as_secs());
                for (name, load) in self.loads.topics() {
                    publish_one(shared, &name, format!("{load:.2}"));
                }
            }
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
    let version = concat!("weir version ", env!("CARGO_PKG_VERSION"));
    publish_one(shared, "version", version.to_owned());
    publish_one(shared, "uptime", format!("{uptime} seconds"));
    let connected = status.connected_sessions as u64;
    let away = (status.sessions - status.connected_sessions) as u64;
    let counts = [
        ("clients/active", connected),
        ("clients/connected", connected),
        ("clients/inactive", away),
        ("clients/disconnected", away),
        ("clients/expired", status.expired_sessions),
        ("clients/maximum", status.most_connected as u64),
        ("clients/total", status.sessions as u64),
        ("subscriptions/count", status.subscriptions as u64),
        (
            "shared_subscriptions/count",
            status.shared_subscriptions as u64,
        ),
        ("retained messages/count", status.retained as u64),
        ("messages/received", status.packets_received),
        ("messages/sent", status.packets_sent),
        ("messages/stored", status.messages as u64),
        ("store/messages/count", status.messages as u64),
        ("store/messages/bytes", status.message_bytes as u64),
        ("publish/messages/received", status.received),
        ("publish/messages/sent", status.sent),
        ("publish/messages/dropped", status.dropped_messages()),
        ("publish/bytes/received", status.payload_received),
        ("publish/bytes/sent", status.payload_sent),
        ("bytes/received", status.bytes_received),
        ("bytes/sent", status.bytes_sent),
    ];
    for (topic, count) in counts {
        publish_one(shared, topic, count.to_string());
    }
}

fn publish_one(shared: &Shared, topic: &str, payload: String) {
    let publication = Publication {
        topic: format!("$SYS/broker/{topic}"),
        payload: payload.into(),
        qos: 0,
        retain: true,
    };
    shared.publish(publication, None);
}
