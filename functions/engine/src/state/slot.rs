//! The memory of one function on one series, and the chain that links the slots of
//! a series.

use weir_config::FunctionKind;

use crate::kinds::{State, boxed_bytes};
use crate::state::index::{FunctionIx, SeriesIx, SlotIx};

#[derive(Clone, Debug)]
pub(crate) struct SlotMemory {
    pub(crate) series: SeriesIx,
    pub(crate) function: FunctionIx,
    /// The function selects the series, where it is now.
    pub(crate) active: bool,
    /// The next slot of the series.
    pub(crate) next: SlotIx,
    pub(crate) state: State,
}

impl SlotMemory {
    /// What one series costs with a function, slot included, in bytes.
    pub(crate) fn bytes(function: &FunctionKind) -> usize {
        size_of::<Self>() + boxed_bytes(function)
    }
}

/// A walk over the slots of one series. It borrows the slots only for a step, so
/// that the tables may change between two.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chain(SlotIx);

impl Chain {
    #[inline]
    pub(crate) const fn new(first: SlotIx) -> Self {
        Self(first)
    }

    #[inline]
    pub(crate) fn next<'s>(&mut self, slots: &'s [SlotMemory]) -> Option<(SlotIx, &'s SlotMemory)> {
        let at = self.0;
        if at == SlotIx::NONE {
            return None;
        }
        let slot = &slots[at.index()];
        self.0 = slot.next;
        Some((at, slot))
    }

    #[inline]
    pub(crate) fn next_mut<'s>(
        &mut self,
        slots: &'s mut [SlotMemory],
    ) -> Option<(SlotIx, &'s mut SlotMemory)> {
        let at = self.0;
        if at == SlotIx::NONE {
            return None;
        }
        let slot = &mut slots[at.index()];
        self.0 = slot.next;
        Some((at, slot))
    }
}
