//! The outcome of messages: filled, passed on, cleared and filled again, so that
//! nothing is allocated per message.

use weir_codec::Fault;
use weir_model::{Position, QuarantineReason, Quarantined, RowBatch, Verdict};

/// The outcome of some messages. Of every message it holds that
/// `received = cells + quarantined + deduplicated`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// What is to be stored.
    pub rows: RowBatch,
    /// One per function and reading that is newer than all before it.
    pub verdicts: Vec<Verdict>,
    pub quarantined: Vec<Quarantined>,
    /// Readings; a message that cannot be decoded counts as one.
    pub received: u64,
    /// Readings of a retained message that the broker replayed.
    pub deduplicated: u64,
}

impl Batch {
    pub fn clear(&mut self) {
        self.rows.clear();
        self.verdicts.clear();
        self.quarantined.clear();
        self.received = 0;
        self.deduplicated = 0;
    }

    /// Nothing was received since it was cleared.
    pub fn is_empty(&self) -> bool {
        self.received == 0
    }

    /// Counts one reading (or a whole message as one) and quarantines it.
    pub(crate) fn quarantine(&mut self, position: Position, reading: Option<u32>, fault: Fault) {
        let Fault { reason, detail } = fault;
        self.received += 1;
        self.quarantined.push(Quarantined {
            position,
            reading,
            reason,
            detail,
        });
    }

    pub(crate) fn corrupt(&mut self, position: Position, detail: &str) {
        let fault = Fault::new(QuarantineReason::CorruptRecord, detail.to_owned());
        self.quarantine(position, None, fault);
    }
}
