//! A subscriber that keeps everything it receives.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rumqttc::{Client, Connection, Event, MqttOptions, Packet, QoS};
use serde_json::Value;

use crate::{Address, DEADLINE, wait_until};

/// One message as it was received.
#[derive(Clone, Debug)]
pub struct Received {
    pub topic: String,
    pub payload: Vec<u8>,
    pub retained: bool,
}

impl Received {
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.payload).unwrap_or_else(|error| {
            panic!(
                "{}: {error}: {}",
                self.topic,
                String::from_utf8_lossy(&self.payload)
            )
        })
    }
}

/// A rumqttc client in a thread of its own. It connects again by itself.
pub struct Subscriber {
    client: Client,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl fmt::Debug for Subscriber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscriber")
            .field("shared", &self.shared)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct Shared {
    received: Mutex<Vec<Received>>,
    /// Filters that the server has confirmed.
    subscribed: AtomicU32,
    stop: AtomicBool,
}

impl Subscriber {
    /// Subscribes at QoS 1 and waits until the server has confirmed it.
    #[track_caller]
    pub fn new(address: &Address, filters: &[&str]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let id = format!("subscriber-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let at = address.get();
        let mut options = MqttOptions::new(id, at.ip().to_string(), at.port());
        options.set_keep_alive(Duration::from_secs(5));
        options.set_max_packet_size(1 << 20, 1 << 20);
        let (client, connection) = Client::new(options, 100);
        for filter in filters {
            client
                .subscribe(*filter, QoS::AtLeastOnce)
                .expect("the channel has room");
        }
        let shared = Arc::new(Shared::default());
        let for_thread = shared.clone();
        let thread = thread::spawn(move || receive(connection, &for_thread));
        let subscriber = Self {
            client,
            shared,
            thread: Some(thread),
        };
        wait_until(&format!("{filters:?} are subscribed"), DEADLINE, || {
            subscriber.shared.subscribed.load(Ordering::Acquire) as usize == filters.len()
        });
        subscriber
    }

    /// Publishes at QoS 1 from the same client.
    pub fn publish(&self, topic: &str, payload: &str) {
        self.client
            .publish(topic, QoS::AtLeastOnce, false, payload)
            .expect("the channel has room");
    }

    /// Everything so far.
    pub fn received(&self) -> Vec<Received> {
        self.shared
            .received
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The JSON payloads on topics that start with `prefix`.
    #[track_caller]
    pub fn json_on(&self, prefix: &str) -> Vec<Value> {
        let all = self.received();
        all.iter()
            .filter(|message| message.topic.starts_with(prefix))
            .map(Received::json)
            .collect()
    }

    /// Waits for `count` messages on topics that start with `prefix`.
    #[track_caller]
    pub fn wait_json(&self, prefix: &str, count: usize) -> Vec<Value> {
        wait_until(&format!("{count} messages on {prefix}"), DEADLINE, || {
            self.json_on(prefix).len() >= count
        });
        self.json_on(prefix)
    }
}

fn receive(mut connection: Connection, shared: &Shared) {
    for event in connection.iter() {
        if shared.stop.load(Ordering::Acquire) {
            return;
        }
        match event {
            Ok(Event::Incoming(Packet::Publish(publish))) => {
                let message = Received {
                    topic: publish.topic,
                    payload: publish.payload.to_vec(),
                    retained: publish.retain,
                };
                shared
                    .received
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(message);
            }
            Ok(Event::Incoming(Packet::SubAck(_))) => {
                shared.subscribed.fetch_add(1, Ordering::Release);
            }
            Ok(_) => {}
            // rumqttc connects again at the next poll, and has no back-off.
            Err(_) => thread::sleep(Duration::from_millis(50)),
        }
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        let _ = self.client.disconnect();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
