//! The latest values: what a dashboard and a shadow show of a device.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use weir_model::{Flags, Timestamp};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum LatestValue {
    /// Booleans are 1 and 0.
    Number(f64),
    Text(Arc<str>),
}

/// The latest reading of a sensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Latest {
    pub sensor: Arc<str>,
    pub unit: Option<Arc<str>>,
    pub value: LatestValue,
    pub time: Timestamp,
    pub flags: Flags,
}

/// A device at a glance.
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceSummary {
    /// When Weir last received something from it (by Weir's clock); `None`: never.
    pub last_seen: Option<Timestamp>,
    /// Time of its newest reading.
    pub last_time: Option<Timestamp>,
    pub series: usize,
    /// Readings that went to the store, repeated ones included.
    pub readings: u64,
    /// The last location that it named.
    pub location: Option<Arc<str>>,
}
