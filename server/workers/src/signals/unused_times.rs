//! Members of messages that look like their time and are not used, because the route has
//! another `time`: each device is reported once, and all are counted.
//!
//! It is for people only: it changes nothing and is not part of a checkpoint.

use std::collections::HashSet;

use parking_lot::Mutex;
use tracing::warn;
use weir_engine::{Batch, Engine};
use weir_model::DeviceIx;

/// Devices that are reported one by one; further ones are counted only.
const MAX_REPORTED: usize = 1_000;

/// What was found since the start.
#[derive(Debug, Default)]
pub struct UnusedTimes(Mutex<Found>);

#[derive(Debug, Default)]
struct Found {
    messages: u64,
    reported: HashSet<DeviceIx>,
}

impl UnusedTimes {
    pub(crate) fn record(&self, engine: &Engine, batch: &Batch) {
        if batch.unused_times.is_empty() {
            return;
        }
        let mut found = self.0.lock();
        for unused in &batch.unused_times {
            found.messages += 1;
            if found.reported.len() >= MAX_REPORTED || !found.reported.insert(unused.device) {
                continue;
            }
            let device = &*engine.catalog().device(unused.device);
            let member = unused.member.escape_debug().to_string();
            warn!(
                device,
                member,
                "a member looks like the time of the message and is stored as a reading; set `time` \
                 of the [[route]]"
            );
        }
    }

    /// Messages with such a member since the start.
    pub fn messages(&self) -> u64 {
        self.0.lock().messages
    }
}
