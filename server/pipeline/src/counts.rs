//! The pipeline's part of the conservation counters. The store's part is kept
//! where rows are stored.

use serde::{Deserialize, Serialize};
use weir_config::RouteCodec;
use weir_model::ReadingCounts;

use crate::effects::{Effects, Start};

/// What went through the pipeline since the data folder was created. Part of the
/// snapshot: the order of the fields is its format.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PipelineCounts {
    /// Received, quarantined, and deduplicated before the store.
    pub readings: ReadingCounts,
    /// Without ticks.
    pub messages: u64,
    /// Of the messages, requests to shadows.
    pub shadow_requests: u64,
    /// Values that said nothing, by [`RouteCodec::index`].
    pub absent: Vec<u64>,
    /// Messages that delete a retained message.
    pub cleared: u64,
}

/// [`PipelineCounts`] in snapshots up to version 4.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(Default, serde::Serialize))]
pub(crate) struct OldCounts {
    readings: ReadingCounts,
    messages: u64,
    shadow_requests: u64,
}

impl From<OldCounts> for PipelineCounts {
    fn from(old: OldCounts) -> Self {
        Self {
            readings: old.readings,
            messages: old.messages,
            shadow_requests: old.shadow_requests,
            ..Self::default()
        }
    }
}

impl PipelineCounts {
    /// As a snapshot has it. An older version knew fewer reasons for quarantine:
    /// its list may be shorter.
    pub(crate) fn restored(&self) -> Self {
        let mut readings = ReadingCounts::default();
        readings.add(&self.readings);
        Self {
            readings,
            ..self.clone()
        }
    }

    /// Counts the readings of one message, whose effects begin at `start`.
    pub(crate) fn add(&mut self, start: &Start, effects: &Effects) {
        let batch = &effects.batch;
        self.cleared += batch.cleared - start.cleared;
        self.absent
            .resize(RouteCodec::ALL.len().max(self.absent.len()), 0);
        let now = batch.absent.iter().zip(start.absent);
        for (total, (now, before)) in self.absent.iter_mut().zip(now) {
            *total += now - before;
        }
        self.readings.received += batch.received - start.received;
        self.readings.deduplicated += batch.deduplicated - start.deduplicated;
        for rejected in &batch.quarantined[start.quarantined..] {
            self.readings.quarantined[rejected.reason.index()] += 1;
        }
    }
}
