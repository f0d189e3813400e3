//! What messages cause: filled by the pipeline, handed to whoever makes it
//! durable, cleared and filled again.

use weir_engine::{Batch, Engine};
use weir_model::{Alert, Position, Timestamp};
use weir_shadow_document::Request;

use crate::quarantined::QuarantineEntry;
use crate::shadow_requests::ShadowRequest;

/// The effects of some messages, in the order of the messages.
#[derive(Debug, Default)]
pub struct Effects {
    /// Rows to store, verdicts, rejected readings and their counts.
    pub batch: Batch,
    /// Alarm transitions.
    pub alerts: Vec<Alert>,
    /// Changes of shadows.
    pub shadow_updates: Vec<ShadowUpdate>,
    /// One per rejected reading of the batch, with the bytes that caused it.
    pub quarantined: Vec<QuarantineEntry>,
    /// One per message, by ascending position.
    pub processed: Vec<Processed>,
}

/// What a record has a shadow do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShadowUpdate {
    pub position: Position,
    /// The time of the record.
    pub received: Timestamp,
    pub cause: ShadowCause,
}

/// Who wants a shadow changed or read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShadowCause {
    /// The sender of the message.
    Request(ShadowRequest),
    /// Weir, which reports a device that changed.
    Report(Request),
}

/// The outcome of one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Processed {
    pub position: Position,
    /// Accepted readings.
    pub readings: u32,
    /// Sensors of the message that are beyond a limit.
    pub alerts: u32,
    /// The latest time of the accepted readings.
    pub timestamp: Option<Timestamp>,
}

/// How full the effects were before a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start {
    rows: usize,
    pub(crate) verdicts: usize,
    pub(crate) quarantined: usize,
    pub(crate) received: u64,
    pub(crate) deduplicated: u64,
}

impl Effects {
    /// Removes all effects and keeps the memory that they used.
    pub fn clear(&mut self) {
        let Self {
            batch,
            alerts,
            shadow_updates,
            quarantined,
            processed,
        } = self;
        batch.clear();
        alerts.clear();
        shadow_updates.clear();
        quarantined.clear();
        processed.clear();
    }

    pub(crate) fn begin(&self) -> Start {
        Start {
            rows: self.batch.rows.rows.len(),
            verdicts: self.batch.verdicts.len(),
            quarantined: self.batch.quarantined.len(),
            received: self.batch.received,
            deduplicated: self.batch.deduplicated,
        }
    }

    /// Nothing was stored or concluded since `start`.
    pub(crate) fn is_unchanged(&self, start: &Start) -> bool {
        self.batch.rows.rows.len() == start.rows && self.batch.verdicts.len() == start.verdicts
    }

    /// Concludes the message at `position`, whose effects begin at `start`.
    pub(crate) fn finish(&mut self, position: Position, start: &Start, engine: &Engine) {
        let (mut readings, mut timestamp) = (0, None);
        for row in &self.batch.rows.rows[start.rows..] {
            readings += row.cell_count;
            timestamp = timestamp.max(Some(row.time));
        }
        self.processed.push(Processed {
            position,
            readings,
            alerts: self.anomalous_sensors(start.verdicts, engine),
            timestamp,
        });
    }

    /// Sensors that a function finds beyond a limit, each reading once.
    fn anomalous_sensors(&self, first: usize, engine: &Engine) -> u32 {
        let mut sensors: Vec<_> = self.batch.verdicts[first..]
            .iter()
            .filter(|verdict| verdict.level.is_some())
            .map(|verdict| (verdict.time, engine.slot(verdict.slot).sensor))
            .collect();
        sensors.sort_unstable();
        sensors.dedup();
        sensors.len() as u32
    }
}
