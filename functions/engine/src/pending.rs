//! A reading that waits until its message is done, for the functions that are
//! called once with all that a message brought.

use weir_model::{DeviceIx, LocationIx, Position, Timestamp, Verdict};

use crate::conclusion::Conclusion;
use crate::state::index::{FunctionIx, SlotIx};

#[derive(Clone, Copy, Debug)]
pub(crate) struct Pending {
    pub(crate) slot: SlotIx,
    pub(crate) function: FunctionIx,
    pub(crate) device: DeviceIx,
    pub(crate) location: LocationIx,
    pub(crate) time: Timestamp,
    pub(crate) value: f64,
}

impl Pending {
    pub(crate) fn verdict(&self, position: Position, concluded: &Conclusion) -> Verdict {
        Verdict {
            position,
            slot: self.slot.0,
            function: self.function.0,
            device: self.device,
            location: self.location,
            time: self.time,
            value: self.value,
            level: concluded.level,
            threshold: concluded.threshold,
            side: concluded.side,
            score: concluded.score,
            why: concluded.why,
        }
    }
}
