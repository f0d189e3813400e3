//! The conservation counters, kept consistent: whoever reads them sees
//! `received = stored + quarantined + deduplicated + expired + in_flight` hold,
//! because every stage moves its readings under one lock, once per batch.
//!
//! `in_flight` is a count of its own, not the difference: a stage that lost or
//! invented a reading would break the equation.

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use weir_functions::Batch;
use weir_journal::JournalStatus;
use weir_model::{ExpiryReason, QuarantineReason, ReadingCounts};
use weir_store::Applied;

/// Messages and readings since the data folder was made.
#[derive(Debug, Default)]
pub(crate) struct Flow(Mutex<Counts>);

/// The pipeline's and the store's parts are apart because a checkpoint takes
/// each at the moment when its own worker has come to the checkpoint's position.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts {
    /// Received, quarantined, and deduplicated before the store.
    pipeline: ReadingCounts,
    /// Stored, deduplicated, conflicts, expired.
    #[serde(skip)]
    pub(crate) store: ReadingCounts,
    /// Readings that the pipeline has handed to the store and the store has not
    /// taken yet.
    #[serde(skip)]
    pub(crate) readings_in_flight: u64,
    /// Messages that went through the pipeline.
    pub(crate) messages_processed: u64,
    /// Of those, appended by this process: the rest came by replay.
    #[serde(skip)]
    pub(crate) messages_processed_live: u64,
    /// Shadow requests among the processed messages.
    pub(crate) shadow_requests: u64,
}

impl Counts {
    /// Both parts together.
    pub(crate) fn readings(&self) -> ReadingCounts {
        let mut sum = self.pipeline.clone();
        sum.add(&self.store);
        sum
    }
}

impl Flow {
    /// Continues from the counters of a checkpoint.
    pub(crate) fn restore(counts: Counts, store: ReadingCounts) -> Self {
        // An older version knew fewer reasons: its list may be shorter.
        let mut pipeline = ReadingCounts::default();
        pipeline.add(&counts.pipeline);
        Self(Mutex::new(Counts {
            pipeline,
            store,
            ..counts
        }))
    }

    /// The pipeline is through with `messages`, of which `live` were appended
    /// by this process.
    pub(crate) fn record_batch(
        &self,
        batch: &Batch,
        messages: u64,
        live: u64,
        shadow_requests: u64,
    ) {
        let mut counts = self.0.lock();
        counts.messages_processed += messages;
        counts.messages_processed_live += live;
        counts.shadow_requests += shadow_requests;
        counts.pipeline.received += batch.received;
        counts.pipeline.deduplicated += batch.deduplicated;
        for entry in &batch.quarantined {
            counts.pipeline.quarantined[entry.reason.index()] += 1;
        }
        counts.readings_in_flight += batch.rows.readings();
    }

    /// The store has taken a batch of `readings`.
    pub(crate) fn record_applied(&self, applied: &Applied, readings: u64) {
        let mut counts = self.0.lock();
        counts.readings_in_flight -= readings;
        counts.store.stored += applied.stored;
        counts.store.deduplicated += applied.deduplicated;
        counts.store.conflicts += applied.conflicts;
        counts.store.expired[ExpiryReason::Retention.index()] += applied.expired;
    }

    pub(crate) fn counts(&self) -> Counts {
        self.0.lock().clone()
    }
}

/// `/api/v1/flow`.
pub(crate) fn document(counts: &Counts, journal: &JournalStatus) -> Value {
    let in_flight = journal
        .appended_messages
        .saturating_sub(counts.messages_processed_live);
    let uncommitted = journal
        .appended_messages
        .saturating_sub(journal.committed_messages);
    let received = counts.messages_processed + in_flight;
    let readings = counts.readings();
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
            "processed": counts.messages_processed,
            "in_flight": in_flight,
            "shadow_requests": counts.shadow_requests,
        },
        "readings": {
            "received": readings.received,
            "stored": readings.stored,
            "quarantined": readings.quarantined_total(),
            "deduplicated": readings.deduplicated,
            "expired": readings.expired_total(),
            "in_flight": counts.readings_in_flight,
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
