//! The outcome of messages: filled, passed on, cleared and filled again, so that
//! nothing is allocated per message.

use weir_codec::Fault;
use weir_config::RouteCodec;
use weir_model::{DeviceIx, Position, QuarantineReason, Quarantined, RowBatch, Verdict};

/// The outcome of some messages. Of every message it holds that
/// `received = cells + quarantined + deduplicated`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// What is to be stored.
    pub rows: RowBatch,
    /// One per function and reading that is newer than all before it.
    pub verdicts: Vec<Verdict>,
    /// The texts of the verdicts on texts: the index in `verdicts`, ascending.
    pub verdict_texts: Vec<(usize, Box<str>)>,
    pub quarantined: Vec<Quarantined>,
    /// Readings; a message that cannot be decoded counts as one.
    pub received: u64,
    /// Readings of a retained message that the broker replayed.
    pub deduplicated: u64,
    /// Values that said nothing, by [`RouteCodec::index`]. They are no readings.
    pub absent: [u64; RouteCodec::ALL.len()],
    /// Members that look like the time of a message which has none: one per message.
    pub unused_times: Vec<UnusedTime>,
    /// Messages that delete a retained message. They hold no reading.
    pub cleared: u64,
}

/// A member that became a reading, and looks like the time of its message.
#[derive(Clone, Debug, PartialEq)]
pub struct UnusedTime {
    pub device: DeviceIx,
    pub member: Box<str>,
}

impl Batch {
    pub fn clear(&mut self) {
        self.rows.clear();
        self.verdicts.clear();
        self.verdict_texts.clear();
        self.quarantined.clear();
        self.received = 0;
        self.deduplicated = 0;
        self.absent = Default::default();
        self.unused_times.clear();
        self.cleared = 0;
    }

    /// Nothing was received since it was cleared.
    pub fn is_empty(&self) -> bool {
        self.received == 0
    }

    /// The value of the reading of a verdict, if it is a text.
    pub fn text_of(&self, verdict: usize) -> Option<&str> {
        let texts = &self.verdict_texts;
        let at = texts.binary_search_by_key(&verdict, |(verdict, _)| *verdict);
        at.ok().map(|at| &*texts[at].1)
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
