//! What Weir talks to: real servers and clients, scripted ones where a real one
//! cannot be made to fail, and the network in between.

mod alertmanager;
mod bootstrap;
mod hook;
mod influx;
mod link;
mod listener;
mod mosquitto;
mod mosquitto_clients;
mod python;
mod server;
mod subscriber;
mod victoria_metrics;

pub use alertmanager::Alertmanager;
pub use bootstrap::Bootstrap;
pub use hook::{Hook, Hooked};
pub use influx::{Answer, InfluxPeer, LineWrite};
pub use link::Link;
pub use mosquitto::{Mosquitto, MosquittoSpec};
pub use mosquitto_clients::{MosquittoSub, mosquitto_pub};
pub use python::{python, python_module, python_process};
pub use subscriber::{Received, Subscriber};
pub use victoria_metrics::{Exported, VictoriaMetrics};
