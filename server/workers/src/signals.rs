//! What the workers of a shard and the endpoints share while it runs.

pub(crate) mod unused_times;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

use crate::counters::Counters;
use crate::event_stream::EventStream;
use crate::health::Health;
use crate::influx::influx_worker::InfluxStats;
use crate::pace::Pace;
use crate::processed_waiters::ProcessedWaiters;
use unused_times::UnusedTimes;

/// Counters, waiters, events and health. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Signals {
    pub counters: Arc<Counters>,
    pub processed_waiters: Arc<ProcessedWaiters>,
    pub events: Arc<EventStream>,
    /// How often each device sends.
    pub pace: Arc<Pace>,
    /// Times in messages that no route uses.
    pub unused_times: Arc<UnusedTimes>,
    pub health: Arc<Health>,
    pub influx: Arc<InfluxStats>,
    /// Everything before this position went through the pipeline.
    pub(crate) processed: Arc<AtomicU64>,
    /// Set once the workers shall finish their queues and end.
    pub(crate) stop: Arc<AtomicBool>,
    /// Set while a checkpoint is under way.
    pub(crate) checkpointing: Arc<AtomicBool>,
}
