//! The conservation counters. At any instant
//! `received = stored + quarantined + deduplicated + expired + in_flight` holds,
//! because every stage moves its readings under one lock, once per batch.
//!
//! `in_flight` is a count of its own, not the difference: a stage that lost or
//! invented a reading would break the equation.

use parking_lot::Mutex;
use serde_json::{Value, json};
use weir_journal::JournalStatus;
use weir_model::{ExpiryReason, QuarantineReason, ReadingCounts};
use weir_pipeline::PipelineCounts;
use weir_series::Applied;

/// Messages and readings since the data folder was created.
#[derive(Debug, Default)]
pub struct Counters(Mutex<Counts>);

/// The pipeline's and the store's parts are separate because a checkpoint takes
/// each when its own worker has reached the checkpoint's position.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub pipeline: PipelineCounts,
    /// Stored, deduplicated, conflicts, expired.
    pub store: ReadingCounts,
    /// Readings that the pipeline has handed to the store and that the store has
    /// not applied yet.
    pub readings_in_flight: u64,
    /// Processed records that this process appended, ticks among them: the others
    /// were replayed.
    pub live_records: u64,
}

impl Counts {
    /// Both parts together.
    pub fn readings(&self) -> ReadingCounts {
        let mut sum = self.pipeline.readings.clone();
        sum.add(&self.store);
        sum
    }
}

impl Counters {
    /// Continues from the counters of a checkpoint.
    pub(crate) fn restore(&self, pipeline: &PipelineCounts, store: ReadingCounts) {
        *self.0.lock() = Counts {
            pipeline: pipeline.clone(),
            store,
            ..Counts::default()
        };
    }

    /// The pipeline has processed a chunk: its counts now, and the readings and
    /// live messages of the chunk.
    pub(crate) fn record_chunk(&self, pipeline: &PipelineCounts, readings: u64, live: u64) {
        let mut counts = self.0.lock();
        counts.pipeline.clone_from(pipeline);
        counts.readings_in_flight += readings;
        counts.live_records += live;
    }

    /// The store has applied a batch of `readings`.
    pub(crate) fn record_applied(&self, applied: &Applied, readings: u64) {
        let mut counts = self.0.lock();
        counts.readings_in_flight -= readings;
        counts.store.stored += applied.stored;
        counts.store.deduplicated += applied.deduplicated;
        counts.store.conflicts += applied.conflicts;
        counts.store.expired[ExpiryReason::Retention.index()] += applied.expired;
    }

    pub fn counts(&self) -> Counts {
        self.0.lock().clone()
    }
}

impl Counts {
    /// The answer of `/api/v1/flow`. Ticks are no messages; one that is on its way
    /// counts as in flight.
    pub fn document(&self, journal: &JournalStatus) -> Value {
        let in_flight = journal.appended_messages.saturating_sub(self.live_records);
        let uncommitted = journal
            .appended_messages
            .saturating_sub(journal.committed_messages);
        let received = self.pipeline.messages + in_flight;
        let readings = self.readings();
        let by_reason = |names: &mut dyn Iterator<Item = (&'static str, u64)>| -> Value {
            names
                .filter(|(_, n)| *n > 0)
                .map(|(name, n)| (name.to_owned(), Value::from(n)))
                .collect()
        };
        json!({
            "messages": {
                "received": received,
                "journaled": received.saturating_sub(uncommitted),
                "processed": self.pipeline.messages,
                "in_flight": in_flight,
                "shadow_requests": self.pipeline.shadow_requests,
            },
            "readings": {
                "received": readings.received,
                "stored": readings.stored,
                "quarantined": readings.quarantined_total(),
                "deduplicated": readings.deduplicated,
                "expired": readings.expired_total(),
                "in_flight": self.readings_in_flight,
                "conflicts": readings.conflicts,
                "quarantined_by_reason": by_reason(&mut QuarantineReason::ALL.iter().map(|reason| {
                    (reason.as_str(), readings.quarantined.get(reason.index()).copied().unwrap_or(0))
                })),
                "expired_by_reason": by_reason(&mut ExpiryReason::ALL.iter().map(|reason| {
                    (reason.as_str(), readings.expired.get(reason.index()).copied().unwrap_or(0))
                })),
            },
        })
    }
}
