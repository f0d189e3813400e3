//! The threads around the pipeline: whatever reads, writes, sends or waits.
//!
//! A [`Shard`] is one journal with its pipeline and the workers that make the
//! effects durable: started and stopped as one thing. [`Stores`] holds its
//! databases, [`Gateways`] the ways in and out, [`Signals`] what workers and
//! endpoints share while it runs.
//!
//! ```text
//!  journal ──▶ pipeline worker ──┬──▶ store worker ──▶ checkpoint
//!                                ├──▶ recorder (alarms, quarantine)
//!                                └──▶ shadow worker
//!  journal ──▶ InfluxDB worker         alarm router ──▶ channel workers
//! ```
//!
//! Besides: the configuration and its reload ([`Reloader`], [`ConfigHistory`]),
//! what is wrong right now ([`Readiness`], [`Watchdog`]), and the counters.

mod access_watch;
mod alarm_router;
mod channel_worker;
mod config_history;
mod counters;
mod current;
mod data_dir;
mod event_stream;
mod gateways;
mod health;
mod influx_waits;
mod influx_worker;
mod load_config;
mod log_throttle;
mod module_watch;
mod notification_service;
mod notifier;
mod operational_alerts;
mod pipeline_worker;
mod processed_waiters;
mod progress;
mod readiness;
mod recorder;
mod recovery;
mod reload;
mod row_reader;
mod shadow_worker;
mod shard;
mod signals;
mod store_worker;
mod stores;
mod threads;
mod ticker;
mod watchdog;

pub use access_watch::watch as watch_access_file;
pub use channel_worker::ChannelStatus;
pub use config_history::ConfigHistory;
pub use counters::{Counters, Counts};
pub use current::Current;
pub use data_dir::{DataDir, DataDirError};
pub use event_stream::{EventStream, LiveEvent};
pub use gateways::Gateways;
pub use health::Health;
pub use influx_worker::InfluxStats;
pub use load_config::load as load_config;
pub use notification_service::{NotificationService, NotificationThreads};
pub use notifier::publication;
pub use pipeline_worker::SharedPipeline;
pub use processed_waiters::ProcessedWaiters;
pub use readiness::Readiness;
pub use recovery::Recovered;
pub use reload::{Outcome, ReloadStatus, Reloader, watch as watch_config_file};
pub use shadow_worker::publish as publish_shadow_answer;
pub use shard::{Shard, ShardSettings, StoppedShard};
pub use signals::Signals;
pub use stores::Stores;
pub use threads::Fatal;
pub use watchdog::Watchdog;
