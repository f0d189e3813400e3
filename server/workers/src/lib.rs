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

mod configuration;
mod counters;
mod data_dir;
mod event_stream;
mod gateways;
mod health;
mod influx;
mod insist;
mod notifications;
mod pace;
mod pipeline_worker;
mod processed_waiters;
mod progress;
mod readiness;
mod recorder;
mod recorder_command;
mod recovery;
mod shadow_worker;
mod shard;
mod signals;
mod store_worker;
mod stores;
mod threads;
mod ticker;
mod watchdog;

pub use configuration::access_watch::watch as watch_access_file;
pub use configuration::config_history::ConfigHistory;
pub use configuration::current::Current;
pub use configuration::load_config::load as load_config;
pub use configuration::reload::{
    Outcome, Refusal, RefusalProblem, ReloadStatus, Reloader, watch as watch_config_file,
};
pub use counters::{Counters, Counts};
pub use data_dir::{DataDir, DataDirError};
pub use event_stream::{EventStream, LiveEvent, Resumed};
pub use gateways::Gateways;
pub use health::Health;
pub use influx::influx_worker::InfluxStats;
pub use notifications::channel_worker::ChannelStatus;
pub use notifications::notification_service::{NotificationService, NotificationThreads};
pub use notifications::notifier::publication;
pub use pace::Pace;
pub use pipeline_worker::SharedPipeline;
pub use processed_waiters::ProcessedWaiters;
pub use readiness::Readiness;
pub use recovery::Recovered;
pub use shadow_worker::publish as publish_shadow_answer;
pub use shard::{Shard, ShardSettings, StoppedShard};
pub use signals::Signals;
pub use signals::unused_times::UnusedTimes;
pub use stores::Stores;
pub use threads::Fatal;
pub use watchdog::Watchdog;
